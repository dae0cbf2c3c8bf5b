//! The tables of `std/stacks`: the outputs that they name must be there, and what a deployment needs must be named.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use rhai::{Expr, Position, Stmt};

use super::View;
use super::page::Page;
use super::unit::Unit;
use crate::diag::Failure;

const MODULE: &str = "std/stacks";
const CONFIGURATION: &str = "std/config";

/// Checks the tables where `unit` is the module that has them. Stacks are looked for in `project`.
pub fn check(view: &View, unit: usize, page: &mut Page, project: Option<&Path>) {
    let Some((own, _)) = view.at(unit).filter(|(own, _)| own.id() == MODULE) else {
        return;
    };
    let mut covered = HashSet::new();
    for (stack, _, names) in fields(constant(own, "OUTPUTS")) {
        let there = project.and_then(|project| outputs(&project.join(stack)));
        for (name, at, output) in fields(Some(names)) {
            covered.insert(name);
            let (Some(output), Some(there)) = (text(output), &there) else {
                continue;
            };
            if !there.contains(output) {
                let failure = Failure::new(
                    "stack-output",
                    format!(
                        "`{stack}` has no output `{output}`, which {name} of deploy.env is to come from"
                    ),
                );
                page.error(failure.help(format!("see `{stack}/outputs.tf`")), at);
            }
        }
    }
    covered.extend(texts(constant(own, "MADE")));
    covered.extend(fields(constant(own, "BY_HAND")).map(|(name, ..)| name));
    let units = &view.program.units;
    let Some(configuration) = units.iter().find(|unit| unit.id() == CONFIGURATION) else {
        return;
    };
    let at = constant(own, "OUTPUTS").map_or(Position::NONE, Expr::position);
    let single = texts(constant(configuration, "REQUIRED")).map(|name| vec![name]);
    let groups = items(constant(configuration, "ONE_OF")).map(|group| texts(Some(group)).collect());
    for names in single.chain(groups) {
        if !names.iter().any(|name| covered.contains(name)) {
            let failure = Failure::new(
                "uncovered-key",
                format!(
                    "nothing covers `{}` of deploy.env, which a deployment needs",
                    names.join("` or `")
                ),
            );
            page.error(
                failure.help("name an output of a stack for it, or say in `MADE` or `BY_HAND` where it comes from"),
                at,
            );
        }
    }
}

/// The value that a script gives a constant at its top.
fn constant<'a>(unit: &'a Unit, name: &str) -> Option<&'a Expr> {
    unit.top().iter().find_map(|statement| match statement {
        Stmt::Var(parts, ..) if parts.0.as_str() == name => Some(&parts.1),
        _ => None,
    })
}

/// Keys of a literal map, with their places and values.
fn fields(map: Option<&Expr>) -> impl Iterator<Item = (&str, Position, &Expr)> {
    let fields = match map {
        Some(Expr::Map(parts, _)) => Some(parts.0.iter()),
        _ => None,
    };
    let fields = fields.into_iter().flatten();
    fields.map(|(name, value)| (name.as_str(), name.pos, value))
}

fn items(array: Option<&Expr>) -> impl Iterator<Item = &Expr> {
    let items = match array {
        Some(Expr::Array(items, _)) => Some(items.iter()),
        _ => None,
    };
    items.into_iter().flatten()
}

fn texts(array: Option<&Expr>) -> impl Iterator<Item = &str> {
    items(array).filter_map(text)
}

fn text(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::StringConstant(text, _) => Some(text.as_str()),
        _ => None,
    }
}

/// Names of a stack's outputs; `None` where there is no such stack.
fn outputs(stack: &Path) -> Option<HashSet<String>> {
    let text = fs::read_to_string(stack.join("outputs.tf")).ok()?;
    let names = text.lines().filter_map(|line| {
        let name = line.strip_prefix("output \"")?.split('"').next()?;
        Some(name.to_owned())
    });
    Some(names.collect())
}
