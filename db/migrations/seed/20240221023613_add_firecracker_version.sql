-- +goose Up
ALTER TABLE public.envs ADD COLUMN firecracker_version text NOT NULL DEFAULT 'v1.5.0';

-- +goose Down
ALTER TABLE public.envs DROP COLUMN firecracker_version;
