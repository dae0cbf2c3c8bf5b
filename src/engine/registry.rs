//! Every binding as data: the one table that registration, `check`, docs and completion read.

use std::any::TypeId;

use rhai::Dynamic;

use super::call::Call;
use super::raise::Raise;
use super::ty::Ty;

/// The body of a binding: options in, client call, error out.
pub type Body = fn(&mut Call<'_, '_>) -> Result<Dynamic, Raise>;

/// A native script module, there without `import`.
pub struct Module {
    /// Short singular noun, for example `ssh`.
    pub name: &'static str,
    /// What the module is for, in one or more sentences.
    pub doc: &'static str,
    pub functions: &'static [Function],
    /// Handles whose methods this module brings.
    pub types: &'static [&'static Type],
}

/// A handle type that scripts hold and call methods on.
pub struct Type {
    /// The name scripts see in errors, for example `Host`.
    pub name: &'static str,
    pub doc: &'static str,
    pub id: fn() -> TypeId,
    pub rust_name: fn() -> &'static str,
    pub methods: &'static [Function],
    pub properties: &'static [Property],
}

/// A function of a module, or a method of a type.
pub struct Function {
    pub name: &'static str,
    /// First sentence: what it does. Then what would surprise.
    pub doc: &'static str,
    pub params: &'static [Param],
    /// Keys of the trailing options map; empty when it takes none.
    pub options: &'static [Opt],
    /// What it returns, in words of the manual.
    pub returns: &'static str,
    /// Kinds of failure it throws.
    pub errors: &'static [&'static str],
    /// A line that runs in the tests.
    pub example: &'static str,
    pub body: Body,
}

/// A positional parameter.
pub struct Param {
    pub name: &'static str,
    pub ty: Ty,
    pub doc: &'static str,
    /// May be left out; only trailing parameters may.
    pub optional: bool,
}

/// A key of an options map.
pub struct Opt {
    pub name: &'static str,
    pub ty: Ty,
    /// What holds when it is not given, as shown in the manual; empty for "not set".
    pub default: &'static str,
    pub doc: &'static str,
}

/// A local, cheap fact of a handle, read as `handle.name`.
pub struct Property {
    pub name: &'static str,
    pub doc: &'static str,
    pub get: fn(&mut Dynamic) -> Result<Dynamic, Raise>,
}

impl Function {
    /// The base of every table entry; a body that is left out says so when it is called.
    pub const BASE: Function = Function {
        name: "",
        doc: "",
        params: &[],
        options: &[],
        returns: "()",
        errors: &[],
        example: "",
        body: |call| Err(Raise::internal(format!("`{}` has no body", call.name()))),
    };

    /// Fewest positional arguments.
    pub fn min_args(&self) -> usize {
        self.params.iter().filter(|param| !param.optional).count()
    }

    /// Most arguments, the options map included.
    pub fn max_args(&self) -> usize {
        self.params.len() + usize::from(!self.options.is_empty())
    }

    /// Whether a trailing closure stands behind the options map.
    pub fn callback_last(&self) -> bool {
        self.params
            .last()
            .is_some_and(|param| matches!(param.ty, Ty::Callback(_)))
    }

    /// Where the options map stands in a call with `args` arguments, if it is there.
    pub fn options_index(&self, args: usize) -> Option<usize> {
        if self.options.is_empty() || args < self.max_args() {
            return None;
        }
        Some(if self.callback_last() {
            args - 2
        } else {
            args - 1
        })
    }

    /// The signature as the manual and the error messages show it.
    pub fn signature(&self, owner: &str) -> String {
        let mut parts: Vec<String> = Vec::new();
        let callback = self.callback_last();
        let options = (!self.options.is_empty()).then(|| "[#{ options }]".to_owned());
        for (index, param) in self.params.iter().enumerate() {
            if callback && index + 1 == self.params.len() {
                parts.extend(options.clone());
            }
            parts.push(if param.optional {
                format!("[{}]", param.name)
            } else {
                param.name.to_owned()
            });
        }
        if !callback {
            parts.extend(options);
        }
        format!("{owner}{}({})", self.name, parts.join(", "))
    }
}

impl Param {
    pub const fn new(name: &'static str, ty: Ty, doc: &'static str) -> Param {
        Param {
            name,
            ty,
            doc,
            optional: false,
        }
    }

    pub const fn optional(name: &'static str, ty: Ty, doc: &'static str) -> Param {
        Param {
            name,
            ty,
            doc,
            optional: true,
        }
    }
}

impl Opt {
    pub const fn new(name: &'static str, ty: Ty, default: &'static str, doc: &'static str) -> Opt {
        Opt {
            name,
            ty,
            default,
            doc,
        }
    }
}

/// The whole table.
#[derive(Clone, Copy)]
pub struct Registry {
    modules: &'static [&'static Module],
}

impl Registry {
    pub const fn new(modules: &'static [&'static Module]) -> Registry {
        Registry { modules }
    }

    pub fn modules(&self) -> impl Iterator<Item = &'static Module> + use<> {
        self.modules.iter().copied()
    }

    pub fn module(&self, name: &str) -> Option<&'static Module> {
        self.modules().find(|module| module.name == name)
    }

    pub fn types(&self) -> impl Iterator<Item = &'static Type> + use<> {
        self.modules()
            .flat_map(|module| module.types.iter().copied())
    }

    /// Methods of any handle by this name.
    pub fn methods(&self, name: &str) -> impl Iterator<Item = (&'static Type, &'static Function)> {
        let found: Vec<_> = self
            .types()
            .flat_map(|ty| ty.methods.iter().map(move |method| (ty, method)))
            .filter(|(_, method)| method.name == name)
            .collect();
        found.into_iter()
    }
}

impl Module {
    pub fn function(&self, name: &str) -> Option<&'static Function> {
        self.functions.iter().find(|function| function.name == name)
    }
}
