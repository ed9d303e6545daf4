//! WriteTxnMarkers: writes the end of transactions into partitions (KIP-98).

messages! {
    /// From the transaction's coordinator, or from an admin who ends a hanging transaction (KIP-664). The transaction's
    /// version (KIP-1228) since 2.
    WriteTxnMarkersRequest {
        markers: Vec<WritableTxnMarker>,
    }

    WritableTxnMarker {
        producer_id: i64,
        producer_epoch: i16,
        transaction_result: bool,
        topics: Vec<WritableTxnMarkerTopic>,
        coordinator_epoch: i32,
        transaction_version: i8 [2..],
    }

    WritableTxnMarkerTopic {
        name: String,
        partition_indexes: Vec<i32>,
    }

    /// An error code per partition, for each producer.
    WriteTxnMarkersResponse {
        markers: Vec<WritableTxnMarkerResult>,
    }

    WritableTxnMarkerResult {
        producer_id: i64,
        topics: Vec<WritableTxnMarkerTopicResult>,
    }

    WritableTxnMarkerTopicResult {
        name: String,
        partitions: Vec<WritableTxnMarkerPartitionResult>,
    }

    WritableTxnMarkerPartitionResult {
        partition_index: i32,
        error_code: i16,
    }
}
