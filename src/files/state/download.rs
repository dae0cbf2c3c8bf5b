//! A file from the net, checked by its hash.

use super::super::apply::{Script, parent};
use super::super::content::Content;
use super::super::fetch::Fetch;
use super::super::hash::sha256;
use super::super::inputs::Inputs;
use super::super::item::{Problem, State, Verdict};
use super::super::mode::Mode;
use super::super::place::{Meta, check_path, clean, need_parent, read_parent};
use super::super::read::{Probe, Snippet};
use super::super::report::{Action, Blob, Change, Diff, Reason};
use super::super::world::{Node, NodeKind, World};

static APPLY: Snippet = Snippet {
    name: "download_apply",
    text: include_str!("download.apply.sh"),
};

/// Who downloads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Via {
    /// The host itself, with curl or wget.
    #[default]
    Node,
    /// The workstation, which keeps what it downloaded and uploads it.
    Workstation,
}

/// A file from a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    url: String,
    path: String,
    sha256: Option<String>,
    extract: Option<String>,
    via: Via,
    meta: Meta,
    parents: bool,
}

impl Download {
    /// The file at `path` from `url`, whose bytes must have the hash `sha256`.
    pub fn new(
        url: impl Into<String>,
        path: impl AsRef<str>,
        sha256: impl Into<String>,
    ) -> Download {
        Download {
            sha256: Some(sha256.into().to_ascii_lowercase()),
            ..Download::unchecked(url, path)
        }
    }

    /// As [`Download::new`], but any bytes will do; they are downloaded again when the URL changes
    /// or the file was changed by hand.
    pub fn unchecked(url: impl Into<String>, path: impl AsRef<str>) -> Download {
        Download {
            url: url.into(),
            path: clean(path.as_ref()),
            sha256: None,
            extract: None,
            via: Via::default(),
            meta: Meta::default(),
            parents: false,
        }
    }

    /// Takes this member out of the archive (tar in any compression the host knows, or zip); the
    /// hash is that of the archive.
    #[must_use]
    pub fn extract(mut self, member: impl Into<Option<String>>) -> Download {
        self.extract = member.into();
        self
    }

    /// Default: the host itself.
    #[must_use]
    pub fn via(mut self, via: Via) -> Download {
        self.via = via;
        self
    }

    /// Default: 0644 when it is made, else as it is.
    #[must_use]
    pub fn mode(mut self, mode: impl Into<Option<Mode>>) -> Download {
        self.meta.mode = mode.into();
        self
    }

    #[must_use]
    pub fn owner(mut self, owner: impl Into<Option<String>>) -> Download {
        self.meta.owner = owner.into();
        self
    }

    #[must_use]
    pub fn group(mut self, group: impl Into<Option<String>>) -> Download {
        self.meta.group = group.into();
        self
    }

    /// Also makes the directories above it, with mode 0755. Default: false.
    #[must_use]
    pub fn parents(mut self, parents: bool) -> Download {
        self.parents = parents;
        self
    }

    fn record(&self) -> String {
        let id = sha256(self.path.as_bytes());
        format!("download-{}", id.get(..32).unwrap_or(&id))
    }

    /// What identifies the wanted content where its own hash is not known beforehand.
    fn identity(&self) -> String {
        let member = self.extract.as_deref().unwrap_or_default();
        match &self.sha256 {
            Some(sha) => format!("{sha} {}", sha256(member.as_bytes())),
            None => sha256(format!("{}\n{member}", self.url).as_bytes()),
        }
    }

    /// The hash that the file must have, as far as that is known.
    fn wanted(&self, world: &World) -> Option<String> {
        if let (Some(sha), None) = (&self.sha256, &self.extract) {
            return Some(sha.clone());
        }
        let record = world.record(&self.record())?;
        let (identity, installed) = record.split_once('\n')?;
        (identity == self.identity()).then(|| installed.to_owned())
    }

    fn archive(&self) -> &'static str {
        let path = self.url.split(['?', '#']).next().unwrap_or_default();
        match path.ends_with(".zip") {
            true => "zip",
            false => "tar",
        }
    }

    /// The URL without what may be secret in it.
    fn shown_url(&self) -> String {
        let url = self.url.split(['?', '#']).next().unwrap_or_default();
        match url.split_once("://") {
            Some((scheme, rest)) => match rest.split_once('@') {
                Some((user, rest)) if !user.contains('/') => format!("{scheme}://{rest}"),
                _ => url.to_owned(),
            },
            None => url.to_owned(),
        }
    }

    fn install(&self, node: &Node, world: &mut World, script: &mut Script) {
        script.need(&APPLY);
        let owner = self.meta.chown(world, &self.path, node);
        let mode = match (self.meta.mode, node.kind) {
            (Some(mode), _) => mode,
            (None, NodeKind::File) => node.mode,
            (None, _) => Mode::new(0o644),
        };
        let source = match self.via {
            Via::Node => self.url.as_str(),
            Via::Workstation => "payload",
        };
        script.call(
            "download",
            &[
                &self.path,
                parent(&self.path),
                &owner,
                &mode.to_string(),
                source,
                &self.shown_url(),
                self.sha256.as_deref().unwrap_or_default(),
                self.extract.as_deref().unwrap_or_default(),
                self.archive(),
                &self.record(),
                &self.identity(),
            ],
        );
        if self.via == Via::Workstation {
            script.carry(Content::Fetch(Fetch {
                url: self.url.clone(),
                sha256: self.sha256.clone(),
            }));
        }
    }
}

