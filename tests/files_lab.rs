//! States that need a whole system, on real systemd machines behind a real bastion.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod common;

use std::path::PathBuf;
use std::process::Command;

use e2bscript::files::command::Work;
use e2bscript::files::state::{
    Command as Run, Dir, Download, File, Group, KernelModule, Line, Mount, NftTable, Packages,
    Service, Sysctl, Text, UnitFile, User, Via,
};
use e2bscript::files::{
    Error, Item, Mode, Options, PutOptions, Report, Silent, Sudo, download, ensure, facts,
    read_text, upload,
};
use e2bscript::ssh::{self, Host, Ssh, Target};

/// A cluster of one server, with a client for it.
struct Lab {
    lab: common::lab::Lab,
    ssh: Ssh,
}

impl Lab {
    fn up() -> Lab {
        let lab = common::lab::Lab::up(&[
            "--servers",
            "1",
            "--api",
            "0",
            "--clients",
            "0",
            "--no-database",
            "--no-docker",
            "--no-agents",
        ]);
        let options = ssh::Options {
            config_file: Some(lab.file("ssh_config")),
            agent: Some(PathBuf::new()),
            home: Some(lab.home.path().to_owned()),
            ..ssh::Options::default()
        };
        let ssh = Ssh::new(options).unwrap();
        Lab { lab, ssh }
    }

    async fn host(&self) -> Host {
        self.ssh.host(Target::new("server-1")).await.unwrap()
    }

    fn env(&self, key: &str) -> String {
        self.lab.env(key)
    }

    /// What root sees on the node, without SSH.
    fn ask(&self, script: &str) -> String {
        self.lab.ask("server-1", script)
    }
}

fn options() -> Options {
    Options {
        sudo: Sudo::NoPassword,
        ..Options::default()
    }
}

async fn apply(host: &Host, items: &[Item]) -> Result<Report, Error> {
    ensure(host, items, &options(), &mut Silent).await
}

/// Applies, and checks that all of it changed, and nothing the second time or in a plan.
async fn converge(lab: &Lab, host: &Host, items: Vec<Item>) {
    let before = lab.ask(AUDIT);
    let plan = Options {
        plan: true,
        ..options()
    };
    let planned = ensure(host, &items, &plan, &mut Silent).await.unwrap();
    assert_eq!(lab.ask(AUDIT), before, "a plan wrote something");
    let first = apply(host, &items).await.unwrap();
    for (item, planned) in first.items.iter().zip(&planned.items) {
        assert!(item.change.is_some(), "{item:?}");
        assert!(planned.change.is_some(), "{planned:?}");
    }
    let second = apply(host, &items).await.unwrap();
    assert!(
        second.is_unchanged(),
        "{:#?}",
        second.changed().collect::<Vec<_>>()
    );
    assert_eq!(second.round_trips, 1);
}

/// What a plan must leave as it is.
const AUDIT: &str = "find /etc /opt /var/lib/e2bscript /home /usr/local -printf '%p %m %s %C@ %u\\n' 2>/dev/null | sort | sha256sum; nft list ruleset; getent passwd; cat /proc/mounts /proc/sys/net/ipv4/ip_forward; systemctl list-units --all --plain --no-legend 'e2b*'";

fn changed(report: &Report, index: usize) -> Option<String> {
    let change = report.items[index].change.as_ref()?;
    let reasons: Vec<String> = change.reasons.iter().map(ToString::to_string).collect();
    Some(format!("{}: {}", change.action, reasons.join(", ")))
}

