//! Ctrl-C and SIGTERM: every run ends at its next pause, and what it has made goes with it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

static ASKED: AtomicBool = AtomicBool::new(false);
const STEP: Duration = Duration::from_millis(20);

/// Listens for the signals from now on.
pub(crate) fn listen() {
    thread::spawn(|| {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
                return;
            };
            tokio::select! {
                _ = int.recv() => {}
                _ = term.recv() => {}
            }
            ASKED.store(true, Ordering::Relaxed);
            // A second signal finds a handler that does nothing; all waits are short from now on.
        });
        thread::park();
    });
}

pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// Waits, unless it is interrupted.
pub(crate) fn pause(length: Duration) -> Result<(), String> {
    wait_for(length, || Ok(false)).map(drop)
}

/// Waits until something holds, and says whether it does; an error ends the wait.
pub(crate) fn wait_for(most: Duration, mut holds: impl FnMut() -> Result<bool, String>) -> Result<bool, String> {
    let begun = Instant::now();
    loop {
        if asked() {
            return Err("interrupted".to_owned());
        }
        if holds()? {
            return Ok(true);
        }
        let left = most.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Ok(false);
        }
        thread::sleep(left.min(STEP));
    }
}
