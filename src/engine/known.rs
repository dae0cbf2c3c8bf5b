//! The table of bindings as names, for help with unknown ones.

use crate::diag::names::{Binding, Handle, Known, Native};

use super::library::STDLIB;
use super::registry::{Function, Registry};

/// What every script can use without declaring it.
pub fn known<'a>(registry: Registry) -> Known<'a> {
    let modules = registry.modules().map(|module| Native {
        name: module.name,
        functions: bindings(module.functions, &format!("{}::", module.name)),
    });
    let handles = registry.types().map(|ty| Handle {
        name: ty.name,
        methods: bindings(ty.methods, &format!("{}.", ty.name)),
        properties: ty.properties.iter().map(|property| property.name).collect(),
    });
    Known {
        modules: modules.collect(),
        handles: handles.collect(),
        standard: STDLIB.iter().map(|file| file.name).collect(),
        ..Known::default()
    }
}

fn bindings(functions: &[Function], owner: &str) -> Vec<Binding> {
    let bindings = functions.iter().map(|function| Binding {
        name: function.name,
        signature: function.signature(owner),
    });
    bindings.collect()
}
