//! What is written can be read, and reads as what was written.

use proptest::prelude::*;

use super::{Samples, encoded};
use crate::protocol::kafka::api_key::for_each_api;
use crate::protocol::kafka::{ApiKey, Decoder, Form, Message, Wire, api};

fn returns<M: Message + Wire + PartialEq + std::fmt::Debug>(key: ApiKey, seed: u64) {
    for version in key.versions() {
        let form = Form { version, flexible: version >= key.flexible_from() };
        let message = M::sample(&mut Samples::new(seed), form);
        let bytes = encoded(&message, version);
        let mut input = Decoder::new(bytes.clone());
        let back = M::decode(&mut input, version)
            .unwrap_or_else(|error| panic!("{key} version {version}, seed {seed}: {error}\n{message:?}"));
        assert_eq!(input.remaining(), 0, "{key} version {version}, seed {seed}");
        assert_eq!(back, message, "{key} version {version}, seed {seed}");
        assert_eq!(encoded(&back, version), bytes, "{key} version {version}, seed {seed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_message_in_every_version_comes_back(seed: u64) {
        macro_rules! both_return {
            ($name:ident, $request:ident, $response:ident) => {
                returns::<api::$request>(ApiKey::$name, seed);
                returns::<api::$response>(ApiKey::$name, seed);
            };
        }
        for_each_api!(both_return);
    }
}
