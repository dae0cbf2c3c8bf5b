//! Puts the table of bindings into a Rhai engine.

use std::any::TypeId;
use std::sync::Arc;

use rhai::{
    Dynamic, Engine, EvalAltResult, FuncRegistration, NativeCallContext, Position, RhaiFunc,
};

use super::call::Call;
use super::raise::Raise;
use super::registry::{Function, Module, Property, Registry, Type};
use super::session::Session;

/// The arguments as Rhai hands them to a native function.
type FnCallArgs<'a> = [&'a mut Dynamic];

/// Registers every module of `registry`; bindings act on `session`.
pub fn register(engine: &mut Engine, registry: Registry, session: &Arc<Session>) {
    let mut methods = rhai::Module::new();
    for module in registry.modules() {
        engine.register_static_module(module.name, functions(module, session).into());
        for ty in module.types {
            engine.register_type_with_name_raw((ty.rust_name)(), ty.name);
            register_type(&mut methods, ty, session);
        }
    }
    engine.register_global_module(methods.into());
}

fn functions(module: &'static Module, session: &Arc<Session>) -> rhai::Module {
    let mut target = rhai::Module::new();
    let owner: Arc<str> = format!("{}::", module.name).into();
    for function in module.functions {
        for arity in function.min_args()..=function.max_args() {
            let body = pure(function, owner.clone(), session.clone());
            FuncRegistration::new(function.name)
                .in_internal_namespace()
                .set_into_module_raw(&mut target, vec![TypeId::of::<Dynamic>(); arity], body);
        }
    }
    target
}

fn register_type(target: &mut rhai::Module, ty: &'static Type, session: &Arc<Session>) {
    let owner: Arc<str> = format!("{}.", ty.name).into();
    for function in ty.methods {
        for arity in function.min_args()..=function.max_args() {
            let mut types = vec![(ty.id)()];
            types.resize(arity + 1, TypeId::of::<Dynamic>());
            let body = method(function, owner.clone(), session.clone());
            FuncRegistration::new(function.name)
                .in_global_namespace()
                .set_into_module_raw(target, types, body);
        }
    }
    for property in ty.properties {
        FuncRegistration::new_getter(property.name)
            .in_global_namespace()
            .set_into_module_raw(target, [(ty.id)()], getter(property));
    }
}

fn pure(function: &'static Function, owner: Arc<str>, session: Arc<Session>) -> RhaiFunc {
    RhaiFunc::Pure {
        func: Arc::new(
            move |context: Option<NativeCallContext>, args: &mut FnCallArgs| {
                let context = context.ok_or_else(no_context)?;
                let args = args
                    .iter_mut()
                    .map(|arg| std::mem::take(*arg).flatten())
                    .collect();
                run(&context, &session, function, &owner, None, args)
            },
        ),
        has_context: true,
        is_pure: true,
        is_volatile: true,
    }
}

fn method(function: &'static Function, owner: Arc<str>, session: Arc<Session>) -> RhaiFunc {
    RhaiFunc::Method {
        func: Arc::new(
            move |context: Option<NativeCallContext>, args: &mut FnCallArgs| {
                let context = context.ok_or_else(no_context)?;
                let Some((receiver, rest)) = args.split_first_mut() else {
                    return Err(
                        Raise::internal("a method without a receiver").into_rhai(Position::NONE)
                    );
                };
                let rest = rest
                    .iter_mut()
                    .map(|arg| std::mem::take(*arg).flatten())
                    .collect();
                run(&context, &session, function, &owner, Some(receiver), rest)
            },
        ),
        has_context: true,
        // Handles have no interior that a script changes, so they may be constants.
        is_pure: true,
        is_volatile: true,
    }
}

fn getter(property: &'static Property) -> RhaiFunc {
    RhaiFunc::Method {
        func: Arc::new(move |_: Option<NativeCallContext>, args: &mut FnCallArgs| {
            match args.first_mut() {
                Some(receiver) => {
                    (property.get)(receiver).map_err(|raise| raise.into_rhai(Position::NONE))
                }
                None => {
                    Err(Raise::internal("a getter without a receiver").into_rhai(Position::NONE))
                }
            }
        }),
        has_context: false,
        is_pure: true,
        is_volatile: true,
    }
}

fn run(
    context: &NativeCallContext,
    session: &Arc<Session>,
    function: &'static Function,
    owner: &str,
    receiver: Option<&mut Dynamic>,
    args: Vec<Dynamic>,
) -> Result<Dynamic, Box<EvalAltResult>> {
    Call::new(context, session, function, owner, receiver, args)
        .and_then(|mut call| (function.body)(&mut call))
        .map_err(|raise| raise.into_rhai(context.call_position()))
}

fn no_context() -> Box<EvalAltResult> {
    Raise::internal("Rhai called a binding without a context").into_rhai(Position::NONE)
}
