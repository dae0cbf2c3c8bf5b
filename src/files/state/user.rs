//! A user with its groups.

use super::super::apply::Script;
use super::super::inputs::Inputs;
use super::super::item::{Problem, State, Verdict};
use super::super::place::{check_name, check_path};
use super::super::read::{Probe, Snippet};
use super::super::report::{Action, Change, Reason};
use super::super::world::World;

pub(super) static ACCOUNT: Snippet = Snippet {
    name: "account",
    text: include_str!("account.read.sh"),
};

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    name: String,
    groups: Vec<String>,
    group: Option<String>,
    system: bool,
    uid: Option<u32>,
    home: Option<String>,
    shell: Option<String>,
}

/// A line of the group file.
pub(super) struct GroupLine<'a> {
    pub name: &'a str,
    pub gid: &'a str,
    members: &'a str,
}

impl GroupLine<'_> {
    fn holds(&self, user: &str, primary: &str) -> bool {
        self.gid == primary || self.members.split(',').any(|member| member == user)
    }
}

/// The groups in an answer of `ACCOUNT`.
pub(super) fn groups_of(answer: &str) -> impl Iterator<Item = GroupLine<'_>> {
    answer.lines().filter_map(|line| {
        let mut fields = line.strip_prefix("group:")?.split(':');
        let name = fields.next()?;
        Some(GroupLine {
            name,
            gid: fields.nth(1)?,
            members: fields.next().unwrap_or_default(),
        })
    })
}

struct UserLine<'a> {
    uid: &'a str,
    gid: &'a str,
    home: &'a str,
    shell: &'a str,
}

fn user_of<'a>(answer: &'a str, name: &str) -> Option<UserLine<'a>> {
    answer.lines().find_map(|line| {
        let mut fields = line.strip_prefix("user:")?.split(':');
        if fields.next()? != name {
            return None;
        }
        Some(UserLine {
            uid: fields.nth(1)?,
            gid: fields.next()?,
            home: fields.nth(1)?,
            shell: fields.next().unwrap_or_default(),
        })
    })
}

impl User {
    pub fn new(name: impl Into<String>) -> User {
        User {
            name: name.into(),
            groups: Vec::new(),
            group: None,
            system: false,
            uid: None,
            home: None,
            shell: None,
        }
    }

    /// Groups that it is in besides its own; it stays in others.
    #[must_use]
    pub fn groups<S: Into<String>>(mut self, groups: impl IntoIterator<Item = S>) -> User {
        self.groups = groups.into_iter().map(Into::into).collect();
        self
    }

    /// Its first group. Default: as it is; for a new user one of its own name.
    #[must_use]
    pub fn group(mut self, group: impl Into<Option<String>>) -> User {
        self.group = group.into();
        self
    }

    /// Takes its number from the system's range and gets no home directory, unless one is named.
    /// Default: false.
    #[must_use]
    pub fn system(mut self, system: bool) -> User {
        self.system = system;
        self
    }

    /// Its number. Default: as it is, or the next free one.
    #[must_use]
    pub fn uid(mut self, uid: impl Into<Option<u32>>) -> User {
        self.uid = uid.into();
        self
    }

    /// Its home directory, made with a new user. Default: as it is, or the system's choice.
    #[must_use]
    pub fn home(mut self, home: impl Into<Option<String>>) -> User {
        self.home = home.into();
        self
    }

    /// Its shell. Default: as it is, or the system's choice.
    #[must_use]
    pub fn shell(mut self, shell: impl Into<Option<String>>) -> User {
        self.shell = shell.into();
        self
    }

    fn question(&self) -> [String; 2] {
        let mut groups = self.groups.clone();
        groups.extend(self.group.clone());
        [self.name.clone(), groups.join(" ")]
    }

    fn add(&self, script: &mut Script) {
        let mut words: Vec<String> = vec!["useradd".into()];
        if self.system {
            words.push("--system".into());
        }
        words.push(match self.system && self.home.is_none() {
            true => "--no-create-home".into(),
            false => "--create-home".into(),
        });
        let options = [
            ("--uid", self.uid.map(|uid| uid.to_string())),
            ("--gid", self.group.clone()),
            ("--home-dir", self.home.clone()),
            ("--shell", self.shell.clone()),
            (
                "--groups",
                Some(self.groups.join(",")).filter(|all| !all.is_empty()),
            ),
        ];
        for (option, value) in options {
            if let Some(value) = value {
                words.extend([option.to_owned(), value]);
            }
        }
        words.extend(["--".into(), self.name.clone()]);
        run(&words, script);
    }
}

