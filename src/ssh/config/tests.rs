use super::*;
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::wire::AddressFamily;
use proptest::prelude::*;

fn load(dir: &Path, text: &str) -> Result<Config, Error> {
    let path = dir.join("config");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    Config::load(&Options {
        config_file: Some(path),
        ..Options::default()
    })
}

fn resolve(text: &str, host: &str) -> Result<Settings, Error> {
    let dir = tempfile::tempdir().unwrap();
    load(dir.path(), text)?.resolve(host, None, None)
}

#[test]
fn without_a_word_about_it_a_host_has_openssh_s_defaults() {
    let settings = resolve("", "Node").unwrap();
    assert_eq!((settings.host_name.as_str(), settings.port), ("node", 22));
    assert_eq!(settings.proxy, Proxy::Direct);
    assert!(
        settings
            .identities
            .iter()
            .any(|path| path.ends_with(".ssh/id_ed25519"))
    );
    assert!(!settings.identities_named && !settings.identities_only);
    assert!(settings.user_known_hosts[0].ends_with(".ssh/known_hosts"));
    assert_eq!(settings.accept_new, None);
}

#[test]
fn a_bastion_as_operators_write_it() {
    let text = "Host e2b-*\n  User opc\n  IdentityFile ~/.ssh/e2b\n  IdentitiesOnly yes\n\
                Host e2b-bastion\n  HostName 203.0.113.7\n\
                Host e2b-node-*\n  ProxyJump e2b-bastion\n  HostKeyAlias %h\n";
    let bastion = resolve(text, "e2b-bastion").unwrap();
    assert_eq!(
        (
            bastion.host_name.as_str(),
            bastion.user.as_str(),
            &bastion.proxy
        ),
        ("203.0.113.7", "opc", &Proxy::Direct)
    );
    let node = resolve(text, "e2b-node-1").unwrap();
    let Proxy::Jump(hops) = &node.proxy else {
        panic!("{:?}", node.proxy);
    };
    assert_eq!(hops[0].host, "e2b-bastion");
    assert!(node.identities_named && node.identities_only);
}

#[test]
fn names_that_a_shell_would_read_never_reach_a_proxy_command() {
    let text = "Host *\n  ProxyCommand nc %h %p\n";
    for host in ["a;id", "$(id)", "-oX", "a b", "a'b"] {
        assert_eq!(
            resolve(text, host).unwrap_err().kind(),
            "ssh.name",
            "{host}"
        );
    }
    let named = "HostName $(id)\nProxyCommand nc %h %p\n";
    assert_eq!(resolve(named, "a").unwrap_err().kind(), "ssh.name");
    let user = "User a;b\nProxyCommand nc %r\n";
    assert_eq!(resolve(user, "a").unwrap_err().kind(), "ssh.name");
    let good = resolve(text, "node-1").unwrap();
    assert_eq!(good.proxy, Proxy::Command("nc node-1 22".to_owned()));
}

#[test]
fn match_exec_runs_only_when_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let witness = dir.path().join("ran");
    let text = format!("Match exec \"touch {}\"\n  Port 77\n", witness.display());
    let mut config = load(dir.path(), &text).unwrap();
    let settings = config.resolve("a", None, None).unwrap();
    assert_eq!((settings.port, witness.exists()), (22, false));
    assert!(
        settings.notes[0].contains("config:1"),
        "{:?}",
        settings.notes
    );
    config.may_run = true;
    assert_eq!(config.resolve("a", None, None).unwrap().port, 77);
    assert!(witness.exists());
    let error = config.resolve("$(id)", None, None).unwrap_err();
    assert!(error.to_string().contains("cannot be used"), "{error}");
}

#[test]
fn a_refused_downgrade_is_noted() {
    let settings = resolve("StrictHostKeyChecking no\n", "a").unwrap();
    assert_eq!(settings.accept_new, Some(true));
    assert!(settings.notes[0].contains("a changed key is refused"));
}

