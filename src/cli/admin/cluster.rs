//! cluster-info and ping.

use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use super::{Online, connect, connect_within};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::{self, Column, OutputFormat, Report};
use crate::cli::run::Session;
use crate::cli::{help, units};

/// How soon a broker that has come up is noticed.
const TRIES_EVERY: Duration = Duration::from_millis(50);

/// Show the brokers of the cluster
///
/// Columns: id, host, port, controller (yes or no), rack.
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin cluster-info", "the cluster at 127.0.0.1:9092"),
    ("rafka-admin cluster-info -b kafka-1:9092 --output json", "another one, for programs"),
]))]
pub(super) struct Info {}

/// Ask whether a broker answers
///
/// Prints how long connecting and the first answer took. Exit 3 when none answered.
#[derive(Debug, Args)]
#[command(help_template = help::TEMPLATE, before_help = help::examples(&[
    ("rafka-admin ping", "now"),
    ("rafka-admin ping --wait 30s && ./start-consumers", "as soon as the broker is up"),
]))]
pub(super) struct Ping {
    /// Keep trying for this time
    #[arg(long, value_name = "DUR", value_parser = units::duration)]
    wait: Option<Duration>,
}

#[derive(Debug, Serialize)]
struct Cluster {
    cluster_id: Option<String>,
    controller: Option<i32>,
    brokers: Vec<Broker>,
}

#[derive(Debug, Serialize)]
struct Broker {
    id: i32,
    host: String,
    port: i32,
    controller: bool,
    rack: Option<String>,
}

impl Report for Cluster {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::number("id"),
            Column::text("host"),
            Column::number("port"),
            Column::text("controller"),
            Column::text("rack"),
        ]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |b: &Broker| {
            let controller = if b.controller { "yes" } else { "no" };
            vec![
                b.id.to_string(),
                b.host.clone(),
                b.port.to_string(),
                controller.to_owned(),
                b.rack.clone().unwrap_or_default(),
            ]
        };
        self.brokers.iter().map(row).collect()
    }
}

impl Info {
    pub(super) fn run(&self, online: &Online) -> Result<(), Failure> {
        let view = connect(online)?.cluster_view()?;
        let controller = view.controller;
        let broker = |b: crate::client::admin::BrokerView| Broker {
            id: b.id.0,
            controller: Some(b.id) == controller,
            host: b.host,
            port: b.port,
            rack: b.rack,
        };
        let cluster = Cluster {
            cluster_id: view.id,
            controller: controller.map(|id| id.0),
            brokers: view.brokers.into_iter().map(broker).collect(),
        };
        let format = online.output.format();
        if let (OutputFormat::Table, Some(id)) = (format, &cluster.cluster_id) {
            output::write_stdout(format!("cluster {id}\n").as_bytes())?;
        }
        output::print(format, &cluster)
    }
}

#[derive(Debug, Serialize)]
struct Pong {
    brokers: usize,
    milliseconds: f64,
}

impl Report for Pong {
    fn columns(&self) -> Vec<Column> {
        vec![Column::number("brokers"), Column::number("milliseconds")]
    }

    fn rows(&self) -> Vec<Vec<String>> {
        vec![vec![self.brokers.to_string(), format!("{:.1}", self.milliseconds)]]
    }
}

impl Ping {
    pub(super) fn run(&self, online: &Online, session: &Session) -> Result<(), Failure> {
        let deadline = self.wait.and_then(|wait| Instant::now().checked_add(wait));
        loop {
            let started = Instant::now();
            let left = deadline.map(|deadline| deadline.saturating_duration_since(started).max(TRIES_EVERY));
            let timeout = left.map_or(online.client.timeout(), |left| left.min(online.client.timeout()));
            match connect_within(online, timeout).and_then(|mut admin| Ok(admin.cluster_view()?)) {
                Ok(view) => {
                    let milliseconds = (started.elapsed().as_secs_f64() * 10_000.0).round() / 10.0;
                    let pong = Pong { brokers: view.brokers.len(), milliseconds };
                    return output::print(online.output.format(), &pong);
                }
                Err(failure) if failure.exit() == Exit::Usage => return Err(failure),
                Err(failure) => match deadline {
                    Some(deadline) if Instant::now() + TRIES_EVERY < deadline => {
                        session.interrupts.wait_timeout(TRIES_EVERY);
                    }
                    _ => return Err(failure),
                },
            }
        }
    }
}
