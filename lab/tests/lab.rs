//! The lab on real parts: machines, sshd, networks, faults, and what is left when it goes down.
//!
//! Needs root and the packages that e2blab itself asks for (`make test` sees to both).

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "the helpers of tests may fail as tests do"
)]

use std::fs;
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Small and quick: one node that is not the bastion of each kind that matters here.
const SMALL: [&str; 8] = [
    "--servers=1",
    "--api=0",
    "--clients=1",
    "--no-database",
    "--no-docker",
    "--no-agents",
    "--name",
    "",
];

#[test]
fn nodes_are_real_machines_behind_the_bastion() {
    let lab = TestLab::new();
    lab.up();
    assert_eq!(
        lab.ssh(
            "server-1",
            "hostname; sudo id -un; systemctl is-system-running"
        ),
        "server-1\nroot\nrunning\n"
    );
    assert_eq!(lab.ssh("client-1", "hostname"), "client-1\n");

    // the bastion is the only way in
    let limit = Duration::from_secs(5);
    let bastion = lab.address("BASTION_HOST");
    TcpStream::connect_timeout(&bastion, limit).unwrap();
    for pool in ["SERVER_POOL_PRIVATE", "CLIENT_POOL_PRIVATE"] {
        let direct = TcpStream::connect_timeout(&lab.address(pool), limit);
        assert!(direct.is_err(), "{pool} answers this machine directly");
    }
    // and no way out
    let out = lab.e2blab(&[
        "exec",
        "server-1",
        "--",
        "curl",
        "-sS",
        "--max-time",
        "5",
        "http://192.0.2.1/",
    ]);
    assert_eq!(out.status.code(), Some(7), "{}", said(&out));

    // sshd has its defaults, and a default route is there for Nomad
    let limits = lab.ssh(
        "server-1",
        "sudo sshd -T | grep -iE '^max(startups|sessions) ' | sort; ip route show default",
    );
    assert!(
        limits.starts_with("maxsessions 10\nmaxstartups 10:30:100\ndefault via "),
        "{limits}"
    );

    lab.mirror_has_what_deploy_env_says();
    lab.artifacts_are_programs();

    let env = lab.e2blab(&["env"]);
    assert_eq!(
        text(&env.stdout).trim(),
        lab.file("deploy.env").to_str().unwrap()
    );
    for (file, mode) in [("deploy.env", 0o600), ("id_ed25519", 0o600), (".", 0o700)] {
        let found = fs::metadata(lab.file(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode, "{file}");
    }
    let status = lab.e2blab(&["status"]);
    assert!(status.status.success(), "{}", said(&status));
    assert_eq!(
        text(&status.stdout).matches("  running  answers").count(),
        3,
        "{}",
        said(&status)
    );

    // the status of a command in a node is e2blab's
    let three = lab.e2blab(&[
        "exec",
        "client-1",
        "--",
        "sh",
        "-c",
        "cat /etc/hostname; exit 3",
    ]);
    assert_eq!(
        (three.status.code(), text(&three.stdout).as_str()),
        (Some(3), "client-1\n")
    );
    let nobody = lab.e2blab(&["exec", "client-9", "--", "true"]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(
        said(&nobody).contains("it has `bastion`, `server-1` and `client-1`"),
        "{}",
        said(&nobody)
    );

    // up again changes nothing, and another topology is refused
    let before = fs::read_to_string(lab.file("state.json")).unwrap();
    let again = lab.run(&lab.up_words());
    assert!(
        again.status.success() && said(&again).contains("is up already"),
        "{}",
        said(&again)
    );
    let other = lab.e2blab(&["up", "--servers=2"]);
    assert!(
        !other.status.success() && said(&other).contains("2 server"),
        "{}",
        said(&other)
    );
    assert_eq!(fs::read_to_string(lab.file("state.json")).unwrap(), before);
    assert_eq!(lab.ssh("server-1", "true"), "");
}

#[test]
fn faults_break_what_they_say_and_heal_mends_it() {
    let lab = TestLab::new();
    lab.up();
    let server = lab.value("SERVER_POOL_PRIVATE");

    // a cut is silent: a connection attempt hangs, where a closed port would refuse at once
    let probe = format!("timeout 2 bash -c '</dev/tcp/{server}/22' 2>/dev/null; echo $?");
    assert_eq!(lab.ssh("bastion", &probe), "0\n");
    lab.fault(&["cut", "server-1"]);
    assert_eq!(lab.ssh("bastion", &probe), "124\n");
    assert_eq!(lab.ssh("client-1", "hostname"), "client-1\n");
    let status = lab.e2blab(&["status"]);
    assert!(
        text(&status.stdout).contains("cut off"),
        "{}",
        said(&status)
    );
    lab.fault(&["heal", "server-1"]);
    assert_eq!(lab.ssh("bastion", &probe), "0\n");

    lab.fault(&["cut", "bastion"]);
    let silent = TcpStream::connect_timeout(&lab.address("BASTION_HOST"), Duration::from_secs(1));
    assert_eq!(silent.unwrap_err().kind(), ErrorKind::TimedOut);
    lab.fault(&["heal"]);
    assert_eq!(lab.ssh("bastion", "hostname"), "bastion\n");

    // sshd with all its sessions
    let mut session = lab
        .ssh_command("server-1", "echo in; sleep 60")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    session
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut [0; 3])
        .unwrap();
    lab.fault(&["kill-sshd", "server-1"]);
    assert!(!session.wait().unwrap().success());
    assert_eq!(lab.ssh("bastion", &probe), "1\n");
    lab.fault(&["heal", "server-1"]);
    assert_eq!(lab.ssh("server-1", "hostname"), "server-1\n");

    lab.fault(&["new-host-key", "server-1"]);
    let refused = lab.ssh_command("server-1", "true").output().unwrap();
    assert_eq!(refused.status.code(), Some(255));
    assert!(
        said(&refused).contains("REMOTE HOST IDENTIFICATION HAS CHANGED"),
        "{}",
        said(&refused)
    );
    lab.fault(&["heal"]);
    assert_eq!(lab.ssh("server-1", "hostname"), "server-1\n");

    // a new file each time: cutting an old one would give its block back
    let write = "f=probe.$$; head -c 99 /dev/zero > $f 2> /dev/null; echo $? $(stat -c %s $f)";
    assert_eq!(lab.ssh("server-1", write), "0 99\n");
    lab.fault(&["fill-disk", "server-1"]);
    assert_eq!(lab.ssh("server-1", write), "1 0\n");
    lab.fault(&["heal", "server-1"]);
    assert_eq!(lab.ssh("server-1", write), "0 99\n");

    lab.the_wire_gets_long_and_narrow();
    lab.the_mirror_fails_in_its_ways();
    lab.a_service_fails_in_its_ways();
}

#[test]
fn down_leaves_nothing_whatever_it_finds() {
    let lab = TestLab::new();
    assert_eq!(lab.traces(), Vec::<String>::new());
    lab.up();
    lab.fault(&["delay", "1"]);
    let kinds = [
        "cgroup",
        "directory",
        "link",
        "machine",
        "mount",
        "namespace",
        "process",
    ];
    for kind in kinds {
        assert!(
            lab.traces().iter().any(|trace| trace.starts_with(kind)),
            "no {kind} is seen of a lab that is up"
        );
    }
    lab.down();
    lab.down();

    // killed at any point of its work, without a word in the state file
    for wait in [30, 120, 250, 400, 700, 1100] {
        let mut up = Command::new(program())
            .args(lab.up_words())
            .envs(lab.environment())
            .spawn()
            .unwrap();
        sleep(Duration::from_millis(wait));
        up.kill().unwrap();
        up.wait().unwrap();
        lab.down();
    }

    // killed, and brought up again without a word
    let mut up = Command::new(program())
        .args(lab.up_words())
        .envs(lab.environment())
        .spawn()
        .unwrap();
    sleep(Duration::from_millis(400));
    up.kill().unwrap();
    up.wait().unwrap();
    lab.up();

    // a dead node, and a state file that is lost or nonsense
    let state = fs::read_to_string(lab.file("state.json")).unwrap();
    drop(lab.e2blab(&[
        "exec",
        "server-1",
        "--",
        "systemctl",
        "poweroff",
        "--force",
        "--force",
    ]));
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let status = lab.e2blab(&["status"]);
        if !status.status.success() && text(&status.stdout).contains(" dead ") {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "server-1 does not power off: {}",
            said(&status)
        );
    }
    lab.up();
    assert_ne!(fs::read_to_string(lab.file("state.json")).unwrap(), state);
    assert_eq!(lab.ssh("server-1", "hostname"), "server-1\n");
    fs::write(lab.file("state.json"), "{").unwrap();
    lab.down();
}

