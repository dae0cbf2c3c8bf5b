//! Mistakes as people make them, seeded into everything we ship: how many does `check` find offline?
//!
//! Each class lists all places where its mistake can be made and takes some of them, always the same.
//! The share is printed by class; `SHOW_MISSED=1` also prints what was not found.

// A test may stop at once; clippy knows that only inside test functions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Mutex;

use e2bscript::bindings::REGISTRY;
use e2bscript::check::check;
use e2bscript::diag::builtin;
use e2bscript::diag::scan::{Kind, Piece, pieces};
use e2bscript::engine::library::{Found, Library, SCRIPTS, STDLIB};
use e2bscript::engine::registry::Function;
use e2bscript::engine::ty::Ty;
use e2bscript::engine::{Host, Session, Settings};
use e2bscript::report::Mode;
use e2bscript::run::Run;

/// How many mistakes of a class are made, where there are places enough.
const OF_A_CLASS: usize = 20;
const WANTED_SHARE: f64 = 0.95;

/// A script that is right.
struct Script {
    id: String,
    text: String,
    pieces: Vec<Piece>,
}

/// One with a mistake.
struct Mistake {
    class: &'static str,
    id: String,
    text: String,
    what: String,
}

/// A call as it is written.
struct Call {
    /// What stands before `::` or `.`.
    owner: Option<String>,
    method: bool,
    name: String,
    /// Pieces of each argument.
    args: Vec<std::ops::Range<usize>>,
    close: usize,
}

impl Script {
    fn new(id: String, text: String) -> Script {
        Script {
            pieces: pieces(&text)
                .into_iter()
                .filter(|piece| piece.kind != Kind::Comment)
                .collect(),
            id,
            text,
        }
    }

    fn slice(&self, index: usize) -> &str {
        self.pieces
            .get(index)
            .map_or("", |piece| &self.text[piece.range.clone()])
    }

    fn before(&self, index: usize) -> &str {
        index.checked_sub(1).map_or("", |before| self.slice(before))
    }

    fn is_word(&self, index: usize) -> bool {
        self.pieces
            .get(index)
            .is_some_and(|piece| piece.kind == Kind::Word)
    }

