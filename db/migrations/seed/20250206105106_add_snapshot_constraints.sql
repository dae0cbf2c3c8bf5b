-- +goose Up
ALTER TABLE public.snapshots
    ADD CONSTRAINT snapshots_envs_env_id
        FOREIGN KEY (env_id) REFERENCES public.envs (id) ON DELETE CASCADE,
    ADD CONSTRAINT snapshots_envs_base_env_id
        FOREIGN KEY (base_env_id) REFERENCES public.envs (id) ON DELETE CASCADE;

-- +goose Down
ALTER TABLE public.snapshots
    DROP CONSTRAINT snapshots_envs_env_id,
    DROP CONSTRAINT snapshots_envs_base_env_id;
