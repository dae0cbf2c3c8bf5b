//! The two programs: from PATH where they have the right version, else built once from source.
//!
//! Each becomes a directory that is laid over the nodes' image, so that all nodes share one copy.

use std::env;
use std::fs;
use std::fs::File;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use sha2::{Digest, Sha256};

use crate::error::{At, Error, Result};
use crate::exec;
use crate::image;
use crate::lock::Lock;
use crate::report;

/// A program, the version the platform's image has, and the source of a build.
struct Program {
    name: &'static str,
    title: &'static str,
    version: &'static str,
    main: &'static str,
    module: &'static str,
    sums: &'static str,
    /// What `go build` gets besides; the nodes may have an older C library than this machine.
    flags: &'static [&'static str],
    /// Whether C is compiled too.
    c: bool,
    minutes: u8,
}

const PROGRAMS: [Program; 2] = [
    Program {
        name: "nomad",
        title: "Nomad",
        version: "1.6.2",
        main: include_str!("../../agents/nomad/main.go"),
        module: include_str!("../../agents/nomad/go.mod"),
        sums: include_str!("../../agents/nomad/go.sum"),
        flags: &["-tags=netgo,osusergo", "-ldflags=-s -w -extldflags=-static"],
        c: true,
        minutes: 4,
    },
    Program {
        name: "consul",
        title: "Consul",
        version: "1.16.2",
        main: include_str!("../../agents/consul/main.go"),
        module: include_str!("../../agents/consul/go.mod"),
        sums: include_str!("../../agents/consul/go.sum"),
        flags: &["-ldflags=-s -w"],
        c: false,
        minutes: 5,
    },
];

/// The layers that hold the programs, made if the cache lacks them.
pub fn ensure() -> Result<Vec<PathBuf>> {
    PROGRAMS.iter().map(layer).collect()
}

fn layer(program: &Program) -> Result<PathBuf> {
    let cache = image::cache_directory();
    let found = on_path(program)?;
    let key = match &found {
        Some(path) => found_key(path)?,
        None => recipe_hash(program),
    };
    let layer = cache.join(format!("{}-{key}", program.name));
    if layer.is_dir() {
        return Ok(layer);
    }
    fs::create_dir_all(&cache).at("create", &cache)?;
    let _lock = Lock::file(&cache.join(format!("{}.lock", program.name)))?;
    if layer.is_dir() {
        return Ok(layer);
    }
    let building = cache.join(format!("{}-building", program.name));
    image::remove_tree(&building)?;
    let tree = building.join("layer");
    let bin = tree.join("opt").join(program.name).join("bin");
    fs::create_dir_all(&bin).at("create", &bin)?;
    let binary = bin.join(program.name);
    match found {
        Some(path) => {
            fs::copy(&path, &binary).at("copy", &path)?;
        }
        None => build(program, &cache, &building, &binary)?,
    }
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755))
        .at("change the mode of", &binary)?;
    let links = tree.join("usr/local/bin");
    fs::create_dir_all(&links).at("create", &links)?;
    let link = links.join(program.name);
    let target = Path::new("/opt").join(program.name).join("bin");
    symlink(target.join(program.name), &link).at("create", &link)?;
    fs::rename(&tree, &layer).at("move a program to", &layer)?;
    image::remove_tree(&building)?;
    Ok(layer)
}

/// The program on PATH, if its version is one of the platform's: same major and minor.
fn on_path(program: &Program) -> Result<Option<PathBuf>> {
    let Some(path) = exec::find(program.name) else {
        return Ok(None);
    };
    let said = exec::run(&path.to_string_lossy(), ["version"]).unwrap_or_default();
    if fits(program, &said) {
        return Ok(Some(path));
    }
    report::talk(format_args!(
        "`{}` is not {} {}, so it is not used",
        path.display(),
        program.title,
        program.version
    ));
    Ok(None)
}

/// Whether `NAME version` says a version with the same major and minor number.
fn fits(program: &Program, said: &str) -> bool {
    let minor = |text: &str| {
        let mut parts = text.trim_start_matches('v').splitn(3, '.');
        Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
    };
    let first = said.lines().next().unwrap_or_default();
    first
        .strip_prefix(program.title)
        .and_then(|rest| minor(rest.trim()))
        .is_some_and(|found| Some(found) == minor(program.version))
}

