//! The end of a run on the console: what was slow, the hosts, the wire, and one line that says it all.

use std::fmt::Write as _;

use super::table::{self, Cell};
use super::{Console, command};
use crate::report::color::Look;
use crate::report::event::{Event, HostSummary, Mode, Outcome, WireStats};
use crate::report::text::{count, duration, size, visible};

/// Slow steps that `-v` shows.
const SLOWEST: usize = 5;

/// The exit code of a bug of this program.
const INTERNAL: u8 = 70;

/// The exit code of a check that found something: nothing went wrong with the check itself.
const PROBLEMS: u8 = 7;

impl Console {
    pub(super) fn finish(&mut self, out: &mut String, event: &Event) {
        let Event::RunFinished {
            outcome,
            exit_code,
            seconds,
            changed,
            ok,
            failed,
            hosts,
            stats,
        } = event
        else {
            return;
        };
        // A small script that only computed something has nothing to sum up.
        let small = self.steps.is_empty() && hosts.is_empty() && !self.announced;
        if !self.verbose() && small && *exit_code != INTERNAL {
            return;
        }
        if self.verbose() {
            self.slow_steps(out);
        }
        if *outcome == Outcome::Ok {
            self.gone(out);
        }
        // Where all was about checks, their table has told it.
        let told = |host: &HostSummary| {
            host.ok + host.changed + host.failed > 0 || host.unreachable || self.checks.is_empty()
        };
        if hosts.iter().any(told) {
            out.push('\n');
            out.push_str(&self.host_table(hosts));
        }
        if let Some(stats) = stats {
            out.push('\n');
            out.push_str(&self.wire_table(stats));
            if !stats.apis.is_empty() {
                out.push('\n');
                out.push_str(&self.request_table(stats));
            }
        }
        out.push('\n');
        if let Some(checks) = self.checks.summary() {
            let _ = writeln!(out, "checks: {checks}");
        }
        if *outcome != Outcome::Ok {
            self.next_steps(out, hosts, *exit_code);
        }
        let subject = match self.mode {
            Mode::Apply => format!("run {}", self.run),
            Mode::Plan => "plan".to_owned(),
        };
        let (ending, look) = match outcome {
            Outcome::Ok if *changed > 0 => (String::new(), Look::Changed),
            Outcome::Ok => (String::new(), Look::Good),
            Outcome::Failed if *exit_code == PROBLEMS => (
                format!(" found problems (exit code {exit_code})"),
                Look::Bad,
            ),
            Outcome::Failed => (format!(" failed with exit code {exit_code}"), Look::Bad),
            Outcome::Cancelled => (" was stopped".to_owned(), Look::Warning),
        };
        let changes = match self.mode {
            Mode::Apply => format!("{changed} changed"),
            Mode::Plan => format!("{changed} to change"),
        };
        let places = match hosts.len() {
            0 => String::new(),
            number => format!(" on {}", count(number as u64, "host")),
        };
        let head = self.paint.paint(look, &format!("{subject}{ending}:"));
        let _ = writeln!(
            out,
            "{head} {changes}, {ok} ok, {failed} failed{places} in {}",
            duration(*seconds)
        );
    }

    fn slow_steps(&self, out: &mut String) {
        let slowest = self.steps.slowest(SLOWEST);
        if slowest.is_empty() {
            return;
        }
        let rows = slowest
            .into_iter()
            .map(|(name, seconds)| vec![Cell::new(duration(seconds)).right(), Cell::new(name)]);
        out.push('\n');
        out.push_str(&table::render(
            None,
            ["time", "slowest steps"],
            rows,
            self.options.width,
            self.paint,
        ));
    }

    fn host_table(&self, hosts: &[HostSummary]) -> String {
        let rows = hosts.iter().map(|host| {
            let unreachable = match host.unreachable {
                true => Cell::new("yes").look(Look::Bad),
                false => Cell::new("no").look(Look::Faint),
            };
            vec![
                Cell::new(&host.host),
                Cell::number(host.ok, Some(Look::Good)),
                Cell::number(host.changed, Some(Look::Changed)),
                Cell::number(host.failed, Some(Look::Bad)),
                unreachable,
                Cell::new(duration(host.seconds)).right(),
            ]
        });
        let changed = match self.mode {
            Mode::Apply => "changed",
            Mode::Plan => "to change",
        };
        let columns = ["host", "ok", changed, "failed", "unreachable", "time"];
        table::render(None, columns, rows, self.options.width, self.paint)
    }

    fn wire_table(&self, stats: &WireStats) -> String {
        let row = |name: &str, numbers: [u64; 3], sent: u64, received: u64| {
            let mut row = vec![Cell::new(name)];
            row.extend(numbers.map(|number| Cell::number(number, None)));
            row.push(Cell::new(size(sent)).right());
            row.push(Cell::new(size(received)).right());
            row
        };
        let mut rows: Vec<Vec<Cell>> = stats
            .hosts
            .iter()
            .map(|host| {
                let numbers = [host.connections, host.sessions, host.round_trips];
                row(&host.host, numbers, host.bytes_sent, host.bytes_received)
            })
            .collect();
        let numbers = [stats.connections, stats.sessions, stats.round_trips];
        rows.push(row("all", numbers, stats.bytes_sent, stats.bytes_received));
        let columns = [
            "host",
            "connections",
            "sessions",
            "round trips",
            "sent",
            "received",
        ];
        table::render(None, columns, rows, self.options.width, self.paint)
    }

    fn request_table(&self, stats: &WireStats) -> String {
        let row = |api: &str, host: &str, requests: u64| {
            vec![
                Cell::new(api),
                Cell::new(host),
                Cell::number(requests, None),
            ]
        };
        let mut rows: Vec<Vec<Cell>> = stats
            .apis
            .iter()
            .map(|one| {
                let host = match one.host.as_str() {
                    "" => "this machine",
                    host => host,
                };
                row(&one.api, host, one.requests)
            })
            .collect();
        rows.push(row("all", "", stats.requests));
        let columns = ["API", "from", "requests"];
        table::render(None, columns, rows, self.options.width, self.paint)
    }

    /// What to do next: where all of it is written down, and how to run the failed hosts again.
    fn next_steps(&self, out: &mut String, hosts: &[HostSummary], exit_code: u8) {
        if let Some(journal) = &self.journal {
            let _ = writeln!(out, "all events of this run: {}", visible(journal));
        }
        if let Some(log) = self.log.as_ref().filter(|_| exit_code == INTERNAL) {
            let _ = writeln!(out, "its log, for a report of the bug: {}", visible(log));
        }
        let failed: Vec<&str> = hosts
            .iter()
            .filter(|host| host.failed > 0 || host.unreachable)
            .map(|host| host.host.as_str())
            .collect();
        if failed.is_empty() || failed.len() == hosts.len() {
            return;
        }
        let plan = match self.mode {
            Mode::Apply => "",
            Mode::Plan => "--plan ",
        };
        let again = format!(
            "e2bscript --limit {} {plan}{}",
            failed.join(","),
            command(&self.script, &self.args)
        );
        let _ = writeln!(out, "the failed hosts again: {}", visible(&again));
    }
}
