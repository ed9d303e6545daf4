//! Where a broker listens, and what it tells clients to dial: `NAME://HOST:PORT`.

use std::collections::BTreeSet;
use std::fmt;

use super::error::{ConfigError, cut};
use super::settings::Reader;

/// One address with the name of its listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// In capitals, as Kafka keeps it.
    pub name: String,
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// 0 asks for a free port.
    pub port: u16,
}

impl Listener {
    /// Reads `NAME://HOST:PORT`; an empty host is every address. The error says what is wrong, not where.
    pub fn parse(text: &str) -> Result<Listener, String> {
        let (name, address) = text.split_once("://").ok_or("it must read NAME://HOST:PORT")?;
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) {
            return Err("a listener's name is made of letters, digits, _ and -".to_owned());
        }
        let (host, port) = split_address(address)?;
        let host = if host.is_empty() { "0.0.0.0" } else { host };
        Ok(Listener { name: name.to_ascii_uppercase(), host: host.to_owned(), port })
    }

    /// The address as it is dialled or bound, with brackets around IPv6.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    fn is_every_address(&self) -> bool {
        matches!(self.host.as_str(), "0.0.0.0" | "::")
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.name, self.address())
    }
}

/// Splits `HOST:PORT`, `[IPV6]:PORT` or `:PORT`.
pub fn split_address(address: &str) -> Result<(&str, u16), String> {
    let (host, port) = address.rsplit_once(':').ok_or("the port is missing (HOST:PORT)")?;
    let port = port.parse().map_err(|_| format!("{:?} is no port, which is a number up to 65535", cut(port)))?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').ok_or("the bracket around the address is not closed")?,
        None if host.contains(':') => return Err("an IPv6 address stands in brackets: [::1]:9092".to_owned()),
        None => host,
    };
    if host.contains(char::is_whitespace) {
        return Err("a host has no white space".to_owned());
    }
    Ok((host, port))
}

/// Both lists, checked against each other as Kafka checks them.
pub(super) fn read(r: &Reader<'_>) -> Result<(Vec<Listener>, Vec<Listener>), ConfigError> {
    // Listeners of Kafka's controllers: named so that its own server.properties works, never opened.
    let controllers: BTreeSet<String> =
        r.list("controller.listener.names").iter().map(|name| name.to_ascii_uppercase()).collect();
    let parse = |name: &'static str, value: Option<String>| -> Result<Vec<Listener>, ConfigError> {
        let parse_one = |text: &str| {
            Listener::parse(text).map_err(|reason| ConfigError::Refused { name, given: cut(text), reason })
        };
        let all = super::kind::list_items(value.as_deref().unwrap_or("")).map(parse_one);
        let mut ours: Vec<Listener> = Vec::new();
        for listener in all {
            let listener = listener?;
            if !controllers.contains(&listener.name) {
                ours.push(listener);
            }
        }
        Ok(ours)
    };
    let listeners = parse("listeners", r.optional("listeners"))?;
    let advertised = parse("advertised.listeners", r.optional("advertised.listeners"))?;
    let refused = |name, listener: &Listener, reason: &str| {
        Err(ConfigError::Refused { name, given: listener.to_string(), reason: reason.to_owned() })
    };
    if listeners.is_empty() {
        return Err(ConfigError::Conflict("listeners must name at least one that is no controller's".to_owned()));
    }
    for (i, listener) in listeners.iter().enumerate() {
        let before = &listeners[..i];
        if before.iter().any(|other| other.name == listener.name) {
            return refused(
                "listeners",
                listener,
                "two listeners have this name; --listen NAME=ADDR gives one another",
            );
        }
        if listener.port != 0 && before.iter().any(|other| other.address() == listener.address()) {
            return refused("listeners", listener, "two listeners have this address");
        }
        protocol(r, listener)?;
    }
    for (i, listener) in advertised.iter().enumerate() {
        if advertised[..i].iter().any(|other| other.name == listener.name) {
            return refused("advertised.listeners", listener, "two addresses have this name");
        }
        if !listeners.iter().any(|other| other.name == listener.name) {
            return refused("advertised.listeners", listener, "no listener has this name");
        }
        if listener.is_every_address() {
            return refused("advertised.listeners", listener, "clients need one address that they can dial");
        }
        if listener.port == 0 {
            return refused("advertised.listeners", listener, "clients need a port that they can dial");
        }
    }
    Ok((listeners, advertised))
}

