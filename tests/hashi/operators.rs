//! The services as operators bring them up, with everything that can go wrong on the way: exit code,
//! job, cause and last log lines, within the first ten lines of the report.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::Value;

use crate::common::lab::{Lab, Ran, changes};
use crate::golden::report_is;

/// A staged lab whose job files differ from the project's in how long they wait alone.
pub struct Platform {
    pub lab: Lab,
    /// All that runs said, for the search for secrets.
    said: String,
    memory: u32,
}

impl Platform {
    pub fn up(shape: &[&str]) -> Platform {
        let lab = Lab::up(&[&["--no-database", "--no-docker"], shape].concat());
        let tree = lab.file("tree/nomad");
        fs::create_dir_all(&tree).unwrap();
        for name in ["api", "client-proxy", "orchestrator", "template-manager"] {
            let file = format!("{}/nomad/{name}.hcl", env!("CARGO_MANIFEST_DIR"));
            let text = fs::read_to_string(file).unwrap();
            let quick = [
                ("interval = \"10s\"", "interval = \"1s\""),
                ("min_healthy_time = \"3s\"", "min_healthy_time = \"1s\""),
                ("healthy_deadline = \"60s\"", "healthy_deadline = \"7s\""),
                ("delay    = \"2s\"", "delay    = \"250ms\""),
            ];
            let text = quick.iter().fold(text, |text, (slow, quick)| {
                assert!(
                    text.contains(slow) || name == "orchestrator",
                    "{name}: {slow}"
                );
                text.replace(slow, quick)
            });
            fs::write(tree.join(format!("{name}.hcl")), text).unwrap();
        }
        // no service of this lab asks for the database
        lab.set_env("POSTGRES_HOST", "10.0.0.9");
        lab.set_env("POSTGRES_PASSWORD", "unused-in-this-lab");
        lab.set_env("DEPLOY_TREE", lab.file("tree").to_str().unwrap());
        let mut platform = Platform {
            lab,
            said: String::new(),
            memory: 64,
        };
        platform.run(&["stage.rhai"]).ended(0);
        if shape.contains(&"--acl") {
            // look-ups of services are closed until then
            platform.run(&["agents.rhai"]).ended(0);
        }
        platform
    }

    pub fn run(&mut self, words: &[&str]) -> Ran {
        let ran = self.lab.run(words);
        self.said.push_str(&ran.to_string());
        ran
    }

