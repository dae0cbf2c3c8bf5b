//! What values may be, as far as the text shows it: a run of the scripts on kinds instead of values.
//!
//! Every function is gone through several times. At first a parameter may be anything; each time
//! after, it is what the calls of the time before have handed over. Whatever is not sure stays
//! "anything", about which nothing is said: what is reported here would fail wherever it runs.

mod assign;
mod builtins;
mod calls;
mod kinds;
mod natives;
mod needs;
mod operators;
mod reads;
mod scope;
mod statements;

use std::collections::{BTreeMap, HashMap};

use rhai::Position;

use crate::diag::Failure;
use crate::engine::registry::{Function, Registry};
use crate::explain::Severity;

use super::names::Names;
use super::program::Program;
use super::shape::Shape;
use super::unit::{Script, Unit};
use super::words;
pub use assign::CHANGING;
use needs::Need;
use scope::Scope;

/// How often the functions are gone through: what is known travels from a call to the called
/// function once each time. In between, only those are for which something is new.
const PASSES: usize = 5;

/// What the standard modules call things: parameters of their public functions by these names are
/// what the named function returns, or the named handle.
const CONTRACTS: &[(&str, Contract)] = &[
    ("c", Contract::Returned("std/cluster", "open")),
    ("config", Contract::Returned("std/config", "load")),
    ("host", Contract::Handle("Host")),
    ("api", Contract::Handle("Api")),
];

#[derive(Clone, Copy)]
enum Contract {
    Returned(&'static str, &'static str),
    Handle(&'static str),
}

/// The result: what methods are called on, and what is wrong.
#[derive(Default)]
pub struct Inferred {
    /// What stands before the dot of a method call, by unit and place of the method's name.
    receivers: HashMap<(usize, Position), Shape>,
    complaints: BTreeMap<(usize, Position, String), Complaint>,
    /// Properties that are read, and whether nothing is known of what they are read of.
    reads: BTreeMap<(usize, Position), (String, bool)>,
}

pub struct Complaint {
    pub severity: Severity,
    pub failure: Failure,
}

impl Inferred {
    /// Infers the shapes of a whole program.
    pub fn of(program: &Program, names: &Names) -> Inferred {
        let mut walk = Walk::new(program, names);
        for pass in 0..PASSES {
            walk.speaks = pass + 1 == PASSES;
            walk.program();
        }
        walk.result
    }

    pub fn receiver(&self, unit: usize, at: Position) -> Option<&Shape> {
        self.receivers.get(&(unit, at))
    }

    /// All properties that are read: their names, and whether it is not known of what.
    pub fn reads(&self) -> impl Iterator<Item = (&str, bool)> {
        let reads = self.reads.values();
        reads.map(|(name, unknown)| (name.as_str(), *unknown))
    }

    /// Those of a unit, with their places.
    pub fn reads_in(&self, unit: usize) -> impl Iterator<Item = (Position, &str, bool)> {
        let own = self.reads.range((unit, Position::NONE)..);
        let own = own.take_while(move |((of, _), _)| *of == unit);
        own.map(|((_, at), (name, unknown))| (*at, name.as_str(), *unknown))
    }

    pub fn complaints(&self, unit: usize) -> impl Iterator<Item = (Position, &Complaint)> {
        let own = self
            .complaints
            .range((unit, Position::NONE, String::new())..);
        let own = own.take_while(move |((of, ..), _)| *of == unit);
        own.map(|((_, at, _), complaint)| (*at, complaint))
    }
}

/// A function that has a name, by its unit and its number there.
type Key = (usize, usize);

/// What is known of a function.
struct Known {
    /// From the calls of the pass before.
    params: Vec<Shape>,
    /// From those of this pass.
    seen: Vec<Shape>,
    returns: Shape,
    needs: Vec<Vec<Need>>,
    /// Fallbacks that it gives its options, by the parameter that takes them.
    options: HashMap<String, Shape>,
    /// Nobody but the program at hand can call it.
    closed: bool,
    /// When its parameters, and what it returns, became what they are.
    params_since: u64,
    returns_since: u64,
    /// The last time that it was gone through.
    walked: Walked,
}

/// What one time through a function has looked at and left behind.
#[derive(Default)]
struct Walked {
    /// When; 0 is never.
    at: u64,
    /// The functions that it calls.
    callees: Vec<Key>,
    /// What it hands to which of their parameters.
    handed: Vec<(Key, usize, Shape)>,
}

/// What is known of all functions that have a name.
#[derive(Default)]
struct Functions(Vec<Vec<Option<Known>>>);

impl Functions {
    fn get(&self, key: &Key) -> Option<&Known> {
        self.0.get(key.0)?.get(key.1)?.as_ref()
    }

    fn get_mut(&mut self, key: &Key) -> Option<&mut Known> {
        self.0.get_mut(key.0)?.get_mut(key.1)?.as_mut()
    }

