//! Archives of the stacks, and `deploy.env` out of their outputs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use e2bscript::env_file;

const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

/// The program in a directory of the test's own.
fn command(home: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_e2bscript"));
    command
        .args(words)
        .current_dir(home)
        .env("HOME", home)
        .env("XDG_STATE_HOME", home.join("state"))
        .env("NO_COLOR", "1")
        .env_remove("E2BSCRIPT_ENV_FILE")
        .stdin(Stdio::null());
    command
}

fn run(home: &Path, words: &[&str]) -> Output {
    command(home, words).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[track_caller]
fn works(home: &Path, words: &[&str]) -> String {
    let output = run(home, words);
    assert!(output.status.success(), "{words:?}: {}", said(&output));
    said(&output)
}

fn recorded(name: &str) -> String {
    format!("{PROJECT}/tests/data/stacks/{name}.json")
}

fn values(path: &Path) -> Vec<(String, String)> {
    let parsed = env_file::parse(&fs::read_to_string(path).unwrap());
    assert_eq!(parsed.problems, []);
    let entries = parsed.entries.into_iter();
    entries.map(|entry| (entry.name, entry.value)).collect()
}

fn value(path: &Path, name: &str) -> String {
    let found = values(path).into_iter().find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("no {name}")).1
}

fn new_home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    works(home.path(), &["init"]);
    home
}

/// A copy of the stacks with what must not get into an archive.
fn littered() -> tempfile::TempDir {
    let project = tempfile::tempdir().unwrap();
    for stack in ["terraform-base", "terraform-cluster"] {
        let copied = Command::new("cp")
            .args(["-R", &format!("{PROJECT}/{stack}")])
            .arg(project.path())
            .status()
            .unwrap();
        assert!(copied.success());
        let dir = project.path().join(stack);
        fs::create_dir_all(dir.join(".terraform/providers")).unwrap();
        for name in [
            "terraform.tfstate",
            "terraform.tfstate.backup",
            "terraform.tfvars",
            "secret.auto.tfvars",
            ".terraform/providers/x",
            "deploy.env",
            "id_ed25519",
            ".hidden.tf",
        ] {
            fs::write(dir.join(name), "canary-4f1c").unwrap();
        }
    }
    project
}

#[test]
fn an_archive_is_the_same_twice_and_holds_the_stack_alone() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let project = littered();
    let from = project.path().to_str().unwrap();
    works(one.path(), &["package.rhai", "--project", from]);
    // times differ, and who made the copy
    works(two.path(), &["package.rhai", "--project", PROJECT]);
    for archive in ["e2b-oci-stack.zip", "e2b-oci-cluster.zip"] {
        let bytes = fs::read(one.path().join(archive)).unwrap();
        assert!(
            bytes == fs::read(two.path().join(archive)).unwrap(),
            "{archive}"
        );
        let unpacked = one.path().join(format!("{archive}.d"));
        let status = Command::new("unzip")
            .arg("-q")
            .arg(one.path().join(archive))
            .arg("-d")
            .arg(&unpacked)
            .status()
            .unwrap();
        assert!(status.success(), "{archive}");
        for name in [
            "versions.tf",
            "variables.tf",
            "outputs.tf",
            "schema.yaml",
            "README.md",
        ] {
            assert!(
                unpacked.join(name).is_file(),
                "{archive} has no {name} at its root"
            );
        }
        let canary = Command::new("grep")
            .args(["-r", "canary-4f1c"])
            .arg(&unpacked)
            .output()
            .unwrap();
        assert_eq!(said(&canary), "", "{archive}");
        // every file that the stack names is in it
        let stack = if archive.contains("cluster") {
            "terraform-cluster"
        } else {
            "terraform-base"
        };
        for folder in [
            "",
            "user-data",
            "user-data/files",
            "user-data/templates",
            "cloud-init",
        ] {
            let Ok(entries) = fs::read_dir(format!("{PROJECT}/{stack}/{folder}")) else {
                continue;
            };
            for entry in entries
                .map(Result::unwrap)
                .filter(|entry| entry.path().is_file())
            {
                let name = entry.file_name().into_string().unwrap();
                let packed = fs::read(unpacked.join(folder).join(&name)).ok();
                let same = packed == fs::read(entry.path()).ok();
                assert!(
                    same || name.starts_with('.'),
                    "{archive} has another {folder}/{name}, or none"
                );
            }
        }
    }
    validates(&["e2b-oci-stack.zip.d", "e2b-oci-cluster.zip.d"].map(|name| one.path().join(name)));
    works(one.path(), &["package.rhai", "--project", from]);
    let nothing = run(one.path(), &["package.rhai", "--project", "/nonexistent"]);
    assert_eq!(nothing.status.code(), Some(2), "{}", said(&nothing));
}

