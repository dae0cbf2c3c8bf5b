-- +goose Up
ALTER TABLE public.envs ALTER COLUMN firecracker_version SET DEFAULT 'v1.7.0-dev_8bb88311';

-- +goose Down
ALTER TABLE public.envs ALTER COLUMN firecracker_version SET DEFAULT 'v1.5.0';
