//! AddOffsetsToTxn: names the group whose offsets a transaction will commit (KIP-98).

messages! {
    /// Not needed any more from clients that use version 5 of TxnOffsetCommit (KIP-890).
    AddOffsetsToTxnRequest {
        transactional_id: String,
        producer_id: i64,
        producer_epoch: i16,
        group_id: String,
    }

    /// Whether the transaction may go on.
    AddOffsetsToTxnResponse {
        throttle_time_ms: i32,
        error_code: i16,
    }
}
