//! Control groups: every process of a lab is in `e2blab.<name>`, so that none can be missed.
//!
//! A node's machine runs in `e2blab.<name>/<node>`, the mirror and the relay in groups of their
//! names, and `e2blab up` itself, with what it starts, in `setup` while it works.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::{At, Error, Result};
use crate::lab::Lab;

/// How long killed processes may take to be gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// The control groups of one lab.
#[derive(Debug, Clone)]
pub struct Groups {
    /// Where cgroup v2 is mounted.
    mount: PathBuf,
    top: PathBuf,
    /// The same group in v1 hierarchies, where nspawn mirrors it on machines that still have them.
    old: Vec<PathBuf>,
}

impl Groups {
    /// The lab's groups; nothing is made yet.
    pub fn of(lab: &Lab) -> Result<Groups> {
        let mounts = fs::read_to_string("/proc/self/mounts").at("read", "/proc/self/mounts")?;
        Groups::among(&mounts, &lab.prefix()).ok_or(Error::NoCgroup)
    }

    fn among(mounts: &str, top: &str) -> Option<Groups> {
        let mut found = Vec::new();
        let mut old = Vec::new();
        for line in mounts.lines() {
            let mut words = line.split(' ').skip(1);
            match (words.next(), words.next()) {
                (Some(path), Some("cgroup2")) => found.push(PathBuf::from(path)),
                (Some(path), Some("cgroup")) => old.push(Path::new(path).join(top)),
                _ => {}
            }
        }
        let mount = found.into_iter().next()?;
        Some(Groups {
            top: mount.join(top),
            mount,
            old,
        })
    }

    /// The group of a node or helper, made if it is not there.
    pub fn part(&self, part: &str) -> Result<PathBuf> {
        let group = self.top.join(part);
        fs::create_dir_all(&group).at("create the control group", &group)?;
        self.delegate();
        Ok(group)
    }

    /// Lets the nodes use what controllers this machine has to give (Nomad looks for them).
    fn delegate(&self) {
        let Ok(controllers) = fs::read_to_string(self.top.join("cgroup.controllers")) else {
            return;
        };
        for controller in controllers.split_whitespace() {
            // a controller that is in use elsewhere is not for us
            let _ = fs::write(
                self.top.join("cgroup.subtree_control"),
                format!("+{controller}"),
            );
        }
    }

    /// The processes of a node or helper and of the groups below it, as this machine numbers them.
    pub fn processes(&self, part: &str) -> Vec<u32> {
        let mut found = Vec::new();
        for group in tree(&self.top.join(part)) {
            let listed = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
            found.extend(listed.lines().filter_map(|line| line.parse::<u32>().ok()));
        }
        found
    }

    /// Moves this process into the lab's `setup` group until the guard is dropped: if it is
    /// killed, `down` finds what it had started.
    pub fn enter(&self) -> Result<Inside> {
        let own = fs::read_to_string("/proc/self/cgroup").at("read", "/proc/self/cgroup")?;
        let home = own
            .lines()
            .find_map(|line| line.strip_prefix("0::/"))
            .unwrap_or_default();
        let inside = Inside {
            home: self.mount.join(home),
        };
        move_self(&self.part("setup")?)?;
        Ok(inside)
    }

    /// Whether any of the lab's groups is there.
    pub fn exist(&self) -> bool {
        self.top.exists()
    }

    /// Kills every process of the lab and removes its groups.
    pub fn destroy(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.top.exists() {
            self.kill();
            for group in tree(&self.top) {
                let _ = fs::remove_dir(group);
            }
            if !self.top.exists() {
                break;
            }
            if Instant::now() > deadline {
                return Err(Error::Leftovers(format!(
                    "processes of `{}` are",
                    self.top.display()
                )));
            }
            sleep(Duration::from_millis(10));
        }
        for group in self.old.iter().flat_map(|top| tree(top)) {
            let _ = fs::remove_dir(group);
        }
        Ok(())
    }

    fn kill(&self) {
        // kernels before 5.14 lack this file
        if fs::write(self.top.join("cgroup.kill"), "1").is_ok() {
            return;
        }
        for pid in self.processes("") {
            let pid = i32::try_from(pid)
                .ok()
                .and_then(rustix::process::Pid::from_raw);
            if let Some(pid) = pid {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
}

/// This process is in the lab's `setup` group; dropping it moves it back.
#[derive(Debug)]
pub struct Inside {
    home: PathBuf,
}

impl Drop for Inside {
    fn drop(&mut self) {
        let _ = move_self(&self.home);
    }
}

fn move_self(group: &Path) -> Result<()> {
    let file = group.join("cgroup.procs");
    fs::write(&file, std::process::id().to_string()).at("join the control group", &file)
}

/// A directory and those below it, the deepest first.
fn tree(top: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut open = vec![top.to_owned()];
    while let Some(directory) = open.pop() {
        if let Ok(entries) = fs::read_dir(&directory) {
            open.extend(
                entries
                    .flatten()
                    .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                    .map(|entry| entry.path()),
            );
            all.push(directory);
        }
    }
    all.reverse();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hybrid_and_plain_machines_are_understood() {
        let hybrid = "proc /proc proc rw 0 0\n\
            cgroup /sys/fs/cgroup/systemd cgroup rw,name=systemd 0 0\n\
            cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let groups = Groups::among(hybrid, "e2blab.x").unwrap();
        assert_eq!(groups.top, Path::new("/sys/fs/cgroup/unified/e2blab.x"));
        assert_eq!(groups.old, [Path::new("/sys/fs/cgroup/systemd/e2blab.x")]);

        let plain = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n";
        let groups = Groups::among(plain, "e2blab.x").unwrap();
        assert_eq!(groups.top, Path::new("/sys/fs/cgroup/e2blab.x"));

        assert!(Groups::among("proc /proc proc rw 0 0\n", "e2blab.x").is_none());
    }

    #[test]
    fn the_deepest_directory_comes_first() {
        let top = std::env::temp_dir().join(format!("e2blab-tree-{}", std::process::id()));
        fs::create_dir_all(top.join("a/b")).unwrap();
        let names: Vec<_> = tree(&top);
        fs::remove_dir_all(&top).unwrap();
        assert_eq!(names, [top.join("a/b"), top.join("a"), top]);
    }
}
