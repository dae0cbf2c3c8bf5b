-- +goose Up
ALTER TABLE public.snapshots ADD COLUMN sandbox_started_at timestamptz;
UPDATE public.snapshots SET sandbox_started_at = coalesce(created_at, CURRENT_TIMESTAMP);
ALTER TABLE public.snapshots ALTER COLUMN sandbox_started_at SET NOT NULL;

-- +goose Down
ALTER TABLE public.snapshots DROP COLUMN sandbox_started_at;
