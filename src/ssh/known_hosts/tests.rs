use super::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use russh::keys::PrivateKey;

fn new_key(algorithm: Algorithm) -> PublicKey {
    let private = PrivateKey::random(&mut russh::keys::key::safe_rng(), algorithm).unwrap();
    private.public_key().clone()
}

fn ed25519() -> PublicKey {
    new_key(Algorithm::Ed25519)
}

fn text(key: &PublicKey) -> String {
    key.to_openssh().unwrap()
}

fn lookup(file: &Path, port: u16) -> Lookup {
    Lookup {
        hop: "n1".to_owned(),
        name: "node".to_owned(),
        port: Some(port),
        user_files: vec![file.to_owned()],
        global_files: Vec::new(),
        hash_names: false,
    }
}

fn judge(
    file: &Path,
    port: u16,
    policy: HostKeyPolicy,
    key: &PublicKey,
) -> Result<(), &'static str> {
    let store = Arc::new(Store::default());
    let known = store
        .look_up(lookup(file, port), policy)
        .map_err(|e| e.kind())?;
    known
        .judge(&key.clone().into())
        .map_err(|problem| problem.kind())
}

#[test]
fn any_equal_line_accepts_and_a_stale_one_beside_it_is_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kh");
    let (good, stale) = (ed25519(), ed25519());
    let lines = format!("node {}\nnode {}\n", text(&stale), text(&good));
    fs::write(&file, lines).unwrap();
    assert_eq!(judge(&file, 22, HostKeyPolicy::Strict, &good), Ok(()));
    let other = ed25519();
    assert_eq!(
        judge(&file, 22, HostKeyPolicy::AcceptNew, &other),
        Err("ssh.host_key")
    );
}

#[test]
fn a_changed_key_is_told_with_both_fingerprints_and_the_place() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kh");
    let (old, new) = (ed25519(), ed25519());
    fs::write(&file, format!("# first\n[node]:2222 {}\n", text(&old))).unwrap();
    let store = Arc::new(Store::default());
    let known = store
        .look_up(lookup(&file, 2222), HostKeyPolicy::Strict)
        .unwrap();
    let problem = known.judge(&new.clone().into()).unwrap_err();
    let message = problem.to_string();
    let place = format!("{}:2", file.display());
    for part in [
        old.fingerprint(HashAlg::Sha256).to_string(),
        new.fingerprint(HashAlg::Sha256).to_string(),
        place,
    ] {
        assert!(message.contains(&part), "{message} lacks {part}");
    }
    assert_eq!(
        problem.removal_commands(),
        [format!(
            "ssh-keygen -R '[node]:2222' -f '{}'",
            file.display()
        )]
    );
}

#[test]
fn revoked_wins_over_everything() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kh");
    let key = ed25519();
    let lines = format!("node {}\n@revoked * {}\n", text(&key), text(&key));
    fs::write(&file, lines).unwrap();
    for policy in [HostKeyPolicy::Strict, HostKeyPolicy::AcceptNew] {
        assert_eq!(judge(&file, 22, policy, &key), Err("ssh.host_key_revoked"));
        assert_eq!(
            judge(&file, 2222, policy, &key),
            Err("ssh.host_key_revoked")
        );
    }
    fs::write(&file, "@revoked node ssh-ed25519 AAAA\n").unwrap();
    assert_eq!(
        judge(&file, 22, HostKeyPolicy::AcceptNew, &key),
        Err("ssh.known_hosts")
    );
}

#[test]
fn a_new_key_is_recorded_once_and_privately() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("new/kh");
    let key = ed25519();
    assert_eq!(
        judge(&file, 2222, HostKeyPolicy::Strict, &key),
        Err("ssh.host_key_unknown")
    );
    assert!(!file.exists());
    for _ in 0..2 {
        assert_eq!(judge(&file, 2222, HostKeyPolicy::AcceptNew, &key), Ok(()));
    }
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(written.trim_end(), format!("[node]:2222 {}", text(&key)));
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        judge(&file, 2222, HostKeyPolicy::AcceptNew, &ed25519()),
        Err("ssh.host_key")
    );
}

#[test]
fn recording_after_a_torn_line_and_under_a_hidden_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kh");
    let other = text(&ed25519());
    fs::write(&file, format!("elsewhere {other}")).unwrap();
    let key = ed25519();
    let store = Arc::new(Store::default());
    let mut place = lookup(&file, 22);
    place.hash_names = true;
    let known = store.look_up(place, HostKeyPolicy::AcceptNew).unwrap();
    known.judge(&key.clone().into()).unwrap();
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(written.lines().count(), 2);
    assert!(!written.contains("node"));
    assert_eq!(judge(&file, 22, HostKeyPolicy::Strict, &key), Ok(()));
}

#[test]
fn many_at_once_record_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kh");
    let key = ed25519();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| judge(&file, 22, HostKeyPolicy::AcceptNew, &key).unwrap());
        }
    });
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1);
}

#[test]
fn what_cannot_be_read_is_a_refusal_and_not_a_first_use() {
    let dir = tempfile::tempdir().unwrap();
    let key = ed25519();
    let link = dir.path().join("link");
    symlink(dir.path().join("nowhere"), &link).unwrap();
    let under_file = dir.path().join("plain/kh");
    fs::write(dir.path().join("plain"), "").unwrap();
    for file in [dir.path().to_owned(), link, under_file] {
        assert_eq!(
            judge(&file, 22, HostKeyPolicy::AcceptNew, &key),
            Err("ssh.known_hosts"),
            "{}",
            file.display()
        );
    }
    let null = Path::new("/dev/null");
    assert_eq!(
        judge(null, 22, HostKeyPolicy::Strict, &key),
        Err("ssh.host_key_unknown")
    );
}

#[test]
fn known_types_are_asked_for_first() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kh");
    let curve = EcdsaCurve::NistP256;
    let known = new_key(Algorithm::Ecdsa { curve });
    fs::write(&file, format!("node {}\n", text(&known))).unwrap();
    let store = Arc::new(Store::default());
    let known = store
        .look_up(lookup(&file, 22), HostKeyPolicy::Strict)
        .unwrap();
    assert_eq!(known.algorithms()[0], Algorithm::Ecdsa { curve });
    assert_eq!(known.algorithms().len(), all_algorithms().len());
    assert!(known.certificate_algorithms().is_empty());
}

#[test]
fn a_bare_name_serves_any_port_but_proves_no_change() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kh");
    let (bare, key) = (ed25519(), ed25519());
    fs::write(&file, format!("node {}\n", text(&bare))).unwrap();
    assert_eq!(judge(&file, 2222, HostKeyPolicy::Strict, &bare), Ok(()));
    assert_eq!(
        judge(&file, 2222, HostKeyPolicy::Strict, &key),
        Err("ssh.host_key_unknown")
    );
}
