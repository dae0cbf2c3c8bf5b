-- +goose Up
ALTER TABLE public.tiers
    ADD COLUMN max_vcpu bigint NOT NULL DEFAULT '8'::bigint,
    ADD COLUMN max_ram_mb bigint NOT NULL DEFAULT '8000'::bigint;

-- +goose Down
ALTER TABLE public.tiers
    DROP COLUMN max_vcpu,
    DROP COLUMN max_ram_mb;
