//! The examples that use a platform and no hosts run, and end with what they should.

use crate::fake::Fake;

#[test]
fn examples_run_against_a_platform() {
    for (name, wanted) in [
        ("sandbox", r#""hello-from-exec\nLinux""#),
        ("sandbox-stream", "4"),
        ("sandbox-files", r#""3\n1\n2\n""#),
        (
            "snapshot-resume",
            r#"["paused","running","before the pause"]"#,
        ),
        ("many-sandboxes", "[0,0,0,0]"),
    ] {
        let fake = Fake::start(|_| {});
        let path = format!("{}/examples/{name}.rhai", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let ran = fake.run_with(&["--json"], &text);
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.stdout);
        let result = ran
            .stdout
            .lines()
            .find(|line| line.contains("\"type\":\"result\""))
            .unwrap();
        assert!(
            result.contains(&format!("\"value\":{wanted}")),
            "{name}: {result}"
        );
        assert!(fake.state().sandboxes.is_empty(), "{name}");
    }
}
