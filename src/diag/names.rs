//! Unknown names: what was probably meant, and what there is.

use crate::suggest::nearest;

use super::builtin::{self, Builtin};
use super::types::with_article;
use super::{Failure, aliases};

/// The names within reach of the place where one was not found.
#[derive(Clone, Default)]
pub struct Known<'a> {
    /// Modules that need no import.
    pub modules: Vec<Native>,
    /// Handles that bindings return.
    pub handles: Vec<Handle>,
    /// Names of `std/NAME`.
    pub standard: Vec<&'static str>,
    /// Functions that scripts define: the script's own, and those of modules it imports.
    pub functions: Vec<Written<'a>>,
    pub variables: Vec<&'a str>,
    /// Variables of other places of the script.
    pub elsewhere: Vec<&'a str>,
    /// Whether the place is in a function, where this is known.
    pub in_function: Option<bool>,
    /// Names that `import … as` gave.
    pub aliases: Vec<&'a str>,
}

/// A module of bindings.
#[derive(Clone, Debug)]
pub struct Native {
    pub name: &'static str,
    pub functions: Vec<Binding>,
}

/// A type of handle.
#[derive(Clone, Debug)]
pub struct Handle {
    pub name: &'static str,
    pub methods: Vec<Binding>,
    pub properties: Vec<&'static str>,
}

/// A binding.
#[derive(Clone, Debug)]
pub struct Binding {
    pub name: &'static str,
    /// As the manual shows it: `ssh::connect(name, [#{ options }])`.
    pub signature: String,
}

/// A function that a script defines.
#[derive(Clone, Debug)]
pub struct Written<'a> {
    /// The alias of its module; empty for the script's own.
    pub owner: &'a str,
    pub name: &'a str,
    pub params: Vec<&'a str>,
    pub private: bool,
}

/// A call of a function that is not there.
pub struct Asked<'a> {
    /// The module before `::`.
    pub owner: Option<&'a str>,
    pub name: &'a str,
    /// How many arguments stand between the parentheses.
    pub args: usize,
    /// Called as `value.name(…)`.
    pub method: bool,
    /// The kind of that value, where known.
    pub receiver: Option<&'a str>,
}

