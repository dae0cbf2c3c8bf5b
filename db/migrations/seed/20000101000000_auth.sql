-- Users as the platform knows them. A hosted authentication service may have made them already.
-- +goose Up
CREATE SCHEMA IF NOT EXISTS auth;

CREATE TABLE IF NOT EXISTS auth.users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email text NOT NULL
);

-- +goose StatementBegin
DO $$
BEGIN
    IF to_regprocedure('auth.uid()') IS NULL THEN
        CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS
            'SELECT nullif(current_setting(''request.jwt.claim.sub'', true), '''')::uuid';
    END IF;
END;
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION auth.uid();
DROP TABLE auth.users;
DROP SCHEMA auth;