    fn events(&mut self, words: &[&str], code: i32) -> Vec<Value> {
        let ran = self.run(&[&["--json"], words].concat()).ended(code);
        let lines = ran.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Makes the job of the API another one than before.
    fn differ(&mut self) {
        self.memory += 1;
        self.lab.set_env("API_MEMORY_MB", &self.memory.to_string());
    }

    /// Changes a file of the tree, and gives what it was.
    pub fn edit(&self, name: &str, old: &str, new: &str) -> Edited {
        let path = self.lab.file("tree/nomad").join(format!("{name}.hcl"));
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{old}");
        fs::write(&path, text.replacen(old, new, 1)).unwrap();
        Edited { path, text }
    }

    /// Puts a shell script in the place of the API's binary.
    fn program(&self, text: &str) {
        self.lab.ask(
            "api-1",
            &format!(
                "cat > /opt/e2b/bin/.new <<'PROGRAM'\n#!/bin/sh\n{text}\nPROGRAM\nchmod 755 /opt/e2b/bin/.new; mv /opt/e2b/bin/.new /opt/e2b/bin/e2b-api"
            ),
        );
    }

    fn mend(&self) {
        self.lab.ask(
            "api-1",
            "cp /root/e2b-api /opt/e2b/bin/.new; mv /opt/e2b/bin/.new /opt/e2b/bin/e2b-api",
        );
    }

    /// Registers the API anew, which must fail with `code`, and have said `words` in the first ten
    /// lines of its report.
    #[track_caller]
    fn fails(&mut self, code: i32, words: &[&str]) -> Ran {
        self.differ();
        let began = Instant::now();
        let ran = self
            .run(&["deploy-services.rhai", "--only", "api"])
            .ended(code);
        let first = first_ten(&ran.stderr);
        for word in words {
            assert!(
                first.contains(word),
                "no `{word}` in the first ten lines:\n{first}\n{ran}"
            );
        }
        let known_for = ran.stderr.lines().find_map(|line| {
            let seconds = line.trim().strip_prefix("known_for")?;
            seconds.trim().trim_end_matches(" s").parse::<f64>().ok()
        });
        // on an idle machine below 2 s; here others may be at work
        assert!(known_for.is_none_or(|seconds| seconds < 10.0), "{ran}");
        println!(
            "{:>5.1} s, {} after Nomad knew: {}",
            began.elapsed().as_secs_f64(),
            known_for.map_or("nothing".to_owned(), |seconds| format!("{seconds:.2} s")),
            words[0]
        );
        ran
    }
}

pub struct Edited {
    path: std::path::PathBuf,
    text: String,
}

impl Drop for Edited {
    fn drop(&mut self) {
        fs::write(&self.path, &self.text).unwrap();
    }
}

/// The report's first ten lines, long lines put together again.
fn first_ten(stderr: &str) -> String {
    let kind = regex::Regex::new(r"(?m)^[a-z]+\.[a-z_]+\n").unwrap();
    let from = kind.find(stderr).map_or(0, |found| found.start());
    let lines: Vec<&str> = stderr[from..].lines().take(10).collect();
    let folded = regex::Regex::new(r"\n  │ |\n {6,}").unwrap();
    folded.replace_all(&lines.join("\n"), " ").into_owned()
}

#[test]
fn a_service_that_does_not_come_up_is_explained() {
    let mut platform = Platform::up(&["--acl", "--servers=1"]);
    let token = platform.lab.env("NOMAD_TOKEN");
    let consul_token = platform.lab.env("CONSUL_TOKEN");
    assert!(token.len() > 30 && consul_token.len() > 30);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| watch_command_lines(&over, &[&token, &consul_token]));
        let end = End(&over);
        for (name, part) in [
            ("first deployment", first_deployment as fn(&mut Platform)),
            ("tokens", tokens),
            ("before it is registered", before_it_is_registered),
            ("job files", job_files),
            ("programs", programs),
        ] {
            let began = Instant::now();
            part(&mut platform);
            println!("{:>5.1} s: {name}", began.elapsed().as_secs_f64());
        }
        drop(end);
        assert!(watch.join().unwrap() > 20);
    });
    for secret in [&token, &consul_token] {
        assert!(!platform.said.contains(secret.as_str()));
        let left = crate::secrets::holding(platform.lab.home.path(), secret);
        assert_eq!(left, [""; 0]);
    }
}

/// Nothing is registered by a plan, everything by a run, and nothing by a second one.
fn first_deployment(platform: &mut Platform) {
    let planned = changes(&platform.events(
        &["deploy-services.rhai", "--plan", "--detailed-exitcode"],
        10,
    ));
    let jobs = ["api", "client-proxy", "orchestrator", "template-manager"];
    assert_eq!(planned, jobs.map(|job| format!("nomad job {job}")));
    let ran = platform
        .run(&["deploy-services.rhai", "--only", "api"])
        .ended(1);
    let first = first_ten(&ran.stderr);
    assert!(
        first.contains("api needs orchestrator, and Consul knows no instance of it"),
        "{ran}"
    );
    assert_eq!(
        changes(&platform.events(&["deploy-services.rhai"], 0)),
        planned
    );
    let ran = platform.run(&["deploy-services.rhai", "--stats"]).ended(0);
    assert!(ran.stderr.contains(": 0 changed"), "{ran}");
    let requests = ran.stderr.lines().find(|line| line.starts_with("nomad "));
    let requests = requests.and_then(|line| line.split_whitespace().last());
    let requests: u64 = requests.unwrap().parse().unwrap();
    assert!(requests <= 12, "{ran}");
    let ran = platform.run(&["status.rhai"]).ended(0);
    for job in jobs {
        let row = ran.stdout.lines().find(|line| line.starts_with(job));
        assert!(row.is_some_and(|row| row.contains("healthy")), "{ran}");
    }

    // one variable of the configuration is one line of the plan
    platform.differ();
    let events = platform.events(&["deploy-services.rhai", "--plan"], 0);
    let found: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == "change")
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["item"], "job api");
    let wanted = "~ group api / task api / Resources / MemoryMB: 64 → 65\n";
    assert_eq!(found[0]["diff"], wanted);
    platform.run(&["deploy-services.rhai"]).ended(0);
    platform
        .lab
        .ask("api-1", "cp /opt/e2b/bin/e2b-api /root/e2b-api");
}