impl Known<'_> {
    fn native(&self, name: &str) -> Option<&Native> {
        self.modules.iter().find(|module| module.name == name)
    }

    fn methods(&self) -> impl Iterator<Item = (&Handle, &Binding)> {
        self.handles
            .iter()
            .flat_map(|handle| handle.methods.iter().map(move |method| (handle, method)))
    }

    /// Why the call that was `asked` for cannot be, and what to write instead.
    pub fn function(&self, asked: &Asked) -> Failure {
        let full = asked.full_name();
        if let Some(private) = self.written(asked).find(|function| function.private)
            && asked.owner.is_some()
        {
            return Failure::new(
                "script.private",
                format!("`{full}` is private to its module"),
            )
            .help(format!(
                "take `private` off `fn {}`, or copy what it does",
                private.name
            ));
        }
        let same = self.signatures(asked);
        if !same.is_empty() {
            let is_handle = |ty: &str| self.handles.iter().any(|handle| handle.name == ty);
            let message = match asked.receiver {
                Some(receiver) if is_handle(receiver) => {
                    refused(&format!("{receiver}.{full}"), asked.args)
                }
                Some(receiver) => {
                    format!(
                        "{} does not take this call of `{full}`",
                        with_article(receiver)
                    )
                }
                None => refused(&full, asked.args),
            };
            return Failure::new("script.arguments", message)
                .help(format!("write {}", either(&same)));
        }
        let message = match (asked.owner, asked.receiver) {
            (Some(owner), _) => format!("`{owner}` has no function `{}`", asked.name),
            (None, Some("()")) => {
                format!("the value is `()`, which has no method `{}`", asked.name)
            }
            (None, Some(receiver)) => {
                format!("{} has no method `{}`", with_article(receiver), asked.name)
            }
            (None, None) if asked.method => format!("there is no method `{}`", asked.name),
            (None, None) => format!("there is no function `{}`", asked.name),
        };
        Failure::new("script.unknown_function", message).maybe_help(self.instead(asked))
    }

    /// Signatures of functions by the asked name in the asked place.
    fn signatures(&self, asked: &Asked) -> Vec<String> {
        let mut found: Vec<String> = self.written(asked).map(Written::signature).collect();
        let fits = |ty: &str| asked.receiver.is_none_or(|receiver| receiver == ty);
        match asked.owner {
            Some(owner) => {
                let native = self.native(owner);
                let function = native.and_then(|module| module.function(asked.name));
                found.extend(function.map(|function| function.signature.clone()));
            }
            None if asked.method => {
                let methods = self
                    .methods()
                    .filter(|(handle, method)| method.name == asked.name && fits(handle.name));
                found.extend(methods.map(|(_, method)| method.signature.clone()));
                let builtins = builtin::named(asked.name)
                    .filter(|function| asked.receiver.is_none_or(|ty| function.is_of(ty)));
                found.extend(
                    builtins
                        .filter(|function| !function.params.is_empty())
                        .map(Builtin::as_method),
                );
            }
            None => found.extend(builtin::named(asked.name).map(ToString::to_string)),
        }
        found.dedup();
        found
    }

    fn written<'s>(&'s self, asked: &Asked) -> impl Iterator<Item = &'s Written<'s>> {
        let owner = asked.owner.unwrap_or_default().to_owned();
        let name = asked.name.to_owned();
        self.functions
            .iter()
            .filter(move |function| function.owner == owner && function.name == name)
    }

    /// What to write instead of a name that nothing has.
    fn instead(&self, asked: &Asked) -> Option<String> {
        let name = asked.name;
        if asked.receiver == Some("()") {
            return Some("check that it was set, or give it a default with `??`".to_owned());
        }
        if asked.owner.is_none() && !asked.method && self.variables.contains(&name) {
            return Some(format!(
                "`{name}` is a variable: call the closure in it with `{name}.call(…)`"
            ));
        }
        if asked.owner.is_none()
            && let Some(ours) = aliases::function(name)
        {
            return Some(format!("write `{ours}`"));
        }
        self.elsewhere(asked).or_else(|| self.near(asked))
    }

    /// The same name in another module or on a handle.
    fn elsewhere(&self, asked: &Asked) -> Option<String> {
        let name = asked.name;
        let in_module = self
            .modules
            .iter()
            .find(|module| module.function(name).is_some() && asked.owner != Some(module.name));
        if let Some(module) = in_module {
            return Some(format!("did you mean `{}::{name}`?", module.name));
        }
        let written = self
            .functions
            .iter()
            .find(|function| function.name == name && !function.private);
        if let Some(function) = written {
            return Some(format!("did you mean `{}`?", function.full_name()));
        }
        let handles: Vec<String> = self
            .methods()
            .filter(|(_, method)| method.name == name)
            .map(|(handle, _)| with_article(handle.name))
            .collect();
        (!handles.is_empty()).then(|| {
            let handles = handles.join(" or of ");
            format!("it is a method of {handles}: write `value.{name}(…)`")
        })
    }

    /// The nearest name in the same place, or the list when it is short.
    fn near(&self, asked: &Asked) -> Option<String> {
        let builtins = builtin::functions()
            .iter()
            .map(|function| function.name.as_str());
        let known: Vec<&str> = match asked.owner {
            Some(owner) => {
                let native = self.native(owner).into_iter();
                let native = native.flat_map(|module| module.functions.iter().map(|f| f.name));
                let written = self
                    .functions
                    .iter()
                    .filter(|f| f.owner == owner && !f.private);
                native.chain(written.map(|f| f.name)).collect()
            }
            None if asked.method => {
                let fits = |ty: &str| asked.receiver.is_none_or(|receiver| receiver == ty);
                let methods = self.methods().filter(|(handle, _)| fits(handle.name));
                let builtins = builtin::functions()
                    .iter()
                    .filter(|function| asked.receiver.is_none_or(|ty| function.is_of(ty)));
                let builtins = builtins.map(|function| function.name.as_str());
                methods
                    .map(|(_, method)| method.name)
                    .chain(builtins)
                    .collect()
            }
            None => {
                let own = self.functions.iter().filter(|f| f.owner.is_empty());
                own.map(|f| f.name).chain(builtins).collect()
            }
        };
        if let Some(near) = nearest(asked.name, known.iter().copied()) {
            return Some(match asked.owner {
                Some(owner) => format!("did you mean `{owner}::{near}`?"),
                None => format!("did you mean `{near}`?"),
            });
        }
        let owner = asked.owner?;
        (!known.is_empty()).then(|| format!("`{owner}` has: {}", known.join(", ")))
    }

    /// A variable that is not there.
    pub fn variable(&self, name: &str) -> Failure {
        let help = if let Some(ours) = aliases::value(name) {
            Some(format!("write `{ours}`"))
        } else if self.elsewhere.contains(&name) {
            Some(match self.in_function {
                Some(false) => format!("`{name}` is declared in another block, with which it ends"),
                Some(true) => format!("a function sees only its parameters: {}", hand_over(name)),
                None => format!(
                    "`{name}` is declared in another block or function: {}",
                    hand_over(name)
                ),
            })
        } else if self.is_module(name) {
            Some(format!("`{name}` is a module: write `{name}::…`"))
        } else {
            // A name of one or two letters is near to every other.
            let near = nearest(name, self.variables.iter().copied()).filter(|_| name.len() > 2);
            near.map(|near| format!("did you mean `{near}`?"))
        };
        Failure::new(
            "script.unknown_variable",
            format!("there is no variable `{name}`"),
        )
        .maybe_help(help)
    }

    /// A module that is not there.
    pub fn module(&self, name: &str) -> Failure {
        let modules = self.modules.iter().map(|module| module.name);
        let help = if self.standard.contains(&name) {
            Some(format!(
                "write `import \"std/{name}\" as {name};` at the top of the script"
            ))
        } else if self.variables.contains(&name) {
            Some(format!(
                "`{name}` is a variable: write `{name}.` instead of `{name}::`"
            ))
        } else if let Some(near) = nearest(name, modules.chain(self.aliases.iter().copied())) {
            Some(format!("did you mean `{near}::`?"))
        } else {
            let near = nearest(name, self.standard.iter().copied());
            near.map(|near| format!("did you mean `import \"std/{near}\" as {near};`?"))
        };
        Failure::new(
            "script.unknown_module",
            format!("there is no module `{name}`"),
        )
        .maybe_help(help)
    }

    fn is_module(&self, name: &str) -> bool {
        self.native(name).is_some() || self.aliases.contains(&name)
    }

    /// A property that a value of this kind does not have.
    pub fn property(&self, name: &str, receiver: &str) -> Failure {
        let of = with_article(receiver);
        let failure = Failure::new(
            "script.unknown_property",
            format!("{of} has no property `{name}`"),
        );
        if receiver == "()" {
            return failure.help("check that the value was set, or give it a default with `??`");
        }
        let handle = self.handles.iter().find(|handle| handle.name == receiver);
        let properties = handle.map_or(&[][..], |handle| &handle.properties);
        let methods = handle.map_or(&[][..], |handle| &handle.methods).iter();
        let methods = methods.map(|method| method.name);
        let called = builtin::named(name).any(|function| function.is_of(receiver));
        if called || methods.clone().any(|method| method == name) {
            return failure.help(format!("it is a method: write `.{name}(…)`"));
        }
        if let Some(ours) = aliases::function(name) {
            return failure.help(format!("write `{ours}`"));
        }
        if let Some(near) = nearest(name, properties.iter().copied().chain(methods)) {
            return failure.help(format!("did you mean `{near}`?"));
        }
        let list = (!properties.is_empty()).then(|| format!("{of} has: {}", properties.join(", ")));
        failure.maybe_help(list)
    }
}

