//! The platform's own migrations, as they are in the binary: one set for each generation of its schema.

/// Names and texts of files.
type Files = &'static [(&'static str, &'static str)];

macro_rules! embed {
    ($directory:literal: $($name:literal),* $(,)?) => {
        &[$((
            concat!($name, ".sql"),
            include_str!(concat!("../../../db/migrations/", $directory, "/", $name, ".sql")),
        )),*]
    };
}

/// How a built-in set is told from a directory.
const PREFIX: &str = "builtin:";

const SETS: &[(&str, Files)] = &[("seed", SEED), ("upstream", UPSTREAM)];

/// The files of the set that `name` stands for: `None` for the name of a directory, otherwise the set, or the names that
/// there are.
pub fn set(name: &str) -> Option<Result<Files, Vec<&'static str>>> {
    let generation = name.strip_prefix(PREFIX)?;
    let found = SETS.iter().find(|(known, _)| *known == generation);
    Some(match found {
        Some((_, files)) => Ok(files),
        None => Err(SETS.iter().map(|(known, _)| *known).collect()),
    })
}

const UPSTREAM: Files = embed!("upstream": "20260814120000_platform");

const SEED: Files = embed!(
    "seed":
    "20000101000000_auth",
    "20000101000001_rls_for_migration_table",
    "20231124185944_create_schemas_and_tables",
    "20231220094836_create_triggers_and_policies",
    "20231222181015_add_env_resources",
    "20240103104619_add_team_email",
    "20240106121919_add_team_ban_fields",
    "20240202120312_add_kernel_version",
    "20240219190940_add_max_length_hours",
    "20240221023613_add_firecracker_version",
    "20240221215408_update_firecracker_version",
    "20240305221944_remove_tier_resources",
    "20240315165236_create_env_builds",
    "20240605070918_refactor_triggers_and_policies",
    "20240625095352_add_envd_version",
    "20240728094137_add_default_team_flag",
    "20240909142106_drop_team_policies",
    "20241120222814_add_team_api_key_metadata",
    "20241121225404_add_team_api_key_id",
    "20241127174604_add_env_creator",
    "20241206124325_add_user_team_adder",
    "20241213142106_create_snapshots",
    "20250106142106_remove_team_is_default",
    "20250206105106_add_snapshot_constraints",
    "20250211160814_add_token_hashes",
    "20250306105106_add_indexes",
    "20250404151700_add_snapshots_sbx_started_at",
    "20250409113306_add_envd_secured_to_snapshot",
    "20250506112836_builds_status_index",
    "20250507134356_add_max_specs_to_tier",
    "20250513111201_tier_fix_max_memory",
    "20250522105042_users_teams_add_created_at",
    "20250528203546_ready_command",
    "20250606204750_optimize_hashed_key_schema",
    "20250606213446_deployment_cluster",
    "20250624001047_deploy_cluster_policy",
    "20250624001048_cluster_for_templates",
    "20250624001049_cluster_for_builds",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_embedded() {
        for (generation, files) in SETS {
            let directory = format!("{}/db/migrations/{generation}", env!("CARGO_MANIFEST_DIR"));
            let entries = std::fs::read_dir(directory).unwrap();
            let mut there: Vec<String> = entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            there.sort();
            let embedded: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
            assert_eq!(embedded, there, "{generation}");
        }
    }

    #[test]
    fn a_set_is_told_from_a_directory() {
        assert!(set("db/migrations/seed").is_none());
        assert_eq!(set("builtin:upstream").unwrap().unwrap().len(), 1);
        assert_eq!(set("builtin:sed").unwrap(), Err(vec!["seed", "upstream"]));
    }
}
