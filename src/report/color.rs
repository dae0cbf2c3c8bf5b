//! Whether to use colour and progress bars: flags, environment, terminal.

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    Always,
    Never,
}

impl ColorChoice {
    /// Decides for one end. `env` looks up environment variables.
    ///
    /// The flag comes first, then `NO_COLOR`, then `FORCE_COLOR` and `CLICOLOR_FORCE`, then
    /// `TERM=dumb` and `CLICOLOR=0`, then whether the end is a terminal.
    pub fn resolve(self, terminal: bool, env: impl Fn(&str) -> Option<String>) -> bool {
        let set = |name: &str| env(name).is_some_and(|value| !value.is_empty());
        let is = |name: &str, value: &str| env(name).as_deref() == Some(value);
        match self {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if set("NO_COLOR") => false,
            ColorChoice::Auto
                if ["FORCE_COLOR", "CLICOLOR_FORCE"]
                    .iter()
                    .any(|name| set(name) && !is(name, "0")) =>
            {
                true
            }
            ColorChoice::Auto if is("TERM", "dumb") || is("CLICOLOR", "0") => false,
            ColorChoice::Auto => terminal,
        }
    }
}

/// Whether bars and spinners are wanted: on a terminal that can move its cursor, outside CI.
pub fn progress(terminal: bool, env: impl Fn(&str) -> Option<String>) -> bool {
    let ci = env("CI").is_some_and(|value| !matches!(value.as_str(), "" | "0" | "false"));
    terminal && !ci && env("TERM").as_deref() != Some("dumb")
}

/// What a colour is used for; plain text where colour is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Paint {
    on: bool,
}

/// Meanings, each with one look, so that the look of the console is decided here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Names of steps and titles.
    Title,
    Good,
    Changed,
    Bad,
    Warning,
    /// What may be skipped when reading.
    Faint,
    Added,
    Removed,
    Place,
    /// One of several hosts, told apart by number.
    Host(usize),
}

/// Colours for hosts: none that stands for good, changed or bad.
const HOSTS: [&str; 6] = ["36", "35", "34", "96", "95", "94"];

impl Paint {
    pub(super) fn new(on: bool) -> Paint {
        Paint { on }
    }

    pub(super) fn is_on(self) -> bool {
        self.on
    }

    pub(super) fn paint(self, look: Look, text: &str) -> String {
        if !self.on || text.is_empty() {
            return text.to_owned();
        }
        let code = match look {
            Look::Title => "1",
            Look::Good | Look::Added => "32",
            Look::Changed | Look::Warning => "33",
            Look::Bad => "1;31",
            Look::Removed => "31",
            Look::Place => "36",
            Look::Faint => "2",
            Look::Host(number) => HOSTS.get(number % HOSTS.len()).copied().unwrap_or("36"),
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks up in `NAME=value NAME=value`.
    fn env(text: &'static str) -> impl Fn(&str) -> Option<String> {
        move |name| {
            text.split(' ')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.to_owned())
        }
    }

    #[test]
    fn the_flag_comes_before_the_environment_and_that_before_the_terminal() {
        for (choice, terminal, variables, expected) in [
            (ColorChoice::Auto, true, "", true),
            (ColorChoice::Auto, false, "", false),
            (ColorChoice::Auto, true, "NO_COLOR=1", false),
            (ColorChoice::Auto, true, "NO_COLOR=", true),
            (ColorChoice::Auto, false, "FORCE_COLOR=1", true),
            (ColorChoice::Auto, false, "CLICOLOR_FORCE=1", true),
            (ColorChoice::Auto, false, "FORCE_COLOR=0", false),
            (ColorChoice::Auto, false, "NO_COLOR=1 FORCE_COLOR=1", false),
            (ColorChoice::Auto, true, "TERM=dumb", false),
            (ColorChoice::Auto, true, "CLICOLOR=0", false),
            (ColorChoice::Auto, false, "TERM=dumb FORCE_COLOR=1", true),
            (ColorChoice::Always, false, "NO_COLOR=1", true),
            (ColorChoice::Never, true, "FORCE_COLOR=1", false),
        ] {
            assert_eq!(
                choice.resolve(terminal, env(variables)),
                expected,
                "{choice:?} {variables}"
            );
        }
    }

    #[test]
    fn bars_need_a_terminal_outside_ci() {
        assert!(progress(true, env("TERM=xterm")));
        assert!(progress(true, env("CI=false")));
        assert!(!progress(true, env("CI=true")));
        assert!(!progress(true, env("CI=1")));
        assert!(!progress(true, env("TERM=dumb")));
        assert!(!progress(false, env("TERM=xterm")));
    }
}
