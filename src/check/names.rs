//! The engine's functions by name and number of arguments.

use std::any::TypeId;
use std::collections::{HashMap, HashSet};

use rhai::{Array, Blob, Engine, ImmutableString, Map};

use crate::diag::{Failure, builtin};
use crate::engine::registry::Registry;
use crate::secret::Secret;

/// Which functions there are, native ones and methods of handles alike.
pub struct Names {
    /// Name → one bit for each number of arguments.
    arities: HashMap<String, u32>,
    /// Properties of what is no handle: the kind's name and the property's.
    properties: HashSet<(&'static str, String)>,
    registry: Registry,
}

impl Names {
    pub fn of(engine: &Engine, registry: Registry) -> Names {
        let mut arities: HashMap<String, u32> = HashMap::new();
        let functions = engine.collect_fn_metadata(
            None,
            |info| {
                let function = info.metadata;
                let plain = info.namespace.is_empty() && !function.name.contains('$');
                plain.then(|| (function.name.to_string(), function.num_params))
            },
            true,
        );
        for (name, count) in functions {
            *arities.entry(name).or_default() |= bit(count);
        }
        let properties = engine.collect_fn_metadata(
            None,
            |info| {
                let name = info.metadata.name.strip_prefix("get$")?;
                Some((kind(info.metadata.param_types.first()?)?, name.to_owned()))
            },
            true,
        );
        Names {
            arities,
            properties: properties.into_iter().collect(),
            registry,
        }
    }

    /// Whether a value of this kind has such a property; handles have theirs in the registry.
    pub fn has_property(&self, kind: &'static str, name: &str) -> bool {
        self.properties.contains(&(kind, name.to_owned()))
    }

    /// Whether any value that is no handle has such a property.
    pub fn is_property(&self, name: &str) -> bool {
        self.properties.iter().any(|(_, known)| known == name)
    }

    /// Whether a value of this kind, or a handle of this name, has such a method.
    pub fn has_method(&self, of: &str, name: &str, count: usize) -> bool {
        if builtin::KEYWORDS.contains(&name) {
            return true;
        }
        let mut methods = self.registry.methods(name);
        let bound = methods.any(|(ty, function)| {
            ty.name == of && (function.min_args()..=function.max_args()).contains(&count)
        });
        // What the engine adds to failures and secrets is in no table.
        let ours = matches!(of, "Secret" | "Error") && self.has(name, count + 1);
        bound
            || ours
            || builtin::named(name)
                .any(|function| function.is_of(of) && function.params.len() == count + 1)
    }

    /// Whether `name` can be called with so many arguments, a method's receiver among them.
    pub fn has(&self, name: &str, arguments: usize) -> bool {
        builtin::KEYWORDS.contains(&name)
            || self
                .arities
                .get(name)
                .is_some_and(|arities| arities & bit(arguments) != 0)
    }
}

/// The name of a kind of value, as shapes have it.
fn kind(ty: &TypeId) -> Option<&'static str> {
    let known = [
        (TypeId::of::<ImmutableString>(), "string"),
        (TypeId::of::<Array>(), "array"),
        (TypeId::of::<Map>(), "map"),
        (TypeId::of::<Blob>(), "blob"),
        (TypeId::of::<Secret>(), "Secret"),
        (TypeId::of::<Failure>(), "Error"),
        (TypeId::of::<std::ops::Range<i64>>(), "range"),
        (TypeId::of::<std::ops::RangeInclusive<i64>>(), "range"),
        (TypeId::of::<i64>(), "integer"),
        (TypeId::of::<f64>(), "float"),
        (TypeId::of::<char>(), "character"),
        (TypeId::of::<bool>(), "bool"),
    ];
    known
        .into_iter()
        .find(|(known, _)| known == ty)
        .map(|(_, name)| name)
}

fn bit(count: usize) -> u32 {
    1 << count.min(31)
}