#[test]
fn errors_name_the_file_and_line() {
    for (text, part) in [
        ("\nPort x\n", "config:2: `x` is not a port"),
        ("Host b\n  Port 0\n", "config:2"),
        ("User \"a\n", "config:1: a quote is not closed"),
        ("ProxyJump a:b\n", "config:1"),
        ("Match host\n", "config:1"),
        ("User a b\n", "config:1"),
    ] {
        let error = resolve(text, "a").unwrap_err();
        assert!(error.to_string().contains(part), "{error} lacks {part}");
        assert_eq!(error.kind(), "ssh.config");
    }
    let missing = Config::load(&Options {
        config_file: Some(PathBuf::from("/no/such/config")),
        ..Options::default()
    });
    assert!(missing.unwrap_err().to_string().contains("/no/such/config"));
}

#[test]
fn none_instead_of_a_file_is_no_configuration() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join(".ssh")).unwrap();
    fs::write(home.path().join(".ssh/config"), "Port 2222\n").unwrap();
    for (config_file, port) in [(None, 2222), (Some(PathBuf::from("none")), 22)] {
        let config = Config::load(&Options {
            config_file,
            home: Some(home.path().to_owned()),
            ..Options::default()
        });
        let settings = config.unwrap().resolve("a", None, None).unwrap();
        assert_eq!(settings.port, port);
    }
}

/// What `ssh -G` says; an error is what it refuses the configuration with.
fn openssh(
    config: &Path,
    host: &str,
    user: Option<&str>,
    port: Option<u16>,
) -> Result<Answer, String> {
    let mut command = Command::new("ssh");
    command.arg("-G").arg("-F").arg(config);
    if let Some(user) = user {
        command.args(["-l", user]);
    }
    if let Some(port) = port {
        command.args(["-p", &port.to_string()]);
    }
    let out = command
        .arg(host)
        .stdin(Stdio::null())
        .output()
        .expect("the OpenSSH client is needed for this test");
    if !out.status.success() {
        return Err(String::from_utf8_lossy(&out.stderr).into_owned());
    }
    let mut answer = Answer::new();
    for line in String::from_utf8(out.stdout).unwrap().lines() {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        answer
            .entry(key.to_owned())
            .or_default()
            .push(value.to_owned());
    }
    Ok(answer)
}

type Answer = HashMap<String, Vec<String>>;

/// Our answer in the same words, as far as we have them.
fn ours(settings: &Settings, theirs: &Answer) -> Vec<(&'static str, Vec<String>)> {
    let one = |text: String| vec![text];
    let paths = |list: &[PathBuf]| -> Vec<String> {
        list.iter().map(|path| path.display().to_string()).collect()
    };
    let seconds = |time: Option<Duration>, none: &str| match time {
        Some(time) => time.as_secs().to_string(),
        None => none.to_owned(),
    };
    let home = Local::look_up().home.unwrap().display().to_string();
    let mut list = vec![
        ("hostname", one(settings.host_name.clone())),
        ("port", one(settings.port.to_string())),
        ("user", one(settings.user.clone())),
        (
            "identitiesonly",
            one(if settings.identities_only {
                "yes"
            } else {
                "no"
            }
            .to_owned()),
        ),
        (
            "hashknownhosts",
            one(if settings.hash_known_hosts {
                "yes"
            } else {
                "no"
            }
            .to_owned()),
        ),
        (
            "connecttimeout",
            one(seconds(settings.connect_timeout, "none")),
        ),
        (
            "serveraliveinterval",
            one(seconds(settings.alive_interval, "0")),
        ),
        (
            "serveralivecountmax",
            one(settings.alive_max.unwrap_or(3).to_string()),
        ),
        (
            "userknownhostsfile",
            one(paths(&settings.user_known_hosts).join(" ")),
        ),
        (
            "globalknownhostsfile",
            one(paths(&settings.global_known_hosts).join(" ")),
        ),
        ("certificatefile", paths(&settings.certificates)),
        (
            "addressfamily",
            one(match settings.family {
                AddressFamily::Any => "any",
                AddressFamily::V4 => "inet",
                AddressFamily::V6 => "inet6",
            }
            .to_owned()),
        ),
    ];
    if settings.identities_named {
        list.push(("identityfile", paths(&settings.identities)));
    }
    let ask = theirs
        .get("stricthostkeychecking")
        .map(|list| list[0].as_str());
    list.push((
        "stricthostkeychecking",
        one(match (settings.accept_new, ask) {
            (None, _) => "ask",
            (Some(true), Some(text @ ("false" | "accept-new"))) => text,
            (Some(false), Some(text @ ("true" | "ask"))) => text,
            _ => "wrong",
        }
        .to_owned()),
    ));
    list.extend(
        settings
            .host_key_alias
            .clone()
            .map(|name| ("hostkeyalias", one(name))),
    );
    for (_, values) in &mut list {
        for value in values {
            *value = value.replace("~/", &format!("{home}/"));
        }
    }
    list
}

