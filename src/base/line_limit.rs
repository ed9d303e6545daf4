//! A bound on lines of the log that strangers can cause: so many a minute, and then one that says how many more there
//! were.

use parking_lot::Mutex;

use super::Now;

const MINUTE_MS: i64 = 60_000;

#[derive(Debug)]
pub struct LineLimit {
    per_minute: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The minute that counts began with its first line.
    began_ms: i64,
    said: u32,
    left_out: u64,
    /// From minutes that are over.
    untold: u64,
}

impl State {
    fn turn(&mut self, now: Now) {
        if now.mono_ms - self.began_ms >= MINUTE_MS {
            *self = State { began_ms: now.mono_ms, untold: self.untold + self.left_out, ..State::default() };
        }
    }
}

impl LineLimit {
    pub fn per_minute(lines: u32) -> LineLimit {
        LineLimit { per_minute: lines, state: Mutex::default() }
    }

    /// Whether one more line may be written now; counts it either way.
    pub fn admits(&self, now: Now) -> bool {
        let mut state = self.state.lock();
        if state.said == 0 {
            state.began_ms = now.mono_ms;
        }
        state.turn(now);
        if state.said < self.per_minute {
            state.said += 1;
            return true;
        }
        state.left_out += 1;
        false
    }

    /// How many lines were left out in minutes that are over; each is told of once. To be asked now and then.
    pub fn left_out(&self, now: Now) -> Option<u64> {
        let mut state = self.state.lock();
        state.turn(now);
        Some(std::mem::take(&mut state.untold)).filter(|lines| *lines > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mono_ms: i64) -> Now {
        Now { wall_ms: 0, mono_ms }
    }

    #[test]
    fn so_many_lines_a_minute_and_then_their_number() {
        let limit = LineLimit::per_minute(3);
        let said = |from: i64, lines: i64| (0..lines).filter(|n| limit.admits(at(from + n))).count();
        assert_eq!(said(100_000, 2), 2);
        assert_eq!(limit.left_out(at(200_000)), None, "nothing was");
        assert_eq!(said(300_000, 20), 3, "the minute begins with its first line");
        assert_eq!(said(359_999, 1), 0);
        assert_eq!(limit.left_out(at(359_999)), None, "the minute is not over");
        assert_eq!(limit.left_out(at(360_000)), Some(18));
        assert_eq!(limit.left_out(at(360_001)), None, "it is told once");
        assert_eq!(said(360_002, 4), 3);
        // Nobody asked, and the next minute has begun: what was left out is not forgotten.
        assert_eq!(said(420_002, 5), 3);
        assert_eq!(limit.left_out(at(420_010)), Some(1));
        assert_eq!(limit.left_out(at(500_000)), Some(2));
    }
}