fn sh(text: &str) -> Work {
    Work::Shell(text.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_state_on_a_real_system() {
    let lab = Lab::up();
    let host = lab.host().await;
    files(&lab, &host).await;
    services(&lab, &host).await;
    instances(&lab, &host).await;
    failing_services(&lab, &host).await;
    accounts(&lab, &host).await;
    kernel(&lab, &host).await;
    mounts(&lab, &host).await;
    nftables(&lab, &host).await;
    commands(&lab, &host).await;
    packages(&lab, &host).await;
    downloads(&lab, &host).await;
    transfers(&lab, &host).await;
    sudo_passwords(&lab).await;
    no_op_cost(&host).await;
    let found = facts(&host).await.unwrap();
    assert_eq!(found.hostname, "server-1");
    lab.ssh.close().await;
}

async fn files(lab: &Lab, host: &Host) {
    converge(
        lab,
        host,
        vec![
            Dir::new("/opt/e2b").mode(Mode::new(0o755)).into(),
            Text::new("/opt/e2b/api.env", "PASSWORD=canary")
                .secret(true)
                .owner("ubuntu".to_owned())
                .into(),
            Text::new("/opt/e2b/root.env", "R=1").secret(true).into(),
            Line::new("/etc/hosts", "10.0.0.1 api").into(),
            File::new("/opt/e2b/self", std::env::current_exe().unwrap()).into(),
        ],
    )
    .await;
    assert_eq!(
        lab.ask("stat -c '%a %U %G' /opt/e2b/api.env; cat /opt/e2b/api.env"),
        "600 ubuntu root\nPASSWORD=canary"
    );
    assert_eq!(lab.ask("stat -c '%a %U' /var/lib/e2bscript"), "700 root");
    // Without sudo the connected user may not, and is told which file it was.
    let item = Text::new("/opt/e2b/other", "x").into();
    let error = ensure(host, &[item], &Options::default(), &mut Silent)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), "state.apply");
    assert!(error.to_string().contains("Permission denied"), "{error}");
    let item = Text::new("/opt/e2b/root.env", "R=2").into();
    let error = ensure(host, &[item], &Options::default(), &mut Silent)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), "files.read");
    assert!(error.to_string().contains("/opt/e2b/root.env"), "{error}");
}

const UNIT: &str = "[Service]\nExecStart=/bin/sleep infinity\nExecReload=/bin/true\n[Install]\nWantedBy=multi-user.target\n";

fn started(lab: &Lab, unit: &str) -> String {
    lab.ask(&format!("systemctl show -p MainPID --value {unit}"))
}