    fn keys(&self) -> Vec<Key> {
        let units = self.0.iter().enumerate();
        let keys = units.flat_map(|(unit, functions)| {
            let functions = functions.iter().enumerate();
            functions.filter_map(move |(index, known)| known.as_ref().map(|_| (unit, index)))
        });
        keys.collect()
    }
}

/// One run through the program.
struct Walk<'a> {
    program: &'a Program,
    registry: Registry,
    names: &'a Names,
    known: Functions,
    by_name: HashMap<(usize, &'a str, usize), usize>,
    /// Values of constants at the top of units.
    constants: HashMap<(usize, &'a str), Shape>,
    /// What bindings return, by their names' addresses.
    returned: HashMap<*const Function, Shape>,
    unit: usize,
    function: Option<Key>,
    scope: Scope<'a>,
    /// What `return` has given so far in the body at hand.
    returns: Shape,
    speaks: bool,
    /// Counts the times that a function was gone through.
    clock: u64,
    constants_since: u64,
    /// The function at hand, as far as it is gone through.
    walked: Walked,
    /// Bodies of loops are gone through before anything is said of them.
    rehearsals: usize,
    result: Inferred,
}

impl<'a> Walk<'a> {
    fn new(program: &'a Program, names: &'a Names) -> Walk<'a> {
        let mut walk = Walk {
            program,
            registry: program.registry,
            names,
            known: Functions::default(),
            by_name: HashMap::new(),
            constants: HashMap::new(),
            returned: HashMap::new(),
            unit: 0,
            function: None,
            scope: Scope::default(),
            returns: Shape::never(),
            speaks: false,
            clock: 0,
            constants_since: 0,
            walked: Walked::default(),
            rehearsals: 0,
            result: Inferred::default(),
        };
        for (unit, own) in program.units.iter().enumerate() {
            let is_module = own.is_library() || program.is_imported(unit);
            let mut functions = Vec::with_capacity(own.functions.len());
            for (index, function) in own.functions.iter().enumerate() {
                if function.is_closure() {
                    functions.push(None);
                    continue;
                }
                let count = function.params.len();
                let closed = (function.private || !is_module) && !own.bare.contains(&function.name);
                walk.by_name
                    .insert((unit, function.name.as_str(), count), index);
                let known = Known {
                    params: vec![Shape::any(); count],
                    seen: vec![Shape::never(); count],
                    returns: Shape::any(),
                    needs: (0..count).map(|_| Vec::new()).collect(),
                    options: HashMap::new(),
                    closed,
                    params_since: 0,
                    returns_since: 0,
                    walked: Walked::default(),
                };
                functions.push(Some(known));
            }
            walk.known.0.push(functions);
        }
        walk
    }

    fn program(&mut self) {
        for unit in 0..self.program.units.len() {
            self.unit(unit);
        }
        self.clock += 1;
        for key in self.known.keys() {
            let promised = self.promised(key);
            let Some(known) = self.known.get_mut(&key) else {
                continue;
            };
            let none = vec![Shape::never(); known.params.len()];
            let seen = std::mem::replace(&mut known.seen, none);
            let params = if known.closed { seen } else { promised };
            if known.params != params {
                known.params = params;
                known.params_since = self.clock;
            }
        }
    }

    /// What a function's parameters are for callers that are not at hand: those of the standard modules by their names.
    fn promised(&self, key: Key) -> Vec<Shape> {
        let Some(unit) = self.program.units.get(key.0) else {
            return Vec::new();
        };
        let Some(function) = unit.functions.get(key.1) else {
            return Vec::new();
        };
        let is_shown = unit.id().starts_with("std/") && !function.private;
        let params = function.params.iter().map(|name| {
            let contract = CONTRACTS
                .iter()
                .find(|(param, _)| is_shown && param == name);
            contract.map_or_else(Shape::any, |(_, contract)| self.contract(*contract))
        });
        params.collect()
    }

    fn contract(&self, contract: Contract) -> Shape {
        match contract {
            Contract::Handle(name) => Shape::handle(name),
            Contract::Returned(module, function) => {
                let unit = self
                    .program
                    .units
                    .iter()
                    .position(|unit| unit.id() == module);
                let key =
                    unit.and_then(|unit| Some((unit, *self.by_name.get(&(unit, function, 1))?)));
                let known = key.and_then(|key| self.known.get(&key));
                known.map_or_else(Shape::any, |known| known.returns.clone())
            }
        }
    }

    fn unit(&mut self, index: usize) {
        let Some(own) = self.program.units.get(index) else {
            return;
        };
        self.unit = index;
        self.function = None;
        self.scope = Scope::default();
        self.returns = Shape::never();
        for statement in own.top() {
            self.statement(statement);
        }
        for (name, shape) in self.scope.variables() {
            let is_constant = own.constants().contains(&name);
            let known = self.constants.get(&(index, name));
            if is_constant && known != Some(&shape) {
                self.clock += 1;
                self.constants_since = self.clock;
                self.constants.insert((index, name), shape);
            }
        }
        let around = self.scope.imports_only();
        for (number, function) in own
            .functions
            .iter()
            .enumerate()
            .filter(|(_, f)| !f.is_closure())
        {
            self.scope = around.clone();
            self.function((index, number), function);
        }
    }

    fn function(&mut self, key: Key, function: &'a Script) {
        if !self.speaks && !self.is_news(key) {
            return self.hand_again(key);
        }
        self.clock += 1;
        self.walked = Walked {
            at: self.clock,
            ..Walked::default()
        };
        self.function = Some(key);
        let given = self
            .known
            .get(&key)
            .map(|known| known.params.clone())
            .unwrap_or_default();
        for (number, name) in function.params.iter().enumerate() {
            let shape = given.get(number).cloned().unwrap_or_else(Shape::any);
            // What nobody calls may be anything.
            let shape = if shape == Shape::never() {
                Shape::any()
            } else {
                shape
            };
            let is_fixed = !self.own().is_some_and(|unit| unit.assigned.contains(name));
            self.scope
                .declare(name, shape, is_fixed.then_some((key, number)));
        }
        if let Some(known) = self.known.get_mut(&key) {
            known.needs.iter_mut().for_each(Vec::clear);
        }
        let returns = self.body(&function.body);
        if let Some(known) = self.known.get_mut(&key) {
            known.walked = std::mem::take(&mut self.walked);
            if known.returns != returns {
                known.returns = returns;
                // Behind the walk itself: it may have looked at what it returned before.
                self.clock += 1;
                known.returns_since = self.clock;
            }
        }
    }

    /// Whether anything that a function looks at has changed since it was gone through.
    fn is_news(&self, key: Key) -> bool {
        let Some(known) = self.known.get(&key) else {
            return true;
        };
        let last = known.walked.at;
        let returned = |callee: &Key| {
            self.known
                .get(callee)
                .map_or(0, |known| known.returns_since)
        };
        last == 0
            || known.params_since > last
            || self.constants_since > last
            || known
                .walked
                .callees
                .iter()
                .any(|callee| returned(callee) > last)
    }

    /// Hands over what a function handed over when it was gone through.
    fn hand_again(&mut self, key: Key) {
        let handed = match self.known.get_mut(&key) {
            Some(known) => std::mem::take(&mut known.walked.handed),
            None => return,
        };
        for (callee, index, shape) in &handed {
            self.hand(*callee, *index, shape);
        }
        if let Some(known) = self.known.get_mut(&key) {
            known.walked.handed = handed;
        }
    }

    /// Notes that a function is called with such an argument.
    fn hand(&mut self, key: Key, index: usize, shape: &Shape) {
        let known = self.known.get_mut(&key);
        if let Some(seen) = known.and_then(|known| known.seen.get_mut(index)) {
            *seen = match shape.is_definite() {
                true => seen.join(shape),
                // An empty shape would count as no call.
                false => Shape::any(),
            };
        }
    }

    /// Walks a body; what it returns.
    fn body(&mut self, statements: &'a [rhai::Stmt]) -> Shape {
        let outer = std::mem::take(&mut self.returns);
        let value = self.statements(statements);
        let returned = std::mem::replace(&mut self.returns, outer);
        value.join(&returned)
    }

    fn own(&self) -> Option<&'a Unit> {
        self.program.units.get(self.unit).map(|unit| &**unit)
    }

    /// The function of a unit that a call means.
    fn find(&self, unit: usize, name: &str, count: usize) -> Option<(Key, &'a Script)> {
        let index = *self.by_name.get(&(unit, name, count))?;
        let function = self.program.units.get(unit)?.functions.get(index)?;
        Some(((unit, index), function))
    }

    fn returned_by(&mut self, function: &'static Function) -> Shape {
        let address = std::ptr::from_ref(function);
        let registry = self.registry;
        let shape = self
            .returned
            .entry(address)
            .or_insert_with(|| words::returned(registry, function.returns));
        shape.clone()
    }

    fn is_quiet(&self) -> bool {
        !self.speaks || self.rehearsals > 0
    }

    fn error(&mut self, failure: Failure, at: Position) {
        self.complain(Severity::Error, failure, at);
    }

    fn warning(&mut self, failure: Failure, at: Position) {
        self.complain(Severity::Warning, failure, at);
    }

    fn complain(&mut self, severity: Severity, failure: Failure, at: Position) {
        if !self.is_quiet() {
            let key = (self.unit, at, failure.kind.clone());
            self.result
                .complaints
                .entry(key)
                .or_insert(Complaint { severity, failure });
        }
    }
}
