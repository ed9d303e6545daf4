//! What bench prints: a row a measurement; in JSON plain numbers, each with its unit in its name.

use serde::Serialize;

use crate::cli::bench::{Latency, Measured, Until, Work};
use crate::cli::output::{Column, Report};

#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) topic: String,
    pub(super) kept: bool,
    pub(super) partitions: i32,
    pub(super) interrupted: bool,
    pub(super) measurements: Vec<Measurement>,
}

#[derive(Debug, Serialize)]
pub(super) struct Measurement {
    work: &'static str,
    until: Option<&'static str>,
    records: u64,
    bytes: u64,
    seconds: f64,
    records_per_second: f64,
    bytes_per_second: f64,
    latency: Option<Percentiles>,
}

#[derive(Debug, Serialize)]
struct Percentiles {
    mean_ms: f64,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    p99_9_ms: f64,
    max_ms: f64,
}

impl Measurement {
    pub(super) fn of(measured: &Measured) -> Measurement {
        let seconds = measured.took.as_secs_f64();
        // Of nothing there is no rate.
        let per_second = |count: u64| if seconds > 0.0 { rounded(count as f64 / seconds) } else { 0.0 };
        Measurement {
            work: match measured.work {
                Work::Produce => "produce",
                Work::Consume => "consume",
                Work::Latency => "latency",
            },
            until: measured.until.map(|until| match until {
                Until::Sent => "sent",
                Until::Acknowledged => "acknowledged",
                Until::Consumed => "consumed",
            }),
            records: measured.records,
            bytes: measured.bytes,
            seconds: rounded(seconds),
            records_per_second: per_second(measured.records),
            bytes_per_second: per_second(measured.bytes),
            latency: (!measured.latency.is_empty()).then(|| Percentiles::of(&measured.latency)),
        }
    }

    fn row(&self) -> Vec<String> {
        let mut row = vec![
            self.work.to_owned(),
            self.until.unwrap_or_default().to_owned(),
            self.records.to_string(),
            format!("{:.3}", self.seconds),
            format!("{:.0}", self.records_per_second),
            format!("{:.3}", self.bytes_per_second / 1e6),
        ];
        let percentiles = self.latency.as_ref().map(Percentiles::shown);
        row.extend(percentiles.unwrap_or_default());
        row
    }
}

impl Percentiles {
    fn of(latency: &Latency) -> Percentiles {
        Percentiles {
            mean_ms: latency.mean_ms(),
            p50_ms: latency.quantile_ms(0.5),
            p95_ms: latency.quantile_ms(0.95),
            p99_ms: latency.quantile_ms(0.99),
            p99_9_ms: latency.quantile_ms(0.999),
            max_ms: latency.max_ms(),
        }
    }

    fn shown(&self) -> [String; 5] {
        [self.p50_ms, self.p95_ms, self.p99_ms, self.p99_9_ms, self.max_ms].map(|ms| format!("{ms:.3} ms"))
    }
}

/// To a thousandth.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

impl Report for Figures {
    fn columns(&self) -> Vec<Column> {
        let mut columns = vec![Column::text("work"), Column::text("until")];
        let numbers = ["records", "seconds", "records/s", "MB/s", "p50", "p95", "p99", "p99.9", "max"];
        columns.extend(numbers.map(Column::number));
        columns
    }

    fn rows(&self) -> Vec<Vec<String>> {
        self.measurements.iter().map(Measurement::row).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn figures(measured: &Measured) -> Figures {
        Figures {
            topic: "T".to_owned(),
            kept: true,
            partitions: 1,
            interrupted: false,
            measurements: vec![Measurement::of(measured)],
        }
    }

    #[test]
    fn every_row_has_a_text_for_every_column() {
        let measured = Measured {
            work: Work::Consume,
            until: None,
            records: 3_000,
            bytes: 1_500_000,
            took: Duration::from_millis(1500),
            latency: Latency::new(),
        };
        let figures = figures(&measured);
        let rows = figures.rows();
        assert_eq!(rows[0].len(), figures.columns().len());
        assert_eq!(rows[0][..7], ["consume", "", "3000", "1.500", "2000", "1.000", ""]);
        let json = serde_json::to_value(&figures).expect("serializes");
        assert_eq!(json["measurements"][0]["bytes_per_second"], 1e6);
        assert!(json["measurements"][0]["latency"].is_null());
    }

    #[test]
    fn no_time_is_no_rate() {
        let took = Duration::ZERO;
        let nothing =
            Measured { work: Work::Produce, until: None, records: 0, bytes: 0, took, latency: Latency::new() };
        assert_eq!(figures(&nothing).measurements[0].records_per_second, 0.0);
    }
}
