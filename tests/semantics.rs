//! What this program relies on in Rhai, as it is in the version that `Cargo.toml` pins: an upgrade
//! that changes one of these is a decision, not an accident.

// A test may stop at once; clippy knows that only inside test functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use e2bscript::bindings::task;
use e2bscript::diag::{Class, Failure};
use e2bscript::engine::context::with_deadline;
use e2bscript::engine::library::{Found, Library};
use e2bscript::engine::raise::failure_of;
use e2bscript::engine::registry::{Function, Module, Param, Property, Registry, Type};
use e2bscript::engine::ty::Ty;
use e2bscript::engine::{Host, Outcome, Session, Settings};
use e2bscript::report::Mode;
use e2bscript::run::Run;
use rhai::{Dynamic, EvalAltResult};

/// A handle, as `ssh::connect` would give one.
#[derive(Clone)]
struct Node(Arc<str>);

static TEST: Module = Module {
    name: "test",
    doc: "",
    functions: &[
        Function {
            name: "node",
            params: &[Param::new("name", Ty::Str, "")],
            body: |call| Ok(Dynamic::from(Node(call.string(0)?.into()))),
            ..Function::BASE
        },
        Function {
            name: "each",
            params: &[
                Param::new("items", Ty::Array, ""),
                Param::new("body", Ty::Callback(1), ""),
            ],
            body: |call| {
                let (items, body) = (call.array(0)?, call.callback(1)?);
                let values = items.into_iter().map(|item| call.invoke(&body, (item,)));
                Ok(values.collect::<Result<rhai::Array, _>>()?.into())
            },
            ..Function::BASE
        },
        Function {
            name: "fail",
            body: |_| {
                Err(Failure::new("test.broken", "it broke")
                    .host("client-1")
                    .code(7)
                    .help("mend it")
                    .into())
            },
            ..Function::BASE
        },
        Function {
            name: "cancel",
            body: |call| {
                call.session.run.cancel().cancel();
                Ok(Dynamic::UNIT)
            },
            ..Function::BASE
        },
        Function {
            name: "panic",
            body: |_| panic!("out of cheese"),
            ..Function::BASE
        },
    ],
    types: &[&NODE],
};

static NODE: Type = Type {
    name: "Node",
    doc: "",
    id: std::any::TypeId::of::<Node>,
    rust_name: std::any::type_name::<Node>,
    methods: &[Function {
        name: "run",
        params: &[Param::new("command", Ty::Str, "")],
        body: |call| {
            let node: Node = call.receiver()?;
            Ok(format!("{}$ {}", node.0, call.string(0)?).into())
        },
        ..Function::BASE
    }],
    properties: &[Property {
        name: "name",
        doc: "",
        get: |node| {
            let name = node.read_lock::<Node>().map(|node| node.0.to_string());
            Ok(name.unwrap_or_default().into())
        },
    }],
};

static MODULES: &[&Module] = &[&task::MODULE, &TEST];

/// Runs `main` with the standard modules `std`.
fn run_with(std: &[(&str, &str)], main: &str) -> Result<Outcome, Box<EvalAltResult>> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in std {
        fs::write(dir.path().join(name).with_extension("rhai"), text).unwrap();
    }
    run_in(dir.path(), main)
}

fn run_in(std: &Path, main: &str) -> Result<Outcome, Box<EvalAltResult>> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let run = Run::silent(Mode::Apply, runtime.handle().clone());
    let session = Session::new(run, Settings::default());
    let library = Library {
        std_dirs: vec![std.to_path_buf()],
        ..Library::default()
    };
    let host = Host::new(Registry::new(MODULES), library, session, Box::new(|_| {}));
    let found = Found {
        id: "main.rhai".into(),
        path: Some("main.rhai".into()),
        text: main.into(),
    };
    let ast = host.compile(&found)?;
    host.run(&ast)
}

fn eval_with(std: &[(&str, &str)], main: &str) -> String {
    match run_with(std, main) {
        Ok(Outcome::Value(value)) => value.to_string(),
        Ok(Outcome::Exit(code)) => format!("exit {code}"),
        Err(error) => panic!("{error}"),
    }
}

fn eval(main: &str) -> String {
    eval_with(&[], main)
}

fn fails(main: &str) -> Failure {
    failure_of(&run_with(&[], main).expect_err(main))
}

/// The message alone, for errors whose wording is Rhai's.
fn raw_error_with(std: &[(&str, &str)], main: &str) -> String {
    run_with(std, main)
        .expect_err(main)
        .unwrap_inner()
        .to_string()
}

