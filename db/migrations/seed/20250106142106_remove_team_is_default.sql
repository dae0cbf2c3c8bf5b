-- The trigger that still wrote the flag goes without it.
-- +goose Up
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION public.post_user_signup() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    made uuid;
BEGIN
    INSERT INTO teams (name, tier, email) VALUES (NEW.email, 'base_v1', NEW.email) RETURNING id INTO made;
    INSERT INTO users_teams (user_id, team_id, is_default) VALUES (NEW.id, made, true);
    INSERT INTO team_api_keys (team_id) VALUES (made);
    INSERT INTO access_tokens (user_id) VALUES (NEW.id);
    PERFORM extra_for_post_user_signup(NEW.id, made);
    RETURN NEW;
END;
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION public.generate_default_team() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    made uuid;
BEGIN
    INSERT INTO teams (name, tier, email) VALUES (NEW.email, 'base_v1', NEW.email) RETURNING id INTO made;
    INSERT INTO users_teams (user_id, team_id, is_default) VALUES (NEW.id, made, true);
    RETURN NEW;
END;
$$;
-- +goose StatementEnd

ALTER TABLE public.teams DROP COLUMN is_default;

-- +goose Down
ALTER TABLE public.teams ADD COLUMN is_default boolean NOT NULL DEFAULT false;
UPDATE public.teams SET is_default = true
    WHERE id IN (SELECT team_id FROM public.users_teams WHERE users_teams.is_default);

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
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION public.generate_default_team() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    made uuid;
BEGIN
    INSERT INTO teams (name, is_default, tier, email) VALUES (NEW.email, true, 'base_v1', NEW.email)
        RETURNING id INTO made;
    INSERT INTO users_teams (user_id, team_id) VALUES (NEW.id, made);
    INSERT INTO team_api_keys (team_id) VALUES (made);
    INSERT INTO access_tokens (user_id) VALUES (NEW.id);
    RETURN NEW;
END;
$$;
-- +goose StatementEnd
