-- What a template is built of belongs to each of its builds.
-- +goose Up
CREATE TABLE public.env_builds (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL,
    finished_at timestamptz,
    status text NOT NULL DEFAULT 'waiting',
    dockerfile text,
    start_cmd text,
    vcpu bigint NOT NULL,
    ram_mb bigint NOT NULL,
    free_disk_size_mb bigint NOT NULL,
    total_disk_size_mb bigint,
    kernel_version text NOT NULL DEFAULT 'vmlinux-5.10.186',
    firecracker_version text NOT NULL DEFAULT 'v1.7.0-dev_8bb88311',
    env_id text,
    CONSTRAINT env_builds_envs_builds FOREIGN KEY (env_id) REFERENCES public.envs (id) ON DELETE CASCADE
);

ALTER TABLE public.env_builds ENABLE ROW LEVEL SECURITY;

INSERT INTO public.env_builds (
    id, created_at, updated_at, finished_at, status, dockerfile, vcpu, ram_mb, free_disk_size_mb,
    total_disk_size_mb, kernel_version, firecracker_version, env_id
)
SELECT
    build_id, created_at, updated_at, updated_at, 'success', dockerfile, vcpu, ram_mb, free_disk_size_mb,
    total_disk_size_mb, kernel_version, firecracker_version, id
FROM public.envs WHERE build_id IS NOT NULL;

ALTER TABLE public.envs
    DROP COLUMN dockerfile,
    DROP COLUMN build_id,
    DROP COLUMN vcpu,
    DROP COLUMN ram_mb,
    DROP COLUMN free_disk_size_mb,
    DROP COLUMN total_disk_size_mb,
    DROP COLUMN kernel_version,
    DROP COLUMN firecracker_version;

-- +goose Down
ALTER TABLE public.envs
    ADD COLUMN dockerfile text,
    ADD COLUMN build_id uuid,
    ADD COLUMN vcpu bigint NOT NULL DEFAULT 2,
    ADD COLUMN ram_mb bigint NOT NULL DEFAULT 512,
    ADD COLUMN free_disk_size_mb bigint NOT NULL DEFAULT 512,
    ADD COLUMN total_disk_size_mb bigint NOT NULL DEFAULT 512,
    ADD COLUMN kernel_version text NOT NULL DEFAULT 'vmlinux-5.10.186',
    ADD COLUMN firecracker_version text NOT NULL DEFAULT 'v1.7.0-dev_8bb88311';

UPDATE public.envs SET
    dockerfile = built.dockerfile, build_id = built.id, vcpu = built.vcpu, ram_mb = built.ram_mb,
    free_disk_size_mb = built.free_disk_size_mb,
    total_disk_size_mb = coalesce(built.total_disk_size_mb, envs.total_disk_size_mb),
    kernel_version = built.kernel_version, firecracker_version = built.firecracker_version
FROM (
    SELECT DISTINCT ON (env_id) * FROM public.env_builds
    WHERE status = 'success' ORDER BY env_id, finished_at DESC
) AS built
WHERE built.env_id = envs.id;

DROP TABLE public.env_builds;
