//! The reading round trip: what items ask about, as one script, and its answers.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::diff::TEXT_LIMIT;
use super::error::{Error, last_lines};
use super::quote::quote_bytes;
use super::record::{Record, Records};
use super::shell::{
    Channel, Class, Finished, Input, Job, Launch, Shell, Sudo, not_started, standin,
};
use super::world::{Node, NodeKind, World};

const START: &str = include_str!("sh/start.sh");
const READ: &str = include_str!("sh/read.sh");

/// A piece of shell that a kind of state brings along, sent only when something needs it.
///
/// To read, it defines `read_NAME`, which gets the words of all questions in one call and prints a
/// record `NAME NUMBER` for each; to apply, it defines what the kind calls.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Snippet {
    pub name: &'static str,
    pub text: &'static str,
}

/// What earlier runs remembered.
pub(super) static RECORD: Snippet = Snippet {
    name: "record",
    text: include_str!("sh/record.sh"),
};

/// What is asked about one path.
#[derive(Debug, Default, Clone)]
struct Ask {
    follow: bool,
    /// Hash the file, if it has this size.
    hash: Option<Option<u64>>,
    /// Send the content, unless it has this hash.
    text: Option<Option<String>>,
    link: bool,
    filled: bool,
}

/// Collects what items ask about. Questions about one path or name are merged.
#[derive(Debug, Default)]
pub(super) struct Probe {
    paths: BTreeMap<String, Ask>,
    asks: Vec<(&'static Snippet, Vec<Vec<String>>)>,
}

impl Probe {
    fn ask_path(&mut self, path: &str) -> &mut Ask {
        self.paths.entry(path.to_owned()).or_default()
    }

    /// Type, mode, owner, size of what is at `path`, and where a link there points.
    pub fn path(&mut self, path: &str) {
        self.ask_path(path).link = true;
    }

    /// As [`Probe::path`], but of what a link at `path` leads to.
    pub fn follow(&mut self, path: &str) {
        self.ask_path(path).follow = true;
    }

    /// The hash of the file at `path`; only if it has `size` where that is known.
    pub fn hash(&mut self, path: &str, size: Option<u64>) {
        let ask = self.ask_path(path);
        ask.hash = match ask.hash {
            Some(before) if before != size => Some(None),
            _ => Some(size),
        };
    }

    /// The content of a small file, unless it has the hash `known`.
    pub fn text(&mut self, path: &str, known: Option<&str>) {
        self.hash(path, None);
        let ask = self.ask_path(path);
        let known = known.map(str::to_owned);
        ask.text = match &ask.text {
            Some(before) if *before != known => Some(None),
            _ => Some(known),
        };
    }

    /// Whether the directory at `path` holds anything.
    pub fn filled(&mut self, path: &str) {
        self.path(path);
        self.ask_path(path).filled = true;
    }

    /// What an earlier run remembered under `name`.
    pub fn record(&mut self, name: &str) {
        self.ask(&RECORD, &[name]);
    }

    /// Asks `snippet` about `words`; all questions to one snippet become one call.
    pub fn ask(&mut self, snippet: &'static Snippet, words: &[&str]) {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        match self.asks.iter_mut().find(|(known, _)| *known == snippet) {
            Some((_, asked)) if asked.contains(&words) => {}
            Some((_, asked)) => asked.push(words),
            None => self.asks.push((snippet, vec![words])),
        }
    }

    fn script(&self, state_dir: &str) -> Vec<u8> {
        let mut script = format!("{START}{READ}").into_bytes();
        let mut line = |words: &[&[u8]]| {
            for (at, word) in words.iter().enumerate() {
                if at > 0 {
                    script.push(b' ');
                    script.extend(quote_bytes(word));
                } else {
                    script.extend_from_slice(word);
                }
            }
            script.push(b'\n');
        };
        line(&[b"set", b"--", state_dir.as_bytes()]);
        line(&[b"state_dir=$1"]);
        for (number, (path, ask)) in self.paths.iter().enumerate() {
            let function: &[u8] = if ask.follow { b"pf" } else { b"p" };
            line(&[function, number.to_string().as_bytes(), path.as_bytes()]);
        }
        line(&[b"stat_all"]);
        if self.paths.values().any(|ask| ask.hash.is_some()) {
            line(&[b"load_cache"]);
        }
        for (number, ask) in self.paths.values().enumerate() {
            if let Some(size) = ask.hash {
                let size = size.map_or("-".to_owned(), |size| size.to_string());
                line(&[b"h", number.to_string().as_bytes(), size.as_bytes()]);
            }
        }
        line(&[b"hash_all"]);
        let limit = TEXT_LIMIT.to_string();
        for (number, ask) in self.paths.values().enumerate() {
            let number = number.to_string();
            let number = number.as_bytes();
            if let Some(known) = &ask.text {
                let known = known.as_deref().unwrap_or("-");
                line(&[b"t", number, limit.as_bytes(), known.as_bytes()]);
            }
            if ask.link {
                line(&[b"l", number]);
            }
            if ask.filled {
                line(&[b"e", number]);
            }
        }
        for (snippet, asked) in &self.asks {
            line(&[snippet.text.as_bytes()]);
            let function = format!("read_{}", snippet.name);
            let mut words = vec![function.as_bytes()];
            words.extend(asked.iter().flatten().map(String::as_bytes));
            line(&words);
        }
        line(&[b"printf", b"end\\n\\0"]);
        script
    }

