-- +goose Up
ALTER TABLE public.tiers
    DROP COLUMN vcpu,
    DROP COLUMN ram_mb;

-- +goose Down
ALTER TABLE public.tiers
    ADD COLUMN vcpu bigint NOT NULL DEFAULT '2'::bigint,
    ADD COLUMN ram_mb bigint NOT NULL DEFAULT '512'::bigint;
