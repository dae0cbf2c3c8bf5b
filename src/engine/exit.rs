//! `exit(n)`: how a script ends early with a code of its own.

use rhai::{Dynamic, Engine, EvalAltResult, NativeCallContext, Position};

use crate::diag::Failure;

/// What `exit` carries. Rhai hands it out as the script's value where `exit` was called by the
/// script itself, and as an error where a closure run by a binding called it: a type of its own
/// tells it from a last value that happens to be a number.
#[derive(Clone, Copy)]
struct ExitCode(u8);

/// Replaces Rhai's own `exit`.
pub fn register(engine: &mut Engine) {
    engine
        .register_fn("exit", || -> Result<Dynamic, Box<EvalAltResult>> {
            Err(with(0))
        })
        .register_fn(
            "exit",
            |context: NativeCallContext, code: Dynamic| -> Result<Dynamic, Box<EvalAltResult>> {
                Err(match code.as_int().map(u8::try_from) {
                    Ok(Ok(code)) => with(code),
                    _ => refused(&code, context.call_position()),
                })
            },
        );
}

/// The error that ends a script with this code; nothing catches it.
pub fn with(code: u8) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::Exit(
        Dynamic::from(ExitCode(code)),
        Position::NONE,
    ))
}

/// The exit code `error` carries if it is an `exit()`, which arrives wrapped in the calls it was
/// made in.
pub fn code(error: &EvalAltResult) -> Option<u8> {
    match error.unwrap_inner() {
        EvalAltResult::Exit(value, _) => of(value),
        _ => None,
    }
}

/// The exit code that a script's value is, if `exit()` ended the script.
pub fn of(value: &Dynamic) -> Option<u8> {
    value.read_lock::<ExitCode>().map(|code| code.0)
}

fn refused(code: &Dynamic, position: Position) -> Box<EvalAltResult> {
    let failure = Failure::usage(
        "script.argument",
        format!(
            "`exit` takes a number from 0 to 255, got {}",
            super::ty::describe(code)
        ),
    );
    super::raise::Raise::from(failure).into_rhai(position)
}
