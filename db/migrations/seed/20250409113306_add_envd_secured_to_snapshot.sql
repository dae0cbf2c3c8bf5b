-- +goose Up
ALTER TABLE public.snapshots ADD COLUMN env_secure boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE public.snapshots DROP COLUMN env_secure;
