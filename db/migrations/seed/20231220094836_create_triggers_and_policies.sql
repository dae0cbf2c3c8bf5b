-- Keys come from random uuids: those need no extension, which a managed server may not allow.
-- +goose Up
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

ALTER TABLE public.team_api_keys ALTER COLUMN api_key SET DEFAULT public.generate_team_api_key();
ALTER TABLE public.access_tokens ALTER COLUMN access_token SET DEFAULT public.generate_access_token();

-- +goose StatementBegin
CREATE FUNCTION public.is_member_of_team(_user_id uuid, _team_id uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public AS $$
    SELECT EXISTS (SELECT FROM users_teams WHERE user_id = _user_id AND team_id = _team_id)
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION public.generate_default_team() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    made uuid;
BEGIN
    INSERT INTO teams (name, is_default, tier) VALUES (NEW.email, true, 'base_v1') RETURNING id INTO made;
    INSERT INTO users_teams (user_id, team_id) VALUES (NEW.id, made);
    INSERT INTO team_api_keys (team_id) VALUES (made);
    INSERT INTO access_tokens (user_id) VALUES (NEW.id);
    RETURN NEW;
END;
$$;
-- +goose StatementEnd

CREATE TRIGGER create_default_team AFTER INSERT ON auth.users
    FOR EACH ROW EXECUTE FUNCTION public.generate_default_team();

ALTER TABLE public.tiers ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.teams ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.users_teams ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.team_api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.access_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.envs ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.env_aliases ENABLE ROW LEVEL SECURITY;

-- For the dashboard's role, where there is one: it sees what belongs to its user.
-- +goose StatementBegin
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'authenticated') THEN
        CREATE POLICY own_teams ON public.teams FOR SELECT TO authenticated
            USING (public.is_member_of_team(auth.uid(), id));
        CREATE POLICY own_memberships ON public.users_teams FOR SELECT TO authenticated
            USING (user_id = auth.uid());
        CREATE POLICY own_api_keys ON public.team_api_keys FOR SELECT TO authenticated
            USING (public.is_member_of_team(auth.uid(), team_id));
        CREATE POLICY own_access_tokens ON public.access_tokens FOR SELECT TO authenticated
            USING (user_id = auth.uid());
        CREATE POLICY own_envs ON public.envs FOR SELECT TO authenticated
            USING (public.is_member_of_team(auth.uid(), team_id));
    END IF;
END;
$$;
-- +goose StatementEnd

-- +goose Down
DROP POLICY IF EXISTS own_envs ON public.envs;
DROP POLICY IF EXISTS own_access_tokens ON public.access_tokens;
DROP POLICY IF EXISTS own_api_keys ON public.team_api_keys;
DROP POLICY IF EXISTS own_memberships ON public.users_teams;
DROP POLICY IF EXISTS own_teams ON public.teams;
ALTER TABLE public.env_aliases DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.envs DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.access_tokens DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.team_api_keys DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.users_teams DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.teams DISABLE ROW LEVEL SECURITY;
ALTER TABLE public.tiers DISABLE ROW LEVEL SECURITY;
DROP TRIGGER create_default_team ON auth.users;
DROP FUNCTION public.generate_default_team();
DROP FUNCTION public.is_member_of_team(uuid, uuid);
ALTER TABLE public.access_tokens ALTER COLUMN access_token DROP DEFAULT;
ALTER TABLE public.team_api_keys ALTER COLUMN api_key DROP DEFAULT;
DROP FUNCTION public.generate_access_token();
DROP FUNCTION public.generate_team_api_key();