/// What was unpacked is what Resource Manager gets: stacks by themselves.
fn validates(stacks: &[PathBuf]) {
    let output = Command::new(format!("{PROJECT}/tools/terraform.sh"))
        .arg("validate")
        .args(stacks)
        .output()
        .unwrap();
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    // a machine without registry and stand-in is told so by `make terraform` too
    let possible = !said.contains("no provider could be had");
    for stack in stacks.iter().filter(|_| possible) {
        let line = format!("{}: valid", stack.file_name().unwrap().display());
        assert!(said.lines().any(|known| known == line), "{line}: {said}");
    }
}

#[test]
fn the_same_deploy_env_comes_out_of_all_three_forms() {
    let mut texts = BTreeSet::new();
    for form in ["output", "state", "job"] {
        let home = new_home();
        let base = recorded(&format!("base.{form}"));
        works(home.path(), &["configure.rhai", &base]);
        // the second by standard input
        let cluster = fs::File::open(recorded(&format!("cluster.{form}"))).unwrap();
        let output = command(home.path(), &["configure.rhai", "-"])
            .stdin(cluster)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let path = home.path().join("deploy.env");
        for (name, wanted) in [
            ("BASTION_HOST", "203.0.113.20"),
            ("SERVER_POOL_PRIVATE", "10.0.2.11,10.0.2.12,10.0.2.13"),
            ("CLIENT_POOL_PRIVATE", "10.0.2.101,10.0.2.102"),
            ("CONSUL_SERVERS", "10.0.2.11,10.0.2.12,10.0.2.13"),
            ("POSTGRES_PORT", "5432"),
            ("NOMAD_REGION", "us-ashburn-1"),
        ] {
            assert_eq!(value(&path, name), wanted, "{form}");
        }
        assert_eq!(value(&path, "EDGE_SERVICE_SECRET").len(), 64);
        assert_ne!(
            value(&path, "EDGE_SERVICE_SECRET"),
            value(&path, "SANDBOX_ACCESS_TOKEN_HASH_SEED")
        );
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let authority = value(&path, "POSTGRES_SSLROOTCERT");
        assert!(
            fs::read_to_string(authority)
                .unwrap()
                .starts_with("-----BEGIN CERTIFICATE")
        );
        // what was random or lies in the home differs
        let lines = fs::read_to_string(&path).unwrap();
        let same = lines.lines().filter(|line| {
            ![
                "EDGE_SERVICE_SECRET=",
                "SANDBOX_ACCESS_TOKEN_HASH_SEED=",
                "POSTGRES_SSLROOTCERT=",
            ]
            .iter()
            .any(|name| line.starts_with(name))
        });
        texts.insert(same.collect::<Vec<_>>().join("\n"));
    }
    assert_eq!(texts.len(), 1);
}

