//! The wall's time for clocks that run faster than the wall's: it goes as fast as the wall's, and no faster than the
//! machine.
//!
//! Where a clock is thirty times as fast, the ten seconds that a handshake may take are a third of one, and a busy
//! machine spends that on others: every link would look dead. So this time is counted by a thread that waits for its
//! turns like all the others, and a turn that came late counts as one in time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const TURN: Duration = Duration::from_millis(1);
/// No turn counts for more than this.
const LONGEST: Duration = Duration::from_millis(2);

static COUNTED: AtomicU64 = AtomicU64::new(0);

/// What a clock of this speed reads: the wall's own time where it runs like the wall's.
pub(crate) fn wall(speed: u32) -> fn() -> Instant {
    if speed > 1 { now } else { Instant::now }
}

fn now() -> Instant {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    let begun = *BEGUN.get_or_init(|| {
        thread::spawn(count);
        Instant::now()
    });
    begun + Duration::from_nanos(COUNTED.load(Ordering::Relaxed))
}

fn count() {
    let mut last = Instant::now();
    loop {
        thread::sleep(TURN);
        let passed = last.elapsed();
        last += passed;
        COUNTED.fetch_add(u64::try_from(passed.min(LONGEST).as_nanos()).unwrap_or(0), Ordering::Relaxed);
    }
}
