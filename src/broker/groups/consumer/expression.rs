//! Subscription by regular expression: matched by the broker, against whole topic names, in time linear in their
//! length. Kafka uses RE2/J, whose expressions are these but for Unicode classes, which no topic name needs.

use std::collections::BTreeSet;

use regex_lite::{Regex, RegexBuilder};

use super::request::Refusal;
use super::topology::Topology;
use crate::base::ErrorCode;

/// What an expression may take once compiled. Twenty names in a row take about ten kilobytes.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// Says what is wrong with an expression that is not one.
pub(super) fn check(expression: &str) -> Result<(), Refusal> {
    compile(expression).map(drop).map_err(|error| {
        let sentence = format!("SubscribedTopicRegex `{expression}` is not a valid regular expression: {error}.");
        Refusal::new(ErrorCode::InvalidRegularExpression, sentence)
    })
}

/// The topics it matches.
pub(super) fn matches(expression: &str, topology: &Topology) -> BTreeSet<String> {
    match compile(expression) {
        Ok(regex) => topology.names().filter(|name| regex.is_match(name)).map(str::to_owned).collect(),
        // Checked when it came; another program may have written it to the log.
        Err(error) => {
            ::log::error!("the regular expression `{expression}` of a group's member matches nothing: {error}");
            BTreeSet::new()
        }
    }
}

fn compile(expression: &str) -> Result<Regex, regex_lite::Error> {
    let build = |pattern: &str| RegexBuilder::new(pattern).size_limit(COMPILED_BYTES_MAX).build();
    // Alone first: "a)|(b" is none, but would be one between the brackets.
    build(expression)?;
    build(&format!("^(?:{expression})$"))
}

#[cfg(test)]
mod tests {
    use super::super::topology::Shape;
    use super::*;
    use crate::base::Uuid;

    fn matched(expression: &str, names: &[&str]) -> Vec<String> {
        let shape = Shape { id: Uuid::ZERO, partitions: 1 };
        let topology = Topology::new(1, names.iter().map(|name| ((*name).to_owned(), shape)));
        matches(expression, &topology).into_iter().collect()
    }

    #[test]
    fn the_whole_name_has_to_match() {
        let names = ["a", "ab", "b", "ba", "orders-eu", "orders-us"];
        assert_eq!(matched("a|b", &names), ["a", "b"]);
        assert_eq!(matched("^orders-.*", &names), ["orders-eu", "orders-us"]);
        assert_eq!(matched("^orders", &names), [""; 0]);
        assert_eq!(matched("(?i)ORDERS-[[:alpha:]]{2}$", &names), ["orders-eu", "orders-us"]);
        assert_eq!(matched("", &names), [""; 0]);
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for bad in ["(", "a)|(b", "[a", "*", r"(a)\1", "(?=a)", "a{1000}{1000}{1000}"] {
            let refusal = check(bad).expect_err(bad);
            assert_eq!(refusal.code, ErrorCode::InvalidRegularExpression);
            assert!(refusal.message.contains(bad), "{refusal:?}");
        }
        assert!(check("^(foo|bar).*[0-9]+$").is_ok());
    }

    #[test]
    fn an_evil_expression_takes_no_longer_than_another() {
        let name = "a".repeat(249);
        assert_eq!(matched("(a*)*(a*)*(a*)*b", &[&name]), [""; 0]);
    }
}
