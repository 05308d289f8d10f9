//! Random numbers: a seed that the caller supplies, and a small generator whose output is part of the contract.
//!
//! The generator is PCG XSL-RR 128/64 (M. O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good
//! Algorithms for Random Number Generation", 2014). It is implemented here because a journal must replay byte for byte
//! in every later version, which no dependency promises for ever.

use core::fmt;

use alloc::format;
use alloc::string::String;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A seed is 128 bits that decide every random choice of a session: jitter and the nonce of its message ids.
///
/// Take the seed from the operating system in a program, and from a constant only in tests: two sessions with the same
/// seed make the same message ids, and a server drops the messages of the second session as repeats. A seed is written
/// as 32 hexadecimal digits, and read from these or from an unsigned integer.
///
/// ```
/// use redial::Seed;
/// assert_eq!(Seed::from(7_u64).to_string(), "00000000000000000000000000000007");
/// assert_eq!(Seed::from_bytes([0; 16]), Seed::from(0_u64));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seed(u128);

impl Seed {
    /// Creates a seed from 16 bytes of entropy, little endian.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_le_bytes(bytes))
    }
}

impl From<u64> for Seed {
    fn from(value: u64) -> Self {
        Self(u128::from(value))
    }
}

impl From<u128> for Seed {
    fn from(value: u128) -> Self {
        Self(value)
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed({self})")
    }
}

impl Serialize for Seed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{self}"))
    }
}

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum SeedForm {
            Number(u64),
            Hex(String),
        }
        match SeedForm::deserialize(deserializer)? {
            SeedForm::Number(number) => Ok(Self::from(number)),
            SeedForm::Hex(hex) => u128::from_str_radix(&hex, 16)
                .map(Self)
                .map_err(|_| serde::de::Error::custom("a seed is an unsigned integer or up to 32 hexadecimal digits")),
        }
    }
}

const MULTIPLIER: u128 = 0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645;
const INCREMENT: u128 = 0x5851_F42D_4C95_7F2D_1405_7B7E_F767_814F;

/// Random number generator; its state is part of the session's state, so that equal sessions stay equal.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Rng {
    high: u64,
    low: u64,
}

impl fmt::Debug for Rng {
    /// Hides the state, from which the tokens that a peer gives follow.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rng(***)")
    }
}

impl Rng {
    pub(crate) fn new(seed: Seed) -> Self {
        let mut rng = Self { high: 0, low: 0 };
        rng.set(seed.0.wrapping_add(INCREMENT));
        // One step spreads a small seed over the whole state.
        rng.next_u64();
        rng
    }

    fn set(&mut self, state: u128) {
        #[expect(clippy::cast_possible_truncation, reason = "the state is stored as its two halves")]
        {
            self.high = (state >> 64) as u64;
            self.low = state as u64;
        }
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        let state = u128::from(self.high) << 64 | u128::from(self.low);
        self.set(state.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT));
        let rotation = u32::try_from(self.high >> 58).unwrap_or(0);
        (self.high ^ self.low).rotate_right(rotation)
    }

    /// Returns a value in `[low, high]`, both ends included; `low` if the range is empty.
    pub(crate) fn within(&mut self, low: u64, high: u64) -> u64 {
        match high.checked_sub(low) {
            None | Some(0) => low,
            Some(span) => {
                let wide = u128::from(self.next_u64()) * (u128::from(span) + 1);
                low.saturating_add(u64::try_from(wide >> 64).unwrap_or(span))
            }
        }
    }
}
