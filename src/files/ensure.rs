//! Bringing a host to a wanted state: one round trip reads, at most one more applies.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Model;
use super::apply::{Failed, Heard, Script, Transfer};
use super::error::Error;
use super::fetch;
use super::hash::Hashes;
use super::inputs::Inputs;
use super::item::{Item, Problem, Verdict};
use super::pace::Compress;
use super::payload::Progress;
use super::read::Probe;
use super::report::{Change, ItemReport, Report};
use super::shell::{Class, Shell, Sudo, standin};
use super::world::World;

/// How often a transfer is reported.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// How an ensure works.
#[derive(Debug, Clone)]
pub struct Options {
    /// Reads and compares only; writes nothing. Default: false.
    pub plan: bool,
    /// Default: none.
    pub sudo: Sudo,
    /// Default: auto.
    pub compress: Compress,
    /// Which connection is used. Default: control, and bulk for contents of 1 MiB and more.
    pub class: Option<Class>,
    /// Where a host keeps what later runs need to know. Default: `/var/lib/e2bscript`.
    pub state_dir: String,
    /// Where the workstation keeps downloads. Default: `e2bscript/downloads` in the user's cache.
    pub cache_dir: PathBuf,
    /// Default: shared by the whole process.
    pub hashes: Hashes,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            plan: false,
            sudo: Sudo::default(),
            compress: Compress::default(),
            class: None,
            state_dir: "/var/lib/e2bscript".to_owned(),
            cache_dir: fetch::cache_dir(),
            hashes: Hashes::shared(),
        }
    }
}

