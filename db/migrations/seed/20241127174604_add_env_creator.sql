-- +goose Up
ALTER TABLE public.envs
    ADD COLUMN created_by uuid,
    ADD CONSTRAINT envs_users_created_envs
        FOREIGN KEY (created_by) REFERENCES auth.users (id) ON DELETE SET NULL;

-- +goose Down
ALTER TABLE public.envs DROP COLUMN created_by;
