//! A database out of a script's options.

use std::sync::Arc;

use rhai::Dynamic;

use super::super::host::HostHandle;
use super::Handle;
use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::postgres::{Answers, Config, Database, SslMode};
use crate::replay::Stage;
use crate::secret::Secret;
use crate::wire::{BoxFuture, BoxStream, DialError, Dialer, Tcp};
use crate::workstation::path;

pub fn open(call: &mut Call) -> Result<Dynamic, Raise> {
    let mut config = Config::from_variables(|name| std::env::var(name).ok())?;
    if let Some(password) = &config.password {
        call.session.run.reporter().mask(password.expose());
    }
    config.host = call.opt_string("host").unwrap_or(config.host);
    if config.host.is_empty() {
        return Err(Failure::usage("pg.config", "`pg::open` knows no host")
            .help("give the option `host`, or set `PGHOST`")
            .into());
    }
    if let Some(port) = call.opt_int("port") {
        config.port = u16::try_from(port).map_err(|_| {
            Failure::usage(
                "script.option",
                format!("option `port` of `pg::open` is {port}, which is no port number"),
            )
        })?;
    }
    config.user = call.opt_string("user").unwrap_or(config.user);
    if let Some(password) = call.opt_text("password") {
        call.session.run.reporter().mask(password.expose());
        config.password = Some(password).filter(|password: &Secret| !password.expose().is_empty());
    }
    config.database = call.opt_string("database").unwrap_or(config.database);
    if let Some(mode) = call.opt_string("sslmode") {
        config.ssl_mode = SslMode::parse(&mode)?;
    }
    if let Some(file) = call
        .opt_string("sslrootcert")
        .filter(|file| !file.is_empty())
    {
        config.ssl_root_cert = Some(path::expand(&file));
    }
    let name = call.opt_string("application_name");
    config.application_name = name.unwrap_or(config.application_name);
    let limit = |option, fallback| call.opt_duration(option).unwrap_or(fallback);
    config.connect_timeout = limit("connect_timeout", config.connect_timeout);
    config.statement_timeout = limit("statement_timeout", config.statement_timeout);
    config.lock_timeout = limit("lock_timeout", config.lock_timeout);
    config.read_only = call.session.run.is_plan();
    let dialer: Arc<dyn Dialer> = match call.opt_handle::<HostHandle>("via")? {
        Some(host) => Arc::new(Via(host)),
        None => Arc::new(Tcp::new(config.connect_timeout)),
    };
    let label = call.opt_string("name").unwrap_or_else(|| "database".into());
    let stage = call.session.existing::<Stage>();
    let answers = stage.map(|stage| stage as Arc<dyn Answers>);
    let database = Database::answered(config, dialer, answers)?;
    super::remember(call.session, database.clone());
    Ok(Dynamic::from(Handle { database, label }))
}

/// Streams from a host that is connected when the first one is wanted.
struct Via(HostHandle);

impl Dialer for Via {
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, Result<BoxStream, DialError>> {
        Box::pin(async move {
            match self.0.remote().await {
                Ok(remote) => remote.dialer().dial(host, port).await,
                Err(error) => Err(DialError::Tunnel {
                    host: host.to_owned(),
                    port,
                    source: Arc::new(error),
                }),
            }
        })
    }
}
