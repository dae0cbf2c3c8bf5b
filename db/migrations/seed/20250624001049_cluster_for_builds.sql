-- +goose Up
ALTER TABLE public.env_builds ADD COLUMN cluster_node_id text;

-- +goose Down
ALTER TABLE public.env_builds DROP COLUMN cluster_node_id;