fn run(words: &[String], script: &mut Script) {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    script.call("flush", &[]);
    script.call("run", &words);
}

impl State for User {
    fn kind(&self) -> &'static str {
        "user"
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Result<(), Problem> {
        check_name(&self.name)?;
        for group in self.groups.iter().chain(&self.group) {
            check_name(group)?;
        }
        for path in self.home.iter().chain(&self.shell) {
            check_path(path)?;
            if path.contains([':', '\n']) {
                return Err(Problem::new("a home or shell cannot hold `:` or a newline"));
            }
        }
        Ok(())
    }

    fn read(&self, probe: &mut Probe, _inputs: &Inputs) {
        let [user, groups] = self.question();
        probe.ask(&ACCOUNT, &[&user, &groups]);
    }

    fn compare(&self, world: &mut World, script: &mut Script) -> Result<Verdict, Problem> {
        let [user, groups] = self.question();
        let known = world
            .answer(&ACCOUNT, &[&user, &groups])
            .unwrap_or_default();
        for group in self.groups.iter().chain(&self.group) {
            let there = groups_of(&known).any(|line| line.name == group || line.gid == group);
            if !there && !world.predicts("group", group) && world.unpredictable().is_none() {
                return Err(Problem::new(format!("there is no group `{group}`"))
                    .help(format!("put `state::group(\"{group}\")` before it")));
            }
        }
        let Some(found) = user_of(&known, &self.name) else {
            self.add(script);
            world.predict_fact("group", &self.name);
            let change = Change::new(Action::Create).because(Reason::new("missing"));
            return Ok(change.into());
        };
        if let Some(uid) = self.uid.filter(|uid| uid.to_string() != found.uid) {
            return Err(
                Problem::new(format!("the user has the number {}, not {uid}", found.uid))
                    .help("files on the host belong to the number; change it by hand"),
            );
        }
        let mut change = Change::new(Action::Update);
        let mut words = vec!["usermod".to_owned()];
        let missing: Vec<String> = self
            .groups
            .iter()
            .filter(|group| {
                !groups_of(&known).any(|line| {
                    (line.name == **group || line.gid == **group)
                        && line.holds(&self.name, found.gid)
                })
            })
            .cloned()
            .collect();
        if !missing.is_empty() {
            change.reasons.push(Reason {
                what: "groups".to_owned(),
                from: None,
                to: Some(format!("+{}", missing.join(" +"))),
            });
            words.extend(["--append".into(), "--groups".into(), missing.join(",")]);
        }
        if let Some(group) = &self.group
            && !groups_of(&known)
                .any(|line| (line.name == group || line.gid == group) && line.gid == found.gid)
        {
            change
                .reasons
                .push(Reason::from_to("group", found.gid, group));
            words.extend(["--gid".into(), group.clone()]);
        }
        let paths = [
            ("home", "--home", &self.home, found.home),
            ("shell", "--shell", &self.shell, found.shell),
        ];
        for (what, option, wanted, is) in paths {
            if let Some(wanted) = wanted.as_ref().filter(|wanted| *wanted != is) {
                change.reasons.push(Reason::from_to(what, is, wanted));
                words.extend([option.to_owned(), wanted.clone()]);
            }
        }
        if change.reasons.is_empty() {
            return Ok(Verdict::unchanged());
        }
        words.extend(["--".into(), self.name.clone()]);
        run(&words, script);
        Ok(change.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str =
        "user:e2b:x:997:996::/opt/e2b:/bin/sh\ngroup:docker:x:995:ubuntu,e2b\ngroup:e2b:x:996:\n";

    #[test]
    fn lines_of_getent_are_understood() {
        let user = user_of(ANSWER, "e2b").unwrap();
        assert_eq!((user.uid, user.gid), ("997", "996"));
        assert_eq!((user.home, user.shell), ("/opt/e2b", "/bin/sh"));
        assert!(user_of(ANSWER, "e2").is_none());
        let held: Vec<bool> = groups_of(ANSWER)
            .map(|group| group.holds("e2b", user.gid))
            .collect();
        assert_eq!(held, [true, true]);
        assert!(!groups_of(ANSWER).next().unwrap().holds("ubunt", "1"));
    }

    #[test]
    fn names_that_could_be_options_or_shell_are_refused() {
        assert!(User::new("-o").check().is_err());
        assert!(User::new("a").groups(["b c"]).check().is_err());
        assert!(User::new("a").shell("/bin/sh:".to_owned()).check().is_err());
        assert!(User::new("e2b").groups(["docker", "kvm"]).check().is_ok());
    }
}
