-- +goose Up
ALTER TABLE public.envs ADD COLUMN kernel_version text NOT NULL DEFAULT 'vmlinux-5.10.186';

-- +goose Down
ALTER TABLE public.envs DROP COLUMN kernel_version;
