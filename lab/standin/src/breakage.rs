//! `e2blab fault break-service`: a file in `/run/e2blab`, by the binary's name, says how a service fails.

use std::fs;
use std::hint;
use std::path::Path;
use std::process;
use std::thread;
use std::time::Duration;

/// Where the files are that say how to fail.
const DIRECTORY: &str = "/run/e2blab";
/// What one that eats memory takes in all, and at once. There is an end to it: nothing else stops it.
const EATEN: usize = 512 << 20;
const BITE: usize = 16 << 20;
/// How long one sleeps that has nothing else to do.
const IDLE: Duration = Duration::from_secs(30);

/// How a service fails on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Breakage {
    /// Ends with status 1 at once.
    Crash,
    /// Runs, and listens to nothing.
    Silent,
    /// Answers every request with status 500.
    Answers500,
    /// Ends with status 1 after so long.
    Exit(Duration),
    /// Takes more and more memory.
    Memory,
}

impl Breakage {
    /// What the file of a service says; `None` without one, and for what is no fault.
    fn read(directory: &Path, name: &str) -> Option<Breakage> {
        let text = fs::read_to_string(directory.join(name)).ok()?;
        let mut words = text.split_whitespace();
        Some(match (words.next()?, words.next()) {
            ("crash", None) => Breakage::Crash,
            ("silent", None) => Breakage::Silent,
            ("500", None) => Breakage::Answers500,
            ("exit", Some(seconds)) => Breakage::Exit(Duration::from_secs(seconds.parse().ok()?)),
            ("memory", None) => Breakage::Memory,
            _ => return None,
        })
    }
}

/// Does what breaks a service at its start; one that is to be silent never gets out of here.
///
/// # Errors
///
/// When it is to crash.
pub fn begin(name: &'static str) -> Result<(), &'static str> {
    match Breakage::read(Path::new(DIRECTORY), name) {
        Some(Breakage::Crash) => return Err("broken on purpose: it crashes at start"),
        Some(Breakage::Silent) => loop {
            thread::sleep(IDLE);
        },
        Some(Breakage::Exit(after)) => drop(thread::spawn(move || {
            thread::sleep(after);
            crate::say(&format!(
                "{name}: broken on purpose: it has run long enough"
            ));
            process::exit(1);
        })),
        Some(Breakage::Memory) => drop(thread::spawn(eat)),
        Some(Breakage::Answers500) | None => {}
    }
    Ok(())
}

/// Asked for each request: this one comes and goes without a restart.
#[must_use]
pub fn answers_500(name: &str) -> bool {
    Breakage::read(Path::new(DIRECTORY), name) == Some(Breakage::Answers500)
}

/// Takes memory and keeps it.
fn eat() {
    let mut eaten = Vec::new();
    while eaten.len() * BITE < EATEN {
        // ones: pages of zeros would not be there
        eaten.push(hint::black_box(vec![1_u8; BITE]));
        thread::sleep(Duration::from_millis(50));
    }
    loop {
        thread::sleep(IDLE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_how_to_fail() {
        let directory = std::env::temp_dir().join(format!("standin-{}", process::id()));
        fs::create_dir_all(&directory).unwrap();
        assert_eq!(Breakage::read(&directory, "api"), None);
        for (text, breakage) in [
            ("crash\n", Some(Breakage::Crash)),
            ("500", Some(Breakage::Answers500)),
            ("exit 3\n", Some(Breakage::Exit(Duration::from_secs(3)))),
            ("exit soon", None),
            ("memory", Some(Breakage::Memory)),
            ("silent", Some(Breakage::Silent)),
            ("", None),
        ] {
            fs::write(directory.join("api"), text).unwrap();
            assert_eq!(Breakage::read(&directory, "api"), breakage, "{text}");
        }
        fs::remove_dir_all(&directory).unwrap();
    }
}
