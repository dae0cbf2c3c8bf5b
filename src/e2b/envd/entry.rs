//! A file, directory or link in a sandbox.

use serde::{Deserialize, Deserializer, Serialize};

/// What envd tells of one. The seed's envd knows name, kind and path alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all(deserialize = "camelCase"))]
pub struct Entry {
    pub name: String,
    pub path: String,
    /// `file`, `dir`, or empty for anything else.
    #[serde(rename(deserialize = "type"), deserialize_with = "kind")]
    pub kind: String,
    /// In bytes.
    #[serde(deserialize_with = "number")]
    pub size: Option<i64>,
    /// As `ls` shows it: `-rw-r--r--`.
    pub permissions: Option<String>,
    pub owner: Option<String>,
    pub group: Option<String>,
    /// When it was changed, ISO 8601.
    pub modified_time: Option<String>,
    pub symlink_target: Option<String>,
}

/// Connect's names and those of the upload's answer.
fn kind<'de, D: Deserializer<'de>>(reader: D) -> Result<String, D::Error> {
    let name = String::deserialize(reader)?;
    Ok(match name.as_str() {
        "FILE_TYPE_FILE" | "file" => "file",
        "FILE_TYPE_DIRECTORY" | "dir" | "directory" => "dir",
        _ => "",
    }
    .to_owned())
}

/// Connect writes 64-bit numbers as strings.
fn number<'de, D: Deserializer<'de>>(reader: D) -> Result<Option<i64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    match Option::<Either>::deserialize(reader)? {
        None => Ok(None),
        Some(Either::Number(number)) => Ok(Some(number)),
        Some(Either::Text(text)) => text
            .parse()
            .map(Some)
            .map_err(|_| serde::de::Error::custom("it is no number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_generations_are_read() {
        let seed = r#"{"name":"d","type":"FILE_TYPE_DIRECTORY","path":"/d"}"#;
        let seed: Entry = serde_json::from_str(seed).unwrap();
        assert_eq!((seed.kind.as_str(), seed.size), ("dir", None));
        let upstream = r#"{"name":"f","type":"FILE_TYPE_FILE","path":"/f","size":"12","mode":420,"permissions":"-rw-r--r--","modifiedTime":"t"}"#;
        let upstream: Entry = serde_json::from_str(upstream).unwrap();
        assert_eq!((upstream.kind.as_str(), upstream.size), ("file", Some(12)));
    }
}
