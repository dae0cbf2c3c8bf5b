//! What the pages for people show: the blocks of code in them, and the commands.

use std::fs;
use std::path::{Path, PathBuf};

/// A fenced block.
pub struct Block {
    /// The page, as seen from the project's directory.
    pub page: String,
    /// Where it begins, from 1.
    pub line: usize,
    /// What stands behind the fence; empty for a block of commands or of output.
    pub language: String,
    pub text: String,
}

/// A command line of the program.
#[derive(Clone, Debug)]
pub struct Shown {
    pub page: String,
    pub line: usize,
    /// Without the comment behind it.
    pub text: String,
}

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md"), root.join("lab/README.md")];
    for directory in ["docs", "docs/guide"] {
        let entries = fs::read_dir(root.join(directory)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        pages.extend(paths.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    pages.sort();
    pages
}

fn name(page: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    page.strip_prefix(root)
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

/// The blocks of all pages but the reference, whose examples the registry has.
pub fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let mut open: Option<Block> = None;
        for (index, line) in text.lines().enumerate() {
            match (line.strip_prefix("```"), &mut open) {
                (Some(language), None) => {
                    open = Some(Block {
                        page: name(&page),
                        line: index + 1,
                        language: language.to_owned(),
                        text: String::new(),
                    });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (None, Some(block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a block does not end", page.display());
    }
    blocks
}

/// Every `e2bscript …` in a block of commands or in a line's code, by page and line.
pub fn commands() -> Vec<Shown> {
    let mut found = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let mut fence: Option<String> = None;
        for (index, line) in text.lines().enumerate() {
            if let Some(language) = line.strip_prefix("```") {
                fence = match fence {
                    None => Some(language.to_owned()),
                    Some(_) => None,
                };
                continue;
            }
            let texts: Vec<&str> = match fence.as_deref() {
                Some("") => vec![line.trim_start_matches("$ ")],
                Some(_) => Vec::new(),
                None => line.split('`').skip(1).step_by(2).collect(),
            };
            for text in texts {
                let Some(text) = command(text) else { continue };
                found.push(Shown {
                    page: name(&page),
                    line: index + 1,
                    text,
                });
            }
        }
    }
    found
}

/// `e2bscript` and what it is given. A rehearsal's `e2blab run` is the same with the lab's configuration.
fn command(text: &str) -> Option<String> {
    let text = text.strip_prefix("target/release/").unwrap_or(text);
    let rest = text
        .strip_prefix("e2bscript ")
        .or_else(|| text.strip_prefix("e2blab run "))?;
    let rest = rest.split(" #").next().unwrap_or(rest).trim();
    (!rest.is_empty()).then(|| rest.to_owned())
}