    /// Reads everything in one round trip.
    pub async fn run(
        &self,
        shell: &dyn Shell,
        sudo: &Sudo,
        state_dir: &str,
        class: Class,
    ) -> Result<World, Error> {
        if let Some(model) = standin(shell) {
            let asks = self
                .asks
                .iter()
                .flat_map(|(snippet, asked)| asked.iter().map(move |words| (snippet.name, words)));
            return Ok(model.world(shell.host(), self.paths.keys(), asks));
        }
        let launch = Launch::new(sudo, &self.script(state_dir));
        let mut records = Records::default();
        let mut job = Job::new(launch.command);
        job.input = Input::Bytes(launch.head);
        job.class = class;
        job.on_output = Some(Box::new(|channel, chunk| {
            if channel == Channel::Stdout {
                records.feed(chunk);
            }
            Ok(())
        }));
        let finished = shell.run(job).await.map_err(|source| Error::Transport {
            host: shell.host().to_owned(),
            source,
        })?;
        if !records.greeted() {
            return Err(not_started(shell.host(), sudo, &finished));
        }
        let world = self.world(shell.host(), records, &finished)?;
        if let Some(model) = shell.model() {
            model.learn(&world, self.paths.keys());
        }
        Ok(world)
    }

    fn world(&self, host: &str, mut records: Records, finished: &Finished) -> Result<World, Error> {
        let broken = |what: &str, detail: String| Error::Read {
            host: host.to_owned(),
            what: what.to_owned(),
            detail,
            output: last_lines(&finished.stderr),
        };
        let paths: Vec<&String> = self.paths.keys().collect();
        let path_of = |record: &Record, index| {
            let number = record.number(index)?;
            paths.get(number).map(|path| (*path).clone())
        };
        let mut world = World::new(host);
        for path in self.paths.keys() {
            world.set(path, Node::absent());
        }
        let mut complete = false;
        while let Some(record) = records.next() {
            match record.tag.as_str() {
                "hello" => world.gzip = !record.payload.is_empty(),
                "stat" => self
                    .stats(&mut world, &paths, &record)
                    .ok_or_else(|| broken("paths", "they changed while they were read".into()))?,
                "sha" => {
                    let text = record.text();
                    for (index, line) in text.lines().enumerate() {
                        let sha = line.trim_start_matches('\\').get(..64);
                        if let (Some(path), Some(sha)) = (path_of(&record, index), sha) {
                            world.update(&path, |node| node.sha256 = Some(sha.to_owned()));
                        }
                    }
                }
                "text" => {
                    let packed: Vec<u8> = record
                        .payload
                        .iter()
                        .copied()
                        .filter(|byte| !byte.is_ascii_whitespace())
                        .collect();
                    if let (Some(path), Ok(bytes)) = (path_of(&record, 0), STANDARD.decode(packed))
                    {
                        world.update(&path, |node| node.text = Some(Bytes::from(bytes)));
                    }
                }
                "link" => {
                    if let Some(path) = path_of(&record, 0) {
                        world.update(&path, |node| node.target = Some(record.text()));
                    }
                }
                "real" => {
                    if let Some(path) = path_of(&record, 0) {
                        world.real_paths.insert(path, record.text());
                    }
                }
                "filled" => {
                    if let Some(path) = path_of(&record, 0) {
                        world.update(&path, |node| node.filled = true);
                    }
                }
                "end" => complete = true,
                _ => self.answer(&mut world, record),
            }
        }
        if records.overflowed() {
            return Err(broken("the host", "its answer has no end".into()));
        }
        if !complete {
            return Err(broken(
                "the host",
                format!("the answer broke off ({})", finished.status),
            ));
        }
        self.check_hashes(&world)
            .map_or(Ok(()), |path| {
                let detail = last_lines(&finished.stderr).pop();
                let detail = detail.unwrap_or_else(|| "no hash came back".to_owned());
                Err(broken(&format!("`{path}`"), detail))
            })
            .map(|()| world)
    }

    /// Files the answer of a kind's snippet under what it was asked about.
    fn answer(&self, world: &mut World, record: Record) {
        let asked = self
            .asks
            .iter()
            .find(|(snippet, _)| snippet.name == record.tag)
            .and_then(|(_, asked)| asked.get(record.number(0)?));
        if let Some(words) = asked {
            let key = (record.tag, words.clone());
            world.answers.insert(key, record.payload);
        }
    }

    fn stats(&self, world: &mut World, paths: &[&String], record: &Record) -> Option<()> {
        let text = record.text();
        let mut lines = text.lines();
        for word in record.words.iter().filter(|word| !word.is_empty()) {
            let path = paths.get(word.parse::<usize>().ok()?)?;
            world.set(path, Node::parse(lines.next()?)?);
        }
        // The last line is the script's own process: whoever owns it does the reading.
        let me = Node::parse(lines.next()?)?;
        world.uid = me.uid;
        world.gid = me.gid;
        lines.next().is_none().then_some(())
    }

    /// A path that should have been hashed and was not.
    fn check_hashes(&self, world: &World) -> Option<&str> {
        let missed = self.paths.iter().find(|(path, ask)| {
            let node = world.node(path);
            let wanted = match ask.hash {
                Some(None) => true,
                Some(Some(size)) => node.size == size,
                None => false,
            };
            wanted && node.kind == NodeKind::File && node.sha256.is_none()
        });
        missed.map(|(path, _)| path.as_str())
    }
}
