-- +goose Up
CREATE INDEX idx_env_builds_status ON public.env_builds (status);

-- +goose Down
DROP INDEX public.idx_env_builds_status;
