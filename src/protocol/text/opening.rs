//! Who is calling: Kafka, a person, a browser or TLS, told by the first bytes of a connection.
//!
//! Knows bytes only. At most eight of them are ever needed, so a caller that reads until [`Opening::of`]
//! decides never holds more than that undecided.

use super::error::TextError;
use crate::base::ErrorCode;

/// What a connection's first bytes say it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// A frame length below 128 MiB, so a first byte of at most 0x07.
    Kafka,
    /// White space or a printable byte.
    Text,
    /// The first line of an HTTP request. Refused, so that no web page can talk to a broker.
    Http,
    /// A TLS hello.
    Tls,
    /// None of these; the byte is kept for the log.
    Other(u8),
}

const KAFKA_FIRST_BYTE_MAX: u8 = 0x07;
const TLS_HANDSHAKE: u8 = 0x16;
const HTTP_METHODS: [&[u8]; 5] = [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"OPTIONS "];
const HTTP_HEADER: &[u8] = b"Host:";

impl Opening {
    /// Decides by what has come so far; `None` asks for more bytes (nothing came yet, or what came could still
    /// become the first line of an HTTP request).
    pub fn of(received: &[u8]) -> Option<Opening> {
        let first = *received.first()?;
        match first {
            0..=KAFKA_FIRST_BYTE_MAX => Some(Opening::Kafka),
            TLS_HANDSHAKE => Some(Opening::Tls),
            b'\t'..=b'\r' | b' ' => Some(Opening::Text),
            0x21..=0x7e => Opening::text_or_http(received),
            other => Some(Opening::Other(other)),
        }
    }

    /// Decides when no more bytes will come. An empty connection speaks nothing.
    pub fn at_end(received: &[u8]) -> Option<Opening> {
        match Opening::of(received) {
            None if !received.is_empty() => Some(Opening::Text),
            decided => decided,
        }
    }

    /// Why the connection is closed at once; `None` for what is served.
    pub fn refusal(self) -> Option<TextError> {
        match self {
            Opening::Kafka | Opening::Text => None,
            Opening::Http => Some(
                TextError::kafka(ErrorCode::InvalidRequest, "this port speaks Kafka and plain text lines, not HTTP")
                    .hint("use a Kafka client, or nc and HELP"),
            ),
            Opening::Tls => Some(
                TextError::kafka(ErrorCode::SecurityDisabled, "this listener does not speak TLS")
                    .hint("connect with security.protocol=PLAINTEXT"),
            ),
            Opening::Other(byte) => Some(TextError::kafka(
                ErrorCode::InvalidRequest,
                format!(
                    "a first byte of 0x{byte:02x} starts neither a Kafka request of at most 128 MiB nor a text line"
                ),
            )),
        }
    }

    /// What to send before closing, where the peer can read it. An HTTP client gets its sentence as the body of a
    /// response, the only form in which curl or a browser shows it; others get the plain error line.
    pub fn refusal_bytes(self) -> Vec<u8> {
        let Some(error) = self.refusal() else { return Vec::new() };
        let mut line = Vec::new();
        super::reply::error(&mut line, &error);
        if self != Opening::Http {
            return line;
        }
        let mut response = format!(
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            line.len()
        )
        .into_bytes();
        response.extend_from_slice(&line);
        response
    }

    fn text_or_http(received: &[u8]) -> Option<Opening> {
        // Methods are case-sensitive in HTTP, header names are not.
        let is_method = |method: &&[u8]| received.starts_with(method);
        let head = &received[..received.len().min(HTTP_HEADER.len())];
        if HTTP_METHODS.iter().any(is_method) || head.eq_ignore_ascii_case(HTTP_HEADER) {
            return Some(Opening::Http);
        }
        let may_become_method = HTTP_METHODS.iter().any(|method| method.starts_with(received));
        let may_become_header =
            received.len() < HTTP_HEADER.len() && HTTP_HEADER[..received.len()].eq_ignore_ascii_case(received);
        if may_become_method || may_become_header { None } else { Some(Opening::Text) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_byte_tells_the_tongues_apart() {
        assert_eq!(Opening::of(&[]), None);
        assert_eq!(Opening::of(&[0]), Some(Opening::Kafka));
        assert_eq!(Opening::of(&[7, 255]), Some(Opening::Kafka));
        assert_eq!(Opening::of(&[8]), Some(Opening::Other(8)));
        for space in b"\t\n\x0b\x0c\r " {
            assert_eq!(Opening::of(&[*space]), Some(Opening::Text));
        }
        assert_eq!(Opening::of(&[0x16, 3, 1]), Some(Opening::Tls));
        assert_eq!(Opening::of(b"\"PRODUCE"), Some(Opening::Text));
        assert_eq!(Opening::of(b"~"), Some(Opening::Text));
        assert_eq!(Opening::of(&[0x7f]), Some(Opening::Other(0x7f)));
        assert_eq!(Opening::of(&[0xef, 0xbb, 0xbf]), Some(Opening::Other(0xef)));
    }

    #[test]
    fn http_is_known_by_its_first_line_in_whatever_pieces() {
        for request in ["GET / HTTP/1.1\r\n", "HEAD / HTTP/1.1", "POST /x", "PUT /", "OPTIONS * HTTP/1.1", "host: x"] {
            let bytes = request.as_bytes();
            let decided = (1..=bytes.len()).find_map(|n| Opening::of(&bytes[..n]));
            assert_eq!(decided, Some(Opening::Http), "{request}");
        }
        for text in ["PRODUCE Payments a b\n", "PING\n", "GET\n", "GETTING on", "HELP\n", "OPTION x", "get x", "POSTER"]
        {
            let bytes = text.as_bytes();
            let decided = (1..=bytes.len()).find_map(|n| Opening::of(&bytes[..n]));
            assert_eq!(decided, Some(Opening::Text), "{text}");
        }
        assert_eq!(Opening::at_end(b"GE"), Some(Opening::Text));
        assert_eq!(Opening::at_end(b""), None);
    }

    #[test]
    fn a_refused_peer_gets_one_sentence_in_its_own_form() {
        let http = String::from_utf8(Opening::Http.refusal_bytes()).expect("it is text");
        let (head, body) = http.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        assert!(body.starts_with("ERR INVALID_REQUEST ") && body.ends_with('\n'), "{body}");
        let tls = String::from_utf8(Opening::Tls.refusal_bytes()).expect("it is text");
        assert!(tls.starts_with("ERR SECURITY_DISABLED ") && tls.lines().count() == 1, "{tls}");
        assert!(Opening::Other(0x80).refusal().expect("refused").sentence.contains("0x80"));
        assert!(Opening::Text.refusal_bytes().is_empty() && Opening::Kafka.refusal().is_none());
    }

    proptest! {
        #[test]
        fn eight_bytes_always_decide_and_more_never_change_it(bytes in prop::collection::vec(any::<u8>(), 8..40)) {
            let decided = Opening::of(&bytes[..8]);
            prop_assert!(decided.is_some());
            prop_assert_eq!(decided, Opening::of(&bytes));
        }
    }
}