#[test]
fn two_labs_at_once_and_scripts_run_on_one() {
    let (one, two) = (TestLab::new(), TestLab::new());
    std::thread::scope(|scope| {
        scope.spawn(|| one.up());
        scope.spawn(|| two.up());
    });
    assert_ne!(one.value("BASTION_HOST"), two.value("BASTION_HOST"));
    assert_eq!(
        one.ssh("server-1", "hostname"),
        two.ssh("server-1", "hostname")
    );
    one.down();
    assert_eq!(two.ssh("server-1", "hostname"), "server-1\n");

    // a copy of e2blab, with a script host of our own beside it
    let directory = two.state.join("programs");
    fs::create_dir_all(&directory).unwrap();
    for name in ["e2blab", "standin"] {
        fs::copy(program().with_file_name(name), directory.join(name)).unwrap();
    }
    let host = directory.join("e2bscript");
    fs::write(
        &host,
        "#!/bin/sh\necho \"$E2BSCRIPT_ENV_FILE $*\"; exit 7\n",
    )
    .unwrap();
    fs::set_permissions(&host, fs::Permissions::from_mode(0o755)).unwrap();
    let run = Command::new(directory.join("e2blab"))
        .args(["run", "--name", &two.name, "deploy.rhai", "--plan"])
        .envs(two.environment())
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(7), "{}", said(&run));
    let wanted = format!("{} deploy.rhai --plan\n", two.file("deploy.env").display());
    assert_eq!(text(&run.stdout), wanted);
}

