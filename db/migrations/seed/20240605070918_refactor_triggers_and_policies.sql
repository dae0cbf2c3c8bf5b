-- A new user's team is made in steps, of which the last is there to be replaced.
-- +goose Up
DROP TRIGGER create_default_team ON auth.users;

-- +goose StatementBegin
CREATE FUNCTION public.extra_for_post_user_signup(user_id uuid, team_id uuid) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
END;
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION public.post_user_signup() RETURNS trigger
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

CREATE TRIGGER post_user_signup AFTER INSERT ON auth.users
    FOR EACH ROW EXECUTE FUNCTION public.post_user_signup();

-- +goose Down
DROP TRIGGER post_user_signup ON auth.users;
DROP FUNCTION public.post_user_signup();
DROP FUNCTION public.extra_for_post_user_signup(uuid, uuid);
CREATE TRIGGER create_default_team AFTER INSERT ON auth.users
    FOR EACH ROW EXECUTE FUNCTION public.generate_default_team();
