//! The fuzzers' corpus, replayed on stable; and for each kind of bytes a good sample, cut and bent at every byte.

#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code, reason = "the fuzzers use all of it")]
mod targets;

use std::ops::ControlFlow;
use std::path::Path;

use rafka::record::{BatchBuilder, Codec, ProducerStamp};
use targets::TARGETS;

#[test]
fn the_corpus_does_no_harm() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut seen = Vec::new();
    let count = targets::replay(&corpus, |name, _| {
        seen.push(name.to_owned());
        ControlFlow::Continue(())
    });
    for (name, _) in TARGETS {
        assert!(seen.iter().any(|other| other == name), "there is nothing for {name}");
    }
    println!("{count} files");
}

fn packed(codec: Codec, value: &[u8]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec);
    for n in 0..3 {
        builder.append(1000 + n, Some(b"key"), Some(value), &[(b"name", Some(b"value")), (b"null", None)]);
    }
    builder.finish(ProducerStamp { producer_id: 7, producer_epoch: 0, base_sequence: 0 }).expect("it packs")
}

#[test]
fn batches_of_every_codec_cut_and_bent_at_every_byte_do_no_harm() {
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let good = packed(codec, b"a value that is long enough to be packed packed packed");
        for at in 0..good.len() {
            targets::batch(&good[..at]);
            for bit in 0..8 {
                let mut bent = good.clone();
                bent[at] ^= 1 << bit;
                targets::batch(&bent);
            }
        }
    }
}

#[test]
fn what_would_unpack_to_more_than_the_bound_is_refused_before_it_does() {
    use rafka::record::{BatchError, BatchView};
    let huge = vec![0; 8 << 20];
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let bomb = packed(codec, &huge);
        let batch = BatchView::parse(&bomb).expect("a batch");
        let unpacked: Result<_, BatchError> = batch.records(1 << 20);
        assert!(unpacked.is_err(), "{codec:?}: {} bytes became more than the bound", bomb.len());
    }
}

#[test]
fn damaged_logs_and_files_beside_them_open_and_read() {
    let log = [packed(Codec::None, b"one"), packed(Codec::Zstd, b"two")].concat();
    for at in (0..log.len()).step_by(3) {
        targets::segment(&log[..at]);
        let mut bent = log.clone();
        bent[at] ^= 0x10;
        targets::segment(&bent);
    }
    for kind in 0..5 {
        for content in [&b""[..], b"\0", &[0xff; 40], &[0; 48], b"crc32c 00000000\n", b"0\n1\n0 0\n"] {
            targets::index(&[&[kind], content].concat());
        }
    }
}
