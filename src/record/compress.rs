//! The four codecs of Kafka, with what they unpack to bounded.

use std::borrow::Cow;
use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

/// How a batch's records are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Codec {
    #[default]
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// A codec, and how hard it shall try; `None` leaves that to the codec. Snappy and our lz4 have one way only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packing {
    pub codec: Codec,
    pub level: Option<i32>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompressError {
    #[error("{codec} says: {reason}")]
    Broken { codec: &'static str, reason: String },
    #[error("they unpack to more than {max} bytes")]
    TooLarge { max: usize },
}

/// snappy-java's stream: this magic, version and lowest compatible version, then blocks with a length each. The
/// Java client writes and expects it; others send a bare block.
const XERIAL_MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const XERIAL_VERSIONS: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];
const XERIAL_BLOCK_BYTES: usize = 32 * 1024;

impl Codec {
    pub const ALL: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

    pub fn from_id(id: i16) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| codec.id() == id)
    }

    /// By the name that `compression.type` uses.
    pub fn from_name(name: &str) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| codec.name() == name)
    }

    /// Its number in a batch's attributes.
    pub fn id(self) -> i16 {
        match self {
            Codec::None => 0,
            Codec::Gzip => 1,
            Codec::Snappy => 2,
            Codec::Lz4 => 3,
            Codec::Zstd => 4,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Codec::None => "none",
            Codec::Gzip => "gzip",
            Codec::Snappy => "snappy",
            Codec::Lz4 => "lz4",
            Codec::Zstd => "zstd",
        }
    }

    /// Appends the packed form of `plain` to `out`.
    pub fn compress(self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
        self.compress_at(None, plain, out)
    }

    /// The same at a level of the codec's own: 1 to 9 for gzip, up to 22 for zstd.
    pub fn compress_at(self, level: Option<i32>, plain: &[u8], out: &mut Vec<u8>) -> Result<(), CompressError> {
        let broken = |e: &dyn std::fmt::Display| self.broken(e);
        match self {
            Codec::None => out.extend_from_slice(plain),
            Codec::Gzip => {
                let level = level.and_then(|level| u32::try_from(level).ok());
                let mut encoder = GzEncoder::new(out, level.map_or_else(Compression::default, Compression::new));
                encoder.write_all(plain).and_then(|()| encoder.finish().map(drop)).map_err(|e| broken(&e))?;
            }
            Codec::Snappy => {
                out.extend_from_slice(&XERIAL_MAGIC);
                out.extend_from_slice(&XERIAL_VERSIONS);
                let mut encoder = snap::raw::Encoder::new();
                for block in plain.chunks(XERIAL_BLOCK_BYTES) {
                    let packed = encoder.compress_vec(block).map_err(|e| broken(&e))?;
                    out.extend_from_slice(&(packed.len() as u32).to_be_bytes());
                    out.extend_from_slice(&packed);
                }
            }
            Codec::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(out);
                encoder.write_all(plain).map_err(|e| broken(&e))?;
                encoder.finish().map_err(|e| broken(&e))?;
            }
            Codec::Zstd => {
                let mut encoder =
                    zstd::stream::write::Encoder::new(out, level.unwrap_or(zstd::DEFAULT_COMPRESSION_LEVEL))
                        .map_err(|e| broken(&e))?;
                encoder.write_all(plain).and_then(|()| encoder.finish().map(drop)).map_err(|e| broken(&e))?;
            }
        }
        Ok(())
    }

    /// Unpacks `packed` into at most `max` bytes; memory grows with what really comes out, never with what a
    /// header promises.
    pub fn decompress(self, packed: &[u8], max: usize) -> Result<Cow<'_, [u8]>, CompressError> {
        match self {
            Codec::None => Ok(Cow::Borrowed(packed)),
            Codec::Gzip => self.read_bounded(MultiGzDecoder::new(packed), max).map(Cow::Owned),
            Codec::Snappy => self.unsnap(packed, max).map(Cow::Owned),
            Codec::Lz4 => self.read_bounded(lz4_flex::frame::FrameDecoder::new(packed), max).map(Cow::Owned),
            Codec::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(|e| self.broken(&e))?;
                self.read_bounded(decoder, max).map(Cow::Owned)
            }
        }
    }

    fn read_bounded(self, from: impl Read, max: usize) -> Result<Vec<u8>, CompressError> {
        let mut plain = Vec::new();
        from.take(max as u64 + 1).read_to_end(&mut plain).map_err(|e: io::Error| self.broken(&e))?;
        if plain.len() > max {
            return Err(CompressError::TooLarge { max });
        }
        Ok(plain)
    }

    fn unsnap(self, packed: &[u8], max: usize) -> Result<Vec<u8>, CompressError> {
        let mut plain = Vec::new();
        let Some(stream) = packed.strip_prefix(&XERIAL_MAGIC) else {
            self.unsnap_block(packed, max, &mut plain)?;
            return Ok(plain);
        };
        let mut rest = stream.get(XERIAL_VERSIONS.len()..).ok_or_else(|| self.broken(&"its header is cut short"))?;
        while !rest.is_empty() {
            let cut = || self.broken(&"a block is cut short");
            let (length, tail) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
            let length = u32::from_be_bytes(*length) as usize;
            let block = tail.get(..length).ok_or_else(cut)?;
            self.unsnap_block(block, max, &mut plain)?;
            rest = &tail[length..];
        }
        Ok(plain)
    }

    fn unsnap_block(self, block: &[u8], max: usize, plain: &mut Vec<u8>) -> Result<(), CompressError> {
        // The block's first bytes promise a size. Snappy can't expand by more than about 64 to 3, so a promise
        // beyond that is a lie that must not be allocated for.
        let promised = snap::raw::decompress_len(block).map_err(|e| self.broken(&e))?;
        if promised > max.saturating_sub(plain.len()) {
            return Err(CompressError::TooLarge { max });
        }
        if promised / 64 > block.len() {
            return Err(self.broken(&"a block promises more than it can hold"));
        }
        let start = plain.len();
        plain.resize(start + promised, 0);
        let written = snap::raw::Decoder::new().decompress(block, &mut plain[start..]).map_err(|e| self.broken(&e))?;
        plain.truncate(start + written);
        Ok(())
    }

    fn broken(self, reason: &dyn std::fmt::Display) -> CompressError {
        CompressError::Broken { codec: self.name(), reason: reason.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_codec_gives_back_what_it_took() {
        let plain: Vec<u8> = (0..200_000u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
        for codec in Codec::ALL {
            let mut packed = Vec::new();
            codec.compress(&plain, &mut packed).expect("packs");
            assert_eq!(codec.decompress(&packed, plain.len()).expect("unpacks"), plain, "{codec:?}");
            assert_eq!(Codec::from_id(codec.id()), Some(codec));
            assert_eq!(Codec::from_name(codec.name()), Some(codec));
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let zeros = vec![0; 10 << 20];
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let mut packed = Vec::new();
            codec.compress(&zeros, &mut packed).expect("packs");
            assert_eq!(codec.decompress(&packed, 1 << 20), Err(CompressError::TooLarge { max: 1 << 20 }), "{codec:?}");
        }
    }

    #[test]
    fn a_level_is_how_hard_a_codec_tries() {
        let words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta"];
        let plain: Vec<u8> = (0u64..20_000)
            .flat_map(|i| words[(i.wrapping_mul(2_654_435_761) >> 7) as usize % words.len()].bytes())
            .collect();
        let size = |codec: Codec, level| {
            let mut packed = Vec::new();
            codec.compress_at(Some(level), &plain, &mut packed).expect("packs");
            assert_eq!(&*codec.decompress(&packed, 1 << 20).expect("unpacks"), plain, "{codec:?} at {level}");
            packed.len()
        };
        assert!(size(Codec::Gzip, 9) < size(Codec::Gzip, 1));
        assert!(size(Codec::Zstd, 19) < size(Codec::Zstd, -50));
    }

    #[test]
    fn a_bare_snappy_block_is_read_too() {
        let packed = snap::raw::Encoder::new().compress_vec(b"as librdkafka sends it").expect("packs");
        assert_eq!(&*Codec::Snappy.decompress(&packed, 100).expect("unpacks"), b"as librdkafka sends it");
    }

    #[test]
    fn a_snappy_block_that_promises_the_world_is_not_believed() {
        // A length of 2^28 in front of three bytes.
        let packed = [0x80, 0x80, 0x80, 0x80, 0x01, 0, 0, 0];
        assert!(Codec::Snappy.decompress(&packed, 1 << 30).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_codec_panic(junk in proptest::collection::vec(any::<u8>(), 0..300)) {
            for codec in Codec::ALL {
                let _ = codec.decompress(&junk, 1 << 16);
                let _ = codec.decompress(&[&XERIAL_MAGIC[..], &XERIAL_VERSIONS, &junk].concat(), 1 << 16);
            }
        }
    }
}