impl Native {
    fn function(&self, name: &str) -> Option<&Binding> {
        self.functions.iter().find(|function| function.name == name)
    }
}

impl Written<'_> {
    fn full_name(&self) -> String {
        match self.owner {
            "" => self.name.to_owned(),
            owner => format!("{owner}::{}", self.name),
        }
    }

    fn signature(&self) -> String {
        format!("{}({})", self.full_name(), self.params.join(", "))
    }
}

impl Asked<'_> {
    fn full_name(&self) -> String {
        match self.owner {
            Some(owner) => format!("{owner}::{}", self.name),
            None => self.name.to_owned(),
        }
    }
}

impl Builtin {
    /// Whether it can be called as a method of a value of this kind.
    pub fn is_of(&self, ty: &str) -> bool {
        self.params
            .first()
            .is_some_and(|first| first.ty == ty || first.ty == "any value")
    }
}

fn refused(name: &str, args: usize) -> String {
    match args {
        0 => format!("`{name}` needs arguments"),
        _ => format!("`{name}` does not take {}", arguments(args)),
    }
}

fn hand_over(name: &str) -> String {
    format!("pass `{name}` as an argument, or make it a `const` and read `global::{name}`")
}

/// `1 argument`, `3 arguments`.
fn arguments(count: usize) -> String {
    match count {
        1 => "1 argument".to_owned(),
        more => format!("{more} arguments"),
    }
}

/// `` `a` or `b` ``, at most four of them.
fn either(signatures: &[String]) -> String {
    let quoted: Vec<String> = signatures
        .iter()
        .take(4)
        .map(|text| format!("`{text}`"))
        .collect();
    quoted.join(" or ")
}
