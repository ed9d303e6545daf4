//! Random lives of a whole broker on a disk that forgets: the real logs, catalogue and groups, in one thread, with a
//! passed clock, beside a model of what was promised.
//!
//! A life is a seed: the same number lives the same life. Each has at least 200 operations and 3 crashes; the disk
//! stops, loses and tears what was not synced, refuses, and misreads. `RAFKA_SIMULATION_SEEDS=10000` lives so many,
//! `RAFKA_SIMULATION_SEED=17` that one and prints what it does. The run prints how often each fault, kind of file and
//! branch of recovery came up.
//!
//! ```text
//! world     the operations, the ends and the starts     expected  what was promised, and whether it is kept
//! faults    what is done to the disk                    tally     what came up, and how often
//! chance    the seed's numbers
//! ```

mod chance;
mod expected;
mod faults;
mod tally;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tally::Tally;
use world::{Rule, World};

const SEEDS: u64 = 300;

/// Lives one life. `Err` says what was promised and not kept.
fn live(seed: u64, without: Option<Rule>, tally: &mut Tally) -> Result<(), String> {
    tally::listen();
    let lived = catch_unwind(AssertUnwindSafe(|| World::new(seed, without).live(tally)));
    tally.take_heard();
    crate::log::set_rule_of_recovery(None);
    let told = lived.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
    });
    told.map_err(|why| format!("seed {seed}: {why}\n(RAFKA_SIMULATION_SEED={seed} lives it again)"))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn nothing_promised_is_ever_lost() {
    if let Some(seed) = number("RAFKA_SIMULATION_SEED") {
        let mut tally = Tally::default();
        tally.talks = true;
        live(seed, None, &mut tally).unwrap_or_else(|why| panic!("{why}"));
        return;
    }
    let seeds = number("RAFKA_SIMULATION_SEEDS").unwrap_or(SEEDS);
    let (next, all) = (AtomicU64::new(0), Mutex::new((Tally::default(), Vec::new())));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                let (mut tally, mut failures) = (Tally::default(), Vec::new());
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds || failures.len() >= 3 {
                        break;
                    }
                    failures.extend(live(seed, None, &mut tally).err());
                }
                let mut all = all.lock().expect("nobody panics with it");
                all.0.merge(&tally);
                all.1.extend(failures);
            });
        }
    });
    let (tally, failures) = all.into_inner().expect("nobody panics with it");
    println!("{seeds} lives\n{tally}");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    if seeds >= SEEDS {
        assert_eq!(tally.never(), Vec::<String>::new(), "these never came up");
    }
}

/// The checker is checked: without a rule some life must go wrong, and soon.
#[test]
fn without_any_one_rule_a_promise_is_broken() {
    for rule in Rule::ALL {
        let broken = (0..60).any(|seed| live(seed, Some(rule), &mut Tally::default()).is_err());
        assert!(broken, "60 lives without {rule:?} kept every promise");
    }
}
