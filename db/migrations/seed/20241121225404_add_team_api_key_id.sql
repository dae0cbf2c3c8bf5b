-- +goose Up
ALTER TABLE public.team_api_keys ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE public.team_api_keys DROP CONSTRAINT team_api_keys_pkey;
ALTER TABLE public.team_api_keys ADD CONSTRAINT team_api_keys_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX team_api_keys_api_key ON public.team_api_keys (api_key);

-- +goose Down
DROP INDEX public.team_api_keys_api_key;
ALTER TABLE public.team_api_keys DROP CONSTRAINT team_api_keys_pkey;
ALTER TABLE public.team_api_keys ADD CONSTRAINT team_api_keys_pkey PRIMARY KEY (api_key);
ALTER TABLE public.team_api_keys DROP COLUMN id;
