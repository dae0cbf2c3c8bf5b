//! `e2bscript --help`, on one screen.

/// Commands by what they are for; those that no row names come last.
const COMMANDS: &[(&str, &[&str])] = &[
    ("set up", &["init", "config", "completions", "man"]),
    ("write", &["check", "test", "fmt", "watch", "repl", "std"]),
    ("read", &["docs", "explain", "definitions"]),
    ("run", &["apply", "runs"]),
];

/// Options in two columns, in few words.
const OPTIONS: &[(&str, &str)] = &[
    ("-n, --plan", "only show changes"),
    ("-l, --limit HOSTS", "on these alone"),
    ("--out FILE", "save what it shows"),
    ("-y, --yes", "answer yes"),
    ("--detailed-exitcode", "10: changes to do"),
    ("--timeout DURATION", "then give up"),
    ("-w, --watch", "on every save"),
    ("-F, --ssh-config FILE", "or none"),
    ("--apply", "and make changes"),
    ("--accept-new-host-keys", "record them"),
    ("-v, --verbose", "say more; -vv most"),
    ("--std DIR", "own modules"),
    ("-q, --quiet", "say less"),
    ("--no-check", "run unchecked"),
    ("--color WHEN", "auto/always/never"),
    ("--no-journal", "keep no record"),
    ("--no-color", "no colour"),
    ("--stats", "count traffic"),
    ("--json", "events, as lines"),
    ("--trace", "std/ in reports"),
];

/// The whole screen: at most 24 lines of 80 columns.
pub fn screen(command: &clap::Command) -> String {
    let mut text = format!(
        "{}\n\n{}\n\n",
        command.get_about().cloned().unwrap_or_default(),
        "Usage: e2bscript [OPTIONS] SCRIPT [ARGUMENTS]  a file, built in, or - (stdin)\n       \
         e2bscript [OPTIONS] -e CODE [ARGUMENTS] the code itself\n       \
         e2bscript COMMAND --help                so for each; SCRIPT --help too"
    );
    let known: Vec<&str> = command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
        .map(clap::Command::get_name)
        .collect();
    let grouped: Vec<&str> = COMMANDS
        .iter()
        .flat_map(|(_, names)| *names)
        .copied()
        .collect();
    for (index, (purpose, names)) in COMMANDS.iter().enumerate() {
        let mut names = names.to_vec();
        if index + 1 == COMMANDS.len() {
            names.extend(known.iter().filter(|name| !grouped.contains(name)));
        }
        text.push_str(&format!("  {purpose:<8}{}\n", names.join("  ")));
    }
    text.push('\n');
    for row in OPTIONS.chunks(2) {
        let mut line = String::new();
        for ((option, about), width) in row.iter().zip([19, 22]) {
            line.push_str(&format!("  {option:width$} {about:<18}"));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str("\n`e2bscript help options` says more of each, and what exit codes mean.\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::define;

    #[test]
    fn it_fits_one_screen_and_names_everything() {
        let mut command = define();
        let text = screen(&command);
        assert!(text.lines().count() <= 24, "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        command.build();
        let words: Vec<&str> = text.split([' ', ',', '\n']).collect();
        for below in command
            .get_subcommands()
            .filter(|below| !below.is_hide_set())
        {
            let name = below.get_name();
            assert!(name == "help" || words.contains(&name), "{name}");
        }
        for option in command
            .get_arguments()
            .filter(|option| !option.is_hide_set())
        {
            let names = [
                option.get_long().map(|long| format!("--{long}")),
                option.get_short().map(|short| format!("-{short}")),
            ];
            for name in names.into_iter().flatten() {
                let is_usual = matches!(name.as_str(), "--help" | "-h" | "--version" | "-V");
                assert!(is_usual || words.contains(&name.as_str()), "{name}");
            }
        }
        for (_, names) in COMMANDS {
            for name in *names {
                assert!(command.find_subcommand(name).is_some(), "{name}");
            }
        }
    }
}
