//! What a sandbox uses.

use serde::{Deserialize, Serialize};

/// One measurement. The generations measure memory in other units; here it is MiB.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(from = "Raw")]
pub struct Metric {
    /// ISO 8601.
    pub timestamp: String,
    pub cpu_count: i64,
    /// Of all its processors together: 200 are two of them.
    pub cpu_used_percent: f64,
    pub memory_used_mib: i64,
    pub memory_total_mib: i64,
    /// Upstream's.
    pub disk_used_mib: Option<i64>,
    pub disk_total_mib: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    timestamp: String,
    cpu_count: i64,
    cpu_used_pct: f64,
    #[serde(default, rename = "memUsedMiB")]
    mem_used_mib: Option<i64>,
    #[serde(default, rename = "memTotalMiB")]
    mem_total_mib: Option<i64>,
    #[serde(default)]
    mem_used: Option<i64>,
    #[serde(default)]
    mem_total: Option<i64>,
    #[serde(default)]
    disk_used: Option<i64>,
    #[serde(default)]
    disk_total: Option<i64>,
}

impl From<Raw> for Metric {
    fn from(raw: Raw) -> Metric {
        let mib = |bytes: i64| bytes >> 20;
        let memory = |given: Option<i64>, bytes: Option<i64>| given.or(bytes.map(mib)).unwrap_or(0);
        Metric {
            timestamp: raw.timestamp,
            cpu_count: raw.cpu_count,
            cpu_used_percent: raw.cpu_used_pct,
            memory_used_mib: memory(raw.mem_used_mib, raw.mem_used),
            memory_total_mib: memory(raw.mem_total_mib, raw.mem_total),
            disk_used_mib: raw.disk_used.map(mib),
            disk_total_mib: raw.disk_total.map(mib),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_generations_give_mebibytes() {
        let read = |text: &str| serde_json::from_str::<Metric>(text).unwrap();
        let seed = read(
            r#"{"timestamp":"t","cpuCount":2,"cpuUsedPct":1.5,"memUsedMiB":64,"memTotalMiB":512}"#,
        );
        let upstream = read(
            r#"{"timestamp":"t","timestampUnix":1,"cpuCount":2,"cpuUsedPct":1.5,"memUsed":67108864,"memTotal":536870912,"memCache":0,"diskUsed":1048576,"diskTotal":2097152}"#,
        );
        assert_eq!((seed.memory_used_mib, seed.memory_total_mib), (64, 512));
        assert_eq!(
            (upstream.memory_used_mib, upstream.disk_total_mib),
            (64, Some(2))
        );
    }
}
