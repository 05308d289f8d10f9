//! The command line.

use crate::sim::{self, FAULTS, Order};

const USAGE: &str =
    "usage: soak [--seeds N] [--start S] [--seconds T] [--threads N] [--without KIND,KIND] [--world NAME] [--thorough]";

/// What is to be run.
pub(crate) struct Options {
    pub(crate) seeds: u64,
    pub(crate) start: u64,
    /// No seed begins after so many seconds.
    pub(crate) seconds: Option<u64>,
    pub(crate) threads: u64,
    /// What all seeds have in common.
    pub(crate) order: Order,
}

impl Options {
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        let mut options = Self { seeds: 10_000, start: 0, seconds: None, threads: cores, order: Order::default() };
        while let Some(word) = words.next() {
            match &*word {
                "--seeds" => options.seeds = number(words.next())?,
                "--start" => options.start = number(words.next())?,
                "--seconds" => options.seconds = Some(number(words.next())?),
                "--threads" => options.threads = number(words.next())?.clamp(1, 256),
                "--thorough" => options.order.thorough = true,
                // Not in the usage: the oracle gets a rule that does not hold, so that a failing run can be seen to be
                // reported.
                "--canary" => options.order.canary = true,
                "--world" => {
                    let name = words.next().ok_or(USAGE)?;
                    options.order.world = Some(world(&name)?);
                }
                "--without" => {
                    let kinds = words.next().ok_or(USAGE)?;
                    options.order.without = kinds.split(',').map(kind).collect::<Result<_, _>>()?;
                }
                _ => return Err(USAGE.to_owned()),
            }
        }
        Ok(options)
    }

    /// Whether so much is played that everything has to happen.
    pub(crate) fn is_whole(&self) -> bool {
        self.order.without.is_empty() && self.order.world.is_none() && self.seeds >= 1_000
    }
}

fn number(word: Option<String>) -> Result<u64, String> {
    word.and_then(|word| word.replace('_', "").parse().ok()).ok_or_else(|| USAGE.to_owned())
}

fn world(word: &str) -> Result<&'static str, String> {
    let known = sim::worlds().find(|name| *name == word);
    known.ok_or_else(|| {
        format!("there is no world {word:?}; there are {}", sim::worlds().collect::<Vec<_>>().join(", "))
    })
}

fn kind(word: &str) -> Result<&'static str, String> {
    let known = FAULTS.into_iter().find(|kind| *kind == word);
    known.ok_or_else(|| format!("there is no fault {word:?}; there are {}", FAULTS.join(",")))
}