    fn words(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.pieces.len()).filter(|index| self.is_word(*index))
    }

    /// With the text of some pieces replaced.
    fn with(&self, class: &'static str, pieces: std::ops::Range<usize>, text: &str) -> Mistake {
        let from = self.pieces[pieces.start].range.start;
        let to = match pieces.is_empty() {
            true => from,
            false => self.pieces[pieces.end - 1].range.end,
        };
        let line = self.text[..from].matches('\n').count() + 1;
        Mistake {
            class,
            id: self.id.clone(),
            text: format!("{}{text}{}", &self.text[..from], &self.text[to..]),
            what: format!("{}:{line}: `{}` → `{text}`", self.id, &self.text[from..to]),
        }
    }

    /// The piece that closes what `open` opens.
    fn close(&self, open: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for index in open..self.pieces.len() {
            match self.pieces[index].kind {
                Kind::Open => depth += 1,
                Kind::Close => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(index);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// What stands between commas behind `open`.
    fn parts(&self, open: usize) -> Option<(Vec<std::ops::Range<usize>>, usize)> {
        let close = self.close(open)?;
        let mut parts = Vec::new();
        let mut depth = 0_usize;
        let mut bars = false;
        let mut from = open + 1;
        for index in open + 1..close {
            match self.pieces[index].kind {
                Kind::Open => depth += 1,
                Kind::Close => depth -= 1,
                Kind::Mark if depth == 0 && self.slice(index) == "|" => {
                    let closes = bars || index == from;
                    bars = closes && !bars;
                }
                Kind::Mark if depth == 0 && !bars && self.slice(index) == "," => {
                    parts.push(from..index);
                    from = index + 1;
                }
                _ => {}
            }
        }
        if from < close {
            parts.push(from..close);
        }
        Some((parts, close))
    }

    fn calls(&self) -> Vec<Call> {
        let mut calls = Vec::new();
        for index in self.words() {
            let keyword = [
                "if", "while", "for", "switch", "catch", "return", "in", "fn", "throw",
            ];
            if self.slice(index + 1) != "("
                || keyword.contains(&self.slice(index))
                || self.before(index) == "fn"
            {
                continue;
            }
            let Some((args, close)) = self.parts(index + 1) else {
                continue;
            };
            let owner = (self.before(index) == "::").then(|| self.slice(index - 2).to_owned());
            calls.push(Call {
                owner,
                method: [".", "?."].contains(&self.before(index)),
                name: self.slice(index).to_owned(),
                args,
                close,
            });
        }
        calls
    }

    /// Keys of a literal map with their values, by the piece that opens it.
    fn fields(&self, open: usize) -> Vec<(usize, std::ops::Range<usize>)> {
        let parts = self.parts(open).map(|(parts, _)| parts).unwrap_or_default();
        let fields = parts
            .into_iter()
            .filter(|part| self.slice(part.start + 1) == ":");
        fields
            .map(|part| (part.start, part.start + 2..part.end))
            .collect()
    }

    fn aliases(&self) -> BTreeMap<String, String> {
        let imports = self.words().filter(|index| self.slice(*index) == "import");
        let imports = imports.filter(|index| self.slice(index + 2) == "as");
        imports
            .map(|index| {
                (
                    self.slice(index + 3).to_owned(),
                    self.slice(index + 1).trim_matches('"').to_owned(),
                )
            })
            .collect()
    }

    /// Functions with their numbers of parameters, and whether they are private.
    fn functions(&self) -> Vec<(String, usize, bool)> {
        let definitions = self.words().filter(|index| self.slice(*index) == "fn");
        definitions
            .map(|index| {
                let count = self.parts(index + 2).map_or(0, |(parts, _)| parts.len());
                (
                    self.slice(index + 1).to_owned(),
                    count,
                    self.before(index) == "private",
                )
            })
            .collect()
    }
}

fn corpus() -> Vec<Script> {
    let mut all = Vec::new();
    for (folder, files) in [("std", STDLIB), ("scripts", SCRIPTS)] {
        all.extend(
            files
                .iter()
                .map(|file| Script::new(format!("{folder}/{}", file.name), file.text.to_owned())),
        );
    }
    let mut examples: Vec<_> = fs::read_dir("examples")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    examples.sort();
    for path in examples
        .iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "rhai"))
    {
        all.push(Script::new(
            path.display().to_string(),
            fs::read_to_string(path).unwrap(),
        ));
    }
    all
}

/// Everything that has a name anywhere: a misspelling must not hit another one.
fn known_names(corpus: &[Script]) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = builtin::functions()
        .iter()
        .map(|function| function.name.clone())
        .collect();
    for script in corpus {
        names.extend(script.words().map(|index| script.slice(index).to_owned()));
    }
    for module in REGISTRY.modules() {
        names.insert(module.name.to_owned());
        names.extend(
            module
                .functions
                .iter()
                .map(|function| function.name.to_owned()),
        );
        for ty in module.types {
            names.extend(ty.methods.iter().map(|function| function.name.to_owned()));
            names.extend(
                ty.properties
                    .iter()
                    .map(|property| property.name.to_owned()),
            );
        }
    }
    names
}

