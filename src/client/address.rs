//! Where brokers are: `HOST:PORT` lists, and how to get there.

use std::fmt;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::ClientError;

const PORT_DEFAULT: u16 = 9092;

/// A host's name or number, and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// IPv6 without brackets.
    pub host: String,
    pub port: u16,
}

impl Address {
    pub fn new(host: impl Into<String>, port: u16) -> Address {
        Address { host: host.into(), port }
    }

    /// `HOST:PORT`, `[IPv6]:PORT`, or a host alone for port 9092.
    pub fn parse(text: &str) -> Result<Address, ClientError> {
        let refuse = |reason| ClientError::BadAddress { address: text.to_owned(), reason };
        let trimmed = text.trim();
        let (host, port) = match trimmed.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or_else(|| refuse("the bracket is not closed"))?;
                match after.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if after.is_empty() => (host, None),
                    None => return Err(refuse("write [IPv6]:PORT")),
                }
            }
            None => match trimmed.rsplit_once(':') {
                Some((host, _)) if host.contains(':') => return Err(refuse("write an IPv6 address as [ADDRESS]:PORT")),
                Some((host, port)) => (host, Some(port)),
                None => (trimmed, None),
            },
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '/') {
            return Err(refuse("write HOST:PORT"));
        }
        let port = match port {
            Some(port) => {
                port.parse().ok().filter(|p| *p != 0).ok_or_else(|| refuse("the port is a number up to 65535"))?
            }
            None => PORT_DEFAULT,
        };
        Ok(Address::new(host, port))
    }

    /// A comma-separated list; at least one.
    pub fn parse_list(text: &str) -> Result<Vec<Address>, ClientError> {
        text.split(',').map(Address::parse).collect()
    }

    /// Connects, trying each address the host has, until `by`.
    pub(super) fn connect(&self, by: Instant) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            let left = by.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            match TcpStream::connect_timeout(&address, left) {
                Ok(stream) => return Ok(stream),
                Err(e) => last = e,
            }
        }
        Err(last)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, host, port) in [
            ("localhost:9092", "localhost", 9092),
            ("127.0.0.1:1", "127.0.0.1", 1),
            ("[::1]:9093", "::1", 9093),
            ("[::1]", "::1", 9092),
            ("kafka", "kafka", 9092),
        ] {
            assert_eq!(Address::parse(text), Ok(Address::new(host, port)), "{text}");
        }
        assert_eq!(Address::parse_list("a:1, b:2").map(|list| list.len()), Ok(2));
        assert_eq!(Address::new("::1", 9).to_string(), "[::1]:9");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in ["", ":9092", "a:", "a:0", "a:65536", "a:b", "::1:9092", "[::1", "[::1]9092", "http://a:1", "a b:1"]
        {
            assert!(Address::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Address::parse_list("a:1,").is_err());
    }
}
