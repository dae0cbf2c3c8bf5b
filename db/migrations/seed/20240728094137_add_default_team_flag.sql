-- Which team is the default one is a matter of each user.
-- +goose Up
ALTER TABLE public.users_teams ADD COLUMN is_default boolean NOT NULL DEFAULT false;
UPDATE public.users_teams SET is_default = teams.is_default FROM public.teams WHERE teams.id = users_teams.team_id;

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION public.post_user_signup() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    made uuid;
BEGIN
    INSERT INTO teams (name, is_default, tier, email) VALUES (NEW.email, true, 'base_v1', NEW.email)
        RETURNING id INTO made;
    INSERT INTO users_teams (user_id, team_id, is_default) VALUES (NEW.id, made, true);
    INSERT INTO team_api_keys (team_id) VALUES (made);
    INSERT INTO access_tokens (user_id) VALUES (NEW.id);
    PERFORM extra_for_post_user_signup(NEW.id, made);
    RETURN NEW;
END;
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION public.post_user_signup() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    made uuid;
BEGIN
    INSERT INTO teams (name, is_default, tier, email) VALUES (NEW.email, true, 'base_v1', NEW.email)
        RETURNING id INTO made;
    INSERT INTO users_teams (user_id, team_id) VALUES (NEW.id, made);
    INSERT INTO team_api_keys (team_id) VALUES (made);
    INSERT INTO access_tokens (user_id) VALUES (NEW.id);
    PERFORM extra_for_post_user_signup(NEW.id, made);
    RETURN NEW;
END;
$$;
-- +goose StatementEnd
ALTER TABLE public.users_teams DROP COLUMN is_default;