// --- closures across modules -----------------------------------------------------------------

#[test]
fn a_closure_given_to_a_binding_sees_its_own_script() {
    let helper = "fn helper(x) { `main ${x}` }";
    assert_eq!(
        eval(&format!("{helper} test::each([1], |x| helper(x))")),
        r#"["main 1"]"#
    );
    assert_eq!(
        eval(&format!(
            "{helper} test::each([1], |x| test::each([x], |y| helper(y)))"
        )),
        r#"[["main 1"]]"#
    );
    let module = "fn helper(x) { `a ${x}` } fn act() { test::each([1], |x| helper(x)) }";
    assert_eq!(
        eval_with(
            &[("a", module)],
            &format!(r#"import "std/a" as a; {helper} a::act()"#)
        ),
        r#"["a 1"]"#
    );
}

#[test]
fn the_main_scripts_closure_keeps_its_helpers_within_a_module() {
    let module = r#"
        const WHO = "a";
        fn helper() { "a" }
        fn act(hook) { hook.call() }
    "#;
    assert_eq!(
        eval_with(
            &[("a", module)],
            r#"import "std/a" as a; fn helper() { "main" } a::act(|| helper())"#
        ),
        "main"
    );
    assert_eq!(
        eval_with(
            &[("a", module)],
            r#"import "std/a" as a; const WHO = "main"; a::act(|| global::WHO)"#
        ),
        "main"
    );
}

/// Through a second module too: `check` need not forbid the hooks of operators' scripts.
#[test]
fn the_main_scripts_closure_keeps_its_helpers_through_two_modules() {
    let a = r#"import "std/b" as b; fn helper() { "a" } fn act(hook) { b::act(hook) }"#;
    let b = r#"fn helper() { "b" } fn act(hook) { hook.call() }"#;
    assert_eq!(
        eval_with(
            &[("a", a), ("b", b)],
            r#"import "std/a" as a; fn helper() { "main" } a::act(|| helper())"#
        ),
        "main"
    );
    assert_eq!(
        eval_with(
            &[("a", a), ("b", b)],
            r#"import "std/a" as a; fn helper() { "main" } a::act(|| test::each([1], |x| helper()))"#
        ),
        r#"["main"]"#
    );
}

/// Rhai remembers a function by its name and its number of arguments, whichever module asked first: left to itself, it would
/// give one module the other's.
#[test]
fn each_module_calls_its_own_functions() {
    let module = |name: &str| {
        format!(
            r#"
            fn run(c) {{ run(c, #{{}}) }}
            fn run(c, options) {{ `{name}${{helper(1)}}${{helper(1, 2)}}` }}
            private fn helper(x) {{ `-${{twice(x)}}` }}
            private fn helper(x, y) {{ test::each([x], |n| helper(n + y))[0] }}
            private fn twice(x) {{ x.doubled() }}
            private fn doubled() {{ this * 2 }}
            "#
        )
    };
    let (a, b, c) = (module("a"), module("b"), module("c"));
    let both = r#"
        import "std/a" as a;
        import "std/b" as b;
        fn act() { a::run(()) + b::run(()) + a::run(()) + b::run(()) }
    "#;
    let std = [("a", &*a), ("b", &*b), ("c", &*c), ("both", both)];
    let expected = ["a-2-6", "b-2-6", "c-2-6"].repeat(3);
    assert_eq!(
        eval_with(
            &std,
            r#"import "std/a" as a; import "std/b" as b; import "std/c" as c;
               let said = [];
               for n in 0..3 { said += [a::run(()), b::run(()), c::run(())]; }
               said"#
        ),
        format!("{expected:?}")
    );
    assert_eq!(
        eval_with(
            &std,
            r#"import "std/both" as both; import "std/a" as a; [both::act(), both::act(), a::run(())]"#
        ),
        r#"["a-2-6b-2-6a-2-6b-2-6", "a-2-6b-2-6a-2-6b-2-6", "a-2-6"]"#
    );
}

#[test]
fn a_modules_functions_have_the_names_that_it_gave_them() {
    let module = "private fn inner() { test::fail() } fn outer() { inner() }";
    let error =
        run_with(&[("a", module)], r#"import "std/a" as a; a::outer()"#).expect_err("it fails");
    let sources = e2bscript::engine::source::Sources::default();
    let trace = e2bscript::engine::trace::unwind(&error, &sources, "main.rhai");
    let entered: Vec<String> = trace
        .frames
        .iter()
        .map(|frame| format!("{:?}", frame.entered))
        .collect();
    assert_eq!(entered, [r#"Function("inner")"#, r#"Function("outer")"#]);
    let hidden = run_with(&[("a", module)], r#"import "std/a" as a; a::inner()"#);
    assert!(hidden.is_err(), "a private function can be called");
}

#[test]
fn a_modules_closure_keeps_the_helpers_of_its_module() {
    let a = r#"import "std/b" as b; fn helper() { "a" } fn act() { b::act(|| helper()) }"#;
    let b = r#"fn helper() { "b" } fn act(hook) { hook.call() + helper() }"#;
    assert_eq!(
        eval_with(&[("a", a), ("b", b)], r#"import "std/a" as a; a::act()"#),
        "ab"
    );
}

/// Silent, and refused by `check`: constants and imports of the calling module.
#[test]
fn a_modules_closure_takes_constants_and_imports_of_the_module_that_calls_it() {
    let a = r#"
        import "std/b" as b;
        import "std/c" as x;
        const WHO = "a";
        fn who() { b::act(|n| global::WHO) }
        fn imported() { b::act(|n| x::name()) }
    "#;
    let b = r#"
        import "std/d" as x;
        const WHO = "b";
        fn act(hook) { test::each([1], hook) }
    "#;
    let (c, d) = (r#"fn name() { "c" }"#, r#"fn name() { "d" }"#);
    let std = [("a", a), ("b", b), ("c", c), ("d", d)];
    assert_eq!(
        eval_with(&std, r#"import "std/a" as a; a::who() + a::imported()"#),
        r#"["b", "d"]"#
    );
    assert_eq!(
        eval_with(
            &std,
            r#"import "std/b" as b; import "std/c" as x; const WHO = "main";
               b::act(|n| [global::WHO, x::name()])"#
        ),
        r#"[["main", "c"]]"#
    );
}

#[test]
fn a_closure_that_leaves_its_module_cannot_be_called() {
    let module = "fn make() { |x| x + 1 } export let made = |x| x + 1;";
    for main in ["a::make().call(1)", "let f = a::made; f.call(1)"] {
        let error = raw_error_with(&[("a", module)], &format!(r#"import "std/a" as a; {main}"#));
        assert!(error.contains("Function not found: anon$"), "{error}");
    }
}

#[test]
fn a_function_given_by_its_bare_name_is_the_modules_own() {
    let a = r#"fn helper(x) { "a" } fn act() { test::each([1], helper) }"#;
    assert_eq!(
        eval_with(
            &[("a", a)],
            r#"import "std/a" as a; fn helper(x) { "main" } a::act()"#
        ),
        r#"["a"]"#
    );
}

/// Silent: a captured variable with the name of a function that others may call, of the script itself or of the module that
/// calls the closure. What a module keeps for itself does no harm.
#[test]
fn a_captured_variable_is_taken_for_a_function_of_its_name() {
    let own = "fn helper(x) { x } let helper = 1; let f = || type_of(helper); f.call()";
    assert_eq!(eval(own), "Fn");
    let main = r#"import "std/a" as a; let helper = 1; a::act(|| type_of(helper))"#;
    for (access, taken_for) in [("", "Fn"), ("private", "i64")] {
        let module = format!("{access} fn helper(x) {{ x }} fn act(hook) {{ hook.call() }}");
        assert_eq!(eval_with(&[("a", &module)], main), taken_for, "{access}");
    }
}

#[test]
fn switch_sees_a_captured_variable() {
    assert_eq!(
        eval(r#"let e = "prod"; let f = || switch e { "prod" => 1, _ => 2 }; f.call()"#),
        "1"
    );
    assert_eq!(
        eval(r#"let e = "prod"; let f = || e; switch e { "prod" => 1, _ => 2 }"#),
        "1"
    );
}

#[test]
fn an_error_in_a_closure_names_the_closures_script() {
    let module = "fn act(hook) {\n\n\n    hook.call()\n}";
    let error = run_with(
        &[("a", module)],
        "import \"std/a\" as a;\na::act(|| test::fail());",
    )
    .expect_err("it fails");
    let place = e2bscript::engine::trace::place_of(&error, "main.rhai").unwrap();
    assert_eq!((place.source.as_str(), place.line), ("main.rhai", 2));
}

// --- behaviours that bite ---------------------------------------------------------------------

#[test]
fn a_mistyped_key_is_an_error_and_never_empty() {
    for script in [
        "let m = #{}; m.dir",
        "let m = #{}; `rm -rf ${m.dir}/x`",
        "let m = #{}; m?.t ?? 30",
    ] {
        assert_eq!(fails(script).kind, "script.missing_key", "{script}");
    }
    assert_eq!(eval(r#"let m = #{}; m.get("t") ?? 30"#), "30");
    assert_eq!(eval(r#"let m = #{ t: 1 }; "t" in m"#), "true");
}

#[test]
fn an_unknown_variable_stops_the_script_before_it_starts() {
    assert_eq!(fails("test::fail(); nme").kind, "script.unknown_variable");
    assert_eq!(
        fails("test::fail(); let f = |x| nme;").kind,
        "script.unknown_variable"
    );
    assert_eq!(
        fails("let x = 1; fn f() { x } f()").kind,
        "script.unknown_variable"
    );
    assert_eq!(eval("const X = 1; fn f() { global::X } f()"), "1");
}

/// The same in every build: Rhai's own limits differ between debug and release.
#[test]
fn limits_are_set_by_hand() {
    assert_eq!(
        eval("fn f(n) { if n == 0 { 0 } else { 1 + f(n - 1) } } f(60)"),
        "60"
    );
    assert_eq!(fails("fn f(n) { f(n + 1) } f(0)").kind, "script.too_deep");
    let nested = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(eval(&nested(50)), "1");
    assert_eq!(fails(&nested(200)).kind, "script.syntax");
    let within = |depth: usize| format!("fn f() {{ {} }} f()", nested(depth));
    assert_eq!(eval(&within(50)), "1");
    let loops = "let n = 0; for i in 0..100000 { n += 1 } n";
    assert_eq!(eval(loops), "100000");
    assert_eq!(
        fails("let s = \"x\"; for i in 0..40 { s += s; }").kind,
        "script.too_large"
    );
}

#[test]
fn a_first_line_for_the_shell_is_no_syntax_error() {
    assert_eq!(eval("#!/usr/bin/env e2bscript\n40 + 2"), "42");
}

#[test]
fn an_import_cycle_is_reported() {
    let error = run_with(
        &[
            ("a", r#"import "std/b" as b;"#),
            ("b", r#"import "std/a" as a;"#),
        ],
        r#"import "std/a" as a;"#,
    )
    .expect_err("a cycle");
    let failure = failure_of(&error);
    assert_eq!(failure.kind, "script.import_cycle");
    assert!(
        failure.message.contains("std/a → std/b → std/a"),
        "{}",
        failure.message
    );
}

#[test]
fn a_module_is_run_once_however_often_it_is_imported() {
    let std = [
        ("a", r#"import "std/c" as c; fn get() { c::ID }"#),
        ("b", r#"import "std/c" as c; fn get() { c::ID }"#),
        ("c", "export const ID = timestamp();"),
    ];
    assert_eq!(
        eval_with(
            &std,
            r#"import "std/a" as a; import "std/b" as b; a::get() == b::get()"#
        ),
        "true"
    );
}

#[test]
fn a_modules_constant_is_visible_only_if_exported() {
    assert_eq!(
        eval_with(
            &[("a", "export const X = 1;")],
            r#"import "std/a" as a; a::X"#
        ),
        "1"
    );
    let error = raw_error_with(&[("a", "const X = 1;")], r#"import "std/a" as a; a::X"#);
    assert!(error.contains("Variable not found: a::X"), "{error}");
}

#[test]
fn handles_may_be_constants_and_are_shared_by_copies() {
    assert_eq!(
        eval(r#"const H = test::node("n1"); H.run("id") + H.name"#),
        "n1$ idn1"
    );
}

#[test]
fn exit_ends_the_script_from_everywhere_and_is_not_its_value() {
    for script in [
        "exit(3); 4",
        "fn f() { exit(3) } f(); 4",
        "let f = || exit(3); f.call(); 4",
        "test::each([1], |x| exit(3)); 4",
        "task::parallel([1, 2], |x| exit(3)); 4",
        "try { exit(3) } catch (e) { 4 }",
        "try { test::each([1], |x| exit(3)) } catch (e) { 4 }",
    ] {
        assert_eq!(eval(script), "exit 3", "{script}");
    }
    assert_eq!(eval("exit()"), "exit 0");
    assert_eq!(eval("3"), "3");
    assert_eq!(fails("exit(256)").kind, "script.argument");
    assert_eq!(fails("exit(\"x\")").kind, "script.argument");
}

#[test]
fn catch_sees_the_fields_of_a_failure() {
    assert_eq!(
        eval(
            r#"let r = (); try { test::fail() } catch (e) { r = [e.kind, e.message, e.host, e.code, e.help, e["kind"]] } r"#
        ),
        r#"["test.broken", "it broke", "client-1", 7, "mend it", "test.broken"]"#
    );
    assert_eq!(
        eval(r#"let r = (); try { test::each([1], |x| test::fail()) } catch (e) { r = e.kind } r"#),
        "test.broken"
    );
    assert_eq!(
        eval(
            r#"let r = (); try { throw #{ kind: "my.own", message: "m" } } catch (e) { r = e.kind } r"#
        ),
        "my.own"
    );
    assert_eq!(
        eval(r#"let r = (); try { throw "text" } catch (e) { r = e } r"#),
        "text"
    );
}

#[test]
fn a_failure_survives_being_thrown_again() {
    let failure = fails("try { test::fail() } catch (e) { throw e }");
    assert_eq!(
        (failure.kind.as_str(), failure.code),
        ("test.broken", Some(7))
    );
}

#[test]
fn catch_sees_rhais_own_errors_as_maps() {
    assert_eq!(
        eval("let r = (); try { 1 / 0 } catch (e) { r = e.error } r"),
        "ErrorArithmetic"
    );
}

#[test]
fn nothing_catches_a_cancelled_run() {
    let error =
        run_with(&[], "try { test::cancel(); loop {} } catch (e) { 1 }").expect_err("it ends");
    assert!(
        matches!(error.unwrap_inner(), EvalAltResult::ErrorTerminated(..)),
        "{error}"
    );
    assert_eq!(failure_of(&error).kind, "run.cancelled");
}

#[test]
fn a_deadline_ends_a_pure_loop_with_its_own_failure() {
    let limit = std::time::Duration::from_millis(50);
    let error = with_deadline("test", limit, || run_with(&[], "loop {}")).expect_err("it ends");
    let failure = failure_of(&error);
    assert_eq!(
        (failure.kind.as_str(), failure.class),
        ("task.timeout", Class::Deadline)
    );
}

#[test]
fn branches_work_with_a_captured_handle() {
    assert_eq!(
        eval(
            r#"let h = test::node("n");
               let say = |x| h.run(x);
               task::parallel(["a", "b", "c"], #{ limit: 3 }, |x| say.call(h.run(x)))"#
        ),
        r#"["n$ n$ a", "n$ n$ b", "n$ n$ c"]"#
    );
}

#[test]
fn a_panic_in_a_branch_is_an_internal_error() {
    let failure = fails("task::parallel([1], |x| test::panic())");
    assert_eq!(failure.kind, "internal");
    assert!(
        failure.message.contains("out of cheese"),
        "{}",
        failure.message
    );
    assert_eq!(fails("test::panic()").kind, "internal");
}

#[test]
fn arguments_are_copies_and_this_is_not() {
    assert_eq!(eval("fn f(a) { a.push(1) } let x = []; f(x); x"), "[]");
    assert_eq!(eval("fn f() { this.push(1) } let x = []; x.f(); x"), "[1]");
}

#[test]
fn a_closure_in_a_variable_is_called_with_call() {
    let failure = fails("let f = |x| x; f(2)");
    assert_eq!(failure.kind, "script.unknown_function");
    assert_eq!(eval("let f = |x| x; f.call(2)"), "2");
    assert_eq!(eval("let m = #{ f: |x| x }; m.f(2)"), "2");
}

/// `check` refuses it.
#[test]
fn an_import_hides_a_native_module() {
    assert_eq!(
        eval_with(
            &[("a", r#"fn node(x) { "script" }"#)],
            r#"import "std/a" as test; test::node("x")"#
        ),
        "script"
    );
}

#[test]
fn eval_is_switched_off() {
    assert_eq!(fails(r#"eval("1")"#).kind, "script.syntax");
}

#[test]
fn words_that_cannot_be_names() {
    for word in [
        "spawn",
        "go",
        "sync",
        "thread",
        "async",
        "await",
        "yield",
        "match",
        "with",
        "use",
        "new",
        "default",
        "package",
        "module",
        "case",
        "is",
        "var",
        "static",
        "shared",
        "super",
        "goto",
        "void",
        "null",
        "nil",
        "public",
        "protected",
    ] {
        assert_eq!(
            fails(&format!("let {word} = 1;")).kind,
            "script.reserved",
            "{word}"
        );
        assert_eq!(
            fails(&format!("#{{ {word}: 1 }}")).kind,
            "script.reserved",
            "{word}"
        );
        assert_eq!(eval(&format!("#{{ \"{word}\": 1 }}.len()")), "1", "{word}");
        assert_eq!(
            eval(&format!("let with_{word} = 1; with_{word}")),
            "1",
            "{word}"
        );
    }
}
