//! The types of handles, where the text shows them: what bindings return, and what is read of it.

use rhai::Expr;

use super::survey::Property;
use super::walk::{Entry, Walker};

impl<'a> Walker<'a> {
    /// What stands behind a dot, on a value of type `ty`.
    pub(super) fn chain(&mut self, ty: Option<&'static str>, link: &'a Expr) {
        match link {
            Expr::Property(property, at) => {
                self.survey.properties.extend(ty.map(|receiver| Property {
                    name: &property.2,
                    at: *at,
                    receiver,
                }));
            }
            Expr::MethodCall(call, at) => self.call(call, *at, Some(ty)),
            Expr::Dot(pair, ..) => {
                self.chain(ty, &pair.lhs);
                let next = match &pair.lhs {
                    Expr::MethodCall(call, _) => self.returned(&call.name, ty),
                    _ => None,
                };
                self.chain(next, &pair.rhs);
            }
            Expr::Index(pair, ..) => {
                self.chain(ty, &pair.lhs);
                self.value(&pair.rhs);
            }
            other => {
                self.value(other);
            }
        }
    }

    /// The type of handle that an expression gives, where bindings say so.
    pub(super) fn type_of(&self, value: &Expr) -> Option<&'static str> {
        match value {
            Expr::Variable(variable, ..) if variable.2.is_empty() => {
                let name = variable.1.as_str();
                self.scope.iter().rev().find_map(|entry| match entry {
                    Entry::Variable(declared, _, ty) if *declared == name => Some(*ty),
                    _ => None,
                })?
            }
            Expr::FnCall(call, _) => {
                let [module] = call.namespace.path.as_slice() else {
                    return None;
                };
                let imported = self.scope.iter().any(
                    |entry| matches!(entry, Entry::Alias(alias, _) if *alias == module.as_str()),
                );
                let module = self
                    .registry
                    .module(module.as_str())
                    .filter(|_| !imported)?;
                self.handle(module.function(&call.name)?.returns)
            }
            Expr::Dot(pair, ..) => match &pair.rhs {
                Expr::MethodCall(call, _) => self.returned(&call.name, self.type_of(&pair.lhs)),
                _ => None,
            },
            _ => None,
        }
    }

    /// What a method gives that is called on a handle of this type.
    fn returned(&self, method: &str, ty: Option<&'static str>) -> Option<&'static str> {
        let ty = ty?;
        let (_, method) = self
            .registry
            .methods(method)
            .find(|(handle, _)| handle.name == ty)?;
        self.handle(method.returns)
    }

    /// The manual says `a Host` where a handle is returned.
    fn handle(&self, returns: &str) -> Option<&'static str> {
        let name = returns
            .strip_prefix("a ")
            .or_else(|| returns.strip_prefix("an "))?;
        let mut types = self.registry.types();
        types.find(|ty| ty.name == name).map(|ty| ty.name)
    }
}
