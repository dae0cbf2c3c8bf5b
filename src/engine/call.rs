//! One call of a binding: its arguments, its options, and what it may do meanwhile.

use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use rhai::{Dynamic, FnPtr, FuncArgs, ImmutableString, Map, NativeCallContext};

use crate::diag::Failure;
use crate::secret::Secret;

use super::raise::Raise;
use super::registry::Function;
use super::session::Session;
use super::suggest;
use super::ty::{self, Ty};

/// A call in progress. Positions count from 0; a method's receiver is not among them.
pub struct Call<'a, 'c> {
    pub context: &'a NativeCallContext<'c>,
    pub session: &'a Arc<Session>,
    function: &'static Function,
    /// `ssh::` or `Host.`, for messages.
    owner: &'a str,
    receiver: Option<&'a mut Dynamic>,
    args: Vec<Dynamic>,
    options: Map,
}

/// A command as a script gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// An argument vector; nothing in it is interpreted.
    Words(Vec<String>),
    /// Text for `sh -c`.
    Shell(String),
}

impl<'a, 'c> Call<'a, 'c> {
    /// Sorts the arguments and checks each against its kind, so that a body sees only what fits.
    pub fn new(
        context: &'a NativeCallContext<'c>,
        session: &'a Arc<Session>,
        function: &'static Function,
        owner: &'a str,
        receiver: Option<&'a mut Dynamic>,
        mut args: Vec<Dynamic>,
    ) -> Result<Self, Raise> {
        let mut options = Map::new();
        if let Some(index) = options_index(function, &args) {
            let given = args.remove(index);
            let kind = ty::describe(&given);
            options = given.try_cast::<Map>().ok_or_else(|| {
                Failure::usage(
                    "script.argument",
                    format!(
                        "the options of `{owner}{}` must be a map, got {kind}",
                        function.name
                    ),
                )
                .help(format!("write `{}`", function.signature(owner)))
            })?;
        }
        let call = Call {
            context,
            session,
            function,
            owner,
            receiver,
            args,
            options,
        };
        call.check_args()?;
        call.check_options()?;
        Ok(call)
    }

    fn check_args(&self) -> Result<(), Raise> {
        for (param, value) in self.params().zip(&self.args) {
            if let Some(reason) = param.ty.refuse(value) {
                return Err(Failure::usage(
                    "script.argument",
                    format!("`{}` of `{}`: {reason}", param.name, self.name()),
                )
                .help(format!("{}: {}", param.name, param.doc))
                .into());
            }
        }
        Ok(())
    }

