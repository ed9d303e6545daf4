//! Control records: the markers that end a transaction (KIP-98).

/// What a control record says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlKind {
    Abort,
    Commit,
    /// A kind of a newer Kafka, or one of its controller's; a reader skips it.
    Other(i16),
}

impl ControlKind {
    /// Reads a control record's key: version, then type.
    pub fn from_key(key: &[u8]) -> Option<ControlKind> {
        let (version, rest) = key.split_first_chunk::<2>()?;
        if i16::from_be_bytes(*version) < 0 {
            return None;
        }
        Some(match i16::from_be_bytes(*rest.first_chunk::<2>()?) {
            0 => ControlKind::Abort,
            1 => ControlKind::Commit,
            other => ControlKind::Other(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_their_kind() {
        assert_eq!(ControlKind::from_key(&[0, 0, 0, 0]), Some(ControlKind::Abort));
        assert_eq!(ControlKind::from_key(&[0, 0, 0, 1]), Some(ControlKind::Commit));
        assert_eq!(ControlKind::from_key(&[0, 0, 0, 5]), Some(ControlKind::Other(5)));
        assert_eq!(ControlKind::from_key(&[0, 0, 0]), None);
        assert_eq!(ControlKind::from_key(&[0xff, 0xff, 0, 1]), None);
    }
}
