//! The engine's functions by name and number of arguments.

use std::collections::HashMap;

use rhai::Engine;

use crate::diag::builtin;

/// Which functions there are, native ones and methods of handles alike.
pub struct Names {
    /// Name → one bit for each number of arguments.
    arities: HashMap<String, u32>,
}

impl Names {
    pub fn of(engine: &Engine) -> Names {
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
        Names { arities }
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

fn bit(count: usize) -> u32 {
    1 << count.min(31)
}
