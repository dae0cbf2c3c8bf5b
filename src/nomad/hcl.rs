//! Job files: HCL text to a job, on the cluster, with errors that show the line.

use serde_json::{Map, Value, json};

use super::{Error, Nomad};
use crate::hashi::Error as ApiError;
use crate::http::Method;

/// Why a text is no job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// The file, as the caller calls it.
    pub name: String,
    /// Counted from 1; 0 when no line is to blame.
    pub line: usize,
    pub why: String,
    /// The line and the one before it.
    pub excerpt: Vec<String>,
}

impl Nomad {
    /// Has the cluster read a job file. `name` is for errors. A variable that the file does not
    /// declare is an error, since the cluster would pass it over in silence.
    pub async fn parse(
        &self,
        text: &str,
        name: &str,
        variables: &Map<String, Value>,
    ) -> Result<Value, Error> {
        undeclared(text, name, variables)?;
        let body = json!({ "JobHCL": text, "Variables": assignments(variables) });
        let parsed = self
            .api
            .send(Method::POST, "/v1/jobs/parse", &[], &body)
            .await;
        parsed.map_err(|error| match error {
            ApiError::Refused {
                status: 400, lines, ..
            } => Error::Parse(Box::new(problem(name, text, &lines))),
            other => other.into(),
        })
    }
}

/// Variables as a file of HCL assignments.
fn assignments(variables: &Map<String, Value>) -> String {
    let lines = variables.iter().map(|(name, value)| {
        // JSON is an HCL expression but for the two marks of templates
        let value = value.to_string().replace("${", "$${").replace("%{", "%%{");
        format!("{name} = {value}\n")
    });
    lines.collect()
}

/// The variables that a file declares: `variable "NAME" {` at the start of a line.
fn declared(text: &str) -> Vec<&str> {
    let name = |line: &'_ str| -> Option<(usize, usize)> {
        let rest = line.trim_start().strip_prefix("variable")?;
        let name = rest.trim_start().trim_start_matches('"');
        let end = name.find(['"', ' ', '{', '\t'])?;
        let begin = line.len() - name.len();
        (rest.starts_with([' ', '\t', '"']) && end > 0).then_some((begin, begin + end))
    };
    let names = text.lines().filter_map(|line| {
        let (begin, end) = name(line)?;
        line.get(begin..end)
    });
    names.collect()
}

fn undeclared(text: &str, name: &str, variables: &Map<String, Value>) -> Result<(), Error> {
    let declared = declared(text);
    let Some(wrong) = variables
        .keys()
        .find(|name| !declared.contains(&name.as_str()))
    else {
        return Ok(());
    };
    let near = crate::suggest::nearest(wrong, declared.iter().copied());
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None if declared.is_empty() => "the file declares none".to_owned(),
        None => format!("it declares {}", declared.join(", ")),
    };
    Err(Error::Parse(Box::new(Problem {
        name: name.to_owned(),
        line: 0,
        why: format!("there is no variable `{wrong}` in the file: {hint}"),
        excerpt: Vec::new(),
    })))
}

/// The first of the cluster's complaints, with the line it is about.
fn problem(name: &str, text: &str, lines: &[String]) -> Problem {
    let first = lines.first().map(String::as_str).unwrap_or_default();
    let first = first.strip_prefix("Failed to parse job: ").unwrap_or(first);
    let (place, why) = first.split_once(": ").unwrap_or(("", first));
    let numbers = place.strip_prefix("input.hcl:").unwrap_or_default();
    let line: usize = numbers
        .split([',', '-'])
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0);
    let excerpt = text
        .lines()
        .enumerate()
        .map(|(index, text)| (index + 1, text))
        .filter(|(number, _)| *number + 1 == line || *number == line)
        .map(|(number, text)| format!("{number:>4} | {text}"));
    Problem {
        name: name.to_owned(),
        line,
        why: if line == 0 && place != "<nil>" {
            first
        } else {
            why
        }
        .trim_end_matches('.')
        .to_owned(),
        excerpt: excerpt.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn the_line_is_shown_and_the_files_own_name() {
        let text = "job \"a\" {\n  typo = \"x\"\n}\n";
        let said = "Failed to parse job: input.hcl:2,3-7: Unsupported argument; An argument named \"typo\" is not expected here.";
        let problem = problem("api.hcl", text, &[said.to_owned()]);
        assert_eq!((problem.name.as_str(), problem.line), ("api.hcl", 2));
        assert_eq!(
            problem.why,
            "Unsupported argument; An argument named \"typo\" is not expected here"
        );
        assert_eq!(
            problem.excerpt,
            ["   1 | job \"a\" {", "   2 |   typo = \"x\""]
        );
    }

    #[test]
    fn a_complaint_without_a_line_is_told_whole() {
        let said = "Failed to parse job: <nil>: Unset variable \"x\"; A used variable must be set.";
        let found = problem("a.hcl", "", &[said.to_owned()]);
        assert_eq!(
            found.why,
            "Unset variable \"x\"; A used variable must be set"
        );
        let found = problem("a.hcl", "", &["something: else".to_owned()]);
        assert_eq!((found.line, found.why.as_str()), (0, "something: else"));
    }

    #[test]
    fn variables_are_written_so_that_nothing_in_them_is_interpolated() {
        let variables = map(json!({"a": "x${y}\n%{z}", "n": 3, "l": ["q"], "m": {"k": true}}));
        assert_eq!(
            assignments(&variables),
            "a = \"x$${y}\\n%%{z}\"\nn = 3\nl = [\"q\"]\nm = {\"k\":true}\n"
        );
    }

    #[test]
    fn a_variable_that_the_file_does_not_declare_is_an_error_with_the_nearest() {
        let text = "variable \"datacenter\" {\n}\nvariable memory {}\n";
        assert!(undeclared(text, "a", &map(json!({"datacenter": "x", "memory": 1}))).is_ok());
        let error = undeclared(text, "a.hcl", &map(json!({"datacentre": "x"}))).unwrap_err();
        assert!(
            error.to_string().contains("did you mean `datacenter`?"),
            "{error}"
        );
    }
}
