//! Where the server is, who connects, and how carefully.

use std::path::PathBuf;
use std::time::Duration;

use super::Error;
use crate::secret::Secret;

/// How the server must prove itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    /// No encryption: for a server on the same machine.
    Disable,
    /// Encryption; the certificate is checked only where an authority's file is given.
    Require,
    /// The certificate must come from the authority.
    VerifyCa,
    /// The certificate must come from the authority and name the host.
    VerifyFull,
}

impl SslMode {
    /// Reads libpq's word for it. `prefer` and `allow` are refused: they go on without encryption
    /// when somebody in between wants that.
    pub fn parse(word: &str) -> Result<SslMode, Error> {
        match word {
            "disable" => Ok(SslMode::Disable),
            "require" => Ok(SslMode::Require),
            "verify-ca" => Ok(SslMode::VerifyCa),
            "verify-full" => Ok(SslMode::VerifyFull),
            "allow" | "prefer" => Err(Error::config(format!(
                "sslmode `{word}` goes on without encryption if the server says so"
            ))),
            _ => Err(Error::config(format!("`{word}` is no sslmode"))),
        }
    }
}

/// Everything a connection needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The host's name as the dialer resolves it and as the certificate must name it.
    pub host: String,
    /// 5432 unless told otherwise.
    pub port: u16,
    /// The role that logs in.
    pub user: String,
    /// Its password; `None` where the server asks for none.
    pub password: Option<Secret>,
    /// The database.
    pub database: String,
    /// [`SslMode::VerifyFull`] unless told otherwise.
    pub ssl_mode: SslMode,
    /// The authority's certificates (PEM). `None`: those that the workstation trusts.
    pub ssl_root_cert: Option<PathBuf>,
    /// What the server's lists of sessions show.
    pub application_name: String,
    /// For the way there, encryption and login together.
    pub connect_timeout: Duration,
    /// How long one statement may take; zero: as long as it likes.
    pub statement_timeout: Duration,
    /// How long one statement may wait for a lock; zero: as long as it likes.
    pub lock_timeout: Duration,
    /// The server refuses every write of the session.
    pub read_only: bool,
}

impl Config {
    /// A configuration with the defaults.
    pub fn new(host: impl Into<String>) -> Config {
        Config {
            host: host.into(),
            port: 5432,
            user: "postgres".to_owned(),
            password: None,
            database: "postgres".to_owned(),
            ssl_mode: SslMode::VerifyFull,
            ssl_root_cert: None,
            application_name: "e2bscript".to_owned(),
            connect_timeout: Duration::from_secs(30),
            statement_timeout: Duration::from_secs(600),
            lock_timeout: Duration::from_secs(10),
            read_only: false,
        }
    }

    /// The defaults, less what libpq's variables say; `look` reads one of them.
    ///
    /// `PGHOST`, `PGPORT`, `PGUSER`, `PGPASSWORD`, `PGDATABASE`, `PGSSLMODE`, `PGSSLROOTCERT`,
    /// `PGAPPNAME` and `PGCONNECT_TIMEOUT` (seconds) count; empty ones do not.
    ///
    /// # Errors
    /// A value that is no port, number of seconds or sslmode.
    pub fn from_variables(look: impl Fn(&str) -> Option<String>) -> Result<Config, Error> {
        let find = |name: &str| look(name).filter(|value| !value.is_empty());
        let mut config = Config::new(find("PGHOST").unwrap_or_default());
        if let Some(port) = find("PGPORT") {
            config.port = port.parse().map_err(|_| {
                Error::config(format!("`PGPORT` is `{port}`, which is no port number"))
            })?;
        }
        config.user = find("PGUSER").unwrap_or(config.user);
        config.password = find("PGPASSWORD").map(Secret::new);
        config.database = find("PGDATABASE").unwrap_or(config.database);
        if let Some(mode) = find("PGSSLMODE") {
            config.ssl_mode = SslMode::parse(&mode)?;
        }
        config.ssl_root_cert = find("PGSSLROOTCERT")
            .filter(|path| path != "system")
            .map(PathBuf::from);
        config.application_name = find("PGAPPNAME").unwrap_or(config.application_name);
        if let Some(seconds) = find("PGCONNECT_TIMEOUT") {
            let number = seconds.parse().map_err(|_| {
                Error::config(format!(
                    "`PGCONNECT_TIMEOUT` is `{seconds}`, which is no number of seconds"
                ))
            })?;
            config.connect_timeout = Duration::from_secs(number);
        }
        Ok(config)
    }

    /// `admin@db.example:5432/postgres`, for messages.
    pub fn shown(&self) -> String {
        format!(
            "{}@{}:{}/{}",
            self.user, self.host, self.port, self.database
        )
    }

    /// What is set on the server's side as the session starts, so that it costs no round trip.
    /// A client that vanished is noticed within half a minute, or its locks would stay.
    pub(super) fn options(&self) -> String {
        format!(
            "-c statement_timeout={} -c lock_timeout={} -c tcp_keepalives_idle=10 \
             -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c datestyle=ISO \
             -c extra_float_digits=1{}",
            self.statement_timeout.as_millis(),
            self.lock_timeout.as_millis(),
            match self.read_only {
                true => " -c default_transaction_read_only=on",
                false => "",
            }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&str, &str)]) -> Result<Config, Error> {
        Config::from_variables(|name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_usual_variables_count() {
        let config = from(&[
            ("PGHOST", "db.example"),
            ("PGPORT", "6543"),
            ("PGUSER", "admin"),
            ("PGPASSWORD", "hunter2"),
            ("PGSSLMODE", "verify-ca"),
            ("PGSSLROOTCERT", "/etc/ca.pem"),
            ("PGDATABASE", ""),
        ])
        .unwrap();
        assert_eq!(config.shown(), "admin@db.example:6543/postgres");
        assert_eq!(config.ssl_mode, SslMode::VerifyCa);
        assert_eq!(config.ssl_root_cert, Some("/etc/ca.pem".into()));
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn verification_is_the_default_and_silent_plain_text_is_no_choice() {
        assert_eq!(from(&[]).unwrap().ssl_mode, SslMode::VerifyFull);
        for word in ["prefer", "allow", "on"] {
            assert!(from(&[("PGSSLMODE", word)]).is_err(), "{word}");
        }
    }
}
