//! DescribeClientQuotas: the quotas of users, client ids and addresses (KIP-546).

messages! {
    /// Match types: 0 exactly, 1 the default, 2 any that is set.
    DescribeClientQuotasRequest {
        components: Vec<ComponentData>,
        strict: bool,
    }

    ComponentData {
        entity_type: String,
        match_type: i8,
        r#match: Option<String>,
    }

    /// Null entries with no error mean that nothing matched.
    DescribeClientQuotasResponse {
        throttle_time_ms: i32,
        error_code: i16,
        error_message: Option<String>,
        entries: Option<Vec<EntryData>>,
    }

    EntryData {
        entity: Vec<EntityData>,
        values: Vec<ValueData>,
    }

    EntityData {
        entity_type: String,
        entity_name: Option<String>,
    }

    ValueData {
        key: String,
        value: f64,
    }
}
