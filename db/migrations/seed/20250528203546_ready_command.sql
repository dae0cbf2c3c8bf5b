-- +goose Up
ALTER TABLE public.env_builds ADD COLUMN ready_cmd text;

-- +goose Down
ALTER TABLE public.env_builds DROP COLUMN ready_cmd;
