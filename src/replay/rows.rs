//! A database that is not there: statements are answered by the test or from its recording.

use serde_json::{Map, Value as Json, json};

use super::normal::{normal, one_line};
use super::stage::Stage;
use crate::diag::Failure;
use crate::postgres::{Answers, Error, Param, Said, SqlError, Value};

/// Statements that are no question: what begins with these is answered with nothing.
const ORDERS: [&str; 6] = [
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SET ",
    "RESET ",
    "SELECT pg_advisory_",
];

impl Stage {
    /// Answers to statements, by patterns in which white space and case do not count.
    pub fn put_sql(&self, answers: &Map<String, Json>) -> Result<(), Failure> {
        let mut state = self.lock();
        for (sql, answer) in answers {
            state.sql.put(form(sql), answer.clone());
        }
        Ok(())
    }

    fn sql_key(&self, sql: &str, params: &[Param]) -> String {
        let params: Vec<String> = params
            .iter()
            .map(|param| param.shown().to_string())
            .collect();
        let params = match params.is_empty() {
            true => String::new(),
            false => format!(" [{}]", params.join(", ")),
        };
        normal(&self.masked_text(&format!("sql {}{params}", one_line(sql))))
    }
}

impl Answers for Stage {
    fn answer(&self, sql: &str, params: &[Param]) -> Option<Result<Said, Error>> {
        let shown = one_line(sql);
        self.note_asked(&shown);
        let key = self.sql_key(sql, params);
        let mut state = self.lock();
        let given = state.sql.answer(&[form(sql)]);
        if let Some(answer) = given.or_else(|| state.recording.answer(&key)) {
            drop(state);
            return Some(said(&answer));
        }
        if self.records() {
            return None;
        }
        if ORDERS.iter().any(|order| shown.starts_with(order)) {
            return Some(Ok(Said::default()));
        }
        let recorded = state.recording.keys();
        let recorded = recorded.filter_map(|key| key.strip_prefix("sql "));
        let known = state.sql.patterns().chain(recorded);
        let known: Vec<String> = known.map(str::to_owned).collect();
        drop(state);
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        Some(Err(Error::Unanswered {
            help: self.note_unanswered(&shown, &known),
            sql: shown,
        }))
    }

    fn heard(&self, sql: &str, params: &[Param], said: &Said) {
        let rows = said.rows.iter();
        let rows: Vec<Vec<Json>> = rows.map(|row| row.iter().map(to_json).collect()).collect();
        let answer = json!({ "columns": said.columns, "rows": rows, "count": said.count });
        self.note_heard(self.sql_key(sql, params), answer);
    }

    fn are_real(&self) -> bool {
        self.records()
    }
}

fn form(sql: &str) -> String {
    one_line(sql).to_lowercase()
}

/// Rows as an array of maps, a number of rows that were touched, an error with its SQLSTATE, or what
/// was recorded.
fn said(answer: &Json) -> Result<Said, Error> {
    if let Some(code) = answer.get("error").and_then(Json::as_str) {
        let message = answer.get("message").and_then(Json::as_str);
        return Err(Error::Sql {
            server: "the test".to_owned(),
            error: Box::new(SqlError {
                code: code.to_owned(),
                message: message.unwrap_or("the test says so").to_owned(),
                detail: None,
                hint: None,
                table: None,
                column: None,
                constraint: None,
                place: None,
                blockers: Vec::new(),
            }),
        });
    }
    if let Some(count) = answer.as_u64() {
        return Ok(Said {
            count,
            ..Said::default()
        });
    }
    if let Some(rows) = answer.as_array() {
        return Ok(of_maps(rows));
    }
    let columns = answer.get("columns").and_then(Json::as_array);
    let columns = columns.into_iter().flatten().filter_map(Json::as_str);
    let rows = answer.get("rows").and_then(Json::as_array);
    let rows = rows.into_iter().flatten().filter_map(Json::as_array);
    Ok(Said {
        columns: columns.map(str::to_owned).collect(),
        rows: rows
            .map(|row| row.iter().map(from_json).collect())
            .collect(),
        count: answer.get("count").and_then(Json::as_u64).unwrap_or(0),
    })
}

fn of_maps(rows: &[Json]) -> Said {
    let mut columns: Vec<String> = Vec::new();
    for name in rows.iter().filter_map(Json::as_object).flat_map(Map::keys) {
        if !columns.contains(name) {
            columns.push(name.clone());
        }
    }
    let value = |row: &Json, column: &String| row.get(column).map_or(Value::Null, plain);
    Said {
        rows: rows
            .iter()
            .map(|row| columns.iter().map(|column| value(row, column)).collect())
            .collect(),
        count: rows.len() as u64,
        columns,
    }
}

/// As a test writes it: by what it looks like.
fn plain(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => match number.as_i64() {
            Some(int) => Value::Int(int),
            None => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::Array(items.iter().map(plain).collect()),
        Json::Object(_) => Value::Json(value.clone()),
    }
}

/// With its type where JSON has none of its own.
fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => (*flag).into(),
        Value::Int(number) => (*number).into(),
        Value::Float(number) => json!({ "float": number }),
        Value::Numeric(text) => json!({ "numeric": text }),
        Value::Text(text) => text.as_str().into(),
        Value::Bytes(bytes) => json!({ "bytes": bytes }),
        Value::Json(json) => json!({ "json": json }),
        Value::Array(items) => items.iter().map(to_json).collect(),
    }
}

fn from_json(value: &Json) -> Value {
    let Some(fields) = value.as_object() else {
        return match value {
            Json::Array(items) => Value::Array(items.iter().map(from_json).collect()),
            other => plain(other),
        };
    };
    let mut fields = fields.iter();
    match fields.next().map(|(name, value)| (name.as_str(), value)) {
        Some(("float", number)) => Value::Float(number.as_f64().unwrap_or_default()),
        Some(("numeric", text)) => Value::Numeric(text.as_str().unwrap_or_default().to_owned()),
        Some(("bytes", bytes)) => {
            let bytes = bytes.as_array().into_iter().flatten();
            let bytes = bytes.filter_map(|byte| u8::try_from(byte.as_u64()?).ok());
            Value::Bytes(bytes.collect())
        }
        Some(("json", json)) => Value::Json(json.clone()),
        _ => Value::Null,
    }
}