fn compare(config: &Path, text: &str, host: &str, user: Option<&str>, port: Option<u16>) {
    let theirs = openssh(config, host, user, port);
    let mine = Config::load(&Options {
        config_file: Some(config.to_owned()),
        ..Options::default()
    })
    .and_then(|config| config.resolve(host, user, port));
    let (theirs, mine) = match (theirs, mine) {
        (Err(_), Err(_)) => return,
        (Ok(theirs), Ok(mine)) => (theirs, mine),
        // We find these when the way to the host is worked out.
        (Err(why), Ok(_)) if why.contains("jumphost loop") => return,
        (theirs, mine) => panic!("for {host}: ssh says {theirs:?}, we say {mine:?}\n{text}"),
    };
    let home = Local::look_up().home.unwrap().display().to_string();
    for (key, values) in ours(&mine, &theirs) {
        let expected: Vec<String> = theirs
            .get(key)
            .cloned()
            .unwrap_or_default()
            .iter()
            // It lists the word that we take as an instruction.
            .filter(|value| *value != "none" || !key.ends_with("file"))
            .map(|value| value.replace("~/", &format!("{home}/")))
            .collect();
        let values: Vec<String> = values.into_iter().filter(|one| !one.is_empty()).collect();
        assert_eq!(values, expected, "{key} for {host} in\n{text}");
    }
    assert_eq!(
        mine.host_key_alias.is_some(),
        theirs.contains_key("hostkeyalias"),
        "{text}"
    );
    if !mine.identities_named {
        assert!(
            theirs["identityfile"]
                .iter()
                .any(|path| path.ends_with("id_xmss")),
            "{text}"
        );
    }
    let first = |key: &str| theirs.get(key).map(|list| list[0].clone());
    match &mine.proxy {
        Proxy::Direct => {
            assert_eq!(
                first("proxyjump").filter(|hop| hop != "none"),
                None,
                "{text}"
            );
            assert_eq!(
                first("proxycommand").filter(|one| one != "none"),
                None,
                "{text}"
            );
        }
        Proxy::Jump(hops) => {
            let listed = first("proxyjump").unwrap_or_else(|| panic!("no jump in\n{text}"));
            assert_eq!(jump::parse(&listed).unwrap(), *hops, "{text}");
        }
        Proxy::Command(command) => {
            let raw = first("proxycommand").unwrap_or_else(|| panic!("no command in\n{text}"));
            let expanded = raw
                .replace("%h", &theirs["hostname"][0])
                .replace("%p", &theirs["port"][0])
                .replace("%r", &theirs["user"][0])
                .replace("%n", host);
            assert_eq!(*command, expanded, "{text}");
        }
    }
}

fn choose(list: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(list).prop_map(str::to_owned)
}

const HOSTS: &[&str] = &[
    "a",
    "b",
    "ab",
    "A",
    "a.example.com",
    "b.example.com",
    "10.0.0.1",
];

