//! EndTxn: commits or aborts a transaction (KIP-98).

messages! {
    /// Committed or not.
    EndTxnRequest {
        transactional_id: String,
        producer_id: i64,
        producer_epoch: i16,
        committed: bool,
    }

    /// The producer's next epoch since 5 (KIP-890), when every transaction gets its own.
    EndTxnResponse {
        throttle_time_ms: i32,
        error_code: i16,
        producer_id: i64 [5..] = -1,
        producer_epoch: i16 [5..] = -1,
    }
}
