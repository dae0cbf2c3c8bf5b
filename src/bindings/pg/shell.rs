//! The operator's own `psql`, through a tunnel that is there while it runs.

use std::os::unix::fs::OpenOptionsExt;
use std::process::Stdio;

use rhai::Dynamic;
use tokio::net::TcpListener;
use tokio::process::Command;

use super::Handle;
use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Param};
use crate::engine::ty::Ty;
use crate::postgres::{Config, Database, SslMode};
use crate::workstation;

pub const SHELL: Function = Function {
    name: "shell",
    doc: "Runs the `psql` of this machine on the database, with the terminal for itself. It connects through a port of this machine that leads \
          there while it runs; the password goes in a file that nobody else may read.",
    params: &[Param::optional(
        "words",
        Ty::Strings,
        "further words of its command line",
    )],
    returns: "its exit code",
    errors: &["pg.no_psql", "and those of `query`"],
    example: "db.shell([\"--command\", \"SELECT version()\"])",
    body: shell,
    ..Function::BASE
};

fn shell(call: &mut Call) -> Result<Dynamic, Raise> {
    let handle = call.receiver::<Handle>()?;
    let words = match call.has(0) {
        true => call.strings(0)?,
        false => Vec::new(),
    };
    // a wrong password or certificate is told better by us than by it
    super::statement::on_database(call, &handle.label, async {
        handle.database.query("SELECT 1", &[]).await
    })?;
    let reporter = call.session.run.reporter().clone();
    let _pause = reporter.pause();
    let code = call.wait(run(&handle.database, &words))??;
    Ok(i64::from(code).into())
}

async fn run(database: &Database, words: &[String]) -> Result<i32, Failure> {
    let config = database.config();
    let listener = TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.map_err(|error| failed("open a port for", &error))?;
    let port = listener
        .local_addr()
        .map_err(|error| failed("open a port for", &error))?
        .port();
    let directory = tempfile::tempdir().map_err(|error| failed("make a directory for", &error))?;
    let passwords = directory.path().join("pgpass");
    write(&passwords, &password_line(config, port))
        .map_err(workstation::Error::io("write", &passwords))?;
    let mut psql = Command::new("psql");
    psql.args(words)
        .env("PGHOST", &config.host)
        .env("PGHOSTADDR", "127.0.0.1")
        .env("PGPORT", port.to_string())
        .env("PGUSER", &config.user)
        .env("PGDATABASE", &config.database)
        .env("PGPASSFILE", &passwords)
        .env_remove("PGPASSWORD")
        .env("PGSSLMODE", mode(config))
        .env("PGAPPNAME", "e2bscript psql")
        .stdin(Stdio::inherit())
        .kill_on_drop(true);
    if let Some(authority) = &config.ssl_root_cert {
        psql.env("PGSSLROOTCERT", authority);
    }
    let mut child = psql.spawn().map_err(|error| {
        Failure::new("pg.no_psql", "there is no `psql` on this machine")
            .cause(error.to_string())
            .help("install it (Debian: `postgresql-client`), or use `pg` in a script")
    })?;
    let forward = async {
        loop {
            let Ok((mut near, _)) = listener.accept().await else {
                return;
            };
            let database = database.clone();
            tokio::spawn(async move {
                match database.stream().await {
                    Ok(mut far) => {
                        // either side may hang up at any time
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                    Err(error) => tracing::warn!("{error}"),
                }
            });
        }
    };
    tokio::select! {
        ended = child.wait() => {
            let status = ended.map_err(|error| failed("wait for", &error))?;
            Ok(status.code().unwrap_or(1))
        }
        () = forward => Err(Failure::new("pg.connect", "the tunnel of `psql` ended")),
    }
}

fn failed(what: &str, error: &std::io::Error) -> Failure {
    Failure::new("pg.shell", format!("cannot {what} `psql`")).cause(error.to_string())
}

fn write(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    std::io::Write::write_all(&mut file, text.as_bytes())
}

/// A line of libpq's file of passwords; `:` and `\` are escaped there.
fn password_line(config: &Config, port: u16) -> String {
    let escaped = |text: &str| text.replace('\\', "\\\\").replace(':', "\\:");
    let password = config
        .password
        .as_ref()
        .map_or("", |secret| secret.expose());
    format!(
        "{}:{port}:{}:{}:{}\n",
        escaped(&config.host),
        escaped(&config.database),
        escaped(&config.user),
        escaped(password)
    )
}

fn mode(config: &Config) -> &'static str {
    match config.ssl_mode {
        SslMode::Disable => "disable",
        SslMode::Require => "require",
        SslMode::VerifyCa => "verify-ca",
        SslMode::VerifyFull => "verify-full",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn a_password_stays_one_field() {
        let mut config = Config::new("fd00::1");
        config.password = Some(Secret::new("a:b\\c"));
        assert_eq!(
            password_line(&config, 7),
            "fd00\\:\\:1:7:postgres:postgres:a\\:b\\\\c\n"
        );
    }
}