/// Changes when the program on PATH does.
fn found_key(path: &Path) -> Result<String> {
    let facts = fs::metadata(path).at("read", path)?;
    let changed = facts
        .modified()
        .ok()
        .and_then(|moment| moment.duration_since(std::time::UNIX_EPOCH).ok())
        .unwrap_or_default();
    Ok(short_hash(&[
        path.to_string_lossy().as_bytes(),
        &facts.len().to_le_bytes(),
        &changed.as_nanos().to_le_bytes(),
    ]))
}

/// Changes with everything that decides what is built.
fn recipe_hash(program: &Program) -> String {
    short_hash(&[
        program.main.as_bytes(),
        program.module.as_bytes(),
        program.sums.as_bytes(),
        program.flags.join(" ").as_bytes(),
    ])
}

fn short_hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
        hash.update([0]);
    }
    let digest = hash.finalize();
    let bytes = digest.iter().take(6);
    bytes.map(|byte| format!("{byte:02x}")).collect()
}

fn build(program: &Program, cache: &Path, building: &Path, binary: &Path) -> Result<()> {
    let missing = |what: &'static str| Error::NoAgent {
        title: program.title,
        version: program.version,
        what,
    };
    let go = exec::find("go")
        .or_else(|| Some(PathBuf::from("/usr/local/go/bin/go")).filter(|path| path.is_file()))
        .ok_or_else(|| missing("Go (1.21 or newer)"))?;
    if program.c && exec::find("cc").is_none() {
        return Err(missing("a C compiler (`apt-get install gcc libc6-dev`)"));
    }
    let source = building.join("source");
    fs::create_dir_all(&source).at("create", &source)?;
    for (name, text) in [
        ("main.go", program.main),
        ("go.mod", program.module),
        ("go.sum", program.sums),
    ] {
        let path = source.join(name);
        fs::write(&path, text).at("write", &path)?;
    }
    let log = cache.join(format!("{}.log", program.name));
    report::talk(format_args!(
        "building {} {} from its source, once, about {} minutes on two processors; what the compiler says is in `{}`",
        program.title,
        program.version,
        program.minutes,
        log.display()
    ));
    let began = Instant::now();
    let open = || File::options().append(true).open(&log).at("open", &log);
    File::create(&log).at("create", &log)?;
    // whoever waits for this machine's other work should not notice
    let status = exec::command("setpriv")
        .args(["--pdeathsig", "KILL", "nice", "-n", "10"])
        .arg(&go)
        .args(["build", "-mod=readonly", "-buildvcs=false", "-trimpath"])
        .args(program.flags)
        .arg("-o")
        .arg(binary)
        .arg(".")
        .current_dir(&source)
        .env("CGO_ENABLED", if program.c { "1" } else { "0" })
        .env("GOTOOLCHAIN", "local")
        .env("GOWORK", "off")
        .env("GOOS", "linux")
        .env("GOARCH", "amd64")
        .env(
            "HOME",
            env::var_os("HOME").unwrap_or_else(|| "/root".into()),
        )
        .stdin(Stdio::null())
        .stdout(open()?)
        .stderr(open()?)
        .status()
        .map_err(|source| Error::Start {
            program: "setpriv".to_owned(),
            source,
        })?;
    if !status.success() {
        return Err(Error::AgentBuild {
            title: program.title,
            version: program.version,
            tail: exec::tail(&log),
            log,
        });
    }
    report::talk(format_args!(
        "{} {} is ready after {} s",
        program.title,
        program.version,
        began.elapsed().as_secs()
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_patch_of_the_version_will_do_and_another_minor_will_not() {
        let [nomad, consul] = &PROGRAMS;
        assert!(fits(nomad, "Nomad v1.6.2\nBuildDate …\n"));
        assert!(fits(nomad, "Nomad v1.6.10+ent\n"));
        assert!(!fits(nomad, "Nomad v1.60.2\n"));
        assert!(!fits(nomad, "Consul v1.6.2\n"));
        assert!(!fits(nomad, ""));
        assert!(fits(consul, "Consul v1.16.2\nRevision …\n"));
        assert!(!fits(consul, "Consul v1.15.2\n"));
    }

    #[test]
    fn the_sources_name_the_versions_of_the_platforms_image() {
        for program in &PROGRAMS {
            let wanted = format!(
                "github.com/hashicorp/{} v{}\n",
                program.name, program.version
            );
            assert!(program.module.contains(&wanted), "{wanted}");
        }
    }
}
