-- +goose Up
ALTER TABLE public.tiers ALTER COLUMN max_ram_mb SET DEFAULT '8192'::bigint;
UPDATE public.tiers SET max_ram_mb = 8192 WHERE max_ram_mb = 8000;

-- +goose Down
ALTER TABLE public.tiers ALTER COLUMN max_ram_mb SET DEFAULT '8000'::bigint;
