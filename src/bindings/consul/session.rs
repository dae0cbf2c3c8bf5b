//! Sessions, and what is held as a lock by one.

use std::time::Duration;

use rhai::Dynamic;

use crate::bindings::cluster_api;
use crate::consul::{Consul, SessionOptions};
use crate::diag::{Class, Failure};
use crate::engine::Call;
use crate::engine::context;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::Ty;
use crate::engine::value;
use crate::report::Action;

use super::{ERRORS, KV_KEY};

const SESSION: Param = Param::new("session", Ty::Str, "its id");
const TTL: Opt = Opt::new(
    "ttl",
    Ty::Duration,
    "\"30s\"",
    "it ends by itself when it is not renewed for so long, or up to twice that; at least 10 s",
);
const NAME: Opt = Opt::new("name", Ty::Str, "\"e2bscript\"", "what people see");

pub const CREATE_SESSION: Function = Function {
    name: "create_session",
    doc: "Makes a session, by which keys can be held as locks. Under `--plan` it is shown and not done.",
    options: &[
        NAME,
        TTL,
        Opt::new(
            "delete",
            Ty::Bool,
            "false",
            "what it holds is removed when it ends, not only given back",
        ),
        Opt::new(
            "lock_delay",
            Ty::Duration,
            "\"15s\"",
            "how long nobody may take its locks after it was lost",
        ),
    ],
    returns: "a string, its id; empty under `--plan`",
    errors: ERRORS,
    example: "consul.kv_put(\"a/lock\", \"me\", #{ acquire: consul.create_session(#{ ttl: \"1m\" }) })",
    body: |call| {
        let consul = call.receiver::<Consul>()?;
        let options = options(call)?;
        let item = format!("session {}", options.name);
        if cluster_api::only_planned(call, "consul", item, Action::Create, None) {
            return Ok("".into());
        }
        Ok(call.wait_ok(consul.create_session(&options))?.into())
    },
    ..Function::BASE
};

pub const RENEW_SESSION: Function = Function {
    name: "renew_session",
    doc: "Keeps a session for another while.",
    params: &[SESSION],
    returns: "whether it is still there",
    errors: ERRORS,
    example: "consul.renew_session(\"adf4238a-882b-9ddc-4a9d-5b6758e4159e\")",
    body: |call| {
        let (consul, id) = (call.receiver::<Consul>()?, call.string(0)?);
        Ok(call.wait_ok(consul.renew_session(&id))?.into())
    },
    ..Function::BASE
};

pub const DESTROY_SESSION: Function = Function {
    name: "destroy_session",
    doc: "Ends a session and gives back what it holds; one that is gone is no failure. Under `--plan` it is shown and not done.",
    params: &[SESSION],
    errors: ERRORS,
    example: "consul.destroy_session(\"adf4238a-882b-9ddc-4a9d-5b6758e4159e\")",
    body: |call| {
        let (consul, id) = (call.receiver::<Consul>()?, call.string(0)?);
        let item = format!("session {id}");
        if !cluster_api::only_planned(call, "consul", item, Action::Delete, None) {
            call.wait_ok(consul.destroy_session(&id))?;
        }
        Ok(Dynamic::UNIT)
    },
    ..Function::BASE
};

pub const LIST_SESSIONS: Function = Function {
    name: "list_sessions",
    doc: "All sessions.",
    returns: "an array of maps with `id`, `name`, `node`, `ttl` and `behavior`",
    errors: ERRORS,
    example: "consul.list_sessions()",
    body: |call| {
        let consul = call.receiver::<Consul>()?;
        value::from_serde(&call.wait_ok(consul.list_sessions())?)
    },
    ..Function::BASE
};