async fn services(lab: &Lab, host: &Host) {
    let items = |env: &str, unit: &str| -> Vec<Item> {
        vec![
            Text::new("/opt/e2b/sleep.env", env.to_owned()).into(),
            UnitFile::new("e2b-sleep.service", unit.to_owned()).into(),
            Service::new("e2b-sleep")
                .enabled(true)
                .running(true)
                .restart_on(["/opt/e2b/sleep.env"])
                .into(),
        ]
    };
    converge(lab, host, items("A=1", UNIT)).await;
    assert_eq!(
        lab.ask("systemctl is-enabled e2b-sleep; systemctl is-active e2b-sleep"),
        "enabled\nactive"
    );
    let first = started(lab, "e2b-sleep");

    let report = apply(host, &items("A=2", UNIT)).await.unwrap();
    assert_eq!(
        changed(&report, 2).unwrap(),
        "restart: `/opt/e2b/sleep.env` changes"
    );
    let second = started(lab, "e2b-sleep");
    assert_ne!(first, second);

    let unit = UNIT.replace("infinity", "1000000");
    let report = apply(host, &items("A=2", &unit)).await.unwrap();
    assert!(changed(&report, 1).unwrap().starts_with("update: content"));
    assert!(changed(&report, 2).unwrap().starts_with("restart: "));
    assert_eq!(
        lab.ask("systemctl show -p NeedDaemonReload --value e2b-sleep"),
        "no"
    );
    assert!(lab.ask("ps -o args= -C sleep").contains("1000000"));

    // A run that ended between the file and the restart: the next one restarts.
    let third = started(lab, "e2b-sleep");
    lab.ask("sleep 1.1; touch /opt/e2b/sleep.env");
    let report = apply(host, &items("A=2", &unit)).await.unwrap();
    assert_eq!(
        changed(&report, 2).unwrap(),
        "restart: `/opt/e2b/sleep.env` is newer than the running unit"
    );
    assert_ne!(third, started(lab, "e2b-sleep"));
    assert!(
        apply(host, &items("A=2", &unit))
            .await
            .unwrap()
            .is_unchanged()
    );

    // The same between the unit file and systemd's reading it.
    lab.ask("sleep 1.1; echo '# by hand' >>/etc/systemd/system/e2b-sleep.service");
    let by_hand = format!("{unit}# by hand\n");
    let report = apply(host, &items("A=2", &by_hand)).await.unwrap();
    assert!(changed(&report, 1).unwrap().starts_with("reload: "));
    assert!(changed(&report, 2).unwrap().starts_with("restart: "));
    assert!(
        apply(host, &items("A=2", &by_hand))
            .await
            .unwrap()
            .is_unchanged()
    );

    lab.ask("systemctl stop e2b-sleep; systemctl disable -q e2b-sleep");
    let report = apply(host, &items("A=2", &by_hand)).await.unwrap();
    assert_eq!(
        changed(&report, 2).unwrap(),
        "start: not enabled, not running"
    );

    let reloading: Vec<Item> = vec![
        Text::new("/opt/e2b/sleep.env", "A=3").into(),
        Service::new("e2b-sleep")
            .restart_on(["/opt/e2b/sleep.env"])
            .reload(true)
            .into(),
    ];
    let pid = started(lab, "e2b-sleep");
    lab.ask("sleep 1.1");
    let report = apply(host, &reloading).await.unwrap();
    assert!(changed(&report, 1).unwrap().starts_with("reload: "));
    assert_eq!(pid, started(lab, "e2b-sleep"));
    assert!(apply(host, &reloading).await.unwrap().is_unchanged());

    let stopped: Vec<Item> = vec![
        Service::new("e2b-sleep")
            .enabled(false)
            .running(false)
            .into(),
    ];
    let report = apply(host, &stopped).await.unwrap();
    assert_eq!(changed(&report, 0).unwrap(), "stop: enabled, running");
    assert!(apply(host, &stopped).await.unwrap().is_unchanged());

    let drop_in: Vec<Item> = vec![
        UnitFile::new(
            "e2b-sleep.service.d/limits.conf",
            "[Service]\nLimitNOFILE=4242\n",
        )
        .into(),
        Service::new("e2b-sleep").running(true).into(),
    ];
    apply(host, &drop_in).await.unwrap();
    assert_eq!(
        lab.ask("systemctl show -p LimitNOFILE --value e2b-sleep"),
        "4242"
    );
    assert!(apply(host, &drop_in).await.unwrap().is_unchanged());
}

async fn instances(lab: &Lab, host: &Host) {
    let items = |seconds: u32| -> Vec<Item> {
        let unit = format!("[Service]\nExecStart=/bin/sleep {seconds}\n");
        vec![
            UnitFile::new("e2b-many@.service", unit).into(),
            Service::new("e2b-many@1.service").running(true).into(),
        ]
    };
    converge(lab, host, items(1000)).await;
    let report = apply(host, &items(2000)).await.unwrap();
    assert!(changed(&report, 1).unwrap().starts_with("restart: "));
    assert!(lab.ask("ps -o args= -C sleep").contains("2000"));
}

async fn failing_services(lab: &Lab, host: &Host) {
    let items: Vec<Item> = vec![
        UnitFile::new(
            "e2b-bad.service",
            "[Service]\nExecStart=/bin/sh -c 'echo the-cause-of-it; exit 3'\n",
        )
        .into(),
        Service::new("e2b-bad").running(true).into(),
        Text::new("/opt/e2b/after", "x").into(),
    ];
    let error = apply(host, &items).await.unwrap_err();
    assert_eq!(error.kind(), "state.apply");
    assert!(
        error
            .to_string()
            .contains("`e2b-bad.service` did not start (result: exit-code)"),
        "{error}"
    );
    assert!(
        error
            .output()
            .iter()
            .any(|line| line.contains("the-cause-of-it")),
        "{error:?}"
    );
    assert_eq!(error.applied().len(), 1);
    assert_eq!(error.pending(), ["text /opt/e2b/after"]);
    assert_eq!(
        lab.ask("ls /opt/e2b/after 2>/dev/null || echo none"),
        "none"
    );
    let error = apply(host, &[Service::new("e2b-nothing").running(true).into()])
        .await
        .unwrap_err();
    assert!(
        error.to_string().ends_with("there is no such unit"),
        "{error}"
    );
}

