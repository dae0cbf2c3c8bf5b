-- The schema of the platform's upstream generation in one step, under the version that its own migrations end with: its
-- API refuses a database that is older than the version it was built with. Extensions: btree_gin and unaccent.
-- +goose Up
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS btree_gin;
CREATE SCHEMA IF NOT EXISTS auth;
CREATE SCHEMA IF NOT EXISTS projection;

ALTER TABLE public._migrations ENABLE ROW LEVEL SECURITY;

CREATE TABLE auth.users (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    email text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    raw_app_meta_data jsonb,
    raw_user_meta_data jsonb,
    CONSTRAINT users_pkey PRIMARY KEY (id)
);

-- Whoever is logged in to the dashboard; nobody is in a connection of the platform's services.
-- +goose StatementBegin
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT nullif(current_setting('request.jwt.claim.sub', true), '')::uuid
$$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION public.try_cast_uuid(_text text) RETURNS uuid LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN _text::uuid;
EXCEPTION WHEN invalid_text_representation THEN
    RETURN NULL;
END;
$$;
-- +goose StatementEnd

-- Keys come from random uuids: those need no extension.
-- +goose StatementBegin
CREATE FUNCTION public.generate_team_api_key() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT 'e2b_' || left(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 40)
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION public.generate_access_token() RETURNS text LANGUAGE sql VOLATILE AS $$
    SELECT 'sk_e2b_' || left(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 40)
$$;
-- +goose StatementEnd

CREATE TABLE public.users (
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    id uuid NOT NULL,
    CONSTRAINT users_pkey PRIMARY KEY (id)
);

CREATE TABLE public.user_identities (
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    oidc_iss text NOT NULL,
    oidc_sub text NOT NULL,
    user_id uuid NOT NULL,
    CONSTRAINT user_identities_pkey PRIMARY KEY (oidc_iss, oidc_sub),
    CONSTRAINT user_identities_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE
);
CREATE INDEX user_identities_user_id_idx ON public.user_identities (user_id);

CREATE TABLE public.tiers (
    id text NOT NULL,
    name text NOT NULL,
    disk_mb bigint NOT NULL DEFAULT '512'::bigint,
    concurrent_instances bigint NOT NULL,
    max_length_hours bigint NOT NULL,
    max_vcpu bigint NOT NULL DEFAULT '8'::bigint,
    max_ram_mb bigint NOT NULL DEFAULT '8192'::bigint,
    concurrent_template_builds bigint NOT NULL DEFAULT 20,
    events_ttl_days bigint NOT NULL DEFAULT 7,
    default_free_disk_size_mb bigint NOT NULL,
    max_disk_size_mb bigint NOT NULL,
    CONSTRAINT tiers_pkey PRIMARY KEY (id),
    CONSTRAINT tiers_disk_mb_check CHECK (disk_mb > 0),
    CONSTRAINT tiers_concurrent_sessions_check CHECK (concurrent_instances > 0),
    CONSTRAINT tiers_concurrent_template_builds_check CHECK (concurrent_template_builds > 0),
    CONSTRAINT tiers_events_ttl_days_check CHECK (events_ttl_days > 0),
    CONSTRAINT tiers_default_free_disk_size_mb_check CHECK (default_free_disk_size_mb >= 0),
    CONSTRAINT tiers_max_disk_size_mb_check CHECK (max_disk_size_mb > 0),
    CONSTRAINT tiers_default_free_disk_size_lte_max_check CHECK (default_free_disk_size_mb <= max_disk_size_mb)
);
INSERT INTO public.tiers (id, name, disk_mb, concurrent_instances, max_length_hours, max_vcpu, max_ram_mb,
    concurrent_template_builds, events_ttl_days, default_free_disk_size_mb, max_disk_size_mb)
VALUES ('base_v1', 'Base tier', 512, 20, 1, 8, 8192, 20, 7, 512, 25600);

CREATE TABLE public.clusters (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    endpoint text NOT NULL,
    endpoint_tls boolean NOT NULL DEFAULT true,
    token text NOT NULL,
    sandbox_proxy_domain text,
    auth_org_id text,
    name text NOT NULL,
    CONSTRAINT clusters_pkey PRIMARY KEY (id)
);

