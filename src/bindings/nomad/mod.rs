//! `nomad`: jobs from a file to a healthy deployment, and what there is on the cluster.

mod files;
mod follow;
mod job;
mod list;
mod logs;
mod node;
mod operate;
mod variable;

use std::any::TypeId;

use rhai::Dynamic;

use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Module, Opt, Param, Property, Type};
use crate::engine::ty::Ty;
use crate::nomad::{Error, Nomad};

use super::cluster_api::{
    self, AUTHORITIES, CERTIFICATE, KEY, SERVER_NAME, TOKEN, TOKEN_SOURCE, VIA,
};

const ERRORS: &[&str] = &[
    "nomad.unreachable",
    "nomad.denied",
    "nomad.not_found",
    "nomad.no_leader",
    "nomad.refused",
    "nomad.timeout",
    "nomad.unsupported",
];
const JOB: Param = Param::new("job", Ty::Str, "its id");
const ALLOCATION: Param = Param::new("allocation", Ty::Str, "its id, or how it begins");

pub static MODULE: Module = Module {
    name: "nomad",
    doc: "Nomad's HTTP API, from this machine or through hosts' connections: no port is opened here, and no `nomad` is \
          needed. Changes are learned of as they happen, not by asking again and again. While a server does not answer, or there is no \
          leader, the next one is asked for up to 20 seconds. Under `--plan` what would change the cluster is shown and not done.",
    functions: &[Function {
        name: "connect",
        doc: "A handle for a Nomad cluster. What is not given comes from `NOMAD_ADDR`, `NOMAD_TOKEN`, `NOMAD_NAMESPACE`, \
              `NOMAD_REGION`, `NOMAD_CACERT`, `NOMAD_CLIENT_CERT`, `NOMAD_CLIENT_KEY` and `NOMAD_TLS_SERVER_NAME`; certificates are always checked. \
              Nothing is sent until something is asked of it.",
        options: &[
            Opt::new(
                "address",
                Ty::Str,
                "\"http://127.0.0.1:4646\"",
                "where the API is, as the host of `via` sees it",
            ),
            TOKEN,
            TOKEN_SOURCE,
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
            AUTHORITIES,
            CERTIFICATE,
            KEY,
            SERVER_NAME,
        ],
        returns: "a Nomad",
        errors: &["nomad.address", "nomad.setting", "nomad.connection"],
        example: "nomad::connect(#{ address: \"http://127.0.0.1:4646\" }).address",
        body: |call| {
            let scope = [
                ("namespace", call.opt_string("namespace")),
                ("region", call.opt_string("region")),
            ];
            let scope = scope
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)));
            let with = cluster_api::connection(call, "nomad", scope.collect())?;
            let nomad = Nomad::new(with.http, with.peers, with.given, with.hooks)?;
            cluster_api::keep_token(call, nomad.token());
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
        job::LIST_VERSIONS,
        operate::SCALE,
        operate::EVALUATE,
        operate::DISPATCH,
        operate::PROMOTE,
        operate::FAIL_DEPLOYMENT,
        operate::RESTART_ALLOCATION,
        operate::STOP_ALLOCATION,
        follow::WAIT_UNTIL_HEALTHY,
        follow::TRY_WAIT_UNTIL_HEALTHY,
        follow::EXAMINE,
        list::VERSION,
        list::LEADER,
        list::LIST_MEMBERS,
        list::LIST_NODES,
        list::LIST_JOBS,
        list::GET_JOB,
        list::LIST_ALLOCATIONS,
        list::GET_ALLOCATION,
        list::LIST_DEPLOYMENTS,
        list::GET_DEPLOYMENT,
        list::LIST_EVALUATIONS,
        logs::LOGS,
        logs::FOLLOW_LOGS,
        files::LIST_FILES,
        files::READ_FILE,
        node::DRAIN,
        node::CANCEL_DRAIN,
        node::SET_ELIGIBILITY,
        variable::GET_VARIABLE,
        variable::LIST_VARIABLES,
        variable::PUT_VARIABLE,
        variable::DELETE_VARIABLE,
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

/// Waits for `work`; an error that may come from a version that is not known says so.
fn ask<T, E: Into<Error>>(
    call: &Call,
    nomad: &Nomad,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Raise> {
    call.wait_ok(async {
        match work.await {
            Ok(done) => Ok(done),
            Err(error) => Err(nomad.of_version(error.into()).await),
        }
    })
}

/// Nomad's numbers stay far below what a script's integer holds.
fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number that a script gave for one that is never negative.
fn number(call: &Call, given: i64) -> Result<u64, Raise> {
    u64::try_from(given).map_err(|_| {
        let message = format!("`{}` takes no negative number, got {given}", call.name());
        Failure::usage("script.argument", message).into()
    })
}
