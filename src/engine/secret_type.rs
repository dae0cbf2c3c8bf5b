//! How scripts handle secrets: they print as `***`, and what is built from one is one.

use rhai::{Engine, ImmutableString};

use crate::secret::{MASK, Secret};

/// Joining with `+` keeps the result a secret; interpolation shows `***` and nothing else.
pub fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<Secret>("Secret")
        .register_fn("to_string", |_: &mut Secret| MASK)
        .register_fn("to_debug", |_: &mut Secret| MASK)
        .register_fn("+", |left: Secret, right: ImmutableString| {
            Secret::new(format!("{}{right}", left.expose()))
        })
        .register_fn("+", |left: ImmutableString, right: Secret| {
            Secret::new(format!("{left}{}", right.expose()))
        })
        .register_fn("+", |left: Secret, right: Secret| {
            Secret::new(format!("{}{}", left.expose(), right.expose()))
        })
        .register_fn("==", |left: Secret, right: Secret| left == right)
        .register_fn("!=", |left: Secret, right: Secret| left != right)
        .register_fn("is_empty", |secret: &mut Secret| secret.expose().is_empty())
        .register_get("is_empty", |secret: &mut Secret| secret.expose().is_empty());
}
