-- +goose Up
ALTER TABLE public.teams ADD COLUMN email varchar(255);

UPDATE public.teams SET email = coalesce(
    (SELECT users.email FROM public.users_teams JOIN auth.users ON users.id = users_teams.user_id
     WHERE users_teams.team_id = teams.id ORDER BY users_teams.id LIMIT 1),
    ''
);

ALTER TABLE public.teams ALTER COLUMN email SET NOT NULL;

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

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION public.generate_default_team() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
DECLARE
    made uuid;
BEGIN
    INSERT INTO teams (name, is_default, tier) VALUES (NEW.email, true, 'base_v1') RETURNING id INTO made;
    INSERT INTO users_teams (user_id, team_id) VALUES (NEW.id, made);
    INSERT INTO team_api_keys (team_id) VALUES (made);
    INSERT INTO access_tokens (user_id) VALUES (NEW.id);
    RETURN NEW;
END;
$$;
-- +goose StatementEnd
ALTER TABLE public.teams DROP COLUMN email;
