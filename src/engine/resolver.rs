//! `import`: `std/NAME` through the search path, `./NAME` beside the importing file, nothing else.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rhai::{AST, Engine, EvalAltResult, ModuleResolver, ParseError, Position, Scope, Shared};

use crate::diag::Failure;
use crate::run::Inputs;

use super::library::{self, Found, Library, Override};
use super::own_calls;
use super::source::{Source, Sources, without_shebang};

/// Called once for each override that comes into force.
pub type Announce = dyn Fn(&Override) + Send + Sync;

/// The module resolver of one run.
pub struct Resolver {
    library: Library,
    sources: Sources,
    announce: Box<Announce>,
    inputs: Inputs,
    /// What was parsed, by id: the check and the run look at the same trees.
    trees: Mutex<HashMap<String, (Arc<Source>, AST)>>,
    modules: Mutex<HashMap<String, Shared<rhai::Module>>>,
    /// How many modules were compiled, each of which has a number.
    compiled: AtomicUsize,
}

thread_local! {
    /// The imports in progress on this thread: a cycle would otherwise end in a stack overflow.
    static LOADING: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl Resolver {
    /// The root of the operator's project, if there is one.
    pub fn project(&self) -> Option<&Path> {
        self.library.project.as_deref()
    }

    /// What is looked for on disk is noted in `inputs`.
    pub fn new(
        library: Library,
        sources: Sources,
        announce: Box<Announce>,
        inputs: Inputs,
    ) -> Self {
        Resolver {
            library,
            sources,
            announce,
            inputs,
            trees: Mutex::default(),
            modules: Mutex::default(),
            compiled: AtomicUsize::new(0),
        }
    }

    /// Finds what `path` means in `importer`, announcing an override.
    pub fn find(&self, path: &str, importer: Option<&str>) -> Result<Found, Failure> {
        if let Some(name) = path.strip_prefix("std/") {
            // An override that comes counts as well as one that changes.
            for candidate in self.library.std_candidates(name) {
                self.inputs.file(&candidate);
            }
            let (found, announced) = self.library.find_std(name)?;
            if let Some(failure) = library::unresolved(&found) {
                return Err(failure);
            }
            if let Some(announced) = announced
                && self.sources.get(&found.id).is_none()
            {
                (self.announce)(&announced);
            }
            return Ok(found);
        }
        if path.starts_with("./") || path.starts_with("../") {
            return self.find_relative(path, importer);
        }
        Err(
            Failure::usage("script.import", format!("cannot import `{path}`")).help(format!(
                "write `std/{path}` for a standard module, or `./{path}` for a file beside this one"
            )),
        )
    }

    fn find_relative(&self, path: &str, importer: Option<&str>) -> Result<Found, Failure> {
        let base = importer
            .and_then(|id| self.sources.get(id))
            .and_then(|s| s.path.clone());
        let Some(base) = base else {
            return Err(Failure::usage(
                "script.import",
                format!(
                    "cannot import `{path}`: the importing script is built in and has no directory"
                ),
            ));
        };
        let file = format!(
            "{path}{}",
            if path.ends_with(".rhai") { "" } else { ".rhai" }
        );
        let target = normal(&base.parent().unwrap_or(Path::new("")).join(file));
        self.inputs.file(&target);
        match library::read(&target)? {
            Some(text) => Ok(Found {
                id: target.display().to_string(),
                path: Some(target),
                text,
            }),
            None => Err(Failure::usage(
                "script.import",
                format!(
                    "cannot import `{path}`: there is no file `{}`",
                    target.display()
                ),
            )),
        }
    }

    /// Registers and compiles what was found, to be run.
    pub fn compile(&self, engine: &Engine, found: &Found) -> Result<AST, Box<EvalAltResult>> {
        self.tree(engine, found).map_err(refused)
    }

    /// The same, to be imported.
    fn compile_module(&self, engine: &Engine, found: &Found) -> Result<AST, Box<EvalAltResult>> {
        let tree = self.tree(engine, found).map_err(refused)?;
        let number = self.compiled.fetch_add(1, Ordering::Relaxed);
        let text = without_shebang(&found.text);
        let mut ast = own_calls::compile(engine, tree, &text, number).map_err(refused)?;
        ast.set_source(found.id.as_str());
        self.sources.index(&found.id, &ast);
        Ok(ast)
    }

    fn tree(&self, engine: &Engine, found: &Found) -> Result<AST, ParseError> {
        if let Some((source, tree)) = self.trees().get(&found.id)
            && source.text == found.text
        {
            return Ok(tree.clone());
        }
        let source = self.sources.add(Source {
            id: found.id.clone(),
            path: found.path.clone(),
            text: found.text.clone(),
        });
        let mut tree = engine.compile(without_shebang(&found.text))?;
        tree.set_source(found.id.as_str());
        self.sources.index(&found.id, &tree);
        self.trees()
            .insert(found.id.clone(), (source, tree.clone()));
        Ok(tree)
    }

    /// The module that `path` means in `importer`, run once and kept.
    pub fn load(
        &self,
        engine: &Engine,
        importer: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<rhai::Module>, Box<EvalAltResult>> {
        let found = self
            .find(path, importer)
            .map_err(|failure| thrown(failure, position))?;
        if let Some(module) = self.modules().get(&found.id) {
            return Ok(module.clone());
        }
        let _entry = Loading::enter(&found.id).map_err(|failure| thrown(failure, position))?;
        let module = self
            .compile_module(engine, &found)
            .and_then(|ast| rhai::Module::eval_ast_as_new(Scope::new(), &ast, engine))
            .map_err(|error| {
                Box::new(EvalAltResult::ErrorInModule(
                    found.id.clone(),
                    error,
                    position,
                ))
            })?;
        let module: Shared<rhai::Module> = module.into();
        self.modules().insert(found.id, module.clone());
        Ok(module)
    }

    fn trees(&self) -> MutexGuard<'_, HashMap<String, (Arc<Source>, AST)>> {
        self.trees.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn modules(&self) -> MutexGuard<'_, HashMap<String, Shared<rhai::Module>>> {
        self.modules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rhai takes a resolver by value; the engine's owner keeps the same one.
#[derive(Clone)]
pub struct SharedResolver(pub Arc<Resolver>);

impl ModuleResolver for SharedResolver {
    fn resolve(
        &self,
        engine: &Engine,
        source: Option<&str>,
        path: &str,
        position: Position,
    ) -> Result<Shared<rhai::Module>, Box<EvalAltResult>> {
        self.0.load(engine, source, path, position)
    }
}

/// A place in the chain of imports in progress.
struct Loading;

impl Loading {
    fn enter(id: &str) -> Result<Loading, Failure> {
        LOADING.with_borrow_mut(|chain| {
            if let Some(start) = chain.iter().position(|entry| entry == id) {
                let cycle: Vec<&str> = chain.iter().skip(start).map(String::as_str).collect();
                return Err(Failure::usage(
                    "script.import_cycle",
                    format!(
                        "these scripts import each other: {} → {id}",
                        cycle.join(" → ")
                    ),
                )
                .help("move what they share into a third script that imports neither"));
            }
            chain.push(id.to_owned());
            Ok(Loading)
        })
    }
}

impl Drop for Loading {
    fn drop(&mut self) {
        LOADING.with_borrow_mut(|chain| {
            chain.pop();
        });
    }
}

fn refused(error: ParseError) -> Box<EvalAltResult> {
    Box::new(EvalAltResult::ErrorParsing(*error.0, error.1))
}

fn thrown(failure: Failure, position: Position) -> Box<EvalAltResult> {
    super::raise::Raise::from(failure).into_rhai(position)
}

/// The path without `.` and `..`, so that one file has one id however it is reached.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_has_one_id() {
        assert_eq!(
            normal(Path::new("flows/./lib/../x.rhai")),
            Path::new("flows/x.rhai")
        );
        assert_eq!(normal(Path::new("../x.rhai")), Path::new("../x.rhai"));
    }
}
