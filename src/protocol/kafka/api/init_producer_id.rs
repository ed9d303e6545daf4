//! InitProducerId: gives a producer its id and epoch (KIP-98).

messages! {
    /// The producer's own id and epoch, to recover from an error with them (KIP-360), since 3.
    InitProducerIdRequest {
        transactional_id: Option<String>,
        transaction_timeout_ms: i32,
        producer_id: i64 [3..] = -1,
        producer_epoch: i16 [3..] = -1,
    }

    /// The id and epoch with which batches are to be stamped.
    InitProducerIdResponse {
        throttle_time_ms: i32,
        error_code: i16,
        producer_id: i64 = -1,
        producer_epoch: i16,
    }
}
