//! A platform out of a script's options.

use std::sync::Arc;

use rhai::Dynamic;

use crate::bindings::cluster_api::{self, VIA};
use crate::e2b::{Credential, E2b, Given, Profile, Settings};
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt};
use crate::engine::ty::Ty;

pub const CONNECT: Function = Function {
    name: "connect",
    doc: "A handle for a platform. What is not given comes from the variables that the official SDKs read: `E2B_API_URL`, `E2B_SANDBOX_URL`, \
          `E2B_DOMAIN`, `E2B_API_KEY`, `E2B_ACCESS_TOKEN`; the admin token from `ADMIN_TOKEN`. Nothing is sent until something is asked of it.",
    options: &[
        Opt::new(
            "address",
            Ty::Str,
            "\"http://127.0.0.1:50001\"",
            "where the API is, as the host of `via` sees it",
        ),
        Opt::new(
            "sandbox_address",
            Ty::Str,
            "\"http://127.0.0.1:3002\"",
            "the client-proxy's port for sandboxes' traffic",
        ),
        Opt::new(
            "edge_address",
            Ty::Str,
            "\"http://127.0.0.1:3001\"",
            "the client-proxy's own port, for its health",
        ),
        Opt::new(
            "envd_address",
            Ty::Str,
            "",
            "an envd that is reached without a client-proxy; every sandbox then leads there",
        ),
        Opt::new(
            "domain",
            Ty::Str,
            "\"e2b.local\"",
            "the domain of sandboxes' host names; the client-proxy takes any",
        ),
        Opt::new(
            "api_key",
            Ty::Text,
            "from the environment",
            "the team's key, `e2b_…`",
        ),
        Opt::new(
            "access_token",
            Ty::Text,
            "from the environment",
            "the user's access token, `sk_e2b_…`: the seed takes it where templates are concerned",
        ),
        Opt::new(
            "admin_token",
            Ty::Text,
            "from the environment",
            "the API's `ADMIN_TOKEN`",
        ),
        Opt::new(
            "session_token",
            Ty::Text,
            "",
            "a signed-in user's token, for the keys of the team; goes with `team`",
        ),
        Opt::new(
            "team",
            Ty::Str,
            "",
            "the team's id, which goes with the session's or the admin token",
        ),
        Opt::new(
            "profile",
            Ty::Choice(&["seed", "upstream"]),
            "whichever answers",
            "`seed` or `upstream`: the generation of the platform",
        ),
        Opt::new(
            "source",
            Ty::Str,
            "\"the option …\"",
            "what errors call the place that the credentials come from, such as \"`api-creds.env`\"",
        ),
        VIA,
        Opt::new(
            "ca_file",
            Ty::Str,
            "this machine's authorities",
            "a PEM file of the authorities whose certificates count",
        ),
    ],
    returns: "an Api",
    errors: &["e2b.setting", "e2b.credential"],
    example: "e2b::connect(#{ address: \"http://127.0.0.1:50001\", profile: \"seed\" }).address",
    body: connect,
    ..Function::BASE
};

fn connect(call: &mut Call) -> Result<Dynamic, Raise> {
    let source = call.opt_string("source");
    let credential = |name: &str| {
        let value = call
            .opt_text(name)
            .filter(|text| !text.expose().is_empty())?;
        // before it can show in the error about it
        cluster_api::keep_token(call, Some(&value));
        let source = source
            .clone()
            .unwrap_or_else(|| format!("the option `{name}`"));
        Some(Credential { value, source })
    };
    let text = |name: &str| call.opt_string(name).filter(|text| !text.is_empty());
    let profile = match text("profile") {
        Some(_) => {
            let word = super::one_of(call, "profile", &["seed", "upstream"], "")?;
            Profile::named(&word)
        }
        None => None,
    };
    let given = Given {
        address: text("address"),
        sandbox_address: text("sandbox_address"),
        edge_address: text("edge_address"),
        envd_address: text("envd_address"),
        domain: text("domain"),
        api_key: credential("api_key"),
        access_token: credential("access_token"),
        admin_token: credential("admin_token"),
        session_token: credential("session_token"),
        team: text("team"),
        profile,
        trust: crate::http::Trust {
            authorities: call.opt_string("ca_file").map(std::path::PathBuf::from),
            ..crate::http::Trust::default()
        },
    };
    let settings = Settings::new(given, |name| std::env::var(name).ok())?;
    let all = &settings.credentials;
    for credential in [
        &all.api_key,
        &all.access_token,
        &all.admin_token,
        &all.session_token,
    ] {
        cluster_api::keep_token(call, credential.as_ref().map(|one| &one.value));
    }
    let peers = cluster_api::peers(call)?;
    let hooks = cluster_api::hooks(call, "e2b");
    let http = super::super::http::client(call)?;
    Ok(Dynamic::from(E2b::new(
        Arc::clone(&http),
        peers,
        settings,
        hooks,
    )?))
}
