-- +goose Up
ALTER TABLE public.access_tokens
    ADD COLUMN access_token_prefix varchar(10),
    ADD COLUMN access_token_length integer,
    ADD COLUMN access_token_mask_prefix varchar(5),
    ADD COLUMN access_token_mask_suffix varchar(5);

ALTER TABLE public.team_api_keys
    ADD COLUMN api_key_prefix varchar(10),
    ADD COLUMN api_key_length integer,
    ADD COLUMN api_key_mask_prefix varchar(5),
    ADD COLUMN api_key_mask_suffix varchar(5);

-- +goose Down
ALTER TABLE public.team_api_keys
    DROP COLUMN api_key_prefix,
    DROP COLUMN api_key_length,
    DROP COLUMN api_key_mask_prefix,
    DROP COLUMN api_key_mask_suffix;

ALTER TABLE public.access_tokens
    DROP COLUMN access_token_prefix,
    DROP COLUMN access_token_length,
    DROP COLUMN access_token_mask_prefix,
    DROP COLUMN access_token_mask_suffix;
