-- +goose Up
ALTER TABLE public.team_api_keys
    ADD COLUMN updated_at timestamptz,
    ADD COLUMN name text NOT NULL DEFAULT 'Unnamed API Key',
    ADD COLUMN last_used timestamptz,
    ADD COLUMN created_by uuid,
    ADD CONSTRAINT team_api_keys_users_created_api_keys
        FOREIGN KEY (created_by) REFERENCES auth.users (id) ON DELETE SET NULL;

-- +goose Down
ALTER TABLE public.team_api_keys
    DROP COLUMN updated_at,
    DROP COLUMN name,
    DROP COLUMN last_used,
    DROP COLUMN created_by;
