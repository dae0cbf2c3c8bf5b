//! Paths as requests give them: from a user's home, with `~`, or whole.

use std::io;

use super::user::User;

/// The whole path, without `.` and `..`.
///
/// # Errors
///
/// For another user's home, worded as the platform does.
pub fn resolve(path: &str, user: &User) -> Result<String, String> {
    let expanded = if path.is_empty() || path == "~" {
        user.home.clone()
    } else if let Some(rest) = path.strip_prefix("~/") {
        format!("{}/{rest}", user.home)
    } else if path.starts_with('~') {
        return Err(format!(
            "failed to expand path '' for user '{}': cannot expand user-specific home dir",
            user.name
        ));
    } else if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{}/{path}", user.home)
    };
    Ok(clean(&expanded))
}

/// A whole path without `.`, `..` and double slashes.
pub fn clean(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The last part of a path.
pub fn name(path: &str) -> &str {
    match path.rsplit('/').next() {
        Some(name) if !name.is_empty() => name,
        _ => "/",
    }
}

/// An error in the words of Go's runtime, which clients look for.
pub fn words(error: &io::Error) -> String {
    use rustix::io::Errno;
    let Some(number) = Errno::from_io_error(error) else {
        return error.to_string();
    };
    let known = match number {
        Errno::NOENT => "no such file or directory",
        Errno::ACCESS => "permission denied",
        Errno::PERM => "operation not permitted",
        Errno::NOTDIR => "not a directory",
        Errno::ISDIR => "is a directory",
        Errno::NOTEMPTY => "directory not empty",
        Errno::EXIST => "file exists",
        Errno::NOEXEC => "exec format error",
        Errno::TOOBIG => "argument list too long",
        Errno::LOOP => "too many levels of symbolic links",
        Errno::NAMETOOLONG => "file name too long",
        Errno::NOSPC => "no space left on device",
        Errno::XDEV => "invalid cross-device link",
        Errno::INVAL => "invalid argument",
        Errno::BUSY => "device or resource busy",
        Errno::PIPE => "broken pipe",
        _ => return error.to_string(),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_whole() {
        let user = User {
            name: "user".into(),
            id: 1000,
            group: 1000,
            home: "/home/user".into(),
        };
        for (given, whole) in [
            ("", "/home/user"),
            ("~", "/home/user"),
            ("~/a", "/home/user/a"),
            ("a/../b", "/home/user/b"),
            ("/x//y/.", "/x/y"),
            ("/../..", "/"),
        ] {
            assert_eq!(resolve(given, &user).unwrap(), whole);
        }
        assert!(resolve("~root/x", &user).is_err());
        assert_eq!((name("/a/b"), name("/")), ("b", "/"));
    }
}
