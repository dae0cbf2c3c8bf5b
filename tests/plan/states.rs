//! Places on nodes that were altered at random: a plan writes nothing, a run does what it showed, and
//! then there is nothing left.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::common::lab::{Lab, Ran, only};
use crate::{Random, changes, number};

const NODES: [&str; 3] = ["server-1", "api-1", "client-1"];
/// Places on a node, each a state of its own.
const PLACES: usize = 14;
/// So many times all places are altered: 5 × 14 × 3 are 210 states.
const ROUNDS: u64 = 5;

/// What a place is to be like.
const SCRIPT: &str = r#"
import "std/config" as config;
import "std/cluster" as cluster;
let c = cluster::open(config::load(env::get("E2BSCRIPT_ENV_FILE")));
let from = env::get("PLAN_TEST_FROM");
task::parallel(c.hosts, |host| {
    let states = [state::dir("/opt/plan", #{ mode: "0755" })];
    for place in 0..14 {
        let dir = `/opt/plan/${place}`;
        states += [
            state::dir(dir, #{ mode: "0750" }),
            state::text(`${dir}/text`, `the text of ${place}\nand its second line\n`, #{ mode: "0640" }),
            state::text(`${dir}/secret`, secret::text("correct horse battery"), #{ secret: true }),
            state::file(`${dir}/file`, #{ from: from + "/binary", mode: "0755", owner: "root" }),
            state::link(`${dir}/link`, `${dir}/text`),
            state::line(`${dir}/lines`, "wanted=1", #{ matching: "^wanted=", create: true }),
            state::absent(`${dir}/gone`),
            state::command(["touch", `${dir}/once`], #{ creates: `${dir}/once`, name: `once ${place}` }),
        ];
        // systemd takes its time for each unit.
        if place < 3 {
            states += [
                state::unit_file(`plan-${place}.service`, "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"),
                state::service(`plan-${place}`, #{ enabled: true, running: true }),
            ];
        }
    }
    host.ensure(states);
    host.sync_tree(from + "/tree", "/opt/plan/tree", #{ delete: true, force: true });
});
"#;

/// What may happen to a place; `$d` is its directory.
const MISHAPS: &[&str] = &[
    "rm -f $d/text",
    "echo more >> $d/text",
    "chmod 600 $d/text",
    "chown nobody $d/text",
    "echo other > $d/secret",
    "chmod 644 $d/secret",
    "rm -f $d/secret",
    "truncate -s 10 $d/file",
    "chmod 700 $d/file",
    "chown nobody $d/file",
    "ln -sfn /etc/passwd $d/link",
    "rm -f $d/link",
    "echo wanted=2 > $d/lines",
    "echo other >> $d/lines",
    "rm -f $d/lines",
    "touch $d/gone",
    "rm -f $d/once",
    "chmod 700 $d",
    "rm -rf $d",
];
/// What may happen to the unit of a place; `$u` is its name.
const UNIT_MISHAPS: &[&str] = &[
    "systemctl stop $u",
    "systemctl disable $u",
    "echo '# by hand' >> /etc/systemd/system/$u",
    "systemctl disable --now $u; rm -f /etc/systemd/system/$u; systemctl daemon-reload",
];
/// What may happen to the tree.
const TREE_MISHAPS: &[&str] = &[
    "rm -f /opt/plan/tree/a",
    "echo x >> /opt/plan/tree/a",
    "chmod 600 /opt/plan/tree/sub/b",
    "echo x > /opt/plan/tree/more",
    "mkdir -p /opt/plan/tree/new/dir && touch /opt/plan/tree/new/dir/x",
    "rm -rf /opt/plan/tree/sub",
];

pub fn hold(lab: &Lab) {
    let from = lab.home.path().join("from");
    fs::create_dir_all(from.join("tree/sub")).unwrap();
    fs::write(from.join("binary"), [0, 159, 146, 150].repeat(100_000)).unwrap();
    fs::write(from.join("tree/a"), "a\n").unwrap();
    fs::write(from.join("tree/sub/b"), "b\n").unwrap();
    let script = lab.home.path().join("states.rhai");
    fs::write(&script, SCRIPT).unwrap();
    let run = |words: &[&str]| -> Vec<Value> {
        let words = [&["--json", script.to_str().unwrap()], words].concat();
        let mut command = lab.command(&words);
        let ran = Ran::of(command.env("PLAN_TEST_FROM", &from).output().unwrap()).ended(0);
        let lines = ran.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let seed = number("E2BSCRIPT_PLAN_SEED", 1);
    let rounds = number("E2BSCRIPT_PLAN_ROUNDS", ROUNDS);
    let mut changed = 0;
    for round in 0..rounds {
        let mut random = Random::new(seed.wrapping_add(round));
        if round > 0 {
            for node in NODES {
                lab.ask(node, &mishaps(&mut random));
            }
        }
        let before = NODES.map(|node| files(lab, node));
        let planned = run(&["--plan"]);
        for (node, before) in NODES.iter().zip(&before) {
            let after = files(lab, node);
            let written: Vec<_> = before.symmetric_difference(&after).collect();
            assert!(
                written.is_empty(),
                "seed {seed}, round {round}, {node}: {written:#?}"
            );
        }
        let applied = run(&[]);
        let (planned, applied) = (changes(&planned), changes(&applied));
        assert_eq!(planned, applied, "seed {seed}, round {round}");
        assert!(!planned.is_empty(), "seed {seed}, round {round}");
        changed += planned.len();
        let again = run(&["--plan"]);
        assert_eq!(
            changes(&again),
            [""; 0],
            "seed {seed}, round {round}: something was left"
        );
        assert_eq!(only(&again, "run_finished")["failed"], 0);
    }
    assert!(changed > 200, "{changed} changes are few");
}

/// A script that alters every place of a node.
fn mishaps(random: &mut Random) -> String {
    let mut lines = Vec::new();
    for place in 0..PLACES {
        lines.push(format!("d=/opt/plan/{place}; u=plan-{place}.service"));
        lines.extend(random.some(MISHAPS).into_iter().map(quietly));
        if place < 3 {
            lines.extend(random.some(UNIT_MISHAPS).into_iter().map(quietly));
        }
    }
    lines.extend(random.some(TREE_MISHAPS).into_iter().map(quietly));
    lines.push("true".to_owned());
    lines.join("\n")
}

/// One mishap may leave nothing for the next.
fn quietly(mishap: &str) -> String {
    format!("( {mishap} ) >/dev/null 2>&1 || true")
}

/// What a node has, but for what its own services write.
fn files(lab: &Lab, node: &str) -> BTreeSet<String> {
    let found = lab.ask(
        node,
        r"find /etc /opt/plan /usr/local /home /root /tmp /var/tmp /var/cache \
          -printf '%p %y %m %U:%G %s %T@ %l\n' 2>/dev/null || true",
    );
    found.lines().map(str::to_owned).collect()
}
