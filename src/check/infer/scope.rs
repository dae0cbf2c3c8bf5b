//! The names that are visible while a script is walked through, with the shapes behind them.

use crate::check::shape::{Shape, Step};

use super::Key;

/// Variables and imports, the innermost last.
#[derive(Clone, Default)]
pub struct Scope<'a> {
    entries: Vec<Entry<'a>>,
    /// Closures around the place at hand.
    closures: usize,
}

#[derive(Clone)]
enum Entry<'a> {
    Variable(Variable<'a>),
    /// An alias, and the unit that it leads to.
    Import(&'a str, Option<usize>),
}

/// A variable.
#[derive(Clone)]
pub struct Variable<'a> {
    name: &'a str,
    shape: Shape,
    /// It is this parameter, and never anything else.
    param: Option<(Key, usize)>,
    closures: usize,
}

/// What a name stands for.
pub struct Found {
    pub shape: Shape,
    pub param: Option<(Key, usize)>,
    /// It was declared outside of the closure at hand.
    pub captured: bool,
}

impl<'a> Scope<'a> {
    pub fn declare(&mut self, name: &'a str, shape: Shape, param: Option<(Key, usize)>) {
        self.entries.push(Entry::Variable(Variable {
            name,
            shape,
            param,
            closures: self.closures,
        }));
    }

    pub fn import(&mut self, alias: &'a str, unit: Option<usize>) {
        self.entries.push(Entry::Import(alias, unit));
    }

    pub fn depth(&self) -> usize {
        self.entries.len()
    }

    pub fn leave(&mut self, depth: usize) {
        self.entries.truncate(depth);
    }

    pub fn enter_closure(&mut self) {
        self.closures += 1;
    }

    pub fn leave_closure(&mut self) {
        self.closures = self.closures.saturating_sub(1);
    }

    pub fn get(&self, name: &str) -> Option<Found> {
        let found = self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Variable(variable) if variable.name == name => Some(variable),
            _ => None,
        })?;
        Some(Found {
            shape: found.shape.clone(),
            param: found.param,
            captured: found.closures < self.closures,
        })
    }

    /// The unit behind an alias; the inner option is empty where the import leads nowhere.
    pub fn unit(&self, alias: &str) -> Option<Option<usize>> {
        self.entries.iter().rev().find_map(|entry| match entry {
            Entry::Import(name, unit) if *name == alias => Some(*unit),
            _ => None,
        })
    }

    /// Changes what is in a variable.
    pub fn change(&mut self, name: &str, path: &[Step], change: &mut dyn FnMut(&mut Shape)) {
        let found = self.entries.iter_mut().rev().find_map(|entry| match entry {
            Entry::Variable(variable) if variable.name == name => Some(variable),
            _ => None,
        });
        if let Some(variable) = found {
            variable.shape.change(path, change);
        }
    }

    /// All variables with their shapes.
    pub fn variables(&self) -> Vec<(&'a str, Shape)> {
        let variables = self.entries.iter().filter_map(|entry| match entry {
            Entry::Variable(variable) => Some((variable.name, variable.shape.clone())),
            Entry::Import(..) => None,
        });
        variables.collect()
    }

    /// What a function sees of what is around it.
    pub fn imports_only(&self) -> Scope<'a> {
        let imports = self
            .entries
            .iter()
            .filter(|entry| matches!(entry, Entry::Import(..)));
        Scope {
            entries: imports.cloned().collect(),
            closures: 0,
        }
    }
}