fn setting() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        choose(&["x.example.com", "%h.example.com", "10.1.1.1", "B", "%p"])
            .prop_map(|v| ("HostName", v)),
        choose(&["22", "2222", "65535", "0", "70000", "x"]).prop_map(|v| ("Port", v)),
        choose(&["me", "you", "ops-1"]).prop_map(|v| ("User", v)),
        choose(&["~/.ssh/k1", "/k2", "~/k3", "none", "\"/a b/k\""])
            .prop_map(|v| ("IdentityFile", v)),
        choose(&["~/c1", "/c2"]).prop_map(|v| ("CertificateFile", v)),
        choose(&["yes", "no", "YES", "true", "maybe"]).prop_map(|v| ("IdentitiesOnly", v)),
        choose(&["yes", "no", "false"]).prop_map(|v| ("HashKnownHosts", v)),
        choose(&["alias-1", "ALIAS", "\"alias 3\""]).prop_map(|v| ("HostKeyAlias", v)),
        choose(&[
            "a",
            "u@b:2222",
            "b,c",
            "none",
            "u@[::1]:7,x",
            "ssh://q@z:8",
            "a:x",
            "10.0.0.9"
        ])
        .prop_map(|v| ("ProxyJump", v)),
        choose(&["nc %h %p", "none", "ssh -W \"%h:%p\" x # y", "cat %r %n"])
            .prop_map(|v| ("ProxyCommand", v)),
        choose(&["/kh1", "~/kh1 /kh2", "none", "\"/k h\""]).prop_map(|v| ("UserKnownHostsFile", v)),
        choose(&["/gkh", "/g1 /g2"]).prop_map(|v| ("GlobalKnownHostsFile", v)),
        choose(&["yes", "no", "ask", "accept-new", "off", "perhaps"])
            .prop_map(|v| ("StrictHostKeyChecking", v)),
        choose(&["5", "1m", "none", "0", "1h30m"]).prop_map(|v| ("ConnectTimeout", v)),
        choose(&["0", "15", "1m"]).prop_map(|v| ("ServerAliveInterval", v)),
        choose(&["0", "1", "9"]).prop_map(|v| ("ServerAliveCountMax", v)),
        choose(&["any", "inet", "inet6", "INET"]).prop_map(|v| ("AddressFamily", v)),
        choose(&["yes", "no"]).prop_map(|v| ("Compression", v)),
    ];
    (value, 0..6_u8).prop_map(|((key, value), style)| match style {
        0 => format!("{key}={value}"),
        1 => format!("\t{} = {value}", key.to_lowercase()),
        2 => format!("  {} \t {value}  ", key.to_uppercase()),
        3 if !key.starts_with("Proxy") => format!("{key} {value} # why"),
        _ => format!("{key} {value}"),
    })
}

fn condition() -> impl Strategy<Value = String> {
    const PATTERNS: &[&str] = &[
        "a",
        "b",
        "*",
        "a*",
        "?",
        "!a",
        "*.example.com",
        "!*.example.com",
        "10.0.?.*",
        "x*",
        "B",
    ];
    let host =
        prop::collection::vec(choose(PATTERNS), 1..4).prop_map(|p| format!("Host {}", p.join(" ")));
    let list =
        || prop::collection::vec(choose(PATTERNS), 1..3).prop_map(|patterns| patterns.join(","));
    let criterion = prop_oneof![
        list().prop_map(|l| format!("host {l}")),
        list().prop_map(|l| format!("!host {l}")),
        list().prop_map(|l| format!("originalhost {l}")),
        choose(&["me", "you", "root", "*", "!me,*"]).prop_map(|l| format!("user {l}")),
        choose(&["root", "nobody", "r*"]).prop_map(|l| format!("localuser {l}")),
        Just("final".to_owned()),
        Just("!final".to_owned()),
        Just("canonical".to_owned()),
    ];
    let matched = prop_oneof![
        6 => prop::collection::vec(criterion, 1..3).prop_map(|list| format!("Match {}", list.join(" "))),
        1 => Just("Match all".to_owned()),
        1 => Just("Match final all".to_owned()),
        1 => Just("match host=a*".to_owned()),
    ];
    prop_oneof![host, matched]
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => setting(),
        3 => condition(),
        1 => Just("# a comment".to_owned()),
        1 => Just(String::new()),
        1 => Just("Include @DIR@/part*".to_owned()),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(line(), 1..14).prop_map(|lines| lines.join("\n") + "\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_configurations_mean_what_ssh_says(
        main in text(),
        part in text(),
        host in choose(HOSTS),
        user in prop::option::weighted(0.3, choose(&["me", "cli"])),
        port in prop::option::weighted(0.3, 1..9000_u16),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let here = dir.path().display().to_string();
        // Parts include nothing: a file that includes itself is tested elsewhere.
        let part = part.replace("Include @DIR@/part*", "");
        for (name, text) in [("config", &main), ("part1", &part)] {
            let path = dir.path().join(name);
            fs::write(&path, text.replace("@DIR@", &here)).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let all = format!("{main}--- part1\n{part}");
        compare(&dir.path().join("config"), &all, &host, user.as_deref(), port);
    }
}
