-- +goose Up
ALTER TABLE public.users_teams ADD COLUMN created_at timestamp;
ALTER TABLE public.users_teams ALTER COLUMN created_at SET DEFAULT CURRENT_TIMESTAMP;

-- +goose Down
ALTER TABLE public.users_teams DROP COLUMN created_at;
