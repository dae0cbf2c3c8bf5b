-- +goose Up
DROP POLICY IF EXISTS own_envs ON public.envs;
DROP POLICY IF EXISTS own_access_tokens ON public.access_tokens;
DROP POLICY IF EXISTS own_api_keys ON public.team_api_keys;
DROP POLICY IF EXISTS own_memberships ON public.users_teams;
DROP POLICY IF EXISTS own_teams ON public.teams;

-- +goose Down
-- +goose StatementBegin
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'authenticated') THEN
        CREATE POLICY own_teams ON public.teams FOR SELECT TO authenticated
            USING (public.is_member_of_team(auth.uid(), id));
        CREATE POLICY own_memberships ON public.users_teams FOR SELECT TO authenticated
            USING (user_id = auth.uid());
        CREATE POLICY own_api_keys ON public.team_api_keys FOR SELECT TO authenticated
            USING (public.is_member_of_team(auth.uid(), team_id));
        CREATE POLICY own_access_tokens ON public.access_tokens FOR SELECT TO authenticated
            USING (user_id = auth.uid());
        CREATE POLICY own_envs ON public.envs FOR SELECT TO authenticated
            USING (public.is_member_of_team(auth.uid(), team_id));
    END IF;
END;
$$;
-- +goose StatementEnd
