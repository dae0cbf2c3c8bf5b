//! A service's name, its ports, and what its command line and environment say about them.

/// One of the five binaries.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// The file name in the artifacts directory.
    pub name: &'static str,
    /// The port it listens on unless told otherwise.
    port: u16,
    /// The environment variable that changes the port; `STANDIN_PORT` always does.
    port_variable: &'static str,
    /// The second port, of traffic: 0 for none.
    traffic: u16,
    /// The environment variable for that one.
    traffic_variable: &'static str,
}

/// All five.
pub const SERVICES: [Service; 5] = [
    service("e2b-api", (50001, "API_PORT"), (0, "")),
    service("client-proxy", (3001, "EDGE_PORT"), (3002, "PROXY_PORT")),
    service("orchestrator", (5008, "GRPC_PORT"), (5007, "")),
    service("template-manager", (5009, "GRPC_PORT"), (15007, "")),
    service("envd", (49983, "ENVD_PORT"), (0, "")),
];

const fn service(
    name: &'static str,
    (port, port_variable): (u16, &'static str),
    (traffic, traffic_variable): (u16, &'static str),
) -> Service {
    Service {
        name,
        port,
        port_variable,
        traffic,
        traffic_variable,
    }
}

/// What a service was told at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Its name.
    pub name: &'static str,
    /// Where it listens.
    pub port: u16,
    /// Where it listens for traffic.
    pub traffic: u16,
}

impl Service {
    /// The ports from `--port N`, `-port N` or `--port=N`, then from the environment. Other arguments are the real
    /// binaries' and are ignored.
    ///
    /// # Errors
    ///
    /// With the text that is no port.
    pub fn options(
        &self,
        arguments: &[String],
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Options, String> {
        let parse = |text: Option<String>, default| {
            text.map_or(Ok(default), |text| text.parse().map_err(|_| text))
        };
        let port = argument(arguments, "port")
            .or_else(|| variable("STANDIN_PORT"))
            .or_else(|| variable(self.port_variable));
        let traffic = argument(arguments, "proxy-port").or_else(|| variable(self.traffic_variable));
        Ok(Options {
            name: self.name,
            port: parse(port, self.port)?,
            traffic: parse(traffic, self.traffic)?,
        })
    }
}

/// The value of `--name VALUE` or `--name=VALUE`, with one dash or two; the last one counts.
#[must_use]
pub fn argument(arguments: &[String], name: &str) -> Option<String> {
    let mut rest = arguments.iter();
    let mut given = None;
    while let Some(argument) = rest.next() {
        let Some(bare) = argument.strip_prefix('-') else {
            continue;
        };
        let bare = bare.trim_start_matches('-');
        if bare == name {
            given = rest.next().cloned();
        } else if let Some(value) = bare
            .strip_prefix(name)
            .and_then(|value| value.strip_prefix('='))
        {
            given = Some(value.to_owned());
        }
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(
        service: &Service,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<(u16, u16), String> {
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        let options = service.options(&arguments, |name| {
            let found = variables.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        })?;
        Ok((options.port, options.traffic))
    }

    #[test]
    fn the_port_comes_from_arguments_then_environment_then_platform() {
        let port = |arguments: &[&str], variables: &[(&str, &str)]| {
            ports(&SERVICES[0], arguments, variables).map(|ports| ports.0)
        };
        assert_eq!(port(&[], &[]), Ok(50001));
        assert_eq!(port(&["--debug", "true"], &[("API_PORT", "81")]), Ok(81));
        assert_eq!(
            port(&[], &[("API_PORT", "81"), ("STANDIN_PORT", "82")]),
            Ok(82)
        );
        assert_eq!(port(&["-port", "83"], &[("STANDIN_PORT", "82")]), Ok(83));
        assert_eq!(port(&["--port=84"], &[]), Ok(84));
        assert_eq!(port(&["--port", "many"], &[]), Err("many".to_owned()));
    }

    #[test]
    fn traffic_has_a_port_of_its_own() {
        let orchestrator = &["--port", "1", "--proxy-port", "2"];
        assert_eq!(ports(&SERVICES[2], orchestrator, &[]), Ok((1, 2)));
        assert_eq!(ports(&SERVICES[2], &[], &[]), Ok((5008, 5007)));
        assert_eq!(
            ports(&SERVICES[1], &[], &[("PROXY_PORT", "3")]),
            Ok((3001, 3))
        );
    }
}