impl State for Download {
    fn kind(&self) -> &'static str {
        "download"
    }

    fn name(&self) -> String {
        self.path.clone()
    }

    fn check(&self) -> Result<(), Problem> {
        check_path(&self.path)?;
        self.meta.check()?;
        let plain = self.url.bytes().all(|byte| byte.is_ascii_graphic())
            && !self.url.contains(['"', '\\', '\'', '`', '<', '>']);
        let scheme = ["http://", "https://"]
            .iter()
            .any(|scheme| self.url.starts_with(scheme));
        if !plain || !scheme {
            return Err(
                Problem::new(format!("`{}` is no http or https URL", self.shown_url()))
                    .help("percent-encode blanks, quotes and other special characters"),
            );
        }
        if let Some(sha) = &self.sha256 {
            let hex = sha.len() == 64 && sha.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !hex {
                return Err(Problem::new(format!("`{sha}` is no sha256"))
                    .help("64 hexadecimal digits are needed, as `sha256sum` prints them"));
            }
        }
        if let Some(member) = &self.extract
            && (member.is_empty() || member.starts_with('-') || member.contains(['\n', '\0']))
        {
            return Err(Problem::new(format!(
                "`{member}` cannot be a member of an archive"
            )));
        }
        Ok(())
    }

    fn read(&self, probe: &mut Probe, _inputs: &Inputs) {
        probe.path(&self.path);
        probe.hash(&self.path, None);
        probe.record(&self.record());
        read_parent(&self.path, probe);
    }

    fn compare(&self, world: &mut World, script: &mut Script) -> Result<Verdict, Problem> {
        let mut node = world.node(&self.path);
        let wanted = self.wanted(world);
        let same = wanted.is_some() && node.sha256 == wanted;
        let mut change = match node.kind {
            NodeKind::Absent => Change::new(Action::Create).because(Reason::new("missing")),
            NodeKind::File if same => Change::new(Action::Update),
            NodeKind::File => Change::new(Action::Update).because(Reason::content()),
            other => return Err(Problem::new(format!("{} is in the way", other.noun()))),
        };
        if node.kind == NodeKind::File {
            change.reasons.extend(self.meta.reasons(&node));
        }
        if change.reasons.is_empty() {
            return Ok(Verdict::unchanged());
        }
        if same {
            self.meta.repair(&self.path, &node, script);
        } else {
            if need_parent(&self.path, self.parents, world, script)? {
                change.reasons.push(Reason::new("parent directories"));
            }
            self.install(&node, world, script);
            change.diff = Some(Diff::Binary {
                from: (node.kind == NodeKind::File).then(|| Blob {
                    size: Some(node.size),
                    sha256: node.sha256.clone(),
                }),
                to: wanted.as_ref().map(|sha| Blob {
                    size: None,
                    sha256: Some(sha.clone()),
                }),
            });
            node.sha256 = wanted;
            node.text = None;
            if node.kind == NodeKind::Absent {
                node.mode = Mode::new(0o644);
            }
        }
        node.kind = NodeKind::File;
        world.predict(&self.path, self.meta.applied_to(node));
        Ok(change.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn urls_and_hashes_are_checked() {
        let check = |url: &str, sha: &str| Download::new(url, "/a", sha).check();
        assert!(check("https://h/x%20y?token=1", SHA).is_ok());
        for bad in [
            "ftp://h/x",
            "https://h/a b",
            "https://h/\"",
            "file:///etc/passwd",
            "-o",
        ] {
            assert!(check(bad, SHA).is_err(), "{bad}");
        }
        for bad in ["", "abc", &SHA[1..]] {
            assert!(check("https://h/x", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_shown_url_has_no_token() {
        let download = Download::unchecked("https://user:pw@h/x.tgz?token=canary", "/a");
        assert_eq!(download.shown_url(), "https://h/x.tgz");
        assert_eq!(download.archive(), "tar");
        assert_eq!(
            Download::unchecked("https://h/x.zip?y", "/a").archive(),
            "zip"
        );
    }
}