    /// With a callback behind optional parameters, a short call still ends with the callback.
    fn params(&self) -> impl Iterator<Item = &'static super::registry::Param> {
        let function = self.function;
        let missing = function.params.len().saturating_sub(self.args.len());
        let keep_last =
            function.callback_last() && self.args.last().is_some_and(|value| value.is::<FnPtr>());
        let last = function.params.len().saturating_sub(1);
        let cut = if keep_last {
            last.saturating_sub(missing)
        } else {
            function.params.len()
        };
        function
            .params
            .iter()
            .enumerate()
            .filter(move |(index, _)| *index < cut || (keep_last && *index == last))
            .map(|(_, param)| param)
    }

    fn check_options(&self) -> Result<(), Raise> {
        for (key, value) in &self.options {
            let Some(option) = self
                .function
                .options
                .iter()
                .find(|option| option.name == key)
            else {
                return Err(unknown_option(self.function, &self.name(), key).into());
            };
            if let Some(reason) = option.ty.refuse(value) {
                return Err(Failure::usage(
                    "script.option",
                    format!("option `{key}` of `{}`: {reason}", self.name()),
                )
                .help(format!("{key}: {}", option.doc))
                .into());
            }
        }
        Ok(())
    }

    /// The function's name with its owner, for messages.
    pub fn name(&self) -> String {
        format!("{}{}", self.owner, self.function.name)
    }

    /// The handle a method was called on.
    pub fn receiver<T: Any + Clone>(&mut self) -> Result<T, Raise> {
        let name = self.name();
        self.receiver
            .as_deref()
            .and_then(|value| value.read_lock::<T>().map(|handle| handle.clone()))
            .ok_or_else(|| {
                Raise::internal(format!("`{name}` was called on a value of another type"))
            })
    }

    pub fn has(&self, index: usize) -> bool {
        self.args.get(index).is_some()
    }

    pub fn value(&self, index: usize) -> Result<&Dynamic, Raise> {
        self.args.get(index).ok_or_else(|| {
            Raise::internal(format!(
                "`{}` reads an argument {index} that is not there",
                self.name()
            ))
        })
    }

    /// A handle given as an argument.
    pub fn handle<T: Any + Clone>(&self, index: usize) -> Result<T, Raise> {
        let value = self.value(index)?;
        value
            .read_lock::<T>()
            .map(|handle| handle.clone())
            .ok_or_else(|| {
                let wanted = self
                    .function
                    .params
                    .get(index)
                    .map_or(Ty::Any, |param| param.ty);
                Failure::usage(
                    "script.argument",
                    format!(
                        "argument {} of `{}`: expected {}, got {}",
                        index + 1,
                        self.name(),
                        wanted.words(),
                        ty::describe(value)
                    ),
                )
                .into()
            })
    }

    pub fn string(&self, index: usize) -> Result<String, Raise> {
        let value = self.value(index)?;
        ty::text(value).ok_or_else(|| self.wrong(value))
    }

    pub fn strings(&self, index: usize) -> Result<Vec<String>, Raise> {
        let value = self.value(index)?;
        ty::strings(value).ok_or_else(|| self.wrong(value))
    }

    /// A string or a secret, exposed.
    pub fn text(&self, index: usize) -> Result<Secret, Raise> {
        let value = self.value(index)?;
        secret_text(value).ok_or_else(|| self.wrong(value))
    }

    /// Whether the argument is a secret, not a plain string.
    pub fn is_secret(&self, index: usize) -> bool {
        self.args
            .get(index)
            .is_some_and(|value| value.is::<Secret>())
    }

    /// A string, a secret (exposed) or a blob.
    pub fn bytes(&self, index: usize) -> Result<Vec<u8>, Raise> {
        let value = self.value(index)?;
        if let Some(blob) = value.read_lock::<rhai::Blob>() {
            return Ok(blob.clone());
        }
        self.text(index)
            .map(|text| text.expose().as_bytes().to_vec())
    }

    pub fn int(&self, index: usize) -> Result<i64, Raise> {
        let value = self.value(index)?;
        value.as_int().map_err(|_| self.wrong(value))
    }

    pub fn duration(&self, index: usize) -> Result<Duration, Raise> {
        ty::parse_duration(&self.string(index)?)
            .map_err(|reason| Failure::usage("script.argument", reason).into())
    }

    pub fn array(&self, index: usize) -> Result<rhai::Array, Raise> {
        let value = self.value(index)?;
        value
            .read_lock::<rhai::Array>()
            .map(|array| array.clone())
            .ok_or_else(|| self.wrong(value))
    }

    pub fn map(&self, index: usize) -> Result<Map, Raise> {
        let value = self.value(index)?;
        value
            .read_lock::<Map>()
            .map(|map| map.clone())
            .ok_or_else(|| self.wrong(value))
    }

    pub fn callback(&self, index: usize) -> Result<FnPtr, Raise> {
        let value = self.value(index)?;
        value
            .read_lock::<FnPtr>()
            .map(|callback| callback.clone())
            .ok_or_else(|| self.wrong(value))
    }

    pub fn command(&self, index: usize) -> Result<Command, Raise> {
        let value = self.value(index)?;
        command(value).ok_or_else(|| self.wrong(value))
    }

    /// Kinds were checked before the body ran, so this is reached only by a table that lies.
    fn wrong(&self, value: &Dynamic) -> Raise {
        Raise::internal(format!(
            "`{}` got {}, against its own table",
            self.name(),
            ty::describe(value)
        ))
    }

    /// The options as given, already checked for unknown keys and kinds.
    pub fn options(&self) -> &Map {
        &self.options
    }

    pub fn opt(&self, name: &str) -> Option<&Dynamic> {
        debug_assert!(
            self.function
                .options
                .iter()
                .any(|option| option.name == name),
            "`{name}` is not in the table of `{}`",
            self.function.name
        );
        self.options.get(name)
    }

    pub fn opt_string(&self, name: &str) -> Option<String> {
        self.opt(name).and_then(ty::text)
    }

    pub fn opt_text(&self, name: &str) -> Option<Secret> {
        self.opt(name).and_then(secret_text)
    }

    pub fn opt_strings(&self, name: &str) -> Option<Vec<String>> {
        self.opt(name).and_then(ty::strings)
    }

    pub fn opt_bool(&self, name: &str) -> Option<bool> {
        self.opt(name).and_then(|value| value.as_bool().ok())
    }

    pub fn opt_int(&self, name: &str) -> Option<i64> {
        self.opt(name).and_then(|value| value.as_int().ok())
    }

    pub fn opt_duration(&self, name: &str) -> Option<Duration> {
        self.opt(name)
            .and_then(ty::text)
            .and_then(|text| ty::parse_duration(&text).ok())
    }

    pub fn opt_size(&self, name: &str) -> Option<u64> {
        let value = self.opt(name)?;
        match ty::text(value) {
            Some(text) => ty::parse_size(&text).ok(),
            None => value
                .as_int()
                .ok()
                .and_then(|number| u64::try_from(number).ok()),
        }
    }

    pub fn opt_mode(&self, name: &str) -> Option<u32> {
        self.opt(name)
            .and_then(ty::text)
            .and_then(|text| ty::parse_mode(&text).ok())
    }

    pub fn opt_map(&self, name: &str) -> Option<Map> {
        self.opt(name)
            .and_then(|value| value.read_lock::<Map>().map(|map| map.clone()))
    }

    pub fn opt_command(&self, name: &str) -> Option<Command> {
        self.opt(name).and_then(command)
    }

    pub fn opt_handle<T: Any + Clone>(&self, name: &str) -> Result<Option<T>, Raise> {
        let Some(value) = self.opt(name) else {
            return Ok(None);
        };
        match value.read_lock::<T>() {
            Some(handle) => Ok(Some(handle.clone())),
            None => Err(Failure::usage(
                "script.option",
                format!(
                    "option `{name}` of `{}` does not take {}",
                    self.name(),
                    ty::describe(value)
                ),
            )
            .into()),
        }
    }

    pub fn opt_callback(&self, name: &str) -> Option<FnPtr> {
        self.opt(name)
            .and_then(|value| value.read_lock::<FnPtr>().map(|callback| callback.clone()))
    }

    /// Waits for `work`; see [`Session::wait`].
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T, Raise> {
        self.session.wait(work)
    }

    /// Lets time pass, where there is something to wait for.
    pub fn pause(&self, duration: Duration) -> Result<(), Raise> {
        let duration = match self.session.settings.no_pauses {
            true => Duration::ZERO,
            false => duration,
        };
        self.wait(async move { tokio::time::sleep(duration).await })
    }

    /// Waits for `work` that fails with a client's error.
    pub fn wait_ok<T, E: Into<Failure>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Raise> {
        self.session.wait_ok(work)
    }

    /// Calls a script's closure.
    pub fn invoke(&self, callback: &FnPtr, args: impl FuncArgs) -> Result<Dynamic, Raise> {
        Ok(callback.call_within_context(self.context, args)?)
    }
}