async fn accounts(lab: &Lab, host: &Host) {
    converge(
        lab,
        host,
        vec![
            Group::new("e2bgroup").system(true).into(),
            User::new("e2buser")
                .system(true)
                .groups(["e2bgroup"])
                .home("/opt/e2bhome".to_owned())
                .shell("/bin/sh".to_owned())
                .into(),
            Dir::new("/opt/e2bdir")
                .owner("e2buser".to_owned())
                .group("e2bgroup".to_owned())
                .into(),
        ],
    )
    .await;
    assert_eq!(lab.ask("id -nG e2buser"), "e2buser e2bgroup");
    assert_eq!(lab.ask("stat -c '%U %G' /opt/e2bdir"), "e2buser e2bgroup");
    lab.ask("gpasswd -d e2buser e2bgroup");
    let wanted: Vec<Item> = vec![User::new("e2buser").groups(["e2bgroup", "video"]).into()];
    let report = apply(host, &wanted).await.unwrap();
    assert_eq!(
        changed(&report, 0).unwrap(),
        "update: groups +e2bgroup +video"
    );
    assert!(apply(host, &wanted).await.unwrap().is_unchanged());
    let error = apply(host, &[User::new("x").groups(["nogroupsuch"]).into()])
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("there is no group `nogroupsuch`")
    );
}

async fn kernel(lab: &Lab, host: &Host) {
    let forward = Sysctl::new("net.ipv4.ip_forward", "1");
    converge(lab, host, vec![forward.clone().into()]).await;
    assert_eq!(lab.ask("cat /proc/sys/net/ipv4/ip_forward"), "1");
    assert!(
        lab.ask("cat /etc/sysctl.d/60-e2bscript-*")
            .contains("net.ipv4.ip_forward = 1")
    );
    lab.ask("echo 0 >/proc/sys/net/ipv4/ip_forward");
    let report = apply(host, &[forward.into()]).await.unwrap();
    assert_eq!(changed(&report, 0).unwrap(), "update: value 0 → 1");
    let ports = Sysctl::new("net.ipv4.ip_local_port_range", "20000 60000");
    converge(lab, host, vec![ports.into()]).await;

    let absent = Sysctl::new("kernel.no_such_key_at_all", "1");
    let error = apply(host, &[absent.clone().into()]).await.unwrap_err();
    assert!(error.to_string().ends_with("this kernel has no such key"));
    let report = apply(host, &[absent.optional(true).into()]).await.unwrap();
    assert!(report.is_unchanged() && report.items[0].notes.len() == 1);

    let module = KernelModule::new("no_such_module").options([("a", "1")]);
    let error = apply(host, &[module.clone().into()]).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("this kernel has no such module")
    );
    let report = apply(host, &[module.optional(true).into()]).await.unwrap();
    assert!(report.is_unchanged() && report.items[0].notes.len() == 1);
}

