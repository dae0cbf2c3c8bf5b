//! `state`: what a host should have, for `host.ensure([...])`.

mod files;
mod system;
mod work;

pub(super) use files::refuse_stars;
pub(super) use work::work;

use std::any::TypeId;

use rhai::Dynamic;

use crate::diag::Failure;
use crate::engine::call::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Module, Property, Type};
use crate::files::Item;

/// One wanted state, as scripts hold it.
#[derive(Clone, Debug)]
pub struct StateItem(pub Item);

pub static MODULE: Module = Module {
    name: "state",
    doc: "States for `host.ensure([...])`. Each is idempotent; files are replaced atomically, with \
          owner and mode set before they take their place.",
    functions: &[
        files::ABSENT,
        work::COMMAND,
        files::DIR,
        work::DOWNLOAD,
        files::FILE,
        system::GROUP,
        system::KERNEL_MODULE,
        files::LINE,
        files::LINK,
        system::MOUNT,
        system::NFT_TABLE,
        system::PACKAGES,
        system::SERVICE,
        system::SYSCTL,
        files::TEXT,
        system::UNIT_FILE,
        system::USER,
    ],
    types: &[&TYPE],
};

static TYPE: Type = Type {
    name: "State",
    doc: "A wanted state; `host.ensure([...])` brings it about.",
    id: TypeId::of::<StateItem>,
    rust_name: std::any::type_name::<StateItem>,
    methods: &[],
    properties: &[
        Property {
            name: "kind",
            doc: "`file`, `service`, …",
            get: |value| read(value, |item| item.kind().to_owned()),
        },
        Property {
            name: "name",
            doc: "the path, unit or key",
            get: |value| read(value, Item::name),
        },
    ],
};

fn read(value: &mut Dynamic, get: impl Fn(&Item) -> String) -> Result<Dynamic, Raise> {
    match value.read_lock::<StateItem>() {
        Some(state) => Ok(get(&state.0).into()),
        None => Err(Raise::internal(
            "a property of State was read on another value",
        )),
    }
}

/// The item as a script's value; one that cannot be meant is refused here, where the script's line
/// is known.
fn done(call: &Call, item: impl Into<Item>) -> Result<Dynamic, Raise> {
    let item = item.into();
    item.check().map_err(|error| {
        let failure = Failure::from(error);
        Failure {
            message: format!("`{}`: {}", call.name(), failure.message),
            ..failure
        }
    })?;
    Ok(Dynamic::from(StateItem(item)))
}
