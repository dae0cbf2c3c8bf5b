//! The platform's own job files.

use crate::lab::lab;

/// Each is read and found valid by Nomad itself, and a change of one variable is exactly that.
#[test]
fn the_job_files_are_valid_and_a_variable_changes_what_it_names() {
    let lab = lab();
    let _whole = lab.gently();
    for name in ["api", "client-proxy", "orchestrator", "template-manager"] {
        let file = format!("{}/nomad/{name}.hcl", env!("CARGO_MANIFEST_DIR"));
        let given = [("TEXT", std::fs::read_to_string(file).unwrap())];
        let script = "n.validate(n.parse(TEXT, #{ vars: #{ datacenter: \"lab\" } }))";
        assert_eq!(lab.value(script, &given), "", "{name}");
    }
    let file = format!("{}/nomad/api.hcl", env!("CARGO_MANIFEST_DIR"));
    let given = [("TEXT", std::fs::read_to_string(file).unwrap())];
    let script = r#"
        let parse = |memory| n.parse(TEXT, #{ vars: #{ datacenter: "nowhere", memory: memory } });
        n.register(parse.call("64"), #{ check_index: 0 });
        let lines = n.plan(parse.call("96")).lines;
        n.stop("api");
        lines
    "#;
    let wanted = "~ group api / task api / Resources / MemoryMB: 64 → 96";
    assert_eq!(lab.value(script, &given), serde_json::json!([wanted]));
}
