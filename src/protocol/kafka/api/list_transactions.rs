//! ListTransactions: the transactions that a broker coordinates (KIP-664).

messages! {
    /// Filters that let all pass when empty; duration (KIP-994) since 1, pattern of ids (KIP-1152) since 2.
    ListTransactionsRequest {
        state_filters: Vec<String>,
        producer_id_filters: Vec<i64>,
        duration_filter: i64 [1..] = -1,
        transactional_id_pattern: Option<String> [2..] = None,
    }

    /// States that the broker does not know are named apart.
    ListTransactionsResponse {
        throttle_time_ms: i32,
        error_code: i16,
        unknown_state_filters: Vec<String>,
        transaction_states: Vec<TransactionState>,
    }

    TransactionState {
        transactional_id: String,
        producer_id: i64,
        transaction_state: String,
    }
}
