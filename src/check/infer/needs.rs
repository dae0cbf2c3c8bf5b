//! What a function asks of its parameters, seen by what its body does with them.

use std::collections::HashSet;

use rhai::{Expr, Position};

use crate::check::shape::{Kinds, Shape};
use crate::check::unit::Script;
use crate::check::words;
use crate::diag::Failure;
use crate::diag::types::with_article;
use crate::engine::ty::Ty;

use super::{Key, Walk};

/// Something that is done with a parameter.
#[derive(Clone, Debug)]
pub struct Need {
    want: Want,
    at: Position,
}

/// What the value must be for it.
#[derive(Clone, Debug)]
pub enum Want {
    /// One of these, which the words name.
    Kinds(Kinds, &'static str),
    Ty(Ty),
    Property(String),
    /// With so many arguments.
    Method(String, usize),
    /// What a parameter of another function must be.
    Same(Key, usize),
    /// The body asks what it is, and so may take anything.
    Any,
}

/// How far a value is followed through functions that only hand it on.
const MOST_HOPS: usize = 4;

impl<'a> Walk<'a> {
    /// Notes what is done with `value`, if that is a parameter.
    pub(super) fn need(&mut self, value: &Expr, want: Want) {
        let Expr::Variable(variable, _, at) = value else {
            return;
        };
        if !variable.2.is_empty() || self.rehearsals > 0 {
            return;
        }
        let param = self.scope.get(&variable.1).and_then(|found| found.param);
        let Some((key, index)) = param else { return };
        let at = *at;
        if let Some(needs) = self
            .known
            .get_mut(&key)
            .and_then(|known| known.needs.get_mut(index))
        {
            needs.push(Need { want, at });
        }
    }

    /// Checks an argument against what the called function does with it.
    pub(super) fn hand_over(
        &mut self,
        key: Key,
        function: &'a Script,
        index: usize,
        value: &'a Expr,
        shape: &Shape,
        owner: &str,
    ) {
        self.need(value, Want::Same(key, index));
        if self.is_quiet() || !shape.is_definite() || shape.may_be(Kinds::ERROR) {
            return;
        }
        let mut seen = HashSet::new();
        let Some((reason, line)) = self.refusal(key, index, shape, &mut seen) else {
            return;
        };
        let name = function
            .params
            .get(index)
            .map(String::as_str)
            .unwrap_or_default();
        let message = format!("`{name}` of `{owner}{}`: {reason}", function.name);
        let help = line.map(|line| {
            format!(
                "see line {line} of {}",
                self.program.units.get(key.0).map_or("", |unit| unit.id())
            )
        });
        self.error(
            Failure::new("script.argument", message).maybe_help(help),
            value.start_position(),
        );
    }

    /// Why a function cannot work with such an argument.
    fn refusal(
        &self,
        key: Key,
        index: usize,
        shape: &Shape,
        seen: &mut HashSet<(Key, usize)>,
    ) -> Option<(String, Option<usize>)> {
        if !seen.insert((key, index)) || seen.len() > MOST_HOPS {
            return None;
        }
        let known = self.known.get(&key)?;
        let needs = known.needs.get(index)?;
        if needs.iter().any(|need| matches!(need.want, Want::Any)) {
            return None;
        }
        needs.iter().find_map(|need| {
            if let Want::Same(key, index) = need.want {
                return self.refusal(key, index, shape, seen);
            }
            self.refuses(&need.want, shape, known.closed)
                .map(|reason| (reason, need.at.line()))
        })
    }

    fn refuses(&self, want: &Want, shape: &Shape, closed: bool) -> Option<String> {
        let got = shape.words();
        match want {
            Want::Kinds(kinds, words) => {
                (!shape.may_be(*kinds)).then(|| format!("expected {words}, got {got}"))
            }
            Want::Ty(ty) => refuse(*ty, shape),
            Want::Property(name) => {
                let kinds = shape
                    .kinds
                    .names()
                    .any(|kind| self.names.has_property(kind, name));
                let handle = shape.handles.iter().any(|handle| {
                    let mut types = self.registry.types().filter(|ty| ty.name == *handle);
                    types.any(|ty| ty.properties.iter().any(|property| property.name == *name))
                });
                if kinds || handle {
                    return None;
                }
                match shape.fields() {
                    // Within a program, the place where the key is read is told of.
                    Some(fields) if closed || fields.get(name).is_some() => None,
                    Some(_) => Some(format!("this map has no `{name}`, which is read of it")),
                    None => Some(format!("`.{name}` is read of it, and {got} has none")),
                }
            }
            Want::Method(name, count) => {
                let fits = shape.kinds.meets(Kinds::MAP)
                    || shape
                        .kinds
                        .names()
                        .any(|kind| self.names.has_method(kind, name, *count))
                    || shape
                        .handles
                        .iter()
                        .any(|handle| self.names.has_method(handle, name, *count));
                (!fits).then(|| format!("`.{name}(…)` is called on it, and {got} has none"))
            }
            Want::Same(..) | Want::Any => None,
        }
    }
}

/// Why a value of this shape is none that a binding takes there.
pub fn refuse(ty: Ty, shape: &Shape) -> Option<String> {
    if !shape.is_definite() || shape.may_be(Kinds::ERROR) {
        return None;
    }
    if let Ty::Handle(name) = ty {
        let fits = shape.handles.contains(&name);
        return (!fits).then(|| format!("expected {}, got {}", with_article(name), shape.words()));
    }
    let kinds = words::taken(ty)?;
    if !shape.kinds.meets(kinds) {
        return Some(format!("expected {}, got {}", ty.words(), shape.words()));
    }
    match (ty, shape.texts()) {
        (Ty::Choice(words), Some(texts))
            if !texts.iter().any(|text| words.contains(&text.as_str())) =>
        {
            let text = texts.first().map(String::as_str).unwrap_or_default();
            Some(format!(
                "expected {}, got the string \"{text}\"",
                ty.words()
            ))
        }
        _ => None,
    }
}
