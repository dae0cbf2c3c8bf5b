//! The scripts that a script reaches by its imports, parsed and never run.

use std::collections::HashMap;
use std::sync::Arc;

use rhai::Position;

use crate::diag::Failure;
use crate::diag::span::Text;
use crate::engine::library::Found;
use crate::engine::registry::Registry;
use crate::engine::source::Source;
use crate::explain::Severity;

use super::finding::Finding;
use super::shelf::Shelf;
use super::unit::{Unit, Written};

/// All scripts within reach, the entry first.
pub struct Program {
    pub registry: Registry,
    pub units: Vec<Arc<Unit>>,
    /// How many of them are checked; those behind were loaded for what is known of them.
    checked: usize,
    /// What was found while loading: syntax errors and imports that lead nowhere.
    pub findings: Vec<Finding>,
    by_id: HashMap<String, usize>,
    /// Where an import leads: unit and place of its path → unit.
    links: HashMap<(usize, Position), usize>,
    /// For each unit, those that import it, also through others.
    importers: Vec<Vec<usize>>,
}

impl Program {
    /// Loads `entry` and everything it imports.
    pub fn load(shelf: &Shelf<'_>, entry: &Found) -> Program {
        let mut program = Program {
            registry: shelf.registry(),
            units: Vec::new(),
            checked: 0,
            findings: Vec::new(),
            by_id: HashMap::new(),
            links: HashMap::new(),
            importers: Vec::new(),
        };
        let mut loader = Loader {
            shelf,
            program: &mut program,
            chain: Vec::new(),
        };
        loader.unit(entry);
        loader.program.checked = loader.program.units.len();
        loader.background();
        program.importers = (0..program.units.len())
            .map(|unit| program.reaching(unit))
            .collect();
        program
    }

    /// Whether a script was loaded for what is known of it, and is not checked.
    pub fn is_background(&self, unit: usize) -> bool {
        unit >= self.checked
    }

    /// Whether another script imports this one.
    pub fn is_imported(&self, unit: usize) -> bool {
        !self.importers(unit).is_empty()
    }

    /// All units that import this one, also through others.
    pub fn importers(&self, unit: usize) -> &[usize] {
        self.importers.get(unit).map_or(&[], Vec::as_slice)
    }

    fn reaching(&self, unit: usize) -> Vec<usize> {
        let mut found = vec![unit];
        let mut next = 0;
        while let Some(target) = found.get(next).copied() {
            for ((importer, _), leads) in &self.links {
                if *leads == target && !found.contains(importer) {
                    found.push(*importer);
                }
            }
            next += 1;
        }
        found.retain(|found| *found != unit);
        found.sort_unstable();
        found
    }

    /// Kinds of failure that the scripts throw themselves.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.units
            .iter()
            .flat_map(|unit| unit.kinds.iter().map(String::as_str))
    }

    /// Whether any script has a map with this key.
    pub fn has_key(&self, name: &str) -> bool {
        self.units.iter().any(|unit| unit.keys.contains(name))
    }

    /// The unit that an import leads to, unless that could not be read.
    pub fn target(&self, unit: usize, path_at: Position) -> Option<usize> {
        self.links.get(&(unit, path_at)).copied()
    }
}

struct Loader<'a> {
    shelf: &'a Shelf<'a>,
    program: &'a mut Program,
    /// Ids of the scripts whose imports are being followed.
    chain: Vec<String>,
}

impl Loader<'_> {
    /// What standard modules are handed is what these two make.
    fn background(&mut self) {
        if !self
            .program
            .units
            .iter()
            .any(|unit| unit.id().starts_with("std/"))
        {
            return;
        }
        let before = self.program.findings.len();
        for name in ["std/config", "std/cluster"] {
            if let Ok(found) = self.shelf.find(name, None) {
                self.unit(&found);
            }
        }
        self.program.findings.truncate(before);
    }

    /// Loads one script and what it imports; `None` if it cannot be parsed.
    fn unit(&mut self, found: &Found) -> Option<usize> {
        if let Some(index) = self.program.by_id.get(&found.id) {
            return Some(*index);
        }
        let unit = match self.shelf.unit(found) {
            Ok(unit) => unit,
            Err(finding) => {
                self.program.findings.push(*finding);
                return None;
            }
        };
        let index = self.program.units.len();
        self.program.by_id.insert(found.id.clone(), index);
        self.program.units.push(unit.clone());
        self.chain.push(found.id.clone());
        for import in &unit.imports {
            self.import(index, &unit.source, import);
        }
        self.chain.pop();
        Some(index)
    }

    fn import(&mut self, importer: usize, source: &Source, import: &Written) {
        let Some(path) = &import.path else {
            let failure =
                Failure::new("dynamic-import", "the path of this import is not a literal")
                    .help("what it imports cannot be checked: prefer a fixed path");
            self.report(source, failure, import.at, Severity::Warning);
            return;
        };
        let found = match self.shelf.find(path, Some(&source.id)) {
            Ok(found) => found,
            Err(failure) => return self.report(source, failure, import.at, Severity::Error),
        };
        if let Some(start) = self.chain.iter().position(|id| *id == found.id) {
            let cycle = self.chain.get(start..).unwrap_or_default().join(" → ");
            let failure = Failure::new(
                "script.import_cycle",
                format!("these scripts import each other: {cycle} → {}", found.id),
            )
            .help("move what they share into a third script that imports neither");
            return self.report(source, failure, import.at, Severity::Error);
        }
        if let Some(target) = self.unit(&found) {
            self.program.links.insert((importer, import.at), target);
        }
    }

    fn report(&mut self, source: &Source, failure: Failure, at: Position, severity: Severity) {
        let finding = Finding::error(failure, &source.id, &Text::new(&source.text), at);
        self.program.findings.push(Finding {
            severity,
            ..finding
        });
    }
}
