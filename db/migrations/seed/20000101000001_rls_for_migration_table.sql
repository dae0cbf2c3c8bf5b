-- +goose Up
ALTER TABLE public._migrations ENABLE ROW LEVEL SECURITY;

-- +goose Down
ALTER TABLE public._migrations DISABLE ROW LEVEL SECURITY;