CREATE TABLE public.teams (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    is_blocked boolean NOT NULL DEFAULT false,
    name text NOT NULL,
    tier text NOT NULL,
    email varchar(255) NOT NULL,
    is_banned boolean NOT NULL DEFAULT false,
    blocked_reason text,
    cluster_id uuid,
    slug text NOT NULL,
    sandbox_scheduling_labels text[] NOT NULL DEFAULT '{}'::text[],
    sso_organization_id uuid,
    sso_auto_join boolean NOT NULL DEFAULT false,
    CONSTRAINT teams_pkey PRIMARY KEY (id),
    CONSTRAINT teams_slug_unique UNIQUE (slug),
    CONSTRAINT teams_tiers_teams FOREIGN KEY (tier) REFERENCES public.tiers (id),
    CONSTRAINT teams_cluster_id_fkey FOREIGN KEY (cluster_id) REFERENCES public.clusters (id)
);

-- Letters and digits in lower case, everything else one hyphen: for addresses.
-- +goose StatementBegin
CREATE FUNCTION public.generate_team_slug(_name text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT trim(both '-' FROM regexp_replace(lower(public.unaccent(_name)), '[^a-z0-9]+', '-', 'g'))
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION public.generate_team_slug_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    base text;
    tail text := '';
BEGIN
    IF NEW.slug IS NULL THEN
        base := public.generate_team_slug(NEW.name);
        WHILE EXISTS (SELECT FROM public.teams WHERE slug = base || tail) LOOP
            tail := '-' || left(gen_random_uuid()::text, 4);
        END LOOP;
        NEW.slug := base || tail;
    END IF;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd
CREATE TRIGGER team_slug_trigger BEFORE INSERT ON public.teams
    FOR EACH ROW EXECUTE FUNCTION public.generate_team_slug_trigger();

CREATE TABLE public._backup_teams_default_team_rename (
    id uuid NOT NULL,
    old_name text NOT NULL,
    captured_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT _backup_teams_default_team_rename_pkey PRIMARY KEY (id)
);

CREATE TABLE public.users_teams (
    id bigint NOT NULL GENERATED BY DEFAULT AS IDENTITY,
    user_id uuid NOT NULL,
    team_id uuid NOT NULL,
    is_default boolean NOT NULL DEFAULT false,
    added_by uuid,
    created_at timestamp DEFAULT CURRENT_TIMESTAMP,
    uuid_id uuid NOT NULL DEFAULT gen_random_uuid(),
    CONSTRAINT users_teams_pkey PRIMARY KEY (uuid_id),
    CONSTRAINT users_teams_users_users FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE,
    CONSTRAINT users_teams_teams_teams FOREIGN KEY (team_id) REFERENCES public.teams (id) ON DELETE CASCADE,
    CONSTRAINT users_teams_added_by_user FOREIGN KEY (added_by) REFERENCES public.users (id) ON DELETE SET NULL
);
CREATE UNIQUE INDEX usersteams_team_id_user_id ON public.users_teams (team_id, user_id);
CREATE INDEX users_teams_user_id_idx ON public.users_teams (user_id);

-- What a new user gets, for whoever attaches it: nothing does by itself.
-- +goose StatementBegin
CREATE FUNCTION public.generate_default_team() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    made uuid;
BEGIN
    INSERT INTO users (id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
    INSERT INTO teams (name, tier, email) VALUES (NEW.email, 'base_v1', NEW.email) RETURNING id INTO made;
    INSERT INTO users_teams (user_id, team_id, is_default) VALUES (NEW.id, made, true);
    RETURN NEW;
END;
$$;
-- +goose StatementEnd

CREATE TABLE public.team_api_keys (
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    team_id uuid NOT NULL,
    updated_at timestamptz,
    name text NOT NULL DEFAULT 'Unnamed API Key'::text,
    last_used timestamptz,
    created_by uuid,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    api_key_hash text NOT NULL,
    api_key_prefix varchar(10) NOT NULL,
    api_key_length integer NOT NULL,
    api_key_mask_prefix varchar(5) NOT NULL,
    api_key_mask_suffix varchar(5) NOT NULL,
    CONSTRAINT team_api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT team_api_keys_api_key_hash_key UNIQUE (api_key_hash),
    CONSTRAINT team_api_keys_teams_team_api_keys FOREIGN KEY (team_id) REFERENCES public.teams (id) ON DELETE CASCADE,
    CONSTRAINT team_api_keys_users_created_api_keys FOREIGN KEY (created_by) REFERENCES public.users (id) ON DELETE SET NULL
);
CREATE INDEX team_api_keys_team_id_idx ON public.team_api_keys (team_id);

CREATE TABLE public.access_tokens (
    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    access_token_hash text NOT NULL,
    name text NOT NULL DEFAULT 'Unnamed Access Token'::text,
    access_token_prefix varchar(10) NOT NULL,
    access_token_length integer NOT NULL,
    access_token_mask_prefix varchar(5) NOT NULL,
    access_token_mask_suffix varchar(5) NOT NULL,
    CONSTRAINT access_tokens_pkey PRIMARY KEY (id),
    CONSTRAINT access_tokens_access_token_hash_key UNIQUE (access_token_hash),
    CONSTRAINT access_tokens_users_access_tokens FOREIGN KEY (user_id) REFERENCES public.users (id) ON DELETE CASCADE
);
CREATE INDEX access_tokens_user_id_idx ON public.access_tokens (user_id);

CREATE TABLE public.addons (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    team_id uuid NOT NULL,
    name text NOT NULL,
    description text,
    extra_concurrent_sandboxes bigint NOT NULL DEFAULT 0,
    extra_concurrent_template_builds bigint NOT NULL DEFAULT 0,
    extra_max_vcpu bigint NOT NULL DEFAULT 0,
    extra_max_ram_mb bigint NOT NULL DEFAULT 0,
    extra_disk_mb bigint NOT NULL DEFAULT 0,
    valid_from timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    valid_to timestamptz,
    added_by uuid NOT NULL,
    idempotency_key text,
    extra_events_ttl_days bigint NOT NULL DEFAULT 0,
    extra_max_disk_size_mb bigint,
    CONSTRAINT addons_pkey PRIMARY KEY (id),
    CONSTRAINT addons_valid_dates_check CHECK (valid_to IS NULL OR valid_to > valid_from),
    CONSTRAINT addons_extra_max_disk_size_mb_check CHECK (extra_max_disk_size_mb >= 0),
    CONSTRAINT addons_teams_addons FOREIGN KEY (team_id) REFERENCES public.teams (id) ON DELETE CASCADE,
    CONSTRAINT addons_users_addons FOREIGN KEY (added_by) REFERENCES public.users (id)
);
CREATE INDEX addons_team_id_idx ON public.addons (team_id);
CREATE UNIQUE INDEX addons_idempotency_key_idx ON public.addons (idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE public.project_limits (
    team_id uuid NOT NULL,
    max_length_hours bigint NOT NULL,
    concurrent_sandboxes bigint NOT NULL,
    concurrent_template_builds bigint NOT NULL,
    max_vcpu bigint NOT NULL,
    max_ram_mb bigint NOT NULL,
    disk_mb bigint NOT NULL,
    events_ttl_days bigint NOT NULL,
    default_free_disk_size_mb bigint NOT NULL,
    max_disk_size_mb bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT project_limits_pkey PRIMARY KEY (team_id),
    CONSTRAINT project_limits_max_length_hours_check CHECK (max_length_hours >= 0),
    CONSTRAINT project_limits_concurrent_sandboxes_check CHECK (concurrent_sandboxes >= 0),
    CONSTRAINT project_limits_concurrent_template_builds_check CHECK (concurrent_template_builds >= 0),
    CONSTRAINT project_limits_max_vcpu_check CHECK (max_vcpu >= 0),
    CONSTRAINT project_limits_max_ram_mb_check CHECK (max_ram_mb >= 0),
    CONSTRAINT project_limits_disk_mb_check CHECK (disk_mb >= 0),
    CONSTRAINT project_limits_events_ttl_days_check CHECK (events_ttl_days >= 0),
    CONSTRAINT project_limits_default_free_disk_size_mb_check CHECK (default_free_disk_size_mb >= 0),
    CONSTRAINT project_limits_max_disk_size_mb_check CHECK (max_disk_size_mb >= 0),
    CONSTRAINT project_limits_default_free_disk_size_lte_max_check CHECK (default_free_disk_size_mb <= max_disk_size_mb),
    CONSTRAINT project_limits_team_id_fkey FOREIGN KEY (team_id) REFERENCES public.teams (id) ON DELETE CASCADE
);

CREATE TABLE projection.project_limits (
    project_id uuid NOT NULL,
    revision bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT project_limits_pkey PRIMARY KEY (project_id),
    CONSTRAINT project_limits_revision_check CHECK (revision > 0),
    CONSTRAINT project_limits_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.teams (id) ON DELETE CASCADE
);

CREATE TABLE projection.project_members (
    project_id uuid NOT NULL,
    user_id uuid NOT NULL,
    revision bigint NOT NULL,
    present boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT project_members_pkey PRIMARY KEY (project_id, user_id),
    CONSTRAINT project_members_revision_check CHECK (revision > 0),
    CONSTRAINT project_members_project_id_fkey FOREIGN KEY (project_id) REFERENCES public.teams (id) ON DELETE CASCADE
);

-- What a team may use: its own limits where it has some, else those of its tier with the add-ons that are valid now.
CREATE VIEW public.team_limits AS
SELECT
    team.id,
    coalesce(own.max_length_hours, tier.max_length_hours) AS max_length_hours,
    coalesce(own.concurrent_sandboxes, tier.concurrent_instances + extra.sandboxes) AS concurrent_sandboxes,
    coalesce(own.concurrent_template_builds, tier.concurrent_template_builds + extra.builds) AS concurrent_template_builds,
    coalesce(own.max_vcpu, tier.max_vcpu + extra.vcpu) AS max_vcpu,
    coalesce(own.max_ram_mb, tier.max_ram_mb + extra.ram_mb) AS max_ram_mb,
    coalesce(own.disk_mb, tier.disk_mb + extra.disk_mb) AS disk_mb,
    coalesce(own.events_ttl_days, tier.events_ttl_days + extra.events_ttl_days) AS events_ttl_days,
    coalesce(own.default_free_disk_size_mb, tier.default_free_disk_size_mb) AS default_free_disk_size_mb,
    coalesce(own.max_disk_size_mb, tier.max_disk_size_mb + extra.max_disk_size_mb) AS max_disk_size_mb
FROM public.teams team
JOIN public.tiers tier ON tier.id = team.tier
LEFT JOIN public.project_limits own ON own.team_id = team.id
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(extra_concurrent_sandboxes), 0)::bigint AS sandboxes,
        coalesce(sum(extra_concurrent_template_builds), 0)::bigint AS builds,
        coalesce(sum(extra_max_vcpu), 0)::bigint AS vcpu,
        coalesce(sum(extra_max_ram_mb), 0)::bigint AS ram_mb,
        coalesce(sum(extra_disk_mb), 0)::bigint AS disk_mb,
        coalesce(sum(extra_events_ttl_days), 0)::bigint AS events_ttl_days,
        coalesce(sum(extra_max_disk_size_mb), 0)::bigint AS max_disk_size_mb
    FROM public.addons
    WHERE team_id = team.id AND valid_from <= now() AND (valid_to IS NULL OR valid_to > now())
) extra;

CREATE TABLE public.envs (
    id text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL,
    public boolean NOT NULL DEFAULT false,
    build_count integer NOT NULL DEFAULT 1,
    spawn_count bigint NOT NULL DEFAULT '0'::bigint,
    last_spawned_at timestamptz,
    team_id uuid NOT NULL,
    created_by uuid,
    cluster_id uuid,
    source text NOT NULL DEFAULT 'template'::text,
    deleted_at timestamptz,
    CONSTRAINT envs_pkey PRIMARY KEY (id),
    CONSTRAINT envs_teams_envs FOREIGN KEY (team_id) REFERENCES public.teams (id),
    CONSTRAINT envs_users_created_envs FOREIGN KEY (created_by) REFERENCES public.users (id) ON DELETE SET NULL,
    CONSTRAINT envs_cluster_id_fkey FOREIGN KEY (cluster_id) REFERENCES public.clusters (id)
);
CREATE INDEX envs_team_id_idx ON public.envs (team_id);

CREATE TABLE public.env_aliases (
    alias text NOT NULL,
    is_renamable boolean NOT NULL DEFAULT true,
    env_id text NOT NULL,
    namespace text,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    CONSTRAINT env_aliases_uuid_pkey PRIMARY KEY (id),
    CONSTRAINT env_aliases_envs_env_aliases FOREIGN KEY (env_id) REFERENCES public.envs (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX env_aliases_alias_namespace_idx ON public.env_aliases (alias, namespace) NULLS NOT DISTINCT;
CREATE INDEX env_aliases_env_id_idx ON public.env_aliases (env_id);

CREATE TABLE public.env_builds (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL,
    finished_at timestamptz,
    status text NOT NULL DEFAULT 'waiting'::text,
    dockerfile text,
    start_cmd text,
    vcpu bigint NOT NULL,
    ram_mb bigint NOT NULL,
    free_disk_size_mb bigint NOT NULL,
    total_disk_size_mb bigint,
    kernel_version text NOT NULL DEFAULT 'vmlinux-5.10.186'::text,
    firecracker_version text NOT NULL,
    env_id text,
    envd_version text,
    ready_cmd text,
    cluster_node_id text,
    reason jsonb NOT NULL DEFAULT '{}'::jsonb,
    version text,
    cpu_architecture text,
    cpu_family text,
    cpu_model text,
    cpu_model_name text,
    cpu_flags text[],
    status_group text NOT NULL,
    team_id uuid,
    CONSTRAINT env_builds_pkey PRIMARY KEY (id)
);
CREATE INDEX env_builds_env_id_idx ON public.env_builds (env_id);
CREATE INDEX env_builds_status_group_idx ON public.env_builds (status_group);
CREATE INDEX env_builds_team_id_idx ON public.env_builds (team_id);

-- +goose StatementBegin
CREATE FUNCTION public.compute_status_group() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.status_group := CASE
        WHEN NEW.status IN ('waiting', 'pending') THEN 'pending'
        WHEN NEW.status IN ('building', 'snapshotting', 'in_progress') THEN 'in_progress'
        WHEN NEW.status IN ('success', 'uploaded', 'ready') THEN 'ready'
        ELSE 'failed'
    END;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd
CREATE TRIGGER trg_compute_status_group BEFORE INSERT OR UPDATE ON public.env_builds
    FOR EACH ROW EXECUTE FUNCTION public.compute_status_group();

-- Which build a template has under a tag; the newest counts.
CREATE TABLE public.env_build_assignments (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    env_id text NOT NULL,
    build_id uuid NOT NULL,
    tag text NOT NULL,
    source text NOT NULL DEFAULT 'app'::text,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT env_build_assignments_pkey PRIMARY KEY (id),
    CONSTRAINT fk_env_build_assignments_env FOREIGN KEY (env_id) REFERENCES public.envs (id) ON DELETE CASCADE,
    CONSTRAINT fk_env_build_assignments_build FOREIGN KEY (build_id) REFERENCES public.env_builds (id) ON DELETE CASCADE
);
CREATE INDEX env_build_assignments_env_tag_idx ON public.env_build_assignments (env_id, tag, created_at DESC);
CREATE INDEX env_build_assignments_build_id_idx ON public.env_build_assignments (build_id);

-- Readers of the older columns find in them what the assignment says.
-- +goose StatementBegin
CREATE FUNCTION public.backfill_env_id_from_assignment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.env_builds SET env_id = NEW.env_id WHERE id = NEW.build_id AND env_id IS NULL;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION public.backfill_team_id_from_assignment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.env_builds b SET team_id = e.team_id FROM public.envs e
    WHERE b.id = NEW.build_id AND e.id = NEW.env_id AND b.team_id IS NULL;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd
CREATE TRIGGER trigger_backfill_env_id AFTER INSERT ON public.env_build_assignments
    FOR EACH ROW EXECUTE FUNCTION public.backfill_env_id_from_assignment();
CREATE TRIGGER trigger_backfill_team_id AFTER INSERT ON public.env_build_assignments
    FOR EACH ROW EXECUTE FUNCTION public.backfill_team_id_from_assignment();

CREATE TABLE public.active_template_builds (
    build_id uuid NOT NULL,
    team_id uuid NOT NULL,
    template_id text NOT NULL,
    tags text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT active_template_builds_pkey PRIMARY KEY (build_id),
    CONSTRAINT fk_active_template_builds_envs FOREIGN KEY (template_id) REFERENCES public.envs (id) ON DELETE CASCADE
);
CREATE INDEX active_template_builds_team_id_idx ON public.active_template_builds (team_id);
CREATE INDEX active_template_builds_template_id_idx ON public.active_template_builds (template_id);

CREATE TABLE public.snapshots (
    created_at timestamptz DEFAULT now(),
    env_id text NOT NULL,
    sandbox_id text NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    metadata jsonb NOT NULL DEFAULT '{}'::jsonb,
    base_env_id text NOT NULL,
    sandbox_started_at timestamptz NOT NULL,
    env_secure boolean NOT NULL DEFAULT false,
    allow_internet_access boolean,
    auto_pause boolean NOT NULL DEFAULT false,
    team_id uuid NOT NULL,
    config jsonb,
    CONSTRAINT snapshots_pkey PRIMARY KEY (id),
    CONSTRAINT snapshots_sandbox_id_unique UNIQUE (sandbox_id),
    CONSTRAINT snapshots_envs_env_id FOREIGN KEY (env_id) REFERENCES public.envs (id) ON DELETE CASCADE,
    CONSTRAINT snapshots_envs_base_env_id FOREIGN KEY (base_env_id) REFERENCES public.envs (id) ON DELETE CASCADE,
    CONSTRAINT fk_snapshots_team FOREIGN KEY (team_id) REFERENCES public.teams (id)
);
CREATE INDEX snapshots_env_id_idx ON public.snapshots (env_id);
CREATE INDEX snapshots_base_env_id_idx ON public.snapshots (base_env_id);
CREATE INDEX snapshots_team_metadata_idx ON public.snapshots USING gin (team_id, metadata);

-- +goose StatementBegin
CREATE FUNCTION public.fix_snapshots_metadata_json_null() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.metadata = 'null'::jsonb THEN
        NEW.metadata := '{}'::jsonb;
    END IF;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd
CREATE TRIGGER trg_snapshots_fix_json_null_metadata BEFORE INSERT OR UPDATE ON public.snapshots
    FOR EACH ROW EXECUTE FUNCTION public.fix_snapshots_metadata_json_null();

-- +goose StatementBegin
CREATE FUNCTION public.sync_env_source_on_snapshot_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.envs SET source = 'snapshot' WHERE id = NEW.env_id;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd
CREATE TRIGGER trg_sync_env_source_on_snapshot AFTER INSERT ON public.snapshots
    FOR EACH ROW EXECUTE FUNCTION public.sync_env_source_on_snapshot_insert();

CREATE TABLE public.snapshot_templates (
    env_id text NOT NULL,
    sandbox_id text NOT NULL,
    created_at timestamptz DEFAULT now(),
    build_id uuid,
    CONSTRAINT snapshot_templates_pkey PRIMARY KEY (env_id),
    CONSTRAINT snapshot_templates_env_id_fkey FOREIGN KEY (env_id) REFERENCES public.envs (id) ON DELETE CASCADE
);
CREATE INDEX snapshot_templates_sandbox_id_idx ON public.snapshot_templates (sandbox_id);

CREATE TABLE public.volumes (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    team_id uuid NOT NULL,
    name varchar(250) NOT NULL,
    volume_type varchar(250) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT volumes_pkey PRIMARY KEY (id),
    CONSTRAINT volumes_teams_uq UNIQUE (team_id, name),
    CONSTRAINT fk_volumes_teams FOREIGN KEY (team_id) REFERENCES public.teams (id)
);

-- The services own the tables and so see every row; other roles see none.
-- +goose StatementBegin
DO $$
DECLARE
    name regclass;
BEGIN
    FOR name IN SELECT oid FROM pg_class WHERE relkind = 'r'
        AND relnamespace IN ('public'::regnamespace, 'projection'::regnamespace)
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name);
    END LOOP;
END;
$$;
-- +goose StatementEnd

-- +goose Down
DROP TABLE public.volumes, public.snapshot_templates, public.snapshots, public.active_template_builds,
    public.env_build_assignments, public.env_builds, public.env_aliases, public.envs CASCADE;
DROP VIEW public.team_limits;
DROP TABLE projection.project_members, projection.project_limits, public.project_limits, public.addons,
    public.access_tokens, public.team_api_keys, public.users_teams, public._backup_teams_default_team_rename,
    public.teams, public.clusters, public.tiers, public.user_identities, public.users, auth.users CASCADE;
DROP FUNCTION public.sync_env_source_on_snapshot_insert(), public.fix_snapshots_metadata_json_null(),
    public.backfill_team_id_from_assignment(), public.backfill_env_id_from_assignment(), public.compute_status_group(),
    public.generate_default_team(), public.generate_team_slug_trigger(), public.generate_team_slug(text),
    public.generate_access_token(), public.generate_team_api_key(), public.try_cast_uuid(text), auth.uid();
DROP SCHEMA projection;
DROP SCHEMA auth;
DROP EXTENSION btree_gin;
DROP EXTENSION unaccent;
ALTER TABLE public._migrations DISABLE ROW LEVEL SECURITY;
