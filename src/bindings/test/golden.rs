//! Texts that are kept beside a test.

use std::io;
use std::path::Path;

use rhai::Dynamic;

use super::compare;
use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;

pub fn golden(call: &mut Call) -> Result<Dynamic, Raise> {
    let name = call.string(0)?;
    let stage = super::stage(call)?;
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\']);
    if !plain {
        let message = format!("`{name}` is no name for a file");
        return Err(Failure::usage("test.golden", message).into());
    }
    let found = compare::text(call.value(1)?);
    let path = stage.golden(&name);
    call.session.run.inputs().file(&path);
    let shown = path.display();
    let failed = |what: &str, error: io::Error| {
        Failure::new("test.golden", format!("cannot {what} `{shown}`")).cause(error.to_string())
    };
    let kept = match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed("read", error).into()),
    };
    if kept.as_deref() == Some(&found) {
        return Ok(Dynamic::UNIT);
    }
    if stage.updates() {
        write(&path, &found).map_err(|error| failed("write", error))?;
        return Ok(Dynamic::UNIT);
    }
    let help = "`e2bscript test --update` writes it; read the change before you keep it";
    let failure = match kept {
        None => Failure::new("test.golden", format!("there is no `{shown}`")),
        Some(kept) => Failure::new(
            "test.golden",
            format!("it is not what `{shown}` holds (`-` is missing, `+` is too much)"),
        )
        .output(compare::difference(&kept, &found)),
    };
    Err(failure.help(help).into())
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    std::fs::write(path, text)
}
