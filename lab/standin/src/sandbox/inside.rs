//! The first process of a sandbox: makes its root, starts what shall run in it, and buries the dead.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use rustix::mount::{mount, mount_bind, mount_change, unmount};
use rustix::process::{Signal, WaitOptions};
use serde_json::Value;

use crate::envd;
use crate::field::Field;

/// How this is called.
pub const NAME: &str = "inside";
/// Set for an envd that must not begin before its root is there.
pub const WAITS: &str = "STANDIN_WAITS";

/// Where envd is in every template.
pub const ENVD: &str = "usr/bin/envd";
/// How long a template's ready command may take to succeed, and how often it is tried.
const READY: Duration = Duration::from_secs(300);
const AGAIN: Duration = Duration::from_secs(1);

/// Does what the plan on stdin says; the reason of a failure is on stderr.
pub fn main(_: &[String]) -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(why) => {
            crate::say(&why);
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, String> {
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let mut text = String::new();
    io::stdin()
        .read_to_string(&mut text)
        .map_err(|why| format!("no plan: {why}"))?;
    let plan: Value = serde_json::from_str(&text).map_err(|why| format!("no plan: {why}"))?;
    if plan.of("loopback") == true {
        let _ = Command::new("ip")
            .args(["link", "set", "lo", "up"])
            .status();
    }
    if let Some(name) = plan.of("hostname").as_str() {
        let _ = rustix::system::sethostname(name.as_bytes());
    }
    let root = make_root(&plan).map_err(|why| format!("cannot make the root: {why}"))?;
    if plan.of("serve") == true {
        return serve(&root, &plan);
    }
    enter(&root).map_err(|why| format!("cannot enter the root: {why}"))?;
    work(&plan)
}

/// The overlay of the template's layers, or the tree itself where there are none.
fn make_root(plan: &Value) -> io::Result<PathBuf> {
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    let root = match (plan["disk"].as_str(), plan["tree"].as_str()) {
        (Some(disk), _) => {
            let layers = plan["layers"].as_array().into_iter().flatten();
            let layers: Vec<&str> = layers.filter_map(Value::as_str).collect();
            overlay(Path::new(disk), &layers)?
        }
        (None, Some(tree)) => {
            mount_bind(tree, tree)?;
            PathBuf::from(tree)
        }
        (None, None) => return Err(io::ErrorKind::InvalidInput.into()),
    };
    for directory in ["proc", "sys", "dev", "tmp"] {
        fs::create_dir_all(root.join(directory))?;
    }
    let none = MountFlags::NOSUID | MountFlags::NOEXEC;
    let fixed = none | MountFlags::RDONLY;
    mount("proc", root.join("proc"), "proc", none, None::<&CStr>)?;
    mount("sysfs", root.join("sys"), "sysfs", fixed, None::<&CStr>)?;
    devices(&root.join("dev"))?;
    Ok(root)
}

fn overlay(disk: &Path, layers: &[&str]) -> io::Result<PathBuf> {
    let (upper, inner) = (disk.join("upper"), disk.join("work"));
    let root = disk.join("root");
    for directory in [&upper, &inner, &root] {
        fs::create_dir_all(directory)?;
    }
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        layers.join(":"),
        upper.display(),
        inner.display()
    );
    let options = CString::new(options)?;
    let flags = MountFlags::empty();
    let mounted = mount("overlay", &root, "overlay", flags, Some(options.as_c_str()));
    if mounted.is_err() {
        // a machine whose own disk is an overlay of overlays: the files themselves, then
        for layer in layers.iter().rev() {
            let copied = Command::new("cp")
                .arg("-a")
                .arg(format!("{layer}/."))
                .arg(&root)
                .status()?;
            if !copied.success() {
                return Err(io::Error::other("the template cannot be copied"));
            }
        }
        fs::write(disk.join("plain"), "")?;
        mount_bind(&root, &root)?;
    }
    Ok(root)
}

fn devices(directory: &Path) -> io::Result<()> {
    let options = CString::new("mode=0755,size=1m")?;
    let flags = MountFlags::NOSUID;
    mount("tmpfs", directory, "tmpfs", flags, Some(options.as_c_str()))?;
    for name in ["null", "zero", "full", "random", "urandom", "tty"] {
        let device = directory.join(name);
        fs::write(&device, "")?;
        mount_bind(Path::new("/dev").join(name), &device)?;
    }
    for name in ["pts", "shm"] {
        fs::create_dir(directory.join(name))?;
    }
    let options = CString::new("newinstance,ptmxmode=0666,mode=0620,gid=5")?;
    let terminals = directory.join("pts");
    mount(
        "devpts",
        terminals,
        "devpts",
        flags,
        Some(options.as_c_str()),
    )?;
    let options = CString::new("mode=1777,size=64m")?;
    let shared = directory.join("shm");
    mount("tmpfs", shared, "tmpfs", flags, Some(options.as_c_str()))?;
    for (name, target) in [
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        std::os::unix::fs::symlink(target, directory.join(name))?;
    }
    Ok(())
}

