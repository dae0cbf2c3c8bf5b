-- +goose Up
ALTER TABLE public.teams
    ADD COLUMN is_banned boolean NOT NULL DEFAULT false,
    ADD COLUMN blocked_reason text;

-- +goose Down
ALTER TABLE public.teams
    DROP COLUMN is_banned,
    DROP COLUMN blocked_reason;
