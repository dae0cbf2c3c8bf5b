//! Failures that are told once for all hosts they happened on.

use super::Failure;

/// The failures in their order, those that differ in nothing but the host as one, with the hosts'
/// names. Where there are several names, the failure itself has no host.
pub fn folded(failures: &[Failure]) -> Vec<(Vec<String>, Failure)> {
    let mut groups: Vec<(Vec<String>, Failure)> = Vec::new();
    for failure in failures {
        let group = groups
            .iter_mut()
            .find(|(hosts, first)| !hosts.is_empty() && alike(first, failure));
        match (&failure.host, group) {
            (Some(host), Some((hosts, first))) => {
                hosts.push(host.clone());
                first.host = None;
            }
            (host, _) => groups.push((host.iter().cloned().collect(), failure.clone())),
        }
    }
    groups
}

fn alike(one: &Failure, other: &Failure) -> bool {
    one.failures.is_empty()
        && other.failures.is_empty()
        && one.kind == other.kind
        && one.message == other.message
        && one.command == other.command
        && one.code == other.code
        && one.output == other.output
        && one.details == other.details
        && one.causes == other.causes
        && one.help == other.help
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_may_differ() {
        let refused = |host: &str| Failure::new("ssh.auth", "refused").host(host);
        let failures = [
            refused("a"),
            refused("b").cause("another"),
            refused("c"),
            Failure::new("ssh.auth", "refused"),
        ];
        let hosts: Vec<Vec<String>> = folded(&failures).into_iter().map(|group| group.0).collect();
        assert_eq!(hosts, [vec!["a", "c"], vec!["b"], vec![]]);
    }
}
