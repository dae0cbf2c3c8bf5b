-- +goose Up
ALTER TABLE public.clusters ENABLE ROW LEVEL SECURITY;

-- +goose Down
ALTER TABLE public.clusters DISABLE ROW LEVEL SECURITY;
