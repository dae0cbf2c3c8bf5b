-- +goose Up
ALTER TABLE public.envs
    ADD COLUMN vcpu bigint NOT NULL DEFAULT 2,
    ADD COLUMN ram_mb bigint NOT NULL DEFAULT 512,
    ADD COLUMN free_disk_size_mb bigint NOT NULL DEFAULT 512,
    ADD COLUMN total_disk_size_mb bigint NOT NULL DEFAULT 512;

-- +goose Down
ALTER TABLE public.envs
    DROP COLUMN vcpu,
    DROP COLUMN ram_mb,
    DROP COLUMN free_disk_size_mb,
    DROP COLUMN total_disk_size_mb;