/// A small generator of numbers that are always the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }

    /// A slip of the keyboard.
    fn misspell(&mut self, word: &str, known: &BTreeSet<String>) -> String {
        for _ in 0..50 {
            let mut letters: Vec<char> = word.chars().collect();
            let at = self.below(letters.len());
            match self.below(4) {
                0 if letters.len() > 2 => {
                    letters.remove(at);
                }
                1 if at + 1 < letters.len() => letters.swap(at, at + 1),
                2 => letters.insert(at, letters[at]),
                _ => {
                    let letter = char::from(b'a' + u8::try_from(self.below(26)).unwrap());
                    letters[at] = if letters[at].is_uppercase() {
                        letter.to_ascii_uppercase()
                    } else {
                        letter
                    };
                }
            }
            let wrong: String = letters.into_iter().collect();
            let fine = wrong.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            if wrong != word && fine && !known.contains(&wrong) {
                return wrong;
            }
        }
        format!("{word}zz")
    }

    fn some<T>(&mut self, mut all: Vec<T>, count: usize) -> Vec<T> {
        let mut some = Vec::new();
        while some.len() < count && !all.is_empty() {
            let at = self.below(all.len());
            some.push(all.swap_remove(at));
        }
        some
    }
}

/// Bindings that a call may mean.
fn bindings(script: &Script, call: &Call) -> Vec<&'static Function> {
    if call.method {
        return REGISTRY
            .methods(&call.name)
            .map(|(_, function)| function)
            .collect();
    }
    let module = call
        .owner
        .as_ref()
        .filter(|owner| !script.aliases().contains_key(*owner));
    module
        .and_then(|owner| REGISTRY.module(owner))
        .and_then(|module| module.function(&call.name))
        .into_iter()
        .collect()
}

/// Numbers of arguments that a call may have; `None` where that is Rhai's affair.
fn arities(corpus: &[Script], script: &Script, call: &Call) -> Option<BTreeSet<usize>> {
    if call.method && builtin::is_known(&call.name) {
        return None;
    }
    let natives = bindings(script, call);
    if !natives.is_empty() {
        return Some(
            natives
                .iter()
                .flat_map(|function| function.min_args()..=function.max_args())
                .collect(),
        );
    }
    if call.method {
        return None;
    }
    let owner = match &call.owner {
        Some(alias) => {
            let path = script.aliases().get(alias)?.clone();
            corpus.iter().find(|other| other.id == path)?
        }
        None => script,
    };
    let named = owner
        .functions()
        .into_iter()
        .filter(|(name, ..)| *name == call.name);
    let counts: BTreeSet<usize> = named.map(|(_, count, _)| count).collect();
    (!counts.is_empty()).then_some(counts)
}

/// A value that is none of the kind.
fn other_than(ty: Ty) -> Option<&'static str> {
    Some(match ty {
        Ty::Any | Ty::Handle(_) => return None,
        Ty::Bool => "\"yes\"",
        Ty::Int | Ty::Number => "\"many\"",
        Ty::Str | Ty::Duration | Ty::Mode | Ty::Choice(_) => "17",
        Ty::Text | Ty::Bytes => "#{ text: 1 }",
        Ty::Array | Ty::Strings => "\"one\"",
        Ty::Map => "\"all\"",
        Ty::Command => "17",
        Ty::Size | Ty::Callback(_) => "true",
    })
}

/// A value of the kind that says nothing.
fn malformed(ty: Ty) -> Option<&'static str> {
    Some(match ty {
        Ty::Duration => "\"5 parsecs\"",
        Ty::Mode => "\"rw-r--r--\"",
        Ty::Size => "\"64 stones\"",
        Ty::Choice(_) => "\"sometimes\"",
        Ty::Strings => "[1, 2]",
        _ => return None,
    })
}

/// The option's value, argument or key, and the kind that it must be of.
fn options(script: &Script) -> Vec<(usize, std::ops::Range<usize>, Ty)> {
    let mut found = Vec::new();
    for call in script.calls() {
        let natives = bindings(script, &call);
        for arg in call
            .args
            .iter()
            .filter(|arg| script.slice(arg.start) == "#{")
        {
            for (key, value) in script.fields(arg.start) {
                let option = natives
                    .iter()
                    .flat_map(|function| function.options)
                    .find(|option| option.name == script.slice(key));
                found.extend(option.map(|option| (key, value, option.ty)));
            }
        }
    }
    found
}

