//! The command line of e2blab.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, Parser, Subcommand};

use crate::faults::Fault;
use crate::services::{Mode, Service};
use crate::topology::Topology;
use crate::work::{Which, Work};

/// A rehearsal cluster on this machine: a bastion, servers, API, client and database nodes, each a
/// real systemd machine with a real sshd.
#[derive(Debug, Parser)]
#[command(name = "e2blab", version, propagate_version = true)]
pub struct Cli {
    /// Which lab; several can be up at once
    #[arg(long, global = true, env = "E2BLAB_NAME", default_value = "lab")]
    pub name: String,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the lab; does nothing if it is up
    Up {
        #[command(flatten)]
        shape: Shape,
        /// Boot servers, API and client nodes with the user_data of the cluster stack in this directory, run by cloud-init
        #[arg(
            long,
            value_name = "DIR",
            num_args = 0..=1,
            require_equals = true,
            default_missing_value = "terraform-cluster",
            conflicts_with_all = ["no_agents", "acl"]
        )]
        from_user_data: Option<PathBuf>,
    },
    /// Stop the lab and remove everything it made, whatever state it is in
    Down,
    /// Show the nodes, whether they live, and the faults in force
    Status,
    /// Log in to a node as `ubuntu`, through the bastion
    Ssh {
        node: String,
        /// A command to run there instead of a shell
        #[arg(last = true)]
        command: Vec<OsString>,
    },
    /// Reboot nodes, all at once, and wait until they are up again
    Reboot {
        #[arg(required = true)]
        nodes: Vec<String>,
    },
    /// Run a command as root inside a node, without SSH
    Exec {
        node: String,
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Start the lab if needed and run an e2bscript script on it
    #[command(trailing_var_arg = true)]
    Run {
        script: OsString,
        #[arg(allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Print the path of the lab's deploy.env
    Env,
    /// Build the image of the nodes and their agents, and nothing else
    Image,
    /// Break something on purpose, or mend it
    #[command(subcommand)]
    Fault(FaultCommand),
    /// What runs in the background of a lab
    #[command(subcommand, hide = true)]
    Helper(Helper),
}

/// How many nodes of each kind.
#[derive(Debug, Clone, Copy, Args)]
pub struct Shape {
    /// Nomad and Consul servers
    #[arg(long, default_value_t = Topology::default().servers)]
    pub servers: u8,
    /// API nodes
    #[arg(long, default_value_t = Topology::default().api)]
    pub api: u8,
    /// Client nodes
    #[arg(long, default_value_t = Topology::default().clients)]
    pub clients: u8,
    /// Leave the database node out
    #[arg(long)]
    pub no_database: bool,
    /// Do not start Docker on the client nodes
    #[arg(long)]
    pub no_docker: bool,
    /// Leave Nomad and Consul out
    #[arg(long)]
    pub no_agents: bool,
    /// Have Nomad and Consul refuse who shows no token; `deploy.env` has the tokens
    #[arg(long, conflicts_with = "no_agents")]
    pub acl: bool,
    /// Boot the servers so many seconds after the other nodes
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        requires = "from_user_data"
    )]
    pub late_servers: u16,
    /// Never boot so many of the servers
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 0,
        requires = "from_user_data"
    )]
    pub missing_servers: u8,
}

