//! Temporary entry of the broker until its command line is merged.
use rafka::config::{BrokerConfig, Origin, Settings};
use std::io::Write;

fn main() {
    let mut settings = Settings::broker();
    let mut args = std::env::args().skip(1);
    let mut topics = Vec::new();
    while let Some(flag) = args.next() {
        let value = args.next().expect("a value");
        match flag.as_str() {
            "--data-dir" => settings.set("log.dirs", &value, Origin::Flag).expect("valid"),
            "--listen" => settings.set("listeners", &format!("PLAINTEXT://{value}"), Origin::Flag).expect("valid"),
            "-X" => settings.set_pair(&value, Origin::Flag).expect("valid"),
            "--topic" => topics.push(value),
            _ => panic!("{flag}"),
        }
    }
    let topics: Vec<_> = topics
        .iter()
        .map(|topic: &String| {
            let (name, n) = topic.split_once(':').map_or((topic.as_str(), 1), |(a, b)| (a, b.parse().expect("n")));
            let new = rafka::broker::NewTopic { partitions: Some(n), ..Default::default() };
            (rafka::base::TopicName::new(name).expect("ok"), new)
        })
        .collect();
    let broker =
        rafka::server::Broker::start_with(BrokerConfig::new(settings).expect("valid"), &topics, Box::new(|_| {}))
            .unwrap_or_else(|e| panic!("{e}"));
    for address in broker.addresses() {
        println!("Broker Listening on {address}");
    }
    std::io::stdout().flush().expect("ok");
    let mut signals = signal_hook::iterator::Signals::new([15, 2]).expect("signals");
    signals.forever().next();
    broker.stop().expect("stops");
}