async fn mounts(lab: &Lab, host: &Host) {
    let mount = |options: &str| -> Vec<Item> {
        vec![
            Mount::new("tmpfs", "/mnt/e2b test", "tmpfs")
                .options(options.to_owned())
                .into(),
        ]
    };
    converge(lab, host, mount("size=1m,nosuid")).await;
    assert!(
        lab.ask("findmnt -n -o OPTIONS '/mnt/e2b test'")
            .contains("size=1024k")
    );
    assert!(
        lab.ask("cat /etc/fstab")
            .contains("tmpfs /mnt/e2b\\040test tmpfs size=1m,nosuid 0 0")
    );
    let report = apply(host, &mount("size=2m,nosuid")).await.unwrap();
    assert!(changed(&report, 0).unwrap().contains("options"));
    assert!(
        lab.ask("findmnt -n -o OPTIONS '/mnt/e2b test'")
            .contains("size=2048k")
    );
    assert!(
        apply(host, &mount("size=2m,nosuid"))
            .await
            .unwrap()
            .is_unchanged()
    );
    lab.ask("umount '/mnt/e2b test'");
    let report = apply(host, &mount("size=2m,nosuid")).await.unwrap();
    assert_eq!(changed(&report, 0).unwrap(), "mount: not mounted");
    let other = Mount::new("/dev/nothing", "/mnt/e2b test", "ext4");
    let error = apply(host, &[other.into()]).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`tmpfs` (tmpfs) is mounted there"),
        "{error}"
    );
    let bad = Mount::new("/dev/nothing", "/mnt/bad", "ext4");
    assert!(apply(host, &[bad.into()]).await.is_err());
    assert!(!lab.ask("cat /etc/fstab").contains("/mnt/bad"));
}

async fn nftables(lab: &Lab, host: &Host) {
    lab.ask("nft add table ip other; nft add chain ip other c");
    let chain = |port: u16| {
        format!(
            "chain input {{\n  type filter hook input priority 0; policy accept;\n  tcp dport {port} counter accept\n}}\n"
        )
    };
    let table = |port| -> Vec<Item> { vec![NftTable::new("inet", "e2b", chain(port)).into()] };
    converge(lab, host, table(4646)).await;
    assert!(
        lab.ask("nft list table inet e2b")
            .contains("tcp dport 4646")
    );
    assert!(lab.ask("nft list tables").contains("table ip other"));

    let report = apply(host, &table(4647)).await.unwrap();
    assert!(changed(&report, 0).unwrap().starts_with("load: rules"));
    let live = lab.ask("nft list table inet e2b");
    assert!(live.contains("4647") && !live.contains("4646"), "{live}");

    lab.ask("nft add rule inet e2b input tcp dport 9999 drop");
    let report = apply(host, &table(4647)).await.unwrap();
    assert!(changed(&report, 0).unwrap().contains("changed by hand"));
    assert!(!lab.ask("nft list table inet e2b").contains("drop"));
    lab.ask("nft delete table inet e2b");
    let report = apply(host, &table(4647)).await.unwrap();
    assert_eq!(changed(&report, 0).unwrap(), "load: not loaded");
    assert!(apply(host, &table(4647)).await.unwrap().is_unchanged());

    // The distribution's service flushes everything; ours comes back with it, and at boot.
    lab.ask("systemctl start nftables && systemctl restart nftables");
    assert!(lab.ask("nft list table inet e2b").contains("4647"));
    assert_eq!(
        lab.ask("systemctl is-enabled e2bscript-nft-inet-e2b"),
        "enabled"
    );
    lab.ask("systemctl stop nftables; nft flush ruleset; systemctl restart e2bscript-nft-inet-e2b");
    assert!(apply(host, &table(4647)).await.unwrap().is_unchanged());

    let bad = NftTable::new("inet", "e2b", "chain x { nonsense }");
    let error = apply(host, &[bad.into()]).await.unwrap_err();
    assert!(
        error.output().iter().any(|line| line.contains("nonsense")),
        "{error:?}"
    );
    assert!(lab.ask("nft list table inet e2b").contains("4647"));
    assert!(lab.ask("cat /etc/nftables.d/*").contains("4647"));
}

