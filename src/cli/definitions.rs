//! `e2bscript definitions DIR`: the script API as `.d.rhai` files, for editors.

use super::args::DirectoryArgs;
use super::pages::write_all;
use crate::bindings::REGISTRY;
use crate::diag::Failure;
use crate::engine::library::STDLIB;
use crate::manual::definitions;

/// Writes the files, and says how many and what to do with them.
pub fn definitions(args: &DirectoryArgs) -> Result<String, Failure> {
    let mut files = definitions::files(REGISTRY, STDLIB);
    // What the language itself brings.
    let language = rhai::Engine::new();
    files.extend(language.definitions().iter_files());
    write_all(&args.directory, &files, "definitions.write")?;
    let directory = args.directory.display();
    Ok(format!(
        "{} files in {directory}; rhai-lsp reads them where Rhai.toml has `{directory}/*.d.rhai` in `source.include`\n",
        files.len()
    ))
}