fn tokens(platform: &mut Platform) {
    let unknown = "11111111-2222-3333-4444-555555555555";
    for (name, wrong, golden) in [
        ("NOMAD_TOKEN", "", "token-missing"),
        ("NOMAD_TOKEN", unknown, "token-wrong"),
        ("CONSUL_TOKEN", unknown, "token-of-consul"),
    ] {
        let right = platform.lab.env(name);
        platform.lab.set_env(name, wrong);
        let words = ["deploy-services.rhai", "--only", "client-proxy"];
        let ran = platform.run(&words).ended(1);
        platform.lab.set_env(name, &right);
        assert!(ran.stderr.contains(&format!("`{name}`")), "{ran}");
        report_is(golden, &platform.lab, &ran.stderr);
    }
}

/// What a job stands on.
fn before_it_is_registered(platform: &mut Platform) {
    let version = |platform: &mut Platform| {
        let ran = platform.run(&["status.rhai"]).ended(0);
        let row = ran.stdout.lines().find(|line| line.starts_with("api "));
        row.unwrap().split_whitespace().nth(2).unwrap().to_owned()
    };
    let before = version(platform);
    let take = |path: &str| format!("mv {path} /root/taken");
    let back = |path: &str| format!("mv /root/taken {path}");
    for (path, golden) in [
        ("/opt/e2b/bin/e2b-api", Some("binary-missing")),
        ("/opt/e2b/api.env", None),
    ] {
        platform.lab.ask("api-1", &take(path));
        let words = [&format!("api cannot start: api-1 has no {path}")[..]];
        let ran = platform.fails(1, &words);
        platform.lab.ask("api-1", &back(path));
        if let Some(golden) = golden {
            report_is(golden, &platform.lab, &ran.stderr);
        }
    }

    let edited = platform.edit("api", "value     = \"api\"", "value     = \"gpu\"");
    let ran = platform.fails(1, &["no node takes api: none is of class `gpu`"]);
    drop(edited);
    report_is("class-missing", &platform.lab, &ran.stderr);

    let script = platform.script("n.drain(\"api-1\", #{ deadline: \"1s\" });");
    platform.run(&[&script]).ended(0);
    platform.fails(
        1,
        &["no node takes api: of class `api`, api-1 is ineligible"],
    );
    let script = platform.script("n.set_eligibility(\"api-1\", true);");
    platform.run(&[&script]).ended(0);
    platform.run(&["deploy-services.rhai"]).ended(0);

    platform.lab.set_env("API_MEMORY_MB", "900000");
    let ran = platform
        .run(&["deploy-services.rhai", "--only", "api"])
        .ended(1);
    assert!(
        first_ten(&ran.stderr).contains("not enough memory on 1 node"),
        "{ran}"
    );
    report_is("memory", &platform.lab, &ran.stderr);

    let ran = platform
        .run(&["deploy-services.rhai", "--only", "api", "--canary", "1"])
        .ended(2);
    assert!(ran.stderr.contains("has no room for 1 canaries"), "{ran}");
    platform.lab.set_env("API_MEMORY_MB", "64");
    platform.run(&["deploy-services.rhai"]).ended(0);
    let after: u32 = version(platform).parse().unwrap();
    // the drained one, the one after it, and nothing of what was refused
    assert!(after <= before.parse::<u32>().unwrap() + 3);
}

fn job_files(platform: &mut Platform) {
    let edited = platform.edit("api", "count = var.count", "cuont = var.count");
    let ran = platform.fails(2, &["api.hcl:", "cuont"]);
    drop(edited);
    report_is("job-syntax", &platform.lab, &ran.stderr);

    let edited = platform.edit("api", "variable \"release\"", "variable \"relase\"");
    platform.fails(2, &["no variable `release`", "did you mean `relase`?"]);
    drop(edited);
    let edited = platform.edit("api", "memory = var.memory", "memory = var.memroy");
    platform.fails(2, &["api.hcl:", "memroy"]);
    drop(edited);

    // somebody else is quicker
    platform.differ();
    let script = platform.script(
        "services::run(c, #{ only: [\"api\"], before_job: |name| { let job = n.get_job(name); job.Meta = #{ by: \"somebody else\" }; n.register(job); } });",
    );
    let ran = platform.run(&[&script]).ended(1);
    let first = first_ten(&ran.stderr);
    assert!(
        first.contains("job `api` was changed by someone else"),
        "{ran}"
    );
    report_is("job-changed", &platform.lab, &ran.stderr);
    platform.run(&["deploy-services.rhai"]).ended(0);
}