impl From<Shape> for Topology {
    fn from(shape: Shape) -> Topology {
        Topology {
            servers: shape.servers,
            api: shape.api,
            clients: shape.clients,
            database: !shape.no_database,
            docker: !shape.no_docker,
            agents: !shape.no_agents,
            acl: shape.acl,
            from_user_data: false,
            late_servers: shape.late_servers,
            missing_servers: shape.missing_servers,
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum FaultCommand {
    /// Cut a node off, silently
    Cut { node: String },
    /// Kill a node's SSH service with all its sessions
    KillSshd { node: String },
    /// Fill the file system of a path to the last byte
    FillDisk {
        node: String,
        /// A directory of the file system to fill
        #[arg(long, default_value = "/")]
        path: String,
    },
    /// Give a node new host keys
    NewHostKey { node: String },
    /// Stop Nomad or Consul on a node; what it runs goes on
    StopAgent {
        #[arg(value_parser = ["nomad", "consul"])]
        agent: String,
        node: String,
    },
    /// Kill the Nomad server that leads, for good
    KillLeader,
    /// Have a service of the platform fail, wherever Nomad runs it
    BreakService {
        service: Service,
        mode: Mode,
        /// Seconds until it ends, in the mode `exit`
        #[arg(long, default_value_t = 5)]
        after: u32,
    },
    /// Delay new connections to the bastion by so many milliseconds each way; 0 ends it
    Delay { ms: u64 },
    /// Cap new connections to the bastion at so many Mbit/s each way; 0 ends it
    Rate { mbit: u64 },
    /// Have the mirror answer 404 to everything
    #[command(name = "mirror-404")]
    Mirror404,
    /// Have the mirror serve other bytes than its checksums say
    MirrorWrongBytes,
    /// Start PostgreSQL anew, ending every session
    PgRestart,
    /// Hold a table of the database `postgres`, as `admin`, for so long
    PgLock { table: String, seconds: u64 },
    /// Have PostgreSQL refuse every write
    PgReadonly,
    /// Fill the file system of PostgreSQL's data to the last byte
    PgFull,
    /// Have the API answer so many requests with status 500
    #[command(name = "api-500")]
    Api500 {
        count: u64,
        #[command(flatten)]
        which: Which,
    },
    /// Have the API answer so many requests with status 429
    RateLimit {
        count: u64,
        #[command(flatten)]
        which: Which,
    },
    /// Have builds of templates take so much longer
    SlowBuild { seconds: u64 },
    /// Have builds of templates fail for this reason
    BuildError { text: String },
    /// Have every client node refuse sandboxes for want of room
    NoCapacity,
    /// Have the API not know a team's key any more
    ExpireKey {
        /// The keys; without any, all that the database has
        keys: Vec<String>,
    },
    /// Mend what is broken at one node, or everything
    Heal { node: Option<String> },
}

impl FaultCommand {
    /// The fault to make; an error with the node for `heal`. `leader` is the node of Nomad's leader.
    pub fn fault(self, leader: impl FnOnce() -> Option<String>) -> Result<Fault, Option<String>> {
        Ok(match self {
            FaultCommand::Cut { node } => Fault::Cut { node },
            FaultCommand::KillSshd { node } => Fault::KillSshd { node },
            FaultCommand::FillDisk { node, path } => Fault::FillDisk { node, path },
            FaultCommand::NewHostKey { node } => Fault::NewHostKey { node },
            FaultCommand::StopAgent { agent, node } => Fault::StopAgent { agent, node },
            FaultCommand::KillLeader => Fault::KillLeader {
                // no node has this name, and the error says which there are
                node: leader().unwrap_or_else(|| "(no leader)".to_owned()),
            },
            FaultCommand::BreakService {
                service,
                mode,
                after,
            } => Fault::BreakService {
                service,
                mode,
                after,
            },
            FaultCommand::Delay { ms } => Fault::Delay { ms },
            FaultCommand::Rate { mbit } => Fault::Rate { mbit },
            FaultCommand::Mirror404 => Fault::Mirror404,
            FaultCommand::MirrorWrongBytes => Fault::MirrorWrongBytes,
            FaultCommand::PgRestart => Fault::PgRestart,
            FaultCommand::PgLock { table, seconds } => Fault::PgLock { table, seconds },
            FaultCommand::PgReadonly => Fault::PgReadonly,
            FaultCommand::PgFull => Fault::PgFull,
            FaultCommand::Api500 { count, which } => work(Work::Api500 { count, which }),
            FaultCommand::RateLimit { count, which } => work(Work::RateLimit { count, which }),
            FaultCommand::SlowBuild { seconds } => work(Work::SlowBuild { seconds }),
            FaultCommand::BuildError { text } => work(Work::BuildError { text }),
            FaultCommand::NoCapacity => work(Work::NoCapacity),
            FaultCommand::ExpireKey { keys } => work(Work::ExpireKey { keys }),
            FaultCommand::Heal { node } => return Err(node),
        })
    }
}

/// A fault of the services' work, asked for now.
fn work(work: Work) -> Fault {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanoseconds = since.unwrap_or_default().as_nanos();
    let serial = u64::try_from(nanoseconds).unwrap_or_default();
    Fault::Work { work, serial }
}

/// Started by e2blab itself, inside a lab's namespaces.
#[derive(Debug, Subcommand)]
pub enum Helper {
    Mirror {
        #[arg(long)]
        listen: Ipv4Addr,
        #[arg(long)]
        faults: PathBuf,
    },
    Metadata {
        #[arg(long)]
        listen: Ipv4Addr,
        #[arg(long)]
        cloud: PathBuf,
    },
    Relay {
        #[arg(long)]
        listen: SocketAddr,
        #[arg(long)]
        to: SocketAddr,
        #[arg(long)]
        faults: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn commands_for_nodes_and_scripts_keep_their_own_options() {
        let exec = Cli::parse_from(["e2blab", "exec", "api-1", "--", "ls", "--name", "-l"]);
        let Command::Exec { node, command } = exec.command else {
            panic!("not exec")
        };
        assert_eq!(
            (node.as_str(), command),
            ("api-1", vec!["ls".into(), "--name".into(), "-l".into()])
        );
        assert_eq!(exec.name, "lab");

        let run = Cli::parse_from([
            "e2blab",
            "--name",
            "x",
            "run",
            "deploy.rhai",
            "--plan",
            "--json",
        ]);
        let Command::Run { script, arguments } = run.command else {
            panic!("not run")
        };
        assert_eq!(
            (script, arguments),
            ("deploy.rhai".into(), vec!["--plan".into(), "--json".into()])
        );
        assert_eq!(run.name, "x");
    }

    #[test]
    fn up_without_options_is_the_runbooks_cluster() {
        let up = Cli::parse_from(["e2blab", "up"]).command;
        let Command::Up {
            shape,
            from_user_data,
        } = up
        else {
            panic!("not up")
        };
        assert_eq!(Topology::from(shape), Topology::default());
        assert_eq!(from_user_data, None);
    }

    #[test]
    fn the_stack_is_that_of_the_project_unless_it_is_given() {
        for (word, wanted) in [
            ("--from-user-data", "terraform-cluster"),
            ("--from-user-data=/x", "/x"),
        ] {
            let up = Cli::parse_from(["e2blab", "up", word, "--servers", "1"]).command;
            let Command::Up { from_user_data, .. } = up else {
                panic!("not up")
            };
            assert_eq!(from_user_data, Some(PathBuf::from(wanted)));
        }
    }
}