/// Positional arguments of bindings.
fn arguments(script: &Script) -> Vec<(std::ops::Range<usize>, Ty)> {
    let mut found = Vec::new();
    for call in script.calls() {
        if call.method && builtin::is_known(&call.name) {
            continue;
        }
        if let [function] = bindings(script, &call).as_slice() {
            let plain = function
                .params
                .iter()
                .all(|param| !param.optional && !matches!(param.ty, Ty::Callback(_)));
            if plain {
                found.extend(
                    function
                        .params
                        .iter()
                        .zip(&call.args)
                        .map(|(param, arg)| (arg.clone(), param.ty)),
                );
            }
        }
    }
    found
}

#[allow(clippy::too_many_lines)] // one paragraph for each class
fn mistakes(corpus: &[Script]) -> Vec<Mistake> {
    let known = known_names(corpus);
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let mut places: BTreeMap<&'static str, Vec<Mistake>> = BTreeMap::new();
    let mut add = |mistake: Mistake| places.entry(mistake.class).or_default().push(mistake);
    for script in corpus {
        let declared: BTreeSet<&str> = script
            .words()
            .filter(|index| ["let", "for"].contains(&script.before(*index)))
            .map(|index| script.slice(index))
            .collect();
        let functions = script.functions();
        for index in script.words() {
            let (word, before, after) = (
                script.slice(index),
                script.before(index),
                script.slice(index + 1),
            );
            let wrong = dice.misspelled(word, &known);
            let at = index..index + 1;
            let class = match (before, after) {
                ("::", "(") => "misspelt function of a module",
                ("." | "?.", "(") => "misspelt method",
                ("." | "?.", "=" | "+=") => continue,
                ("." | "?.", _)
                    if word
                        .chars()
                        .all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit())
                        && word.len() > 3 =>
                {
                    "misspelt name of the configuration"
                }
                ("." | "?.", _) => "misspelt property",
                ("::", _) if script.slice(index.saturating_sub(2)) == "global" => {
                    "misspelt constant"
                }
                ("let" | "fn" | "import" | "as" | "for" | "const", _) => continue,
                (_, "::") if word != "global" => "misspelt module",
                (_, "(") if functions.iter().any(|(name, ..)| name == word) => "misspelt function",
                (_, "::" | "(" | ":") => continue,
                _ if declared.contains(word) => "misspelt variable",
                _ => continue,
            };
            add(script.with(class, at, &wrong));
        }
        for index in script
            .words()
            .filter(|index| script.slice(*index) == "import")
        {
            let path = script.slice(index + 1).trim_matches('"');
            let wrong = format!("\"{}\"", dice.misspelled(path, &known));
            add(script.with("misspelt import", index + 1..index + 2, &wrong));
        }
        for (key, value, ty) in options(script) {
            let wrong = dice.misspelled(script.slice(key), &known);
            add(script.with("misspelt option", key..key + 1, &wrong));
            if let Some(wrong) = other_than(ty) {
                add(script.with("option of a wrong type", value.clone(), wrong));
            }
            if let Some(wrong) = malformed(ty) {
                add(script.with("option without meaning", value, wrong));
            }
        }
        for (arg, ty) in arguments(script) {
            if let Some(wrong) = other_than(ty) {
                add(script.with("argument of a wrong type", arg, wrong));
            }
        }
        for call in script.calls() {
            let Some(arities) = arities(corpus, script, &call) else {
                continue;
            };
            let count = call.args.len();
            if let Some(last) = call.args.last()
                && !arities.contains(&(count - 1))
            {
                let from = if count > 1 {
                    last.start - 1
                } else {
                    last.start
                };
                add(script.with("missing argument", from..call.close, ""));
            }
            if !arities.contains(&(count + 1)) {
                let more = if count == 0 { "1" } else { ", 1" };
                let end = script.pieces[call.close].range.start;
                let trailing = script.before(call.close) == ",";
                if !trailing {
                    let line = script.text[..end].matches('\n').count() + 1;
                    add(Mistake {
                        class: "argument too many",
                        id: script.id.clone(),
                        text: format!("{}{more}{}", &script.text[..end], &script.text[end..]),
                        what: format!(
                            "{}:{line}: `{}` with {} arguments",
                            script.id,
                            call.name,
                            count + 1
                        ),
                    });
                }
            }
            // What is handed to a script's function is a variable that its body uses.
            let scripts_own = !call.method && bindings(script, &call).is_empty();
            for arg in call
                .args
                .iter()
                .filter(|arg| scripts_own && arg.len() == 1 && script.is_word(arg.start))
            {
                if [
                    "c", "config", "host", "api", "db", "nomad", "consul", "rows", "node", "nodes",
                ]
                .contains(&script.slice(arg.start))
                {
                    add(script.with(
                        "argument of a wrong type for a function",
                        arg.clone(),
                        "true",
                    ));
                }
            }
        }
        for index in
            (0..script.pieces.len()).filter(|index| ["==", "!="].contains(&script.slice(*index)))
        {
            if script.before(index) == "kind"
                && script.before(index - 1) == "."
                && script.slice(index + 1).contains('.')
            {
                for _ in 0..4 {
                    let wrong = format!(
                        "\"{}\"",
                        dice.misspelled(script.slice(index + 1).trim_matches('"'), &known)
                    );
                    add(script.with("misspelt kind of error", index + 1..index + 2, &wrong));
                }
            }
        }
        for index in script
            .words()
            .filter(|index| script.before(*index) == "let")
        {
            let reserved = [
                "new", "default", "match", "async", "use", "case", "static", "module",
            ];
            let wrong = reserved[dice.below(reserved.len())];
            add(script.with("reserved word", index..index + 1, wrong));
            let name = dice.misspelled(script.slice(index), &known);
            let from = index - 1..index - 1;
            add(script.with("unused variable", from, &format!("let {name} = 1; ")));
        }
        for index in 0..script.pieces.len() {
            if script.pieces[index].kind == Kind::Close && script.slice(index) != "}" {
                add(script.with("missing bracket", index..index + 1, ""));
            }
            let begins = script.is_word(index) && [";", "}"].contains(&script.before(index));
            let inside = functions.iter().any(|_| true)
                && script.pieces[index].range.start
                    > script.text.find("\nfn ").map_or(usize::MAX, |at| at);
            let starts =
                ["let", "for", "if", "while", "try", "task", "log"].contains(&script.slice(index));
            let line_start = script.text[..script.pieces[index].range.start].ends_with("    ");
            if begins && inside && starts && line_start {
                let stop = ["return; ", "throw \"no\"; "][dice.below(2)];
                add(script.with("unreachable code", index..index, stop));
            }
        }
        // A private function of a module instead of one that it shows.
        for index in script
            .words()
            .filter(|index| script.before(*index) == "::" && script.slice(index + 1) == "(")
        {
            let Some(path) = script.aliases().get(script.slice(index - 2)).cloned() else {
                continue;
            };
            let Some(module) = corpus.iter().find(|other| other.id == path) else {
                continue;
            };
            let private = module
                .functions()
                .into_iter()
                .find(|(_, _, private)| *private);
            if let Some((name, ..)) = private {
                add(script.with("private function", index..index + 1, &name));
            }
        }
    }
    // Options and hooks of the flows, in a script of an operator.
    for script in corpus.iter().filter(|script| script.id.starts_with("std/")) {
        for call in script
            .calls()
            .into_iter()
            .filter(|call| call.owner.as_deref() == Some("args") && call.name == "options")
        {
            let Some(fallbacks) = call
                .args
                .get(2)
                .filter(|arg| script.slice(arg.start) == "#{")
            else {
                continue;
            };
            let name = script
                .slice(call.args[0].start)
                .trim_matches('"')
                .to_owned();
            let (alias, function) = name.split_once("::").unwrap();
            let Some((_, count, _)) = script
                .functions()
                .into_iter()
                .filter(|(name, ..)| name == function)
                .max_by_key(|(_, count, _)| *count)
            else {
                continue;
            };
            let before = ["c", "\"api\"", "\"x\"", "\"y\""];
            let flow = |options: &str| {
                let args = before[..count - 1].join(", ");
                format!(
                    "import \"std/config\" as config;\nimport \"std/cluster\" as cluster;\nimport \"{}\" as {alias};\n\
                     let c = cluster::open(config::load(\"deploy.env\"));\n{alias}::{function}({args}, #{{ {options} }});\n",
                    script.id
                )
            };
            for (key, value) in script.fields(fallbacks.start) {
                let key = script.slice(key);
                let first = script.slice(value.start);
                let wrong = dice.misspelled(key, &known);
                let (class, other) = match first {
                    "|" | "||" => ("misspelt hook", "\"none\""),
                    _ if script.pieces[value.start].kind == Kind::Number => {
                        ("misspelt option of a flow", "\"many\"")
                    }
                    _ => ("misspelt option of a flow", "17"),
                };
                let fallback = &script.text[script.pieces[value.start].range.start
                    ..script.pieces[value.end - 1].range.end];
                for (class, options) in [
                    (class, format!("{wrong}: {fallback}")),
                    (
                        "option of a flow of a wrong type",
                        format!("{key}: {other}"),
                    ),
                ] {
                    add(Mistake {
                        class,
                        id: "flow.rhai".to_owned(),
                        text: flow(&options),
                        what: format!("{name} #{{ {options} }}"),
                    });
                }
            }
        }
    }
    places
        .into_values()
        .flat_map(|all| dice.some(all, OF_A_CLASS))
        .collect()
}

