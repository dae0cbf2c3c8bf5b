-- Where a team's sandboxes run: a client-proxy's endpoint and the secret it asks for.
-- +goose Up
CREATE TABLE public.clusters (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    endpoint text NOT NULL,
    endpoint_tls boolean NOT NULL DEFAULT true,
    token text NOT NULL
);

ALTER TABLE public.teams
    ADD COLUMN cluster_id uuid,
    ADD CONSTRAINT teams_cluster_id_fkey FOREIGN KEY (cluster_id) REFERENCES public.clusters (id);

-- +goose Down
ALTER TABLE public.teams DROP COLUMN cluster_id;
DROP TABLE public.clusters;
