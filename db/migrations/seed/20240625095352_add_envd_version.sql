-- +goose Up
ALTER TABLE public.env_builds ADD COLUMN envd_version text;

-- +goose Down
ALTER TABLE public.env_builds DROP COLUMN envd_version;