pub const LOCK: Function = Function {
    name: "lock",
    doc: "Runs `body` while a key is held as a lock, by a session that is renewed meanwhile; waits while somebody else holds it. \
          The lock is given back however `body` ends; if this process dies, after `ttl`. Under `--plan` `body` runs without it.",
    params: &[
        Param::new(
            "consul",
            Ty::Handle("Consul"),
            "the cluster that has the key",
        ),
        KV_KEY,
        Param::new("body", Ty::Callback(0), "what needs the lock"),
    ],
    options: &[
        NAME,
        TTL,
        Opt::new(
            "value",
            Ty::Bytes,
            "\"\"",
            "what the key holds meanwhile, such as who holds it",
        ),
        Opt::new(
            "timeout",
            Ty::Duration,
            "\"60s\"",
            "how long to wait for somebody else",
        ),
    ],
    returns: "what `body` returns",
    errors: &[
        "consul.locked",
        "consul.lock_lost",
        "consul.unreachable",
        "consul.denied",
        "consul.no_leader",
    ],
    example: "consul.leader(); consul::lock(consul, \"a/lock\", #{ timeout: \"10s\" }, || 7)",
    body: lock,
    ..Function::BASE
};

/// How long giving a lock back may take.
const GIVE_BACK: Duration = Duration::from_secs(10);

fn options(call: &Call) -> Result<SessionOptions, Raise> {
    let ttl = cluster_api::duration(call, "ttl", Duration::from_secs(30));
    if ttl < Duration::from_secs(10) {
        let message = format!(
            "`ttl` of `{}` is at least 10 s: Consul takes no less",
            call.name()
        );
        return Err(Failure::usage("script.option", message).into());
    }
    let has = |name: &str| call.options().contains_key(name);
    Ok(SessionOptions {
        name: call
            .opt_string("name")
            .unwrap_or_else(|| "e2bscript".to_owned()),
        ttl: Some(ttl),
        delete: has("delete") && call.opt_bool("delete") == Some(true),
        lock_delay: match has("lock_delay") {
            true => cluster_api::duration(call, "lock_delay", Duration::from_secs(15)),
            false => Duration::from_secs(15),
        },
    })
}

fn lock(call: &mut Call) -> Result<Dynamic, Raise> {
    let (consul, key) = (call.handle::<Consul>(0)?, call.string(1)?);
    let body = call.callback(2)?;
    if call.session.run.is_plan() {
        return call.invoke(&body, ());
    }
    let options = options(call)?;
    let value = call.opt_text("value");
    let value = value.map(|value| value.expose().as_bytes().to_vec());
    let timeout = cluster_api::duration(call, "timeout", Duration::from_secs(60));
    let session = call.wait_ok(consul.create_session(&options))?;
    let held = Held {
        call,
        consul: &consul,
        session: &session,
    };
    let taking = consul.acquire(
        &key,
        value.as_deref().unwrap_or_default(),
        &session,
        timeout,
    );
    if !call.wait_ok(taking)? {
        let holder = call.wait_ok(consul.kv_get(&key))?;
        let who = holder.map(|entry| String::from_utf8_lossy(&entry.value).into_owned());
        let failure = Failure::new(
            "consul.locked",
            format!(
                "the lock `{key}` is still held by somebody else after {}: {}",
                humantime::format_duration(timeout),
                who.unwrap_or_default()
            ),
        );
        return Err(failure.class(Class::Locked).into());
    }
    let renewing = {
        let (consul, session) = (consul.clone(), session.clone());
        let pause = options.ttl.unwrap_or_default() / 3;
        call.session.run.handle().spawn(async move {
            loop {
                tokio::time::sleep(pause).await;
                // a failure is told by the end, where the lock is looked at
                let _ = consul.renew_session(&session).await;
            }
        })
    };
    let result = call.invoke(&body, ());
    renewing.abort();
    let given_back = context::shielded(GIVE_BACK, || call.wait_ok(consul.release(&key, &session)));
    drop(held);
    let result = result?;
    match given_back? {
        true => Ok(result),
        false => Err(Failure::new(
            "consul.lock_lost",
            format!("the lock `{key}` was lost while it was needed: somebody else may have had it"),
        )
        .into()),
    }
}

/// A session that ends with the call, however that ends.
struct Held<'a, 'b, 'c> {
    call: &'a Call<'b, 'c>,
    consul: &'a Consul,
    session: &'a str,
}

impl Drop for Held<'_, '_, '_> {
    fn drop(&mut self) {
        let ended = context::shielded(GIVE_BACK, || {
            self.call.wait_ok(self.consul.destroy_session(self.session))
        });
        // it ends by itself after its time, so nothing is lost
        if let Err(Raise::Failure(failure)) = ended {
            crate::bindings::note(
                self.call,
                &format!("the session of a lock was left to end by itself: {failure}"),
            );
        }
    }
}
