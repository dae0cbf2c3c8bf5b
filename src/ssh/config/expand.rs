//! Tokens (`%h`), environment variables (`${NAME}`) and `~` in values.

use std::path::PathBuf;

use super::local::{Local, home_of};

/// What the tokens stand for.
pub(super) struct Tokens<'a> {
    pub local: &'a Local,
    pub home: &'a str,
    /// The name as it was asked for.
    pub original: &'a str,
    pub host: &'a str,
    pub port: u16,
    pub user: &'a str,
    pub key_alias: &'a str,
    /// The nearest jump host, or nothing.
    pub jump: &'a str,
}

impl Tokens<'_> {
    fn value(&self, token: char) -> Option<String> {
        Some(match token {
            '%' => "%".to_owned(),
            'h' => self.host.to_owned(),
            'n' => self.original.to_owned(),
            'p' => self.port.to_string(),
            'r' => self.user.to_owned(),
            'u' => self.local.user.clone(),
            'd' => self.home.to_owned(),
            'i' => self.local.uid.to_string(),
            'k' => self.key_alias.to_owned(),
            'j' => self.jump.to_owned(),
            'l' => self.local.host_name.clone(),
            'L' => self
                .local
                .host_name
                .split('.')
                .next()
                .unwrap_or_default()
                .to_owned(),
            'C' => self.connection_hash(),
            _ => return None,
        })
    }

    fn connection_hash(&self) -> String {
        use aws_lc_rs::digest;
        let text = format!(
            "{}{}{}{}{}",
            self.local.host_name, self.host, self.port, self.user, self.jump
        );
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
        hash.as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Replaces tokens, and nothing else.
    pub fn percent(&self, text: &str) -> Result<String, String> {
        percent(text, |token| self.value(token))
    }

    /// Replaces `~`, variables and tokens, for values that are paths.
    pub fn path(&self, text: &str) -> Result<PathBuf, String> {
        let text = self.percent(&variables(text)?)?;
        let Some(rest) = text.strip_prefix('~') else {
            return Ok(PathBuf::from(text));
        };
        let (user, rest) = rest.split_once('/').unwrap_or((rest, ""));
        let home = if user.is_empty() {
            PathBuf::from(self.home)
        } else {
            home_of(user).ok_or_else(|| format!("there is no user `{user}` here"))?
        };
        Ok(home.join(rest))
    }
}

/// Replaces each `%x` by what `value` has for it.
pub(super) fn percent(
    text: &str,
    value: impl Fn(char) -> Option<String>,
) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let token = rest.next().ok_or("it ends with a single `%`")?;
        out += &value(token).ok_or_else(|| format!("`%{token}` means nothing here"))?;
    }
    Ok(out)
}

fn variables(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or("`${` is not closed")?;
        out += before;
        out += &std::env::var(name).map_err(|_| format!("`{name}` is not set"))?;
        rest = after;
    }
    Ok(out + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_homes() {
        let local = Local {
            user: "me".to_owned(),
            home: None,
            uid: 7,
            host_name: "desk.example.com".to_owned(),
        };
        let tokens = Tokens {
            local: &local,
            home: "/home/me",
            original: "alias",
            host: "host",
            port: 2222,
            user: "you",
            key_alias: "key",
            jump: "",
        };
        let all = tokens.percent("%h %n %p %r %u %d %i %k %l %L %%").unwrap();
        assert_eq!(
            all,
            "host alias 2222 you me /home/me 7 key desk.example.com desk %"
        );
        assert_eq!(tokens.percent("%C").unwrap().len(), 40);
        assert_eq!(
            tokens.path("~/.ssh/%r").unwrap(),
            PathBuf::from("/home/me/.ssh/you")
        );
        for wrong in ["%z", "x%"] {
            tokens.percent(wrong).unwrap_err();
        }
        tokens.path("${NO_SUCH_VARIABLE_HERE}/x").unwrap_err();
        tokens.path("~no-such-user-here/x").unwrap_err();
    }
}
