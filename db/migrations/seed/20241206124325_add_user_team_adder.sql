-- +goose Up
ALTER TABLE public.users_teams
    ADD COLUMN added_by uuid,
    ADD CONSTRAINT users_teams_added_by_user
        FOREIGN KEY (added_by) REFERENCES auth.users (id) ON DELETE SET NULL;

-- +goose Down
ALTER TABLE public.users_teams DROP COLUMN added_by;
