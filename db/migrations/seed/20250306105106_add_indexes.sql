-- What the platform looks things up by.
-- +goose Up
CREATE INDEX idx_envs_team_id ON public.envs (team_id);
CREATE INDEX idx_env_aliases_env_id ON public.env_aliases (env_id);
CREATE INDEX idx_env_builds_env_id ON public.env_builds (env_id);
CREATE INDEX idx_snapshots_env_id ON public.snapshots (env_id);
CREATE INDEX idx_snapshots_base_env_id ON public.snapshots (base_env_id);
CREATE INDEX idx_snapshots_sandbox_id ON public.snapshots (sandbox_id);
CREATE INDEX idx_users_teams_user_id ON public.users_teams (user_id);
CREATE INDEX idx_team_api_keys_team_id ON public.team_api_keys (team_id);
CREATE INDEX idx_access_tokens_user_id ON public.access_tokens (user_id);

-- +goose Down
DROP INDEX public.idx_access_tokens_user_id;
DROP INDEX public.idx_team_api_keys_team_id;
DROP INDEX public.idx_users_teams_user_id;
DROP INDEX public.idx_snapshots_sandbox_id;
DROP INDEX public.idx_snapshots_base_env_id;
DROP INDEX public.idx_snapshots_env_id;
DROP INDEX public.idx_env_builds_env_id;
DROP INDEX public.idx_env_aliases_env_id;
DROP INDEX public.idx_envs_team_id;
