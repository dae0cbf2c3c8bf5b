//! The flows over the platform, as far as they need no hosts.

use crate::fake::Fake;

const CONFIG: &str = r#"let c = #{ config: #{ env: #{ VALIDATION_TEMPLATE_ID: "", VALIDATION_TEMPLATE_ALIAS: "", SEED_TEMPLATE_ALIAS: "base" } } };"#;

fn validate(options: &str) -> String {
    format!("import \"std/validate\" as validate;\n{CONFIG}\nvalidate::run(c, {options});")
}

#[test]
fn a_platform_that_works_is_found_to() {
    let fake = Fake::start(|_| {});
    let ran = fake.run(&validate("#{}"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let steps = [
        "API health",
        "client-proxy health",
        "template",
        "create sandbox",
        "running",
        "exec",
        "files",
        "delete sandbox",
        "gone",
    ];
    for step in steps {
        let line = ran
            .stdout
            .lines()
            .find(|line| line.trim_start().starts_with(step));
        assert!(
            line.is_some_and(|line| line.contains("ok")),
            "{step}: {}",
            ran.stderr
        );
    }
    assert!(fake.state().sandboxes.is_empty());
    assert!(
        !ran.stderr.contains("which the script left"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_platform_that_does_not_work_ends_with_7_and_says_what_does_not() {
    let fake = Fake::start(|state| state.output = Some("Darwin\n".to_owned()));
    let ran = fake.run(&validate("#{}"));
    assert_eq!(ran.code, Some(7), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("1 of 9 steps failed") && ran.stderr.contains("Darwin"),
        "{}",
        ran.stderr
    );
    assert!(fake.state().sandboxes.is_empty());

    let fake = Fake::start(|state| state.has_templates = false);
    let ran = fake.run(&validate("#{ build: false }"));
    assert_eq!(ran.code, Some(7), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("create-template.rhai"),
        "{}",
        ran.stderr
    );
    assert_eq!(fake.count("POST", "/sandboxes"), 0);
}

#[test]
fn a_plan_of_the_validation_only_reads() {
    let fake = Fake::start(|_| {});
    let ran = fake.run_with(&["--plan"], &validate("#{}"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        fake.server
            .asked()
            .iter()
            .all(|asked| asked.method == "GET"),
        "{}",
        ran.stderr
    );
}

#[test]
fn hooks_see_the_sandbox_and_add_rows() {
    let fake = Fake::start(|_| {});
    let options = "#{ after_create: |sandbox| print(sandbox.client), extra: |sandbox| [#{ step: \"own\", status: \"fail\", detail: \"no\" }] }";
    let ran = fake.run(&validate(options));
    assert_eq!(ran.code, Some(7), "{}", ran.stderr);
    assert!(ran.stdout.contains("0badcafe"), "{}", ran.stdout);
    assert!(ran.stderr.contains("own: no"), "{}", ran.stderr);
}

#[test]
fn old_sandboxes_are_ended() {
    let fake = Fake::start(|_| {});
    let script = "import \"std/sandboxes\" as sandboxes;\nimport \"std/platform\" as platform;\n\
        platform::open(()).create_sandbox(\"base\", #{ keep: true });\n";
    let ran = fake.run(&format!("{script}sandboxes::overview((), #{{}});\nsandboxes::kill((), #{{ older_than: \"200000h\" }});"));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stdout.contains("running") && ran.stderr.contains("0 of 0 sandboxes"),
        "{}",
        ran.stderr
    );
    let ran = fake.run(&format!(
        "{script}sandboxes::kill((), #{{ older_than: \"1h\" }});"
    ));
    assert!(ran.stderr.contains("2 of 2 sandboxes"), "{}", ran.stderr);
    assert!(fake.state().sandboxes.is_empty());
}
