-- +goose Up
ALTER TABLE public.access_tokens
    ADD COLUMN id uuid DEFAULT gen_random_uuid(),
    ADD COLUMN access_token_hash text,
    ADD COLUMN access_token_mask text,
    ADD COLUMN name text NOT NULL DEFAULT 'Unnamed Access Token',
    ADD CONSTRAINT access_tokens_access_token_hash_key UNIQUE (access_token_hash);

ALTER TABLE public.team_api_keys
    ADD COLUMN api_key_hash text,
    ADD COLUMN api_key_mask varchar(44),
    ADD CONSTRAINT team_api_keys_api_key_hash_key UNIQUE (api_key_hash);

-- +goose Down
ALTER TABLE public.team_api_keys
    DROP COLUMN api_key_hash,
    DROP COLUMN api_key_mask;

ALTER TABLE public.access_tokens
    DROP COLUMN id,
    DROP COLUMN access_token_hash,
    DROP COLUMN access_token_mask,
    DROP COLUMN name;
