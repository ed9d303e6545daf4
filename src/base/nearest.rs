//! "Did you mean": the known name nearest to a mistyped one.

/// The candidate a person most likely meant, or none if nothing is near. Case is a mistake like any other,
/// but the cheapest one.
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = wanted.to_lowercase();
    candidates
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= mistakes_allowed(name.len().min(wanted.len())))
        .min()
        .map(|(_, name)| name)
}

/// In a short word, two wrong letters make another word.
fn mistakes_allowed(length: usize) -> usize {
    if length < 2 { 0 } else { 1 + length / 6 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_name_and_nonsense_finds_none() {
        let names = ["Payments", "Flights", "Logs"];
        assert_eq!(nearest("Paymnts", names), Some("Payments"));
        assert_eq!(nearest("payments", names), Some("Payments"));
        assert_eq!(nearest("Lgos", names), Some("Logs"));
        assert_eq!(nearest("Orders", names), None);
        assert_eq!(nearest("nope", ["Copy"]), None);
        assert_eq!(nearest("a", ["b"]), None);
        assert_eq!(nearest("A", ["a"]), Some("a"));
    }
}