async fn commands(lab: &Lab, host: &Host) {
    let run: Item = Run::new(sh(
        "cat >/opt/e2b/made; echo \"$A\" >>/opt/e2b/made; id -u >>/opt/e2b/made",
    ))
    .creates("/opt/e2b/made".to_owned())
    .env([("A".to_owned(), "it's".to_owned())])
    .stdin("secret\n")
    .into();
    converge(lab, host, vec![run]).await;
    assert_eq!(lab.ask("cat /opt/e2b/made"), "secret\nit's\n0");

    let guarded: Item = Run::new(Work::Words(vec!["touch".into(), "/opt/e2b/a b".into()]))
        .unless(sh("test -e '/opt/e2b/a b'"))
        .named("touch it".to_owned())
        .into();
    converge(lab, host, vec![guarded.clone()]).await;
    // What an item before it undoes is done again in the same run.
    let undo: Item = e2bscript::files::state::Absent::new("/opt/e2b/a b").into();
    let report = apply(host, &[undo, guarded.clone()]).await.unwrap();
    assert!(report.items.iter().all(|item| item.change.is_some()));
    lab.ask("test -e '/opt/e2b/a b'");
    let other: Item = Text::new("/opt/e2b/unrelated", "1").into();
    let report = apply(host, &[other, guarded]).await.unwrap();
    assert!(report.items[1].change.is_none());

    let failing: Item = Run::new(sh("echo the reason >&2; exit 7"))
        .unless(sh("false"))
        .into();
    let error = apply(host, &[failing]).await.unwrap_err();
    assert_eq!(
        (error.code(), error.command()),
        (Some(7), Some("echo the reason >&2; exit 7"))
    );
    assert_eq!(error.output(), ["the reason"]);
    let lying: Item = Run::new(sh("true"))
        .creates("/opt/e2b/never".to_owned())
        .into();
    let error = apply(host, &[lying]).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("did not create `/opt/e2b/never`")
    );
    // Input that nobody reads does not disturb what follows.
    let unread: Vec<Item> = vec![
        Run::new(sh("exec 0<&-; sleep 0.1; touch /opt/e2b/unread"))
            .creates("/opt/e2b/unread".to_owned())
            .stdin(vec![b'x'; 60_000])
            .into(),
        Text::new("/opt/e2b/follows", "content").into(),
    ];
    converge(lab, host, unread).await;
    assert_eq!(lab.ask("cat /opt/e2b/follows"), "content");
}

/// Makes a repository of one small package on the node.
const REPOSITORY: &str = r#"
set -e
mkdir -p /opt/repo/p/DEBIAN /opt/repo/p/opt && cd /opt/repo
printf 'Package: e2b-hello\nVersion: 1.0\nArchitecture: all\nMaintainer: x <x@x>\nProvides: e2b-virtual\nDescription: test\n' >p/DEBIAN/control
dpkg-deb -b p e2b-hello_1.0_all.deb >/dev/null
{ cat p/DEBIAN/control; printf 'Filename: ./e2b-hello_1.0_all.deb\nSize: %s\nSHA256: %s\n' "$(stat -c %s e2b-hello_1.0_all.deb)" "$(sha256sum e2b-hello_1.0_all.deb | cut -d ' ' -f 1)"; } >Packages
echo 'deb [trusted=yes] file:/opt/repo ./' >/etc/apt/sources.list
"#;

async fn packages(lab: &Lab, host: &Host) {
    let known: Vec<Item> = vec![Packages::new(["curl", "nftables"]).into()];
    assert!(apply(host, &known).await.unwrap().is_unchanged());
    lab.ask(REPOSITORY);
    // Another apt holds the locks for a while, the lists are empty: both are waited for and mended.
    lab.ask("perl -e 'use Fcntl; for (\"/var/lib/dpkg/lock-frontend\", \"/var/lib/apt/lists/lock\") { open(my $f, \">>\", $_) or die; push @f, $f; my $l = pack(\"s s l! l! i\", F_WRLCK, 0, 0, 0, 0); fcntl($f, F_SETLK, $l) or die } $| = 1; close STDOUT; close STDERR; sleep 5' >/dev/null 2>&1 & sleep 0.5");
    converge(lab, host, vec![Packages::new(["e2b-hello"]).into()]).await;
    assert!(lab.ask("dpkg-query -W e2b-hello").contains("1.0"));
    let none: Vec<Item> = vec![Packages::new(["e2b-no-such-package"]).into()];
    let error = apply(host, &none).await.unwrap_err();
    assert!(
        error
            .output()
            .iter()
            .any(|line| line.contains("Unable to locate package e2b-no-such-package")),
        "{error:?}"
    );
    let error = apply(host, &[Packages::new(["e2b-virtual"]).into()])
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("`e2b-virtual` is no real package"),
        "{error}"
    );
}

