//! One rehearsal cluster for all tests of this program, gone when the last of them is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};

use e2bscript::postgres::{Config, Database};
use e2bscript::secret::Secret;
use e2bscript::ssh::{self, Ssh, Target};
use e2bscript::wire::{BoxFuture, BoxStream, DialError, Dialer};
use tokio::sync::OnceCell;

static LAB: Mutex<Weak<Lab>> = Mutex::new(Weak::new());
/// Tests that break things are alone; all others share.
static PEACE: RwLock<()> = RwLock::new(());

pub struct Lab {
    pub name: String,
    home: tempfile::TempDir,
}

/// The lab while a test uses it.
pub struct Shared {
    lab: Arc<Lab>,
    _peace: RwLockReadGuard<'static, ()>,
}

/// The lab for a test that breaks it; what was broken is mended afterwards.
pub struct Alone {
    lab: Arc<Lab>,
    _peace: RwLockWriteGuard<'static, ()>,
}

pub fn shared() -> Shared {
    let peace = PEACE.read().unwrap_or_else(PoisonError::into_inner);
    Shared {
        lab: Lab::get(),
        _peace: peace,
    }
}

pub fn alone() -> Alone {
    let peace = PEACE.write().unwrap_or_else(PoisonError::into_inner);
    Alone {
        lab: Lab::get(),
        _peace: peace,
    }
}

impl std::ops::Deref for Shared {
    type Target = Lab;
    fn deref(&self) -> &Lab {
        &self.lab
    }
}

impl std::ops::Deref for Alone {
    type Target = Lab;
    fn deref(&self) -> &Lab {
        &self.lab
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = self.lab.e2blab(&["fault", "heal"]);
    }
}

/// The program that was built with this test.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join(name);
    assert!(
        path.exists(),
        "`{}` is not built: `cargo build`",
        path.display()
    );
    path
}

impl Lab {
    fn get() -> Arc<Lab> {
        let mut known = LAB.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lab) = known.upgrade() {
            return lab;
        }
        let lab = Arc::new(Lab {
            name: format!("pg{}", std::process::id()),
            home: tempfile::tempdir().unwrap(),
        });
        lab.expect(&["up", "--servers", "1", "--clients", "1", "--no-docker"]);
        *known = Arc::downgrade(&lab);
        lab
    }

    pub fn e2blab(&self, words: &[&str]) -> Output {
        self.e2blab_command(words).output().unwrap()
    }

    pub fn e2blab_command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(built("e2blab"));
        command.args(["--name", &self.name]).args(words);
        command
    }

    /// `psql` as `admin`, on the database node itself.
    pub fn psql(&self, sql: &str) -> Output {
        let script = "exec setpriv --reuid=postgres --regid=postgres --init-groups psql --no-psqlrc -qAt \
             --username=admin --set=ON_ERROR_STOP=1 --dbname=postgres --command=\"$1\"";
        self.e2blab(&["exec", "database-1", "--", "sh", "-c", script, "sh", sql])
    }

    pub fn expect(&self, words: &[&str]) -> String {
        let output = self.e2blab(words);
        assert!(output.status.success(), "{words:?}: {}", said(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        Path::new("/var/lib/e2blab").join(&self.name).join(name)
    }

    pub fn env(&self, key: &str) -> String {
        let text = fs::read_to_string(self.file("deploy.env")).unwrap();
        let prefix = format!("{key}=");
        let found = text.lines().find_map(|line| line.strip_prefix(&prefix));
        found.unwrap().to_owned()
    }

    /// `psql` as the service's operator, on the database node itself.
    pub fn operator(&self, database: &str, sql: &str) -> String {
        let script = format!(
            "exec setpriv --reuid=postgres --regid=postgres --init-groups psql --no-psqlrc -qAt \
             --username=superuser --set=ON_ERROR_STOP=1 --dbname={database} --command=\"$1\""
        );
        self.expect(&["exec", "database-1", "--", "sh", "-c", &script, "sh", sql])
    }

    /// A new database of `admin`'s, with a name that no other test has.
    pub fn create_database(&self) -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        let name = format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.operator("postgres", &format!("CREATE DATABASE {name} OWNER admin"));
        name
    }

    /// How the tests connect, unless they want it otherwise.
    pub fn config(&self, database: &str) -> Config {
        let mut config = Config::new(self.env("POSTGRES_HOST"));
        config.user = self.env("POSTGRES_USER");
        config.password = Some(Secret::new(self.env("POSTGRES_PASSWORD")));
        config.database = database.to_owned();
        config.ssl_root_cert = Some(self.env("POSTGRES_SSLROOTCERT").into());
        config
    }

    /// Streams from the API node.
    pub fn dialer(&self) -> Arc<dyn Dialer> {
        let options = ssh::Options {
            config_file: Some(self.file("ssh_config")),
            agent: Some(PathBuf::new()),
            home: Some(self.home.path().to_owned()),
            ..ssh::Options::default()
        };
        Arc::new(FromApi {
            ssh: Ssh::new(options).unwrap(),
            host: OnceCell::new(),
        })
    }

    pub fn open(&self, database: &str) -> Database {
        Database::new(self.config(database), self.dialer()).unwrap()
    }

    /// Runs the program with the lab's configuration, changed by `changes` of its lines.
    pub fn script(&self, words: &[&str], changes: &[(&str, &str)]) -> Output {
        self.command(words, changes).output().unwrap()
    }

    pub fn command(&self, words: &[&str], changes: &[(&str, &str)]) -> Command {
        let mut text = fs::read_to_string(self.file("deploy.env")).unwrap();
        for (name, value) in changes {
            let prefix = format!("{name}=");
            let kept: Vec<&str> = text
                .lines()
                .filter(|line| !line.starts_with(&prefix))
                .collect();
            text = format!("{}\n{name}={value}\n", kept.join("\n"));
        }
        static COUNT: AtomicUsize = AtomicUsize::new(1);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let file = self.home.path().join(format!("deploy-{number}.env"));
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let mut command = Command::new(built("e2bscript"));
        command
            .args(words)
            .current_dir(self.home.path())
            .env("HOME", self.home.path())
            .env("E2BSCRIPT_ENV_FILE", file)
            .env_remove("SSH_AUTH_SOCK")
            .env_remove("XDG_STATE_HOME")
            .env_remove("XDG_CONFIG_HOME");
        command
    }

    /// Where scripts run, and what they leave.
    pub fn home(&self) -> &Path {
        self.home.path()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let down = Command::new(built("e2blab"))
            .args(["down", "--name", &self.name])
            .output();
        if !std::thread::panicking() {
            assert!(down.unwrap().status.success());
        }
    }
}

struct FromApi {
    ssh: Ssh,
    host: OnceCell<ssh::Host>,
}

impl Dialer for FromApi {
    fn dial<'a>(&'a self, host: &'a str, port: u16) -> BoxFuture<'a, Result<BoxStream, DialError>> {
        Box::pin(async move {
            let api = self
                .host
                .get_or_init(async || self.ssh.host(Target::new("api-1")).await.unwrap())
                .await;
            api.dialer().dial(host, port).await
        })
    }
}

pub fn said(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Runs async work as the program does.
pub fn block<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work)
}

/// A directory of migrations.
pub fn migrations(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, up) in files {
        let text = format!("-- +goose Up\n{up}\n\n-- +goose Down\nSELECT 1;\n");
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

/// The platform's own.
pub fn own_migrations() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("db/migrations/seed")
}
