//! The clients' typed errors as failures of the script.

use crate::diag::{Class, Failure};
use crate::{files, ssh};

impl From<ssh::Error> for Failure {
    fn from(error: ssh::Error) -> Failure {
        let mut failure = Failure::from_error(error.kind(), &error)
            .class(ssh_class(&error))
            .maybe_help(error.help());
        failure.host = error.hop().map(str::to_owned);
        failure
    }
}

fn ssh_class(error: &ssh::Error) -> Class {
    match error {
        error if error.is_unreachable() => Class::Unreachable,
        // Not let in, or not sure who it is: nothing could be done there either.
        ssh::Error::HostKey(_) | ssh::Error::Auth(_) => Class::Unreachable,
        ssh::Error::Name { .. } | ssh::Error::Config { .. } | ssh::Error::Key { .. } => {
            Class::Usage
        }
        _ => Class::Failed,
    }
}

impl From<files::Error> for Failure {
    fn from(error: files::Error) -> Failure {
        let class = match &error {
            files::Error::Invalid { .. }
            | files::Error::Local { .. }
            | files::Error::LocalKind { .. } => Class::Usage,
            files::Error::Transport { source, .. } => source
                .inner()
                .downcast_ref::<ssh::Error>()
                .map_or(Class::Failed, ssh_class),
            _ => Class::Failed,
        };
        let mut failure = Failure::from_error(error.kind(), &error)
            .class(class)
            .maybe_help(error.help())
            .output(error.output().to_vec());
        failure.host = error.host().map(str::to_owned);
        failure.command = error.command().map(str::to_owned);
        failure.code = error.code().map(i64::from);
        if let files::Error::SyncRefused { paths, .. } = &error {
            failure.output.extend(paths.iter().cloned());
        }
        failure
    }
}
