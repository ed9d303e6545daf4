//! Every bound that is not a setting has its name and its number here.

/// The largest Kafka frame a broker may be set to accept. Its first length byte stays at most 0x07, which is how
/// the port tells Kafka from text; Kafka's own default (100 MiB) lies below.
pub const FRAME_BYTES_MAX: usize = 128 * 1024 * 1024;

/// The largest request that carries no records. Decoded, a list of small things takes up to 48 times its bytes.
pub const REQUEST_WITHOUT_RECORDS_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The longest topic name, as in Kafka.
pub const TOPIC_NAME_BYTES_MAX: usize = 249;

/// What a text line may have beside the value: verb, topic, key, quotes.
pub const TEXT_LINE_EXTRA_BYTES: usize = 4 * 1024;

/// Records in one `CONSUME` without a count.
pub const TEXT_CONSUME_RECORDS_DEFAULT: u64 = 1000;

/// What one compressed batch may expand to, so that a small bomb cannot take the memory.
pub const DECOMPRESSED_BATCH_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Records of a refused batch that are named to the client, each with its reason.
pub const RECORD_FAULTS_MAX: usize = 1000;

/// Idempotent batches remembered per producer, as Kafka's ProducerStateEntry.
pub const PRODUCER_BATCHES_REMEMBERED: usize = 5;

/// What is copied from file to file goes in pieces of this size, so that it is still in the core's cache when it is written.
pub const WRITE_PIECE_BYTES: usize = 128 * 1024;

/// What fetch sessions may take in memory together. At 200 bytes a partition and its topic's name beside it: a few
/// hundred thousand partitions.
pub const FETCH_SESSIONS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Ids that one classic group has given out and whose owners have not joined with them yet (KIP-394).
pub const PENDING_GROUP_MEMBERS_MAX: usize = 10_000;