/// What starts, and does not run.
fn programs(platform: &mut Platform) {
    platform.program("echo opening the database >&2; echo cannot open the database >&2; exit 3");
    let ran = platform.fails(
        1,
        &[
            "job `api`",
            "ended with status 3 at once",
            "Nomad went back to version",
            "cannot open the database",
        ],
    );
    report_is("crash", &platform.lab, &ran.stderr);
    let ran = platform.run(&["status.rhai"]);
    assert!(matches!(ran.code, Some(0 | 7)), "{ran}");
    let ran = platform.run(&["logs.rhai", "api"]).ended(0);
    assert!(ran.stdout.contains("cannot open the database"), "{ran}");

    platform.mend();
    platform.lab.ask("api-1", "chmod -x /opt/e2b/bin/e2b-api");
    platform.fails(
        1,
        &[
            "job `api`",
            "is not executable",
            "e2b-api: Permission denied",
        ],
    );
    platform.program("exit 0");
    platform.lab.ask("api-1", r"printf '\177ELF\002\001\001\0\0\0\0\0\0\0\0\0\002\0\267\0\001\0\0\0' > /opt/e2b/bin/.new; head -c 100 /dev/zero >> /opt/e2b/bin/.new; chmod 755 /opt/e2b/bin/.new; mv /opt/e2b/bin/.new /opt/e2b/bin/e2b-api");
    platform.fails(
        1,
        &["job `api`", "not for this machine", "Exec format error"],
    );
    platform.program(
        r#"echo the disk is gone >&2
exec perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => 50001, Listen => 5, ReuseAddr => 1) or die; while ($c = $s->accept) { while (<$c>) { last if /^\r?\n$/ } print $c "HTTP/1.0 500 Internal Server Error\r\nContent-Length: 8\r\n\r\nno disk\n"; close $c }'"#,
    );
    platform.fails(
        1,
        &[
            "job `api`",
            "its health checks do not pass",
            "500 Internal Server Error",
            "the disk is gone",
        ],
    );
    platform.program("echo waiting for nothing >&2; exec sleep 600");
    let ran = platform.fails(
        1,
        &[
            "job `api`",
            "its health checks do not pass",
            "connection refused",
            "waiting for nothing",
        ],
    );
    report_is("silent", &platform.lab, &ran.stderr);

    platform.mend();
    let script = platform.script("n.stop(\"api\"); task::wait_until(\"the end\", || n.list_allocations(\"api\").all(|a| a.status != \"running\"));");
    platform.run(&[&script]).ended(0);
    platform.lab.ask("api-1", "setsid --fork perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => 50001, Listen => 5, ReuseAddr => 1) or die; open F, q(>/run/squatter); print F $$; close F; sleep 600' < /dev/null > /dev/null 2>&1; sleep 0.5");
    platform.fails(
        1,
        &["job `api`", "ended with status", "Address already in use"],
    );
    platform
        .lab
        .ask("api-1", "kill $(cat /run/squatter); sleep 0.2");

    // what is registered as it should be, and does not run, is no success
    platform.program("echo still no database >&2; exit 3");
    let script = platform.script("services::run(c, #{ only: [\"api\"], on_failure: |name, e| log::info(`hook: ${name}: ${e.kind}`) });");
    platform.differ();
    platform.run(&[&script]).ended(1);
    platform.mend();
    platform.run(&["restart.rhai", "api"]).ended(0);
    platform.run(&["deploy-services.rhai"]).ended(0);

    let ran = platform.run(&["rollback.rhai", "api"]).ended(0);
    assert!(ran.stderr.contains("undone, of version"), "{ran}");
    platform.run(&["restart.rhai", "client-proxy"]).ended(0);
    platform.run(&["status.rhai"]).ended(0);
}

impl Platform {
    /// A script of the operator's own that has the cluster `c` and its Nomad `n`.
    fn script(&self, text: &str) -> String {
        let path = self.lab.home.path().join("own.rhai");
        let head = "import \"std/config\" as config;\nimport \"std/cluster\" as cluster;\nimport \"std/services\" as services;\n\
                    let c = cluster::open(config::load(env::get(\"E2BSCRIPT_ENV_FILE\")));\nlet n = services::open_nomad(c);\n";
        fs::write(&path, format!("{head}{text}\n")).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// Ends the watch, also when the test fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Looks at all command lines of this machine, those of the nodes among them; gives how often.
fn watch_command_lines(over: &AtomicBool, secrets: &[&str]) -> usize {
    let mut samples = 0;
    while !over.load(Ordering::Acquire) {
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            // processes come and go
            let bytes = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            let found = secrets.iter().any(|secret| text.contains(secret));
            assert!(!found, "{}: {text}", entry.path().display());
        }
        samples += 1;
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    samples
}
