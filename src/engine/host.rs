//! The script host: an engine built once, with its limits, modules and resolver.

use std::sync::Arc;

use rhai::{AST, Dynamic, Engine, EvalAltResult, OptimizationLevel, Scope};

use crate::diag::Failure;

use super::context::Context;
use super::library::Found;
use super::register::register;
use super::registry::Registry;
use super::resolver::{Announce, Resolver, SharedResolver};
use super::session::Session;
use super::source::Sources;
use super::{exit, library::Library};

/// Stack of the thread a script runs on. Rhai recurses on the native stack: 64 levels of calls with
/// deep expressions overflow a default thread in a debug build.
const SCRIPT_STACK: usize = 16 << 20;

/// An engine and all it needs to run scripts of one session.
pub struct Host {
    engine: Engine,
    resolver: Arc<Resolver>,
    sources: Sources,
    session: Arc<Session>,
}

impl Host {
    pub fn new(
        registry: Registry,
        library: Library,
        session: Arc<Session>,
        announce: Box<Announce>,
    ) -> Host {
        let sources = session.sources.clone();
        let resolver = Arc::new(Resolver::new(
            library,
            sources.clone(),
            announce,
            session.run.inputs().clone(),
        ));
        let mut engine = Engine::new();
        limit(&mut engine);
        super::talk::register(&mut engine, &session);
        register(&mut engine, registry, &session);
        super::error_type::register(&mut engine);
        super::secret_type::register(&mut engine);
        exit::register(&mut engine);
        super::own_calls::register(&mut engine);
        engine.set_module_resolver(SharedResolver(resolver.clone()));
        cancel(&mut engine, &session);
        Host {
            engine,
            resolver,
            sources,
            session,
        }
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    pub fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Registers and compiles a script.
    pub fn compile(&self, found: &Found) -> Result<AST, Box<EvalAltResult>> {
        self.resolver.compile(&self.engine, found)
    }

    /// The engine, to register something more.
    pub fn engine_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// Runs a compiled script to its end, on a thread of its own.
    pub fn run(&self, ast: &AST) -> Result<Outcome, Box<EvalAltResult>> {
        self.run_in(&mut Scope::new(), ast)
    }

    /// As [`Host::run`], with the variables of `scope`, which takes those that the script declares.
    pub fn run_in(
        &self,
        scope: &mut Scope<'static>,
        ast: &AST,
    ) -> Result<Outcome, Box<EvalAltResult>> {
        self.on_thread(|| self.engine.eval_ast_with_scope::<Dynamic>(scope, ast))
    }

    /// Runs a compiled script, then its function `name`, which takes no arguments.
    pub fn call(&self, ast: &AST, name: &str) -> Result<Outcome, Box<EvalAltResult>> {
        self.on_thread(|| {
            self.engine
                .call_fn::<Dynamic>(&mut Scope::new(), ast, name, ())
        })
    }

    fn on_thread(
        &self,
        work: impl FnOnce() -> Result<Dynamic, Box<EvalAltResult>> + Send,
    ) -> Result<Outcome, Box<EvalAltResult>> {
        let context = Context::current();
        let body = || {
            // Dropping an SSH stream outside the runtime would panic.
            let _runtime = self.session.run.handle().enter();
            Context::adopt(context);
            work()
        };
        let result = std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .name("script".into())
                .stack_size(SCRIPT_STACK)
                .spawn_scoped(scope, body);
            match thread {
                Ok(thread) => thread.join().unwrap_or_else(|panic| Err(crashed(&panic))),
                Err(error) => Err(super::raise::Raise::from(
                    Failure::new("internal", "cannot start a thread for the script")
                        .cause(error.to_string()),
                )
                .into_rhai(rhai::Position::NONE)),
            }
        });
        match result {
            Ok(value) => Ok(match exit::of(&value) {
                Some(code) => Outcome::Exit(code),
                None => Outcome::Value(value),
            }),
            Err(error) => match exit::code(&error) {
                Some(code) => Ok(Outcome::Exit(code)),
                None => Err(error),
            },
        }
    }
}

/// How a script ended without an error.
#[derive(Debug)]
pub enum Outcome {
    /// With the value of its last expression.
    Value(Dynamic),
    /// By `exit(n)`.
    Exit(u8),
}

/// Guards against runaway scripts, the same in every build; not a security boundary.
fn limit(engine: &mut Engine) {
    engine.set_optimization_level(OptimizationLevel::None); // so that `check` sees dead code
    engine.set_strict_variables(true);
    engine.set_fast_operators(false); // the fast ones forget where a division by zero stands
    engine.set_fail_on_invalid_map_property(true);
    engine.disable_symbol("eval");
    engine.set_max_operations(0); // polling loops are long by nature; deadlines bound them
    engine.set_max_call_levels(64);
    engine.set_max_expr_depths(128, 128);
    engine.set_max_modules(256);
    engine.set_max_string_size(64 << 20);
    engine.set_max_array_size(1_000_000);
    engine.set_max_map_size(1_000_000);
    // Rhai shares equal names and throws the rarest out beyond a number, for which it looks at all
    // of them: the standard modules alone have several thousand.
    engine.set_max_strings_interned(1 << 16);
}

/// An engine that parses what scripts may hold, also where they use names that are not there; it
/// has no functions and runs nothing.
pub fn lenient_parser() -> Engine {
    let mut engine = Engine::new_raw();
    limit(&mut engine);
    engine.set_strict_variables(false);
    engine
}

/// Stops pure script loops on cancellation and at deadlines.
fn cancel(engine: &mut Engine, session: &Arc<Session>) {
    let session = session.clone();
    engine.on_progress(move |operations| {
        if session.run.is_cancelled() && !Context::shielded() {
            return Some(Dynamic::UNIT);
        }
        // Looking at the clock at every operation would cost more than the operation.
        if operations % 1024 == 0
            && let Some(deadline) = Context::deadline()
            && deadline.at <= std::time::Instant::now()
        {
            return Some(Dynamic::from(super::wait::timeout(&deadline)));
        }
        None
    });
}

fn crashed(panic: &(dyn std::any::Any + Send)) -> Box<EvalAltResult> {
    let said = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    super::raise::Raise::internal(format!("a script thread crashed: {said}"))
        .into_rhai(rhai::Position::NONE)
}

/// The same for a branch of `task::parallel`.
pub(super) fn crash_of(panic: &(dyn std::any::Any + Send)) -> Box<EvalAltResult> {
    crashed(panic)
}
