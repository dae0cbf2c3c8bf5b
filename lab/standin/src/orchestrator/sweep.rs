//! What an orchestrator left that was killed: mounts, namespaces, links and files. Its processes died with it.

use std::fs;
use std::path::Path;

use rustix::mount::{UnmountFlags, unmount};

use super::network::{LINK, NAMESPACE, SLOTS, Slot};
use crate::storage::caches;

/// Removes it all.
pub async fn sweep() {
    let sandboxes = caches().join("sandbox");
    for item in fs::read_dir(&sandboxes).into_iter().flatten().flatten() {
        forget(&item.path());
    }
    for directory in [caches().join("sandbox"), caches().join("template")] {
        if let Err(why) = fs::create_dir_all(&directory) {
            crate::say(&format!("cannot create {}: {why}", directory.display()));
        }
    }
    let mut slots = numbers(Path::new("/run/netns"), NAMESPACE);
    slots.extend(numbers(Path::new("/sys/class/net"), LINK));
    slots.sort_unstable();
    slots.dedup();
    for number in slots {
        Slot::new(number).remove().await;
    }
}

fn numbers(directory: &Path, prefix: &str) -> Vec<u32> {
    let items = fs::read_dir(directory).into_iter().flatten().flatten();
    let numbers = items.filter_map(|item| {
        let name = item.file_name().to_string_lossy().into_owned();
        let number: u32 = name.strip_prefix(prefix)?.parse().ok()?;
        (1..=SLOTS).contains(&number).then_some(number)
    });
    numbers.collect()
}

/// Unmounts and removes a sandbox's directory.
pub fn forget(disk: &Path) {
    // one of a sandbox that never began has nothing mounted
    let _ = unmount(disk, UnmountFlags::DETACH);
    let _ = fs::remove_dir(disk);
}