/// What happens during an ensure, for progress displays.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// State was read and compared: this is what will be done (or would be, under a plan).
    Compared(&'a Report),
    /// Contents are on their way.
    Sent { bytes: u64, of: u64 },
    /// An item is being applied.
    Begin(&'a ItemReport),
    /// A command of an item wrote something.
    Output(&'a ItemReport, &'a [u8]),
    /// An item is applied.
    Done(&'a ItemReport),
}

/// Hears what happens.
pub trait Observer: Send {
    fn event(&mut self, event: Event<'_>);
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&mut self, _event: Event<'_>) {}
}

impl<F: FnMut(Event<'_>) + Send> Observer for F {
    fn event(&mut self, event: Event<'_>) {
        self(event);
    }
}

/// Makes the host have every item, in order, and says what had to change.
///
/// One round trip reads. Where something differs, one more applies it: files are replaced
/// atomically with their final owner and mode. When an item fails, those before it stay applied,
/// those after it are not touched, and no temporary file remains.
pub async fn ensure(
    shell: &dyn Shell,
    items: &[Item],
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<Report, Error> {
    for item in items {
        item.check()?;
    }
    let sources = items.iter().filter_map(|item| item.state().source());
    let inputs = Inputs::look(sources, &options.hashes).await?;
    let mut probe = Probe::default();
    for item in items {
        item.state().read(&mut probe, &inputs);
    }
    // Large workstation files are hashed meanwhile.
    let class = options.class.unwrap_or_default();
    let mut world = probe
        .run(shell, &options.sudo, &options.state_dir, class)
        .await?;
    let compared = |path: &Path| {
        items.iter().any(|item| {
            item.state().source().is_some_and(|source| source == path)
                && item.state().compares_hash(&world)
        })
    };
    let local = inputs.contents(&options.hashes, compared).await?;
    world.local = local;
    let mut comparison = compare(items, &mut world)?;
    comparison.report.plan = options.plan;
    if let Some(model) = standin(shell) {
        comparison.forget_met(&model, items);
    }
    observer.event(Event::Compared(&comparison.report));
    if options.plan || comparison.report.is_unchanged() {
        return Ok(comparison.report);
    }
    if let Some(model) = standin(shell) {
        return Ok(comparison.apply_to(&model, items, &world, observer));
    }
    comparison.apply(shell, options, &world, observer).await
}

/// The difference between what is and what should be, and how to close it.
struct Comparison {
    report: Report,
    script: Script,
    /// Items that are in the script.
    steps: Vec<usize>,
    /// Items that are as they should be unless an earlier change undoes it: their part of the
    /// script finds out, and this is what it then does.
    conditional: BTreeMap<usize, Change>,
}

fn compare(items: &[Item], world: &mut World) -> Result<Comparison, Error> {
    let mut comparison = Comparison {
        report: Report {
            host: world.host.clone(),
            plan: false,
            items: Vec::with_capacity(items.len()),
            round_trips: 1,
            bytes_sent: 0,
        },
        script: Script::default(),
        steps: Vec::new(),
        conditional: BTreeMap::new(),
    };
    for (index, item) in items.iter().enumerate() {
        let mut part = Script::default();
        let verdict = item
            .state()
            .compare(world, &mut part)
            .map_err(|problem| conflict(world, item, problem))?;
        comparison.add(index, item, verdict, part);
    }
    Ok(comparison)
}

fn conflict(world: &World, item: &Item, problem: Problem) -> Error {
    Error::Conflict {
        host: world.host.clone(),
        item: item.address(),
        problem: problem.text,
        help: problem.help,
    }
}

impl Comparison {
    fn add(&mut self, index: usize, item: &Item, mut verdict: Verdict, part: Script) {
        // Where nothing changes before it, what was read holds.
        let certain = verdict.conditional && self.report.is_unchanged();
        if verdict.conditional {
            let change = verdict.change.take();
            if let Some(change) = change.filter(|_| !certain) {
                self.conditional.insert(index, change);
            }
        }
        if !part.is_empty() && !certain {
            self.script.begin(index);
            self.script.append(part);
            self.script.finish(index);
            self.steps.push(index);
        }
        self.report.items.push(ItemReport {
            kind: item.kind(),
            name: item.name(),
            change: verdict.change,
            notes: verdict.notes,
        });
    }

    /// Leaves out what the model was brought to before.
    fn forget_met(&mut self, model: &Model, items: &[Item]) {
        for (report, item) in self.report.items.iter_mut().zip(items) {
            if model.has_met(item) {
                report.change = None;
            }
        }
    }

    /// Changes the model as the script would change the host.
    fn apply_to(
        self,
        model: &Model,
        items: &[Item],
        world: &World,
        observer: &mut dyn Observer,
    ) -> Report {
        let mut report = self.report;
        report.round_trips += 1;
        let changed = items.iter().zip(&report.items);
        let changed = changed.filter(|(_, report)| report.change.is_some());
        model.applied(world, changed.map(|(item, _)| item));
        for item in report.items.iter().filter(|item| item.change.is_some()) {
            observer.event(Event::Begin(item));
            observer.event(Event::Done(item));
        }
        report
    }

    async fn apply(
        self,
        shell: &dyn Shell,
        options: &Options,
        world: &World,
        observer: &mut dyn Observer,
    ) -> Result<Report, Error> {
        let Comparison {
            mut report,
            mut script,
            steps,
            mut conditional,
        } = self;
        script.fetch(&options.cache_dir, &options.hashes).await?;
        report.round_trips += 1;
        let size = script.size();
        let large = size >= 1 << 20;
        let transfer = Transfer {
            shell,
            sudo: &options.sudo,
            state_dir: &options.state_dir,
            compress: match world.gzip {
                true => options.compress,
                false => Compress::Off,
            },
            class: options
                .class
                .unwrap_or(if large { Class::Bulk } else { Class::Control }),
            progress: Progress::default(),
        };
        let mut done = Vec::new();
        let mut current = None;
        let mut skipped = Vec::new();
        let result = {
            let observer = std::sync::Mutex::new(&mut *observer);
            let tell = |event: Event<'_>| {
                if let Ok(mut observer) = observer.lock() {
                    observer.event(event);
                }
            };
            let items = &report.items;
            let mut heard = |heard: Heard<'_>| match heard {
                Heard::Begin(index) => {
                    current = Some(index);
                    if let Some(item) = items.get(index) {
                        tell(Event::Begin(item));
                    }
                }
                Heard::Done(index) => {
                    done.push(index);
                    if let Some(item) = items.get(index) {
                        tell(Event::Done(item));
                    }
                }
                Heard::Skipped(index) => skipped.push(index),
                Heard::Output(index, bytes) => {
                    if let Some(item) = items.get(index) {
                        tell(Event::Output(item, bytes));
                    }
                }
            };
            let progress = transfer.progress.clone();
            let work = transfer.run(script, &mut heard);
            tokio::pin!(work);
            let mut ticks = tokio::time::interval(TICK);
            let result = loop {
                tokio::select! {
                    result = &mut work => break result,
                    _ = ticks.tick(), if large => {
                        tell(Event::Sent { bytes: progress.content().min(size), of: size });
                    }
                }
            };
            report.bytes_sent = progress.sent();
            if large && result.is_ok() {
                tell(Event::Sent {
                    bytes: size,
                    of: size,
                });
            }
            result
        };
        match result {
            Ok(()) => {
                for index in &skipped {
                    conditional.remove(index);
                    if let Some(item) = report.items.get_mut(*index) {
                        item.change = None;
                    }
                }
                for (index, change) in conditional {
                    if let Some(item) = report.items.get_mut(index) {
                        item.change = Some(change);
                    }
                }
                Ok(report)
            }
            Err(failed) => Err(failure(failed, &report, &steps, &done, current)),
        }
    }
}

/// Names the items of a failed round trip.
fn failure(
    failed: Failed,
    report: &Report,
    steps: &[usize],
    done: &[usize],
    current: Option<usize>,
) -> Error {
    let address = |index: &usize| report.items.get(*index).map(ItemReport::address);
    let at = failed.item.or(current);
    let item = at.as_ref().and_then(address);
    let item = item.unwrap_or_else(|| "the first item".to_owned());
    let applied = done
        .iter()
        .filter_map(|index| report.items.get(*index).cloned())
        .collect();
    let pending = steps
        .iter()
        .filter(|index| !done.contains(index) && Some(**index) != at)
        .filter_map(address)
        .collect();
    failed.into_error(&report.host, item, applied, pending)
}

/// Paths of workstation files that the items carry, for checks before a run.
pub fn sources(items: &[Item]) -> Vec<PathBuf> {
    items
        .iter()
        .filter_map(|item| item.state().source().cloned())
        .collect()
}
