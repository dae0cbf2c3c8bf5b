//! `nomad`: jobs from a file to a healthy deployment, and what there is on the cluster.

mod follow;
mod job;
mod list;

use std::any::TypeId;

use rhai::Dynamic;

use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Module, Opt, Param, Property, Type};
use crate::engine::ty::Ty;
use crate::nomad::Nomad;

use super::cluster_api::{self, TOKEN, VIA};

const ERRORS: &[&str] = &[
    "nomad.unreachable",
    "nomad.denied",
    "nomad.not_found",
    "nomad.no_leader",
    "nomad.refused",
    "nomad.timeout",
];
const JOB: Param = Param::new("job", Ty::Str, "its id");

pub static MODULE: Module = Module {
    name: "nomad",
    doc: "Nomad's HTTP API, from this machine or through hosts' connections: no port is opened here, and no `nomad` is \
          needed. Changes are learned of as they happen, not by asking again and again. While a server does not answer, or there is no \
          leader, the next one is asked for up to 20 seconds.",
    functions: &[Function {
        name: "connect",
        doc: "A handle for a Nomad cluster. What is not given comes from `NOMAD_ADDR`, `NOMAD_TOKEN`, `NOMAD_NAMESPACE` and \
              `NOMAD_REGION`. Nothing is sent until something is asked of it.",
        options: &[
            Opt::new(
                "address",
                Ty::Str,
                "\"http://127.0.0.1:4646\"",
                "where the API is, as the host of `via` sees it",
            ),
            TOKEN,
            Opt::new(
                "namespace",
                Ty::Str,
                "from the environment",
                "the namespace of all requests",
            ),
            Opt::new(
                "region",
                Ty::Str,
                "from the environment",
                "the region of all requests",
            ),
            VIA,
        ],
        returns: "a Nomad",
        errors: &["nomad.address"],
        example: "nomad::connect(#{ address: \"http://127.0.0.1:4646\" }).address",
        body: |call| {
            let scope = [
                ("namespace", call.opt_string("namespace")),
                ("region", call.opt_string("region")),
            ];
            let scope = scope
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)));
            let with = cluster_api::connection(call, scope.collect())?;
            let nomad = Nomad::new(with.http, with.peers, with.given, with.on_retry)?;
            Ok(Dynamic::from(nomad))
        },
        ..Function::BASE
    }],
    types: &[&TYPE],
};

static TYPE: Type = Type {
    name: "Nomad",
    doc: "A Nomad cluster. Jobs are maps in Nomad's own JSON, as `parse` and `get_job` give them; what is listed has names of its own.",
    id: TypeId::of::<Nomad>,
    rust_name: std::any::type_name::<Nomad>,
    methods: &[
        job::PARSE,
        job::VALIDATE,
        job::PLAN,
        job::REGISTER,
        job::STOP,
        job::REVERT,
        follow::WAIT_UNTIL_HEALTHY,
        follow::TRY_WAIT_UNTIL_HEALTHY,
        list::LEADER,
        list::LIST_MEMBERS,
        list::LIST_NODES,
        list::LIST_JOBS,
        list::GET_JOB,
        list::LIST_ALLOCATIONS,
        list::GET_ALLOCATION,
        list::LIST_DEPLOYMENTS,
        list::LIST_EVALUATIONS,
        list::LOGS,
    ],
    properties: &[
        Property {
            name: "address",
            doc: "where the API is",
            get: |value| read(value, |nomad| nomad.address().into()),
        },
        Property {
            name: "requests",
            doc: "how many requests were sent so far",
            get: |value| {
                read(value, |nomad| {
                    i64::try_from(nomad.requests()).unwrap_or(i64::MAX).into()
                })
            },
        },
    ],
};

fn read(value: &mut Dynamic, get: impl Fn(&Nomad) -> Dynamic) -> Result<Dynamic, Raise> {
    match value.read_lock::<Nomad>() {
        Some(nomad) => Ok(get(&nomad)),
        None => Err(Raise::internal(
            "a property of Nomad was read on another value",
        )),
    }
}