#[test]
fn hand_set_values_and_comments_stay_and_what_came_from_a_stack_follows_it() {
    let home = new_home();
    let path = home.path().join("deploy.env");
    works(home.path(), &["configure.rhai", &recorded("base.output")]);
    let text = fs::read_to_string(&path).unwrap();
    let text = text
        .replace(
            "POSTGRES_PORT=5432 # from terraform-base",
            "# ours\nPOSTGRES_PORT=6432",
        )
        .replace("BASTION_HOST=203.0.113.20 #", "BASTION_HOST=203.0.113.99 #")
        .replace(
            "POSTGRES_PASSWORD=REPLACE_WITH_POSTGRES_PASSWORD",
            "POSTGRES_PASSWORD=canary-9ab2",
        );
    fs::write(&path, &text).unwrap();

    let planned = works(
        home.path(),
        &["configure.rhai", "--plan", &recorded("base.output")],
    );
    assert!(planned.contains("-BASTION_HOST=203.0.113.99"), "{planned}");
    assert!(planned.contains("+BASTION_HOST=203.0.113.20"), "{planned}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);

    let said = works(home.path(), &["configure.rhai", &recorded("base.output")]);
    assert!(
        said.contains("BASTION_HOST: 203.0.113.99 → 203.0.113.20"),
        "{said}"
    );
    assert!(
        said.contains("POSTGRES_PORT in `deploy.env` was set by hand and stays"),
        "{said}"
    );
    assert!(
        !said.contains("canary-9ab2") && !planned.contains("canary-9ab2"),
        "{said}"
    );
    let after = fs::read_to_string(&path).unwrap();
    assert_eq!(after, text.replace("203.0.113.99", "203.0.113.20"));

    let again = works(home.path(), &["configure.rhai", &recorded("base.output")]);
    assert!(again.contains("0 changed"), "{again}");
    works(
        home.path(),
        &["configure.rhai", "--overwrite", &recorded("base.output")],
    );
    assert_eq!(value(&path, "POSTGRES_PORT"), "5432");
    assert_eq!(value(&path, "POSTGRES_PASSWORD"), "canary-9ab2");
}

#[test]
fn what_no_stack_covers_is_told_with_where_it_comes_from() {
    let home = new_home();
    let said = works(home.path(), &["configure.rhai"]);
    for (name, from) in [
        ("BASTION_HOST", "`bastion_public_ip` of terraform-base"),
        (
            "CLIENT_POOL_PRIVATE",
            "`client_private_ips` of terraform-cluster",
        ),
        ("POSTGRES_PASSWORD", "`--vault`"),
        ("KERNEL_SHA256", "`sha256sum` of the kernel"),
    ] {
        let line = said
            .lines()
            .find(|line| line.contains(&format!("{name} in")));
        assert!(
            line.is_some_and(|line| line.contains(from)),
            "{name}: {said}"
        );
    }
    let said = works(
        home.path(),
        &[
            "configure.rhai",
            &recorded("base.output"),
            &recorded("cluster.job"),
        ],
    );
    let told = said.matches("is still to be filled in").count();
    assert_eq!(told, 3, "{said}");
}

#[test]
fn outputs_of_something_else_are_refused() {
    let home = new_home();
    let other = home.path().join("other.json");
    for text in [
        "{}",
        "[]",
        r#"{"version":4,"outputs":{}}"#,
        r#"{"data":{"items":[]}}"#,
    ] {
        fs::write(&other, text).unwrap();
        let output = run(home.path(), &["configure.rhai", "other.json"]);
        assert_eq!(output.status.code(), Some(2), "{text}: {}", said(&output));
        assert!(
            said(&output).contains("are of neither stack"),
            "{}",
            said(&output)
        );
    }
}

#[test]
fn the_password_comes_from_the_vault_and_a_missing_command_is_told() {
    let home = new_home();
    let words = ["configure.rhai", "--vault", &recorded("base.output")];
    let tools = home.path().join("tools");
    fs::create_dir(&tools).unwrap();
    let missing = command(home.path(), &words)
        .env("PATH", &tools)
        .output()
        .unwrap();
    assert!(!missing.status.success());
    assert!(
        said(&missing).contains("there is no `oci` command"),
        "{}",
        said(&missing)
    );

    // "canary-77d0" in base64, for the secret of the outputs and no other
    let oci = tools.join("oci");
    let script = "#!/bin/sh\ncase \"$*\" in *ocid1.vaultsecret.oc1.iad.password*) echo Y2FuYXJ5LTc3ZDA= ;; *) exit 1 ;; esac\n";
    fs::write(&oci, script).unwrap();
    fs::set_permissions(&oci, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let output = command(home.path(), &words)
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(!said(&output).contains("canary-77d0"), "{}", said(&output));
    assert_eq!(
        value(&home.path().join("deploy.env"), "POSTGRES_PASSWORD"),
        "canary-77d0"
    );
    let journal = Command::new("grep")
        .args(["-r", "canary-77d0"])
        .arg(home.path().join("state"))
        .output()
        .unwrap();
    assert_eq!(said(&journal), "");
}

/// Names of a stack's outputs, as Terraform has them.
fn outputs_of(stack: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(format!("{PROJECT}/{stack}/outputs.tf")).unwrap();
    let names = text
        .lines()
        .filter_map(|line| line.strip_prefix("output \""));
    names
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_tables_fit_the_stacks_and_cover_deploy_env() {
    let home = tempfile::tempdir().unwrap();
    let script = home.path().join("tables.rhai");
    fs::write(
        &script,
        "import \"std/stacks\" as stacks;\nimport \"std/config\" as config;\n\
         json::stringify(#{ outputs: stacks::OUTPUTS, made: stacks::MADE, by_hand: stacks::BY_HAND, required: config::REQUIRED, \
         one_of: config::ONE_OF, optional: config::OPTIONAL })\n",
    )
    .unwrap();
    let output = run(home.path(), &[script.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let tables: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
    let mut covered = BTreeSet::new();
    for (stack, names) in tables["outputs"].as_object().unwrap() {
        let there = outputs_of(stack);
        for (name, output) in names.as_object().unwrap() {
            let output = output.as_str().unwrap();
            assert!(there.contains(output), "{stack} has no output {output}");
            covered.insert(name.clone());
        }
        // and the recorded outputs are those of the stack
        let form = stack.trim_start_matches("terraform-");
        let recorded = fs::read_to_string(self::recorded(&format!("{form}.output"))).unwrap();
        let recorded: serde_json::Value = serde_json::from_str(&recorded).unwrap();
        let recorded: BTreeSet<String> = recorded.as_object().unwrap().keys().cloned().collect();
        assert_eq!(recorded, there, "{stack}");
    }
    let strings = |value: &serde_json::Value| -> Vec<String> {
        let items = value.as_array().unwrap().iter();
        items
            .map(|item| item.as_str().unwrap().to_owned())
            .collect()
    };
    covered.extend(strings(&tables["made"]));
    covered.extend(tables["by_hand"].as_object().unwrap().keys().cloned());
    for name in strings(&tables["required"]) {
        assert!(covered.contains(&name), "nothing covers {name}");
    }
    for group in tables["one_of"].as_array().unwrap() {
        let names = strings(group);
        assert!(
            names.iter().any(|name| covered.contains(name)),
            "nothing covers {names:?}"
        );
    }
    let known: BTreeSet<String> = strings(&tables["required"])
        .into_iter()
        .chain(tables["optional"].as_object().unwrap().keys().cloned())
        .collect();
    for name in &covered {
        assert!(known.contains(name), "{name} is no name of deploy.env");
    }
}

#[test]
fn the_check_tells_outputs_that_are_gone_and_names_that_nothing_covers() {
    let project = tempfile::tempdir().unwrap();
    for stack in ["terraform-base", "terraform-cluster"] {
        fs::create_dir(project.path().join(stack)).unwrap();
        let outputs = fs::read_to_string(format!("{PROJECT}/{stack}/outputs.tf")).unwrap();
        let outputs = outputs.replace("output \"bastion_public_ip\"", "output \"bastion_ip\"");
        fs::write(project.path().join(stack).join("outputs.tf"), outputs).unwrap();
    }
    fs::create_dir(project.path().join("stdlib")).unwrap();
    let module = fs::read_to_string(format!("{PROJECT}/stdlib/stacks.rhai")).unwrap();
    let module = module.replace("    KERNEL_SHA256: ", "    KERNEL_SHA: ");
    fs::write(project.path().join("stdlib/stacks.rhai"), module).unwrap();
    let output = run(project.path(), &["check"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let said = said(&output);
    for wanted in [
        "`terraform-base` has no output `bastion_public_ip`, which BASTION_HOST",
        "nothing covers `KERNEL_SHA256` of deploy.env",
        "2 errors",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}

/// The blocks of one kind: name and text of each.
fn blocks(text: &str, kind: &str) -> Vec<(String, String)> {
    let head = format!("\n{kind} \"");
    let parts = text.split(head.as_str()).skip(1);
    let named = parts.map(|part| part.split_once('"').unwrap());
    named
        .map(|(name, rest)| {
            let body = rest.split("\n}").next().unwrap();
            (name.to_owned(), body.to_owned())
        })
        .collect()
}

#[test]
fn the_suites_cover_every_variable_validation_and_output() {
    for stack in ["terraform-base", "terraform-cluster"] {
        let read = |name: &str| {
            let text = fs::read_to_string(format!("{PROJECT}/{stack}/{name}"));
            format!("\n{}", text.unwrap())
        };
        let name = stack.trim_start_matches("terraform-");
        let made = read(&format!("tests/{name}.tftest.hcl"));
        let refused = read("tests/refused.tftest.hcl");
        for (variable, body) in blocks(&read("variables.tf"), "variable") {
            let set = made.lines().any(|line| {
                let words: Vec<&str> = line.split_whitespace().take(2).collect();
                words == [variable.as_str(), "="]
            });
            assert!(set, "{stack}: no test sets {variable}");
            let sentences = body.matches("validation {").count();
            let refusals = refused.matches(&format!("[var.{variable}]")).count();
            assert!(
                refusals >= sentences,
                "{stack}: {refusals} refusals of {variable}, which has {sentences} sentences"
            );
        }
        for (output, body) in blocks(&read("outputs.tf"), "output") {
            let used = made.contains(&format!("output.{output}"));
            assert!(used, "{stack}: no test looks at {output}");
            for secret in [
                "password_details",
                "credentials",
                "secret_content",
                "sensitive",
            ] {
                assert!(!body.contains(secret), "{stack}: {output} has {secret}");
            }
        }
    }
}

#[test]
fn the_guide_counts_its_commands() {
    let guide = fs::read_to_string(format!("{PROJECT}/docs/guide/oci.md")).unwrap();
    let commands = guide.split("```").skip(1).step_by(2).flat_map(str::lines);
    let numbers: Vec<usize> = commands
        .filter_map(|line| {
            line.split_once(" # ")?
                .1
                .split([':', ' '])
                .next()?
                .parse()
                .ok()
        })
        .collect();
    let counted: Vec<usize> = (1..=numbers.len()).collect();
    assert_eq!(numbers, counted);
    assert_eq!(numbers.len(), 18);
    assert!(guide.contains("\nEighteen commands:"));
}

#[test]
fn no_stack_has_a_secret_in_an_output_or_a_literal_password() {
    for stack in ["terraform-base", "terraform-cluster"] {
        let files = Command::new("find")
            .arg(format!("{PROJECT}/{stack}"))
            .args(["-type", "f"])
            .output()
            .unwrap();
        for file in String::from_utf8(files.stdout).unwrap().lines() {
            let text = fs::read_to_string(file).unwrap();
            let tested = PathBuf::from(file)
                .components()
                .any(|part| part.as_os_str() == "tests");
            let plain = text.contains("PLAIN_TEXT")
                || text.contains("password =")
                || text.contains("PRIVATE KEY-----\n");
            assert!(tested || !plain, "{file}");
        }
    }
}

#[test]
fn the_forms_show_every_variable_and_output() {
    for stack in ["terraform-base", "terraform-cluster"] {
        let read = |name: &str| fs::read_to_string(format!("{PROJECT}/{stack}/{name}")).unwrap();
        let declared: BTreeSet<String> = read("variables.tf")
            .lines()
            .filter_map(|line| line.strip_prefix("variable \""))
            .map(|rest| rest.split('"').next().unwrap().to_owned())
            .collect();
        let form = read("schema.yaml");
        let groups = form.split("\nvariables:\n").next().unwrap();
        let grouped: BTreeSet<String> = groups
            .lines()
            .filter_map(|line| line.strip_prefix("      - "))
            .map(str::to_owned)
            .collect();
        assert_eq!(grouped, declared, "{stack}");
        let keys = |part: &str| -> BTreeSet<String> {
            let lines = part.lines().filter(|line| !line.starts_with("   "));
            lines
                .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
                .map(str::to_owned)
                .collect()
        };
        let rest = form.split("\nvariables:\n").nth(1).unwrap();
        let (variables, outputs) = rest.split_once("\noutputs:\n").unwrap();
        assert_eq!(keys(variables), declared, "{stack}");
        assert_eq!(keys(outputs), outputs_of(stack), "{stack}");
    }
}
