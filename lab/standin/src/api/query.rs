//! The query of a request, checked as the OpenAPI middleware does it.

use super::answer::Answer;

/// A parameter that is checked; others are ignored.
#[derive(Debug, Clone, Copy)]
pub enum Parameter {
    /// An integer, at least and at most so large.
    Int(&'static str, i64, i64),
    /// Some of these words, between commas.
    Words(&'static str, &'static [&'static str]),
    /// Text that must be there.
    Required(&'static str),
}

/// Names and values in the order of the query.
#[derive(Debug, Clone, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what is behind the `?`. What is wrongly encoded stays as it is.
    pub fn parse(text: &str) -> Query {
        Query(
            text.split('&')
                .filter(|part| !part.is_empty())
                .map(|part| {
                    let (name, value) = part.split_once('=').unwrap_or((part, ""));
                    let plain = |text: &str| {
                        unescape(text)
                            .unwrap_or_else(|| text.to_owned())
                            .replace('\0', "")
                    };
                    (plain(name), plain(value))
                })
                .collect(),
        )
    }

    /// The first value of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// All values of that name, and what stands between commas in them.
    pub fn words(&self, name: &str) -> Vec<&str> {
        self.0
            .iter()
            .filter(|(found, _)| found == name)
            .flat_map(|(_, value)| value.split(','))
            .filter(|word| !word.is_empty())
            .collect()
    }

    /// The value of that name as an integer.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.get(name)?.parse().ok()
    }

    /// Whether the parameters are what they must be.
    pub fn check(&self, parameters: &[Parameter]) -> Result<(), Answer> {
        for parameter in parameters {
            self.check_one(*parameter).map_err(|(name, why)| {
                Answer::invalid(
                    400,
                    format!(
                        "error in openapi3filter.RequestError: parameter \"{name}\" in query has an error: {why}"
                    ),
                )
            })?;
        }
        Ok(())
    }

    fn check_one(&self, parameter: Parameter) -> Result<(), (&'static str, String)> {
        match parameter {
            Parameter::Int(name, least, most) => {
                let Some(text) = self.get(name).filter(|text| !text.is_empty()) else {
                    return Ok(());
                };
                match text.parse::<i64>() {
                    Err(_) => Err((
                        name,
                        format!("value {text}: an invalid integer: invalid syntax"),
                    )),
                    Ok(number) if number < least => {
                        Err((name, format!("number must be at least {least}")))
                    }
                    Ok(number) if number > most => {
                        Err((name, format!("number must be at most {most}")))
                    }
                    Ok(_) => Ok(()),
                }
            }
            Parameter::Words(name, words) => {
                match self
                    .words(name)
                    .into_iter()
                    .find(|word| !words.contains(word))
                {
                    None => Ok(()),
                    Some(_) => {
                        let words: Vec<String> =
                            words.iter().map(|word| format!("{word:?}")).collect();
                        Err((
                            name,
                            format!(
                                "value is not one of the allowed values [{}]",
                                words.join(",")
                            ),
                        ))
                    }
                }
            }
            Parameter::Required(name) => match self.get(name) {
                Some(_) => Ok(()),
                None => Err((name, "value is required but missing".to_owned())),
            },
        }
    }
}

/// `k=v&k2=v2`, escaped once as a whole and once in its parts; `None` for what is neither.
pub fn metadata(text: &str) -> Option<Vec<(String, String)>> {
    unescape(text)?
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Some((unescape(name)?, unescape(value)?))
        })
        .collect()
}

/// Undoes percent and plus signs; `None` for a percent sign without two digits, and for what is no UTF-8.
pub fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// A segment of a path: a plus sign is itself there.
pub fn unescape_path(text: &str) -> String {
    unescape(&text.replace('+', "%2B"))
        .unwrap_or_else(|| text.to_owned())
        .replace('\0', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_escaped_twice() {
        let query = Query::parse("metadata=user%3Du%25201%26env%3Dx");
        let pairs = metadata(query.get("metadata").unwrap()).unwrap();
        assert_eq!(
            pairs,
            [
                ("user".to_owned(), "u 1".to_owned()),
                ("env".to_owned(), "x".to_owned())
            ]
        );
        assert_eq!(metadata("%zz"), None);
        assert_eq!(metadata("a=%25zz"), None);
    }

    #[test]
    fn numbers_have_limits() {
        let limits = [Parameter::Int("limit", 1, 1000)];
        for (query, right) in [
            ("", true),
            ("limit=1000", true),
            ("limit=0", false),
            ("limit=abc", false),
        ] {
            assert_eq!(Query::parse(query).check(&limits).is_ok(), right, "{query}");
        }
    }
}
