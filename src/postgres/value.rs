//! Values as the database has them, read by type.

use std::error::Error as StdError;

use tokio_postgres::types::{FromSql, Type};

use super::decode;

/// A value of a column.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    /// `smallint`, `integer`, `bigint`, `oid`.
    Int(i64),
    /// `real`, `double precision`.
    Float(f64),
    /// `numeric`, every digit of it.
    Numeric(String),
    /// Text of any kind; uuids, moments (ISO 8601, with a zone in UTC), intervals and addresses too.
    Text(String),
    Bytes(Vec<u8>),
    /// `json`, `jsonb`.
    Json(serde_json::Value),
    /// One dimension after the other.
    Array(Vec<Value>),
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Value, Box<dyn StdError + Sync + Send>> {
        decode::decode(ty, raw)
    }

    fn from_sql_null(_: &Type) -> Result<Value, Box<dyn StdError + Sync + Send>> {
        Ok(Value::Null)
    }

    fn accepts(ty: &Type) -> bool {
        decode::readable(ty)
    }
}
