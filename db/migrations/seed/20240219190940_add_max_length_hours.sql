-- +goose Up
ALTER TABLE public.tiers ADD COLUMN max_length_hours bigint NOT NULL DEFAULT 1;
ALTER TABLE public.tiers ALTER COLUMN max_length_hours DROP DEFAULT;

-- +goose Down
ALTER TABLE public.tiers DROP COLUMN max_length_hours;