/// Every listener speaks plain text; one that is meant to be safe must not silently be open.
fn protocol(r: &Reader<'_>, listener: &Listener) -> Result<(), ConfigError> {
    let name = "listener.security.protocol.map";
    let mut protocol = listener.name.clone();
    for entry in r.list(name) {
        let (listener_name, mapped) = entry.split_once(':').ok_or_else(|| ConfigError::Refused {
            name,
            given: cut(&entry),
            reason: "it must read NAME:PROTOCOL".to_owned(),
        })?;
        if listener_name.eq_ignore_ascii_case(&listener.name) {
            protocol = mapped.to_ascii_uppercase();
        }
    }
    match protocol.as_str() {
        "SSL" | "SASL_PLAINTEXT" | "SASL_SSL" => Err(ConfigError::Refused {
            name: "listeners",
            given: listener.to_string(),
            reason: format!("{protocol} is not there yet; listeners speak PLAINTEXT"),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::BrokerConfig;

    fn listener(name: &str, host: &str, port: u16) -> Listener {
        Listener { name: name.to_owned(), host: host.to_owned(), port }
    }

    #[test]
    fn addresses_are_read_as_kafka_reads_them() {
        assert_eq!(Listener::parse("plaintext://127.0.0.1:9092"), Ok(listener("PLAINTEXT", "127.0.0.1", 9092)));
        assert_eq!(Listener::parse("A://:0"), Ok(listener("A", "0.0.0.0", 0)));
        assert_eq!(Listener::parse("A://[::1]:9092"), Ok(listener("A", "::1", 9092)));
        assert_eq!(listener("A", "::1", 9092).to_string(), "A://[::1]:9092");
        for bad in
            ["127.0.0.1:9092", "A://host", "A://host:x", "A://host:65536", "A://::1:9092", "A://[::1:9092", "://h:1"]
        {
            assert!(Listener::parse(bad).is_err(), "{bad}");
        }
    }

    fn refused(pairs: &[(&str, &str)]) -> String {
        BrokerConfig::from_pairs(pairs.iter().copied()).expect_err("refused").to_string()
    }

    #[test]
    fn listeners_must_fit_together() {
        let start = "listeners: \"SASL_SSL://h:1\" is not allowed: SASL_SSL is not there yet";
        assert!(refused(&[("listeners", "SASL_SSL://h:1")]).starts_with(start));
        let mapped = [("listeners", "OUT://h:1"), ("listener.security.protocol.map", "OUT:SSL")];
        assert!(refused(&mapped).contains("SSL is not there yet"));
        assert!(refused(&[("listeners", "A://h:1,a://h:2")]).contains("this name"));
        assert!(refused(&[("listeners", "A://h:1,B://h:1")]).contains("this address"));
        assert!(refused(&[("listeners", "")]).contains("at least one"));
        assert!(refused(&[("advertised.listeners", "B://h:1")]).contains("no listener"));
        assert!(refused(&[("advertised.listeners", "PLAINTEXT://:9092")]).contains("dial"));
        assert!(refused(&[("advertised.listeners", "PLAINTEXT://h:0")]).contains("port"));
    }

    #[test]
    fn a_server_properties_of_kafka_opens_its_brokers_listener() {
        let config = BrokerConfig::from_pairs([
            ("listeners", "PLAINTEXT://:9092,CONTROLLER://:9093"),
            ("advertised.listeners", "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093"),
            ("controller.listener.names", "CONTROLLER"),
            ("listener.security.protocol.map", "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL"),
        ])
        .expect("valid settings");
        assert_eq!(config.listeners, [listener("PLAINTEXT", "0.0.0.0", 9092)]);
        assert_eq!(config.advertised, [listener("PLAINTEXT", "localhost", 9092)]);
    }
}
