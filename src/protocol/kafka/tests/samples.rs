//! Values at random, from a seed: the same seed gives the same values.

use bytes::Bytes;

/// A small generator (SplitMix64): what it draws matters less than that a failure can be repeated.
pub struct Samples {
    state: u64,
}

impl Samples {
    pub fn new(seed: u64) -> Samples {
        Samples { state: seed }
    }

    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Often one of the values where mistakes live.
    pub fn number(&mut self) -> i64 {
        match self.below(6) {
            0 => 0,
            1 => -1,
            2 => i64::MAX,
            3 => i64::MIN,
            4 => self.below(300) as i64,
            _ => self.next() as i64,
        }
    }

    /// How many elements an array has.
    pub fn count(&mut self) -> u64 {
        self.below(4)
    }

    pub fn text(&mut self) -> String {
        const LETTERS: [char; 8] = ['a', 'Z', '0', '.', '-', ' ', 'ü', '鍵'];
        let length = if self.below(20) == 0 { 100 + self.below(200) } else { self.below(8) };
        (0..length).map(|_| LETTERS[self.below(8) as usize]).collect()
    }

    /// Now and then enough for a splice.
    pub fn bytes(&mut self) -> Bytes {
        let length = if self.below(20) == 0 { 4000 + self.below(400) } else { self.below(30) };
        (0..length).map(|_| self.next() as u8).collect()
    }
}