#[test]
fn without_root_there_is_one_line_and_status_2() {
    require_root();
    let directory = std::env::temp_dir().join(format!("e2blab-plain-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    let copy = directory.join("e2blab");
    fs::copy(program(), &copy).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&copy)
        .arg("up")
        .output();
    fs::remove_dir_all(&directory).unwrap();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert_eq!(said(&output).lines().count(), 1, "{}", said(&output));
    assert!(said(&output).contains("needs root"), "{}", said(&output));
}

/// A lab under a name that no other test has; it goes down with the test.
struct TestLab {
    name: String,
    state: PathBuf,
}

impl TestLab {
    fn new() -> TestLab {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        require_root();
        build_standins();
        let name = format!(
            "t{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let state = std::env::temp_dir().join(format!("e2blab-{name}"));
        TestLab { name, state }
    }

    fn environment(&self) -> [(&'static str, &Path); 1] {
        [("E2BLAB_STATE", &self.state)]
    }

    fn file(&self, name: &str) -> PathBuf {
        self.state.join(&self.name).join(name)
    }

    fn up_words(&self) -> Vec<&str> {
        let mut words = vec!["up"];
        words.extend(SMALL);
        words.pop();
        words.push(&self.name);
        words
    }

    fn run(&self, words: &[&str]) -> Output {
        Command::new(program())
            .args(words)
            .envs(self.environment())
            .output()
            .unwrap()
    }

    fn e2blab(&self, words: &[&str]) -> Output {
        let mut all = vec!["--name", &self.name];
        all.extend(words);
        self.run(&all)
    }

    fn up(&self) {
        let output = self.run(&self.up_words());
        assert!(output.status.success(), "{}", said(&output));
    }

    fn down(&self) {
        let output = self.e2blab(&["down"]);
        assert!(output.status.success(), "{}", said(&output));
        assert_eq!(self.traces(), Vec::<String>::new());
    }

    fn fault(&self, words: &[&str]) {
        let output = self.e2blab(&[&["fault"], words].concat());
        assert!(output.status.success(), "{words:?}: {}", said(&output));
    }

    /// The real client, host keys verified on both hops.
    fn ssh_command(&self, node: &str, script: &str) -> Command {
        let mut command = Command::new("ssh");
        command.arg("-F").arg(self.file("ssh_config"));
        command.args([
            "-o",
            "BatchMode=yes",
            "-o",
            "ConnectTimeout=10",
            "-n",
            node,
            script,
        ]);
        command
    }

    fn ssh(&self, node: &str, script: &str) -> String {
        let output = self.ssh_command(node, script).output().unwrap();
        assert!(
            output.status.success(),
            "{node}: {script}: {}",
            said(&output)
        );
        text(&output.stdout)
    }

    /// A value of the lab's deploy.env.
    fn value(&self, name: &str) -> String {
        let file = fs::read_to_string(self.file("deploy.env")).unwrap();
        let found = file
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}=")));
        found
            .unwrap_or_else(|| panic!("no {name} in deploy.env"))
            .to_owned()
    }

    fn address(&self, name: &str) -> SocketAddr {
        format!("{}:22", self.value(name)).parse().unwrap()
    }

    fn mirror_has_what_deploy_env_says(&self) {
        let archive = self.archive();
        let sums = self.ssh(
            "client-1",
            &format!(
                "set -e; curl -fsS -O {archive} -O {archive}.sha256.txt; sha256sum -c *.sha256.txt >&2; \
                 curl -fsS {0} | sha256sum | cut -d' ' -f1; sha256sum < *.tgz | cut -d' ' -f1; \
                 tar xzf *.tgz; release-v1.10.1-x86_64/firecracker-v1.10.1-x86_64 --version; \
                 curl -fsS {0}.sha256 | cut -d' ' -f1",
                self.kernel()
            ),
        );
        let (kernel, firecracker) = (
            self.value("KERNEL_SHA256"),
            self.value("FIRECRACKER_SHA256"),
        );
        assert_eq!(
            sums,
            format!("{kernel}\n{firecracker}\nFirecracker v1.10.1\n{kernel}\n")
        );
    }

    fn archive(&self) -> String {
        let (base, release) = (
            self.value("FIRECRACKER_MIRROR"),
            self.value("FIRECRACKER_RELEASE"),
        );
        format!("{base}/{release}/firecracker-{release}-x86_64.tgz")
    }

    fn kernel(&self) -> String {
        format!(
            "{}/vmlinux-{}",
            self.value("KERNEL_MIRROR"),
            self.value("FIRECRACKER_KERNEL_VERSION")
        )
    }

    fn artifacts_are_programs(&self) {
        let mut contents = Vec::new();
        for name in [
            "e2b-api",
            "client-proxy",
            "orchestrator",
            "template-manager",
            "envd",
        ] {
            let file = fs::read(Path::new(&self.value("ARTIFACTS_DIR")).join(name)).unwrap();
            // 64 bits, little-endian; an executable or a position-independent one; x86-64
            assert_eq!(file[..6], *b"\x7fELF\x02\x01", "{name}");
            assert!([2, 3].contains(&file[16]) && file[18] == 62, "{name}");
            assert!(file.len() < 16 << 20, "{name} has {} bytes", file.len());
            contents.push(file);
        }
        contents.sort();
        contents.dedup();
        assert_eq!(contents.len(), 5, "two artifacts are the same");
    }

    fn the_wire_gets_long_and_narrow(&self) {
        let plain = self.greeting();
        self.fault(&["delay", "50"]);
        let delayed = self.greeting();
        // a TCP handshake and the greeting: two round trips
        let wanted = Duration::from_millis(200);
        assert!(
            plain < wanted / 2 && delayed >= wanted && delayed < 2 * wanted,
            "{plain:?} {delayed:?}"
        );
        assert_eq!(self.ssh("server-1", "hostname"), "server-1\n");
        self.fault(&["delay", "0"]);
        assert!(self.greeting() < wanted / 2);

        // 1 MB at 8 Mbit/s is one second
        self.fault(&["rate", "8"]);
        let began = Instant::now();
        let bytes = self.ssh("bastion", "head -c 1000000 /dev/zero").len();
        let took = began.elapsed();
        assert!(
            bytes == 1_000_000 && took > Duration::from_millis(900),
            "{bytes} bytes in {took:?}"
        );
        self.fault(&["heal"]);
        let relays = || {
            self.traces()
                .iter()
                .filter(|trace| trace.contains("helper relay"))
                .count()
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while relays() > 0 {
            assert!(
                Instant::now() < deadline,
                "the relay stays on a healed wire"
            );
            sleep(Duration::from_millis(50));
        }
        assert!(self.greeting() < wanted / 2);
    }

    /// The stand-in is started as Nomad would do it; with Nomad it is tested where there are jobs.
    fn a_service_fails_in_its_ways(&self) {
        let bring = "mkdir -p /opt/e2b/bin; cat > /opt/e2b/bin/orchestrator; chmod 755 /opt/e2b/bin/orchestrator";
        let brought = Command::new(program())
            .envs(self.environment())
            .args(["--name", &self.name, "exec", "client-1", "--", "sh", "-c"])
            .arg(bring)
            .stdin(fs::File::open(self.file("artifacts/bin/orchestrator")).unwrap())
            .status();
        assert!(brought.unwrap().success());
        let run = |script: &str| self.ssh("client-1", &format!("cd /opt/e2b; {script}"));
        let start = "setsid --fork ./bin/orchestrator > /dev/null 2>&1 < /dev/null; sleep 1; ";
        let health =
            "curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:5008/health; echo \" $?\"";

        self.fault(&["break-service", "orchestrator", "crash"]);
        let said = run("./bin/orchestrator 2>&1; echo $?");
        assert!(said.contains("broken on purpose"), "{said}");
        assert!(said.ends_with("\n1\n"), "{said}");
        let status = text(&self.e2blab(&["status"]).stdout);
        assert!(status.contains("orchestrator crashes at start"), "{status}");

        self.fault(&["break-service", "orchestrator", "exit", "--after", "1"]);
        let began = Instant::now();
        assert!(run("./bin/orchestrator 2> /dev/null; echo $?").ends_with("1\n"));
        assert!(began.elapsed() >= Duration::from_secs(1));

        self.fault(&["break-service", "orchestrator", "silent"]);
        assert_eq!(run(&format!("{start}{health}")), "000 7\n");
        // one that runs already ends: it was told too late
        self.fault(&["break-service", "orchestrator", "memory"]);
        assert_eq!(run("pgrep -x orchestrator || echo none"), "none\n");
        let size = run(&format!("{start}ps -o rss= -C orchestrator"));
        let kib: u64 = size.trim().parse().unwrap();
        assert!(kib > 64 << 10, "{kib} KiB");

        self.fault(&["heal"]);
        assert_eq!(run(&format!("{start}{health}")), "200 0\n");
        self.fault(&["break-service", "orchestrator", "500"]);
        assert_eq!(run(health), "500 0\n");
        self.fault(&["heal"]);
        assert_eq!(run(health), "200 0\n");
    }

    /// How long the bastion's sshd takes from a first packet to its greeting; the best of three,
    /// for a busy machine makes single ones late.
    fn greeting(&self) -> Duration {
        (0..3).map(|_| self.one_greeting()).min().unwrap()
    }

    fn one_greeting(&self) -> Duration {
        let began = Instant::now();
        let mut stream =
            TcpStream::connect_timeout(&self.address("BASTION_HOST"), Duration::from_secs(5))
                .unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
        began.elapsed()
    }

    fn the_mirror_fails_in_its_ways(&self) {
        let sum = format!("curl -sS {} | sha256sum | cut -d' ' -f1", self.archive());
        let right = format!("{}\n", self.value("FIRECRACKER_SHA256"));
        let code = format!("curl -sS -o /dev/null -w %{{http_code}} {}", self.kernel());
        self.fault(&["mirror-wrong-bytes"]);
        assert_ne!(self.ssh("client-1", &sum), right);
        self.fault(&["mirror-404"]);
        assert_eq!(self.ssh("client-1", &code), "404");
        self.fault(&["heal"]);
        assert_eq!(self.ssh("client-1", &code), "200");
        assert_eq!(self.ssh("client-1", &sum), right);
    }

    /// Everything of this lab that the kernel and the file system show.
    fn traces(&self) -> Vec<String> {
        let mark = format!("e2blab.{}", self.name);
        let directory = self.state.join(&self.name);
        let mut traces = Vec::new();
        for (kind, place) in [
            ("namespace", "/run/netns"),
            ("machine", "/run/systemd/nspawn/propagate"),
            ("cgroup", "/sys/fs/cgroup"),
            ("cgroup", "/sys/fs/cgroup/unified"),
            ("cgroup", "/sys/fs/cgroup/systemd"),
        ] {
            let entries = fs::read_dir(place).into_iter().flatten().flatten();
            let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
            traces.extend(
                names
                    .filter(|name| name.starts_with(&mark))
                    .map(|name| format!("{kind} {name}")),
            );
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let own = mounts
            .lines()
            .filter(|line| line.contains(directory.to_str().unwrap()));
        traces.extend(own.map(|line| format!("mount {line}")));
        let links = Command::new("ip").args(["link", "show"]).output().unwrap();
        let links = text(&links.stdout);
        let own = links
            .lines()
            .filter(|line| line.contains(&format!("{mark} ")));
        traces.extend(own.map(|line| format!("link {line}")));
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words = text(&words).replace('\0', " ");
            if words.contains(&format!("{mark}.")) || words.contains(directory.to_str().unwrap()) {
                traces.push(format!(
                    "process {} {words}",
                    entry.file_name().to_string_lossy()
                ));
            }
        }
        for path in [
            directory,
            PathBuf::from(format!("/run/e2blab/{}.lock", self.name)),
        ] {
            if path.exists() {
                traces.push(format!("directory {}", path.display()));
            }
        }
        traces.sort();
        traces
    }
}

impl Drop for TestLab {
    fn drop(&mut self) {
        let output = self.e2blab(&["down"]);
        if !output.status.success() {
            eprintln!("lab {} did not go down: {}", self.name, said(&output));
        }
        let _ = fs::remove_dir_all(&self.state);
    }
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_e2blab"))
}

/// The tests are for what only root can do; passing without doing it would be a lie.
fn require_root() {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let user = status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .unwrap();
    let root = user.split_whitespace().nth(1) == Some("0");
    assert!(
        root,
        "the lab's tests make machines and networks and need root: `make test` runs them so"
    );
}

/// The stand-ins are another package's programs; cargo does not build them for this one's tests.
fn build_standins() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let directory = program().parent().unwrap();
        let profile = directory.file_name().unwrap().to_str().unwrap();
        let profile = if profile == "debug" { "dev" } else { profile };
        let status = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--package=standin",
                "--profile",
                profile,
                "--target-dir",
            ])
            .arg(directory.parent().unwrap())
            .status()
            .unwrap();
        assert!(status.success(), "the stand-ins do not build");
    });
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a program said on both its outputs, for messages.
fn said(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}