struct Release {
    url: String,
    member: String,
    sha: String,
}

/// A mirror that the workstation reaches, with an archive of one small program.
async fn mirror_here() -> (wiremock::MockServer, Release) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("program"), b"\x7fELF and more").unwrap();
    let archive = dir.path().join("a.tgz");
    let packed = Command::new("tar")
        .args(["-C", dir.path().to_str().unwrap(), "-czf"])
        .args([archive.to_str().unwrap(), "program"])
        .status();
    assert!(packed.unwrap().success());
    let bytes = std::fs::read(&archive).unwrap();
    let server = wiremock::MockServer::start().await;
    let release = Release {
        url: format!("{}/a.tgz", server.uri()),
        member: "program".to_owned(),
        sha: e2bscript::files::sha256(&bytes),
    };
    wiremock::Mock::given(wiremock::matchers::path("/a.tgz"))
        .respond_with(wiremock::ResponseTemplate::new(200).set_body_bytes(bytes))
        .mount(&server)
        .await;
    (server, release)
}

async fn downloads(lab: &Lab, host: &Host) {
    let release = lab.env("FIRECRACKER_RELEASE");
    let url = format!(
        "{}/{release}/firecracker-{release}-x86_64.tgz",
        lab.env("FIRECRACKER_MIRROR")
    );
    let member = format!("release-{release}-x86_64/firecracker-{release}-x86_64");
    let sha = lab.env("FIRECRACKER_SHA256");
    let cache = tempfile::tempdir().unwrap();
    let (server, here) = mirror_here().await;
    let there = Release { url, member, sha };
    for (via, path, release) in [
        (Via::Node, "/opt/e2b/fc", &there),
        (Via::Workstation, "/opt/e2b/fc2", &here),
    ] {
        let Release { url, member, sha } = release;
        let item = Download::new(url, path, sha)
            .extract(member.clone())
            .mode(Mode::new(0o755))
            .via(via);
        let options = Options {
            cache_dir: cache.path().to_owned(),
            ..options()
        };
        let items = [Item::from(item.clone())];
        ensure(host, &items, &options, &mut Silent).await.unwrap();
        assert_eq!(
            lab.ask(&format!(
                "stat -c %a {path}; head -c 4 {path} | tr -d '\\177'"
            )),
            "755\nELF"
        );
        let again = ensure(host, &items, &options, &mut Silent).await.unwrap();
        assert!(again.is_unchanged(), "{again:#?}");
        lab.ask(&format!("printf x >>{path}"));
        let again = ensure(host, &items, &options, &mut Silent).await.unwrap();
        assert_eq!(changed(&again, 0).unwrap(), "update: content");

        let before = lab.ask(&format!("sha256sum {path}"));
        let wrong: Item = Download::new(url, path, "0".repeat(64)).via(via).into();
        let error = ensure(host, &[wrong], &options, &mut Silent)
            .await
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&format!("sha256 {sha}, not 000")),
            "{error}"
        );
        let gone: Item = Download::new(format!("{url}x"), path, "1".repeat(64))
            .via(via)
            .into();
        let error = ensure(host, &[gone], &options, &mut Silent)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("404"), "{error}");
        let none: Item = Download::new(url, path, sha)
            .extract("nothing".to_owned())
            .via(via)
            .into();
        let error = ensure(host, &[none], &options, &mut Silent)
            .await
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`nothing` could not be taken out"),
            "{error}"
        );
        assert_eq!(lab.ask(&format!("sha256sum {path}")), before);
    }
    assert_eq!(lab.ask("ls -A /opt/e2b | grep -c e2bscript || true"), "0");
    drop(server);
    let unchecked: Vec<Item> = vec![Download::unchecked(&there.url, "/opt/e2b/any").into()];
    converge(lab, host, unchecked).await;
}

