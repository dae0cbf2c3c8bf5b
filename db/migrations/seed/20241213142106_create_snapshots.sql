-- +goose Up
CREATE TABLE public.snapshots (
    created_at timestamptz,
    env_id text NOT NULL,
    sandbox_id text NOT NULL,
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    metadata jsonb,
    base_env_id text NOT NULL
);

ALTER TABLE public.snapshots ENABLE ROW LEVEL SECURITY;

-- +goose Down
DROP TABLE public.snapshots;
