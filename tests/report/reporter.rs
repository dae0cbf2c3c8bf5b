use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use e2bscript::diag::{Class, Failure};
use e2bscript::report::console::Console;
use e2bscript::report::sink::JsonLines;
use e2bscript::report::{
    Action, ConsoleOptions, Event, Level, LineSink, Record, Reporter, Stream, Verbosity,
};

/// Something to write to, shared with the test.
#[derive(Clone, Default)]
pub struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A sink that keeps its lines.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    pub fn texts(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn records(&self) -> Vec<Record> {
        self.texts()
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl LineSink for Lines {
    fn name(&self) -> String {
        "a test".to_owned()
    }

    fn write(&mut self, _: &Record, line: &str) -> io::Result<()> {
        self.0.lock().unwrap().push(line.to_owned());
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Fails from the third write on, and counts.
#[derive(Clone)]
struct Failing {
    kind: ErrorKind,
    writes: Arc<Mutex<usize>>,
}

impl Failing {
    fn new(kind: ErrorKind) -> Failing {
        Failing {
            kind,
            writes: Arc::default(),
        }
    }

    fn writes(&self) -> usize {
        *self.writes.lock().unwrap()
    }

    fn count(&self) -> io::Result<()> {
        let mut writes = self.writes.lock().unwrap();
        *writes += 1;
        if *writes > 2 {
            Err(self.kind.into())
        } else {
            Ok(())
        }
    }
}

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.count().map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl LineSink for Failing {
    fn name(&self) -> String {
        "the journal".to_owned()
    }

    fn write(&mut self, _: &Record, _: &str) -> io::Result<()> {
        self.count()
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn verbose() -> ConsoleOptions {
    ConsoleOptions {
        verbosity: Verbosity::Debug,
        ..ConsoleOptions::default()
    }
}

fn change(host: &str, step: Option<e2bscript::report::StepId>) -> Event {
    Event::Change {
        host: host.to_owned(),
        item: "file /etc/x".to_owned(),
        action: Action::Update,
        applied: true,
        reason: String::new(),
        diff: None,
        step,
    }
}

/// Shows stored events again, as far as stderr is concerned.
fn replay(records: &[Record], options: ConsoleOptions) -> String {
    let mut console = Console::new(options);
    records
        .iter()
        .map(|record| console.show(record).talk)
        .collect()
}

#[test]
fn the_console_can_be_made_again_from_the_stored_events() {
    let (out, err, lines) = (Buffer::default(), Buffer::default(), Lines::default());
    let reporter = Reporter::builder("20261124-0301-ab12")
        .console_to(verbose(), Box::new(out.clone()), Box::new(err.clone()))
        .sink(Box::new(lines.clone()))
        .build();
    reporter.mask("hunter2");
    let step = reporter.next_step();
    reporter.emit(Event::StepStarted {
        step,
        parent: None,
        name: "one".to_owned(),
    });
    reporter.emit(change("api-1", Some(step)));
    let mut output = reporter.output("api-1", Stream::Stderr).step(Some(step));
    output.write(format!("{} hunter2\n\u{1b}[31mred", "x".repeat(40_000)).as_bytes());
    drop(output);
    let failure = Failure::new("a.b", "it is hunter2").host("api-1").code(3);
    reporter.emit(Event::Failure {
        failure,
        report: Some("a\u{1b}[1mb".to_owned()),
        colored: None,
    });
    reporter.emit(Event::Result {
        value: serde_json::json!({ "x": ["hunter2"] }),
    });
    assert_eq!(err.text(), replay(&lines.records(), verbose()));
    assert!(err.text().contains("x ***\n"));
}

#[test]
fn events_are_numbered_in_one_order_for_all_sinks() {
    let (first, second) = (Lines::default(), Lines::default());
    let reporter = Reporter::builder("run")
        .sink(Box::new(first.clone()))
        .sink(Box::new(second.clone()))
        .build();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| reporter.log(Level::Info, "x")));
        }
    });
    let numbers: Vec<u64> = first.records().iter().map(|record| record.seq).collect();
    assert_eq!(numbers, (1..=200).collect::<Vec<u64>>());
    assert_eq!(first.texts(), second.texts());
}

#[test]
fn a_reader_that_goes_away_is_forgotten_quietly() {
    let (pipe, lines, err) = (
        Failing::new(ErrorKind::BrokenPipe),
        Lines::default(),
        Buffer::default(),
    );
    let (out, sink) = (
        Failing::new(ErrorKind::BrokenPipe),
        Failing::new(ErrorKind::BrokenPipe),
    );
    let reporter = Reporter::builder("run")
        .console_to(verbose(), Box::new(out.clone()), Box::new(err.clone()))
        .sink(Box::new(JsonLines::new(Box::new(pipe.clone()))))
        .sink(Box::new(sink.clone()))
        .sink(Box::new(lines.clone()))
        .build();
    for number in 0..10 {
        reporter.emit(Event::Result {
            value: number.into(),
        });
    }
    assert_eq!((out.writes(), sink.writes()), (3, 3));
    // One more try of its buffer, when it is dropped.
    assert!(pipe.writes() <= 4, "{}", pipe.writes());
    assert_eq!(lines.texts().len(), 10);
    assert_eq!(err.text(), "");
}

#[test]
fn results_that_are_lost_are_told() {
    let (out, err) = (Failing::new(ErrorKind::StorageFull), Buffer::default());
    let reporter = Reporter::builder("run")
        .console_to(
            ConsoleOptions::default(),
            Box::new(out),
            Box::new(err.clone()),
        )
        .build();
    for number in 0..10 {
        reporter.emit(Event::Result {
            value: number.into(),
        });
    }
    assert_eq!(
        err.text()
            .matches("error: results cannot be written: ")
            .count(),
        1,
        "{}",
        err.text()
    );
}

#[test]
fn a_journal_that_fails_is_announced_once() {
    let (journal, lines, err) = (
        Failing::new(ErrorKind::StorageFull),
        Lines::default(),
        Buffer::default(),
    );
    let reporter = Reporter::builder("run")
        .console_to(
            ConsoleOptions::default(),
            Box::new(Buffer::default()),
            Box::new(err.clone()),
        )
        .sink(Box::new(journal.clone()))
        .sink(Box::new(lines.clone()))
        .build();
    for _ in 0..10 {
        reporter.log(Level::Info, "going on");
    }
    assert_eq!(journal.writes(), 3);
    assert_eq!(lines.texts().len(), 11);
    let text = err.text();
    assert_eq!(text.matches("going on\n").count(), 10);
    assert_eq!(
        text.matches("warning: the journal cannot be written any more")
            .count(),
        1,
        "{text}"
    );
    assert!(
        text.contains(&io::Error::from(ErrorKind::StorageFull).to_string()),
        "{text}"
    );
}

#[test]
fn output_does_not_wait_in_a_buffer() {
    let pipe = Buffer::default();
    let reporter = Reporter::builder("run")
        .sink(Box::new(JsonLines::new(Box::new(pipe.clone()))))
        .build();
    reporter.output("api-1", Stream::Stdout).write(b"hello\n");
    let before = Instant::now();
    while !pipe.text().contains("hello") {
        assert!(before.elapsed() < Duration::from_secs(10), "nothing came");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_pause_holds_text_back_but_not_the_journal() {
    let (err, lines) = (Buffer::default(), Lines::default());
    let reporter = Reporter::builder("run")
        .console_to(
            verbose(),
            Box::new(Buffer::default()),
            Box::new(err.clone()),
        )
        .sink(Box::new(lines.clone()))
        .build();
    let outer = reporter.pause();
    let inner = reporter.pause();
    reporter.log(Level::Info, "first");
    reporter.log(Level::Info, "second");
    drop(inner);
    assert_eq!(err.text(), "");
    assert_eq!(lines.texts().len(), 2);
    // Who presses Ctrl-C at a prompt sees that it was heard.
    reporter.emit(Event::Waiting {
        what: Vec::new(),
        signal: Some("SIGINT".to_owned()),
    });
    assert!(
        err.text()
            .starts_with("first\nsecond\nstopping after SIGINT\n"),
        "{}",
        err.text()
    );
    reporter.log(Level::Info, "third");
    assert!(!err.text().contains("third"));
    drop(outer);
    assert!(err.text().ends_with("third\n"));
    reporter.log(Level::Info, "fourth");
    assert!(err.text().ends_with("fourth\n"));
}

#[test]
fn a_long_pause_holds_back_only_so_much() {
    let err = Buffer::default();
    let reporter = Reporter::builder("run")
        .console_to(
            verbose(),
            Box::new(Buffer::default()),
            Box::new(err.clone()),
        )
        .build();
    let _pause = reporter.pause();
    for _ in 0..2000 {
        reporter.log(Level::Info, "x".repeat(1000));
    }
    assert!(err.text().len() > 900_000);
}

#[test]
fn hosts_and_steps_are_counted() {
    let reporter = Reporter::silent();
    let (outer, inner) = (reporter.next_step(), reporter.next_step());
    reporter.emit(Event::StepStarted {
        step: outer,
        parent: None,
        name: "outer".to_owned(),
    });
    reporter.emit(Event::StepStarted {
        step: inner,
        parent: Some(outer),
        name: "inner".to_owned(),
    });
    assert_eq!(reporter.waiting(), ["step `inner`"]);
    reporter.emit(change("a", Some(inner)));
    reporter.emit(change("a", Some(outer)));
    reporter.emit(change("b", None));
    reporter.emit(Event::Unchanged {
        host: "b".to_owned(),
        count: 7,
        items: Vec::new(),
        step: None,
    });
    let unreachable = Failure::new("ssh.unreachable", "m")
        .host("c")
        .class(Class::Unreachable);
    let mut failure = Failure::new("task.parallel", "2 of 3 failed").host("ignored");
    failure.failures = vec![unreachable, Failure::new("ssh.exit", "m").host("a")];
    reporter.emit(Event::Failure {
        failure,
        report: None,
        colored: None,
    });
    let tally = reporter.tally();
    assert_eq!((tally.changed(), tally.ok(), tally.failed()), (3, 7, 2));
    assert_eq!(reporter.changed_in(outer), 2);
    assert_eq!(reporter.changed_in(inner), 1);
    assert!(tally.hosts["c"].unreachable && !tally.hosts["a"].unreachable);
    assert!(!tally.hosts.contains_key("ignored"));
}