async fn transfers(lab: &Lab, host: &Host) {
    let dir = tempfile::tempdir().unwrap();
    let local = dir.path().join("big");
    let bytes: Vec<u8> = (0..5_000_000u32)
        .flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes())
        .collect();
    std::fs::write(&local, &bytes).unwrap();
    let put = PutOptions {
        ensure: options(),
        ..PutOptions::default()
    };
    upload(host, &local, "/opt/e2b/big", &put, &mut |_, _| {})
        .await
        .unwrap();
    let back = dir.path().join("back");
    download(
        host,
        "/opt/e2b/big",
        &back,
        &Default::default(),
        &mut |_, _| {},
    )
    .await
    .unwrap();
    assert!(std::fs::read(&back).unwrap() == bytes);
    let text = read_text(host, "/opt/e2b/api.env", &Sudo::NoPassword, 100)
        .await
        .unwrap();
    assert_eq!(text, "PASSWORD=canary\n");
    let error = read_text(host, "/opt/e2b/api.env", &Sudo::None, 100).await;
    assert!(error.is_ok(), "it is the user's own file: {error:?}");
    assert!(
        lab.ask("sha256sum /opt/e2b/big")
            .starts_with(&e2bscript::files::sha256(&bytes))
    );
}

const PASSWORD_USER: &str = "
set -e
useradd --create-home --shell /bin/bash pw
echo 'pw:geheim wort' | chpasswd
echo 'pw ALL=(ALL) ALL' >/etc/sudoers.d/pw
cp -r /home/ubuntu/.ssh /home/pw/.ssh
chown -R pw: /home/pw/.ssh
";

async fn sudo_passwords(lab: &Lab) {
    lab.ask(PASSWORD_USER);
    let mut target = Target::new("server-1");
    target.user = Some("pw".to_owned());
    let host = lab.ssh.host(target).await.unwrap();
    let password = |text: &str| Sudo::Password(text.to_owned().into());
    let with = |sudo: &Sudo| Options {
        sudo: sudo.clone(),
        ..Options::default()
    };
    let item = |text: &str| [Item::from(Text::new("/opt/e2b/pw", text.to_owned()))];
    let right = password("geheim wort");
    for text in ["one", "two"] {
        ensure(&host, &item(text), &with(&right), &mut Silent)
            .await
            .unwrap();
        assert_eq!(
            lab.ask("stat -c %U /opt/e2b/pw; cat /opt/e2b/pw"),
            format!("root\n{text}")
        );
    }
    let error = ensure(&host, &item("x"), &with(&password("wrong")), &mut Silent)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), "ssh.sudo", "{error:?}");
    let error = ensure(&host, &item("x"), &with(&Sudo::NoPassword), &mut Silent)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("a password is required"),
        "{error}"
    );
    // Where none is asked for, the password is not taken for the script.
    lab.ask("echo 'pw ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/pw");
    ensure(&host, &item("three"), &with(&right), &mut Silent)
        .await
        .unwrap();
    lab.ask("rm /etc/sudoers.d/pw");
    let error = ensure(&host, &item("x"), &with(&right), &mut Silent)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), "ssh.sudo", "{error:?}");
    assert_eq!(lab.ask("cat /opt/e2b/pw"), "three");
    assert!(!lab.ask("journalctl --no-pager").contains("geheim"));
}

async fn no_op_cost(host: &Host) {
    let items: Vec<Item> = (0..50)
        .map(|n| Text::new(format!("/opt/e2b/file{n}"), format!("{n}")).into())
        .collect();
    apply(host, &items).await.unwrap();
    let trips = host.stats().round_trips;
    let report = apply(host, &items).await.unwrap();
    assert!(report.is_unchanged());
    assert_eq!(host.stats().round_trips - trips, 1);
}