/// From here on the root is all there is, for every process of this mount namespace.
fn enter(root: &Path) -> io::Result<()> {
    rustix::process::chdir(root)?;
    rustix::process::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")?;
    Ok(())
}

/// Runs the template's envd. It is started before the root is entered: a template need not have the libraries it needs.
fn serve(root: &Path, plan: &Value) -> Result<ExitCode, String> {
    let port = plan["port"].as_u64().unwrap_or(envd::PORT.into());
    let mut envd = Command::new(root.join(ENVD));
    envd.arg0("envd")
        .args(["-port", &port.to_string()])
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env(WAITS, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = envd
        .spawn()
        .map_err(|why| format!("cannot start `/{ENVD}`: {why}"))?;
    // its libraries are the node's: they must be there before the node's files are not
    let mut said = child.stdout.take();
    let loaded = said.as_mut().map(|said| said.read(&mut [0]));
    if !matches!(loaded, Some(Ok(1))) {
        return Err(format!("`/{ENVD}` ended at its start"));
    }
    enter(root).map_err(|why| format!("cannot enter the root: {why}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(b"\n");
    }
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, _))) if pid.as_raw_nonzero().get().cast_unsigned() == child.id() => {
                return Ok(ExitCode::SUCCESS);
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// Waits until the root is there, where this envd was told to.
pub fn wait_for_root() {
    if std::env::var_os(WAITS).is_some() {
        let mut stdout = io::stdout();
        let _ = stdout.write_all(b"\n").and_then(|()| stdout.flush());
        let _ = io::stdin().read(&mut [0]);
    }
}

/// A build's steps, then its start command until its ready command succeeds.
fn work(plan: &Value) -> Result<ExitCode, String> {
    for step in plan["steps"].as_array().into_iter().flatten() {
        let shown = step["shown"].as_str().unwrap_or_default();
        heard(&format!("[builder] {shown}"));
        let status = command(step)?
            .status()
            .map_err(|why| format!("{shown}: {why}"))?;
        if !status.success() {
            return Err(format!("command failed: {shown}: {status}"));
        }
    }
    let Some(start) = plan.get("start") else {
        return Ok(ExitCode::SUCCESS);
    };
    let began = Instant::now();
    let running = match start["command"].as_str().unwrap_or_default() {
        "" => None,
        text => {
            heard(&format!("[start] {text}"));
            Some(
                command(start)?
                    .spawn()
                    .map_err(|why| format!("start command: {why}"))?,
            )
        }
    };
    wait_until_ready(plan, running, began)?;
    process::exit(0)
}

fn wait_until_ready(
    plan: &Value,
    mut running: Option<process::Child>,
    began: Instant,
) -> Result<(), String> {
    let ready = &plan["ready"];
    let text = ready["command"].as_str().unwrap_or_default();
    if text.is_empty() {
        // as the platform does it: a start command gets some time, and must not have failed by then
        if running.is_some() {
            thread::sleep(Duration::from_secs(2));
        }
        return ended(&mut running);
    }
    heard(&format!("[ready] {text}"));
    loop {
        let status = command(ready)?.status();
        if status
            .map_err(|why| format!("ready command: {why}"))?
            .success()
        {
            heard("[ready] template is ready");
            return Ok(());
        }
        ended(&mut running)?;
        if began.elapsed() > READY {
            return Err(format!(
                "ready command timed out after {} s: {text}",
                READY.as_secs()
            ));
        }
        thread::sleep(AGAIN);
    }
}

/// Fails when the start command has.
fn ended(running: &mut Option<process::Child>) -> Result<(), String> {
    let Some(child) = running else { return Ok(()) };
    match child.try_wait() {
        Ok(Some(status)) if !status.success() => Err(format!("start command failed: {status}")),
        _ => Ok(()),
    }
}

/// A command of the plan, through the template's own shell.
fn command(step: &Value) -> Result<Command, String> {
    let name = step["user"].as_str().unwrap_or("root");
    let user = envd::find_user(name).ok_or_else(|| format!("there is no user `{name}`"))?;
    let shell = ["/bin/bash", "/bin/sh"];
    let shell = shell.iter().find(|shell| Path::new(shell).exists());
    let shell = shell.ok_or("the template has no shell: neither /bin/bash nor /bin/sh")?;
    let mut command = Command::new(shell);
    command
        .args(["-c", step["command"].as_str().unwrap_or_default()])
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        )
        .env("HOME", &user.2)
        .env("USER", name)
        .envs(texts(&step["variables"]))
        .uid(user.0)
        .gid(user.1)
        .stdin(Stdio::null());
    let wanted = step["cwd"].as_str().unwrap_or_default();
    let directory = if wanted.is_empty() {
        user.2.as_str()
    } else {
        wanted
    };
    let known = Path::new(directory).is_dir();
    command.current_dir(if known { directory } else { "/" });
    // what a step says is its output, stderr is for what this program says
    if let Ok(output) = io::stdout().as_fd().try_clone_to_owned() {
        command.stderr(output);
    }
    Ok(command)
}

fn texts(value: &Value) -> BTreeMap<String, String> {
    let map = value.as_object().into_iter().flatten();
    map.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

fn heard(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}