impl Dice {
    fn misspelled(&mut self, word: &str, known: &BTreeSet<String>) -> String {
        self.misspell(word, known)
    }
}

fn host() -> Host {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let session = Session::new(
        Run::silent(Mode::Apply, runtime.handle().clone()),
        Settings::default(),
    );
    Host::new(REGISTRY, Library::default(), session, Box::new(|_| {}))
}

#[test]
fn check_finds_the_mistakes_that_people_make() {
    let corpus = corpus();
    let mistakes = mistakes(&corpus);
    let left = Mutex::new(mistakes.iter());
    let results: Mutex<Vec<(&Mistake, bool)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let work = || {
                let host = host();
                loop {
                    let Some(mistake) = left.lock().unwrap().next() else {
                        break;
                    };
                    let found = Found {
                        id: mistake.id.clone(),
                        path: None,
                        text: mistake.text.clone(),
                    };
                    let findings = check(&host, REGISTRY, &found);
                    let is_found = findings
                        .iter()
                        .any(|finding| finding.place.source == mistake.id);
                    results.lock().unwrap().push((mistake, is_found));
                }
            };
            std::thread::Builder::new()
                .stack_size(16 << 20)
                .spawn_scoped(scope, work)
                .unwrap();
        }
    });
    let results = results.into_inner().unwrap();
    let mut classes: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (mistake, found) in &results {
        let class = classes.entry(mistake.class).or_default();
        class.0 += usize::from(*found);
        class.1 += 1;
    }
    let mut missed: Vec<&str> = results
        .iter()
        .filter(|(_, found)| !found)
        .map(|(mistake, _)| mistake.what.as_str())
        .collect();
    missed.sort_unstable();
    if std::env::var_os("SHOW_MISSED").is_some() {
        println!("{}", missed.join("\n"));
    }
    for (class, (found, made)) in &classes {
        println!("{class}: {found} of {made}");
    }
    let found = results.len() - missed.len();
    println!("{found} of {} in {} classes", results.len(), classes.len());
    assert!(results.len() >= 300 && classes.len() >= 10);
    #[allow(clippy::cast_precision_loss)] // some hundreds
    let share = found as f64 / results.len() as f64;
    assert!(
        share >= WANTED_SHARE,
        "{:.1} %; not found:\n{}",
        share * 100.0,
        missed.join("\n")
    );
}
