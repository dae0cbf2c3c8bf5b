//! Goose's file format: `-- +goose Up`, `Down`, `StatementBegin`, `StatementEnd`, `NO TRANSACTION`.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::Error;

/// A file of migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The number its name begins with.
    pub version: i64,
    /// Its name.
    pub file: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub checksum: String,
    /// Whether its statements run in one transaction.
    pub transaction: bool,
    pub up: Script,
    pub down: Script,
}

/// The statements of one direction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    pub statements: Vec<Statement>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Where it begins in the file, from 1.
    pub line: usize,
    pub text: String,
}

impl Script {
    /// All statements, each on the line where the file has it.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = 1;
        for statement in &self.statements {
            while line < statement.line {
                text.push('\n');
                line += 1;
            }
            text.push_str(&statement.text);
            line += statement.text.matches('\n').count();
        }
        text
    }
}

impl Migration {
    /// Every `*.sql` of a directory, in the order of their versions.
    ///
    /// # Errors
    /// A directory or file that cannot be read, names without a version, versions that are there
    /// twice, and whatever goose would not take.
    pub fn read_all(directory: &Path) -> Result<Vec<Migration>, Error> {
        let failed = |path: &Path, error: &std::io::Error| Error::Read {
            path: path.to_owned(),
            why: error.to_string(),
        };
        let entries = fs::read_dir(directory).map_err(|error| failed(directory, &error))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| failed(directory, &error))?.path();
            if path.extension().is_some_and(|ending| ending == "sql") {
                let name = path.file_name().unwrap_or_default();
                let text = fs::read_to_string(&path).map_err(|error| failed(&path, &error))?;
                files.push((name.to_string_lossy().into_owned(), text));
            }
        }
        if files.is_empty() {
            return Err(Error::Empty(directory.to_owned()));
        }
        Migration::parse_all(files.iter().map(|(file, text)| (&**file, &**text)))
    }

    /// The same from names and texts.
    pub fn parse_all<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Vec<Migration>, Error> {
        let mut all: Vec<Migration> = files
            .into_iter()
            .map(|(file, text)| Migration::parse(file, text))
            .collect::<Result<_, _>>()?;
        all.sort_by_key(|migration| migration.version);
        for (one, other) in all.iter().zip(all.iter().skip(1)) {
            if one.version == other.version {
                return Err(Error::Twice {
                    one: one.file.clone(),
                    other: other.file.clone(),
                });
            }
        }
        Ok(all)
    }

    /// Reads one file.
    pub fn parse(file: &str, text: &str) -> Result<Migration, Error> {
        let wrong = |line: usize, why: &str| Error::Format {
            file: file.to_owned(),
            line,
            why: why.to_owned(),
        };
        let version = file
            .split_once('_')
            .and_then(|(number, _)| number.parse().ok())
            .filter(|version| *version > 0)
            .ok_or_else(|| {
                wrong(
                    0,
                    "the name does not begin with a version, as in `20240131120000_what.sql`",
                )
            })?;
        let mut reader = Reader::default();
        for (index, line) in text.lines().enumerate() {
            reader
                .line(index + 1, line)
                .map_err(|why| wrong(index + 1, why))?;
        }
        let (up, down) = reader.end().map_err(|(line, why)| wrong(line, why))?;
        let transaction = !reader.no_transaction;
        if transaction {
            refuse_control(file, up.statements.iter().chain(&down.statements))?;
        }
        Ok(Migration {
            version,
            file: file.to_owned(),
            checksum: checksum(text),
            transaction,
            up,
            down,
        })
    }
}

fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A file that ended its own transaction would be applied by halves when its rest fails.
fn refuse_control<'a>(
    file: &str,
    statements: impl Iterator<Item = &'a Statement>,
) -> Result<(), Error> {
    for statement in statements {
        let first = statement
            .text
            .split(|c: char| c.is_whitespace() || c == ';')
            .find(|word| !word.is_empty())
            .unwrap_or_default()
            .to_ascii_uppercase();
        if matches!(
            &*first,
            "BEGIN" | "START" | "COMMIT" | "END" | "ROLLBACK" | "ABORT"
        ) {
            return Err(Error::Format {
                file: file.to_owned(),
                line: statement.line,
                why: format!(
                    "`{first}` inside of the transaction that the file runs in; `-- +goose NO TRANSACTION` leaves that to the file"
                ),
            });
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

#[derive(Default)]
struct Reader {
    direction: Option<Direction>,
    inside: bool,
    no_transaction: bool,
    /// What has been read of the current statement, and where that began.
    current: Option<Statement>,
    up: Script,
    down: Script,
}

const UNFINISHED: &str = "the statement does not end with `;` at the end of a line";

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), &'static str> {
        let trimmed = line.trim();
        if trimmed.starts_with("--") && trimmed.contains("+goose") {
            let order = trimmed.trim_start_matches('-').trim();
            return self.order(order.strip_prefix("+goose").unwrap_or(order).trim());
        }
        if self.current.is_none() && (trimmed.is_empty() || trimmed.starts_with("--")) {
            return Ok(());
        }
        if self.direction.is_none() {
            return Err("there is no `-- +goose Up` above it");
        }
        let current = self.current.get_or_insert_with(|| Statement {
            line: number,
            text: String::new(),
        });
        current.text.push_str(line);
        current.text.push('\n');
        if !self.inside && ends(trimmed) {
            self.finish();
        }
        Ok(())
    }

    fn order(&mut self, order: &str) -> Result<(), &'static str> {
        match order {
            "Up" if self.direction.is_some() => return Err("a second `-- +goose Up`"),
            "Up" => self.direction = Some(Direction::Up),
            "Down" if self.direction != Some(Direction::Up) => {
                return Err("`-- +goose Down` without an Up above it, or a second one");
            }
            "Down" if self.inside => return Err("`StatementBegin` without its end above"),
            "Down" if self.current.is_some() => return Err(UNFINISHED),
            "Down" => self.direction = Some(Direction::Down),
            "StatementBegin" if self.direction.is_none() => {
                return Err("`StatementBegin` without `-- +goose Up` above it");
            }
            "StatementBegin" if self.inside => return Err("`StatementBegin` inside of another"),
            "StatementBegin" if self.current.is_some() => return Err(UNFINISHED),
            "StatementBegin" => self.inside = true,
            "StatementEnd" if !self.inside => return Err("`StatementEnd` without its begin"),
            "StatementEnd" => {
                self.inside = false;
                self.finish();
            }
            "NO TRANSACTION" => self.no_transaction = true,
            "ENVSUB ON" | "ENVSUB OFF" => {
                return Err("variables of the environment are not put into SQL here");
            }
            _ => return Err("no order of goose's is called that"),
        }
        Ok(())
    }

    fn finish(&mut self) {
        if let Some(statement) = self.current.take() {
            match self.direction {
                Some(Direction::Down) => self.down.statements.push(statement),
                _ => self.up.statements.push(statement),
            }
        }
    }

    fn end(&mut self) -> Result<(Script, Script), (usize, &'static str)> {
        if self.direction.is_none() {
            return Err((0, "there is no `-- +goose Up` in it"));
        }
        if self.inside {
            return Err((0, "a `StatementBegin` has no end"));
        }
        match &self.current {
            Some(statement) => Err((statement.line, UNFINISHED)),
            None => Ok((std::mem::take(&mut self.up), std::mem::take(&mut self.down))),
        }
    }
}

/// Whether a line ends a statement, whatever comment follows.
fn ends(line: &str) -> bool {
    let mut last = "";
    for word in line.split_whitespace() {
        if word.starts_with("--") {
            break;
        }
        last = word;
    }
    last.ends_with(';')
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "\
-- what it does
-- +goose Up
CREATE TABLE a (id int); -- one
-- two
CREATE TABLE b (
    id int
);
-- +goose StatementBegin
CREATE FUNCTION f() RETURNS int AS $$
BEGIN
    RETURN 1;
END;
$$ LANGUAGE plpgsql;
-- +goose StatementEnd

-- +goose Down
DROP TABLE b;
";

    fn why(text: &str) -> String {
        Migration::parse("1_x.sql", text).unwrap_err().to_string()
    }

    #[test]
    fn statements_are_split_as_goose_splits_them() {
        let read = Migration::parse("20240131120000_x.sql", SAMPLE).unwrap();
        assert_eq!((read.version, read.transaction), (20240131120000, true));
        let lines: Vec<usize> = read.up.statements.iter().map(|one| one.line).collect();
        assert_eq!(lines, [3, 5, 9]);
        assert!(read.up.statements[2].text.ends_with("plpgsql;\n"));
        assert_eq!(read.down.statements.len(), 1);
    }

    #[test]
    fn the_text_of_a_script_has_the_lines_of_its_file() {
        let read = Migration::parse("1_x.sql", SAMPLE).unwrap();
        let text = read.up.text();
        for (line, original) in text.lines().zip(SAMPLE.lines()) {
            assert!(line.is_empty() || line == original, "{line} {original}");
        }
        assert!(text.contains("RETURN 1;"));
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        assert!(why("SELECT 1;").contains("line 1"));
        assert!(why("-- +goose Up\nSELECT 1\n").contains("line 2"));
        assert!(why("-- +goose Up\n-- +goose StatementBegin\n").contains("no end"));
        assert!(why("-- +goose Up\n-- +goose Upp\n").contains("called that"));
        assert!(why("-- +goose Up\n-- +goose ENVSUB ON\n").contains("environment"));
        assert!(why("-- +goose Up\nCOMMIT;\n").contains("`COMMIT`"));
        let twice = [("1_a.sql", "-- +goose Up\n"), ("1_b.sql", "-- +goose Up\n")];
        assert!(Migration::parse_all(twice).is_err());
        assert!(Migration::parse("first.sql", "-- +goose Up\n").is_err());
    }

    #[test]
    fn no_transaction_is_the_files_own_business() {
        let text =
            "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX CONCURRENTLY i ON t (a);\n";
        assert!(!Migration::parse("1_x.sql", text).unwrap().transaction);
    }
}