/// Where the options stand among the arguments. With optional parameters their number does not say;
/// then the map that stands where options would is them.
fn options_index(function: &Function, args: &[Dynamic]) -> Option<usize> {
    if function.params.iter().all(|param| !param.optional) {
        return function.options_index(args.len());
    }
    let behind = usize::from(
        function.callback_last() && args.last().is_some_and(|value| value.is::<FnPtr>()),
    );
    let index = args.len().checked_sub(1 + behind)?;
    let fits = !function.options.is_empty()
        && index >= function.min_args()
        && args.get(index).is_some_and(|value| value.is::<Map>());
    fits.then_some(index)
}

/// The failure for an option key that is not in the table, with the nearest that is.
pub fn unknown_option(function: &Function, name: &str, key: &str) -> Failure {
    let known: Vec<&str> = function.options.iter().map(|option| option.name).collect();
    let help = match suggest::nearest(key, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it takes: {}", known.join(", ")),
    };
    Failure::usage("script.option", format!("`{name}` has no option `{key}`")).help(help)
}

fn secret_text(value: &Dynamic) -> Option<Secret> {
    if let Some(secret) = value.read_lock::<Secret>() {
        return Some(secret.clone());
    }
    ty::text(value).map(Secret::new)
}

/// A command out of an array of words or a shell's text.
pub fn command(value: &Dynamic) -> Option<Command> {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return Some(Command::Shell(text.to_string()));
    }
    let words = value.read_lock::<rhai::Array>()?;
    words
        .iter()
        .map(|word| ty::text(word).or_else(|| word.as_int().ok().map(|int| int.to_string())))
        .collect::<Option<Vec<String>>>()
        .map(Command::Words)
}
