-- +goose Up
ALTER TABLE public.envs
    ADD COLUMN cluster_id uuid,
    ADD CONSTRAINT envs_cluster_id_fkey FOREIGN KEY (cluster_id) REFERENCES public.clusters (id);

-- +goose Down
ALTER TABLE public.envs DROP COLUMN cluster_id;
