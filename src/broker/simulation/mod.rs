//! Random lives of a whole broker on a disk that forgets: the real logs, catalogue and groups, in one thread, with a
//! passed clock, beside a model of what was promised.
//!
//! A life is a seed: the same number lives the same life. Each has at least 200 operations and 3 crashes; the disk
//! stops, loses and tears what was not synced, refuses, and misreads, while the broker runs and while it starts.
//! `RAFKA_SIMULATION_SEEDS=10000` lives so many, `RAFKA_SIMULATION_SEED=17` that one and prints what it does. The run
//! prints how often each fault, kind of file and branch of recovery came up, and fails if one never did.
//!
//! ```text
//! world     the life: operations, ends and starts           expected  what was promised to whom
//! records   what producers send, and readers see            owed      what one partition owes, and whether it is there
//! topics    what administrators do                          reader    a partition as a consumer sees it
//! members   groups: commits, and members that come and go   tally     what came up, and how often
//! weather   what the disk does while it runs                power     what it forgets when the power goes
//! chance    the seed's numbers
//! ```

mod chance;
mod expected;
mod members;
mod owed;
mod power;
mod reader;
mod records;
mod tally;
mod topics;
mod weather;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::log::{RecoveryRule, set_rule_of_recovery};
use tally::Tally;
use world::World;

const SEEDS: u64 = 300;
/// Lives without a rule, of which one must break a promise. The first few do.
const SEEDS_WITHOUT_A_RULE: u64 = 60;

/// What a life has come to; `Err` says what was promised and not kept.
type Outcome = Result<(), String>;

/// Lives one life.
fn live(seed: u64, without: Option<RecoveryRule>, tally: &mut Tally) -> Outcome {
    tally::listen();
    set_rule_of_recovery(without);
    crate::base::seed_random_ids(Some(seed));
    let lived = catch_unwind(AssertUnwindSafe(|| World::new(seed, without).live(tally)));
    crate::base::seed_random_ids(None);
    set_rule_of_recovery(None);
    tally.take_heard();
    let told = lived.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
    });
    told.map_err(|why| format!("seed {seed}: {why}\n(RAFKA_SIMULATION_SEED={seed} lives it again, and says how)"))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn nothing_promised_is_ever_lost() {
    if let Some(seed) = number("RAFKA_SIMULATION_SEED") {
        let mut tally = Tally::aloud();
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

#[test]
fn the_same_number_lives_the_same_life() {
    for seed in 0..3 {
        let (mut one, mut other) = (Tally::default(), Tally::default());
        assert_eq!(live(seed, None, &mut one), live(seed, None, &mut other));
        assert_eq!(one, other, "seed {seed}");
    }
}

/// The checker is checked: without a rule some life must go wrong, and soon.
fn breaks_a_promise_without(rule: RecoveryRule) {
    let broken = (0..SEEDS_WITHOUT_A_RULE).find_map(|seed| live(seed, Some(rule), &mut Tally::default()).err());
    match broken {
        Some(why) => println!("without {rule:?}: {why}"),
        None => panic!("{SEEDS_WITHOUT_A_RULE} lives without {rule:?} kept every promise"),
    }
}

#[test]
fn it_needs_a_sync_before_the_acknowledgement() {
    breaks_a_promise_without(RecoveryRule::SyncBeforeAck);
}

#[test]
fn it_needs_synced_directories() {
    breaks_a_promise_without(RecoveryRule::DirectorySync);
}

#[test]
fn it_needs_crcs() {
    breaks_a_promise_without(RecoveryRule::CrcCheck);
}

#[test]
fn it_needs_the_tail_to_be_cut() {
    breaks_a_promise_without(RecoveryRule::TailCut);
}

#[test]
fn it_needs_the_high_watermark_to_stay_behind_the_flush() {
    breaks_a_promise_without(RecoveryRule::HighWatermark);
}
