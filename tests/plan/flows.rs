//! A deployed platform that was altered: files, services, jobs and rows.

use std::fs;

use crate::common::lab::Lab;
use crate::{Random, changes, number};

/// Rounds of the whole deployment; each takes several seconds.
const ROUNDS: u64 = 2;

/// What may happen on nodes.
const MISHAPS: &[(&str, &str)] = &[
    ("api-1", "chmod 644 /opt/e2b/api.env"),
    ("api-1", "echo A=1 >> /opt/e2b/client-proxy.env"),
    ("api-1", "echo junk >> /opt/e2b/nomad/api.hcl"),
    ("api-1", "systemctl stop e2b-firewall"),
    ("client-1", "rm -f /fc-envd/envd"),
    ("client-1", "rmdir /fc-vm"),
    ("client-1", "ln -sfn /nowhere /usr/local/bin/firecracker"),
    ("client-1", "chmod 600 /opt/e2b/bin/orchestrator"),
    ("server-1", "systemctl disable e2b-firewall"),
];

/// What may happen to the database and the jobs; at least one of each does.
const ROWS: &[&str] = &[
    r#"db.execute("update tiers set disk_mb = 512", []);"#,
    r#"db.execute("delete from env_aliases", []);"#,
    r#"db.execute("delete from team_api_keys", []);"#,
];
const JOBS: &[&str] = &[
    r#"nomad.stop("client-proxy");"#,
    r#"let job = nomad.get_job("api"); job.TaskGroups[0].Tasks[0].Resources.MemoryMB = 900; nomad.register(job);"#,
];

const OPENED: &str = r#"
import "std/config" as config;
import "std/cluster" as cluster;
import "std/database" as database;
import "std/services" as services;
let c = cluster::open(config::load(env::get("E2BSCRIPT_ENV_FILE")));
let db = database::open(c);
let nomad = services::open_nomad(c);
"#;

pub fn hold(lab: &Lab) {
    let seed = number("E2BSCRIPT_PLAN_SEED", 1);
    for round in 0..number("E2BSCRIPT_PLAN_FLOW_ROUNDS", ROUNDS) {
        let mut random = Random::new(seed.wrapping_add(1000 + round));
        disturb(lab, &mut random);
        let before = index(lab);
        let planned = changes(&lab.events(&["deploy.rhai", "--plan"], 0));
        assert_eq!(before, index(lab), "the plan wrote to the cluster");
        let applied = changes(&lab.events(&["deploy.rhai"], 0));
        assert_eq!(planned, applied, "seed {seed}, round {round}");
        let words = planned.join("\n");
        assert!(words.contains("database: run sql "), "{words}");
        assert!(words.contains("nomad: "), "{words}");
        lab.run(&["deploy.rhai", "--plan", "--detailed-exitcode"])
            .ended(0);
    }
}

fn disturb(lab: &Lab, random: &mut Random) {
    for (node, mishap) in MISHAPS {
        if random.below(2) == 0 {
            lab.ask(node, &format!("{mishap} >/dev/null 2>&1"));
        }
    }
    let row = ROWS[random.below(ROWS.len())];
    let job = JOBS[random.below(JOBS.len())];
    let script = lab.home.path().join("disturb.rhai");
    fs::write(&script, format!("{OPENED}{row}\n{job}\n")).unwrap();
    lab.run(&[script.to_str().unwrap()]).ended(0);
}

/// What another write would change: the numbers of Nomad's jobs, and the rows of the seed.
fn index(lab: &Lab) -> String {
    let script = lab.home.path().join("index.rhai");
    let ask = r#"
let found = [];
for job in nomad.list_jobs() { found.push(`${job.id} ${nomad.get_job(job.id).JobModifyIndex}`); }
for table in ["tiers", "teams", "envs", "env_aliases", "team_api_keys"] {
    let sum = "md5(string_agg(t::text, '|' order by t::text))";
    found.push(db.query_one(`select coalesce(${sum}, '') as sum from ${table} t`, []).sum);
}
print(`${found}`);
"#;
    fs::write(&script, format!("{OPENED}{ask}")).unwrap();
    lab.run(&["--quiet", script.to_str().unwrap()])
        .ended(0)
        .stdout
}
