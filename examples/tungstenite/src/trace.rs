//! The observer of a loop, on a thread of its own, so that the loop never waits for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use redial::{Action, Instant};

use crate::handle::{Runtime, Shared};

/// Hears every action.
pub(crate) type Trace = Box<dyn FnMut(Instant, &Action) + Send>;

/// The actions that wait for an observer hold at most so many bytes; beyond that they pass it by.
const ROOM: usize = 16 << 20;

/// How long the end of the loop waits for an observer that is behind.
const LINGER: Duration = Duration::from_secs(1);

/// The loop's side of an observer.
pub(crate) enum Tracer {
    /// Nobody observes.
    None,
    /// The observer hears what is sent.
    Hears(Sender<(Instant, Action)>, Arc<Waiting>),
    /// The loop ends at this time, even if the observer has not heard everything.
    Ends(Duration, Arc<Waiting>),
}

/// What waits for the observer.
#[derive(Default)]
pub(crate) struct Waiting {
    bytes: AtomicUsize,
    /// Whether nobody waits any more until the observer has heard the rest.
    is_over: AtomicBool,
    has_heard_all: AtomicBool,
}

impl Tracer {
    /// Without a thread to be had, every action passes the observer by.
    pub(crate) fn start<R: Runtime>(trace: Option<Trace>, shared: &Arc<Shared<R>>) -> Self {
        let Some(mut trace) = trace else { return Self::None };
        let (tell, told) = channel::<(Instant, Action)>();
        let (shared, waiting) = (Arc::clone(shared), Arc::<Waiting>::default());
        let tracer = Self::Hears(tell, Arc::clone(&waiting));
        let work = move || {
            let mut has_panicked = false;
            for (now, action) in told {
                if has_panicked || waiting.is_over.load(Ordering::Relaxed) {
                    shared.missed.fetch_add(1, Ordering::Relaxed);
                } else {
                    has_panicked = catch_unwind(AssertUnwindSafe(|| trace(now, &action))).is_err();
                }
                waiting.bytes.fetch_sub(weight(&action), Ordering::Relaxed);
            }
            waiting.has_heard_all.store(true, Ordering::Release);
            shared.runtime.wake();
        };
        let _ = thread::Builder::new().name("redial-trace".to_owned()).spawn(work);
        tracer
    }

    pub(crate) fn tell<R: Runtime>(&self, now: Instant, action: &Action, shared: &Shared<R>) {
        let is_told = match self {
            Self::None => true,
            Self::Hears(tell, waiting) => {
                let weight = weight(action);
                let held = waiting.bytes.load(Ordering::Relaxed);
                // One action always finds room.
                let has_room = held == 0 || held + weight <= ROOM;
                if has_room {
                    waiting.bytes.fetch_add(weight, Ordering::Relaxed);
                }
                has_room && tell.send((now, action.clone())).is_ok()
            }
            Self::Ends(..) => false,
        };
        shared.missed.fetch_add(u64::from(!is_told), Ordering::Relaxed);
    }

    /// Says how long the end of the loop still waits for the observer.
    pub(crate) fn end(&mut self, elapsed: Duration) -> Option<Duration> {
        match self {
            Self::None => None,
            Self::Hears(_, waiting) => {
                *self = Self::Ends(elapsed + LINGER, Arc::clone(waiting));
                Some(LINGER)
            }
            Self::Ends(at, waiting) => {
                let left = at.saturating_sub(elapsed);
                let waits = !left.is_zero() && !waiting.has_heard_all.load(Ordering::Acquire);
                waiting.is_over.store(!waits, Ordering::Relaxed);
                waits.then_some(left)
            }
        }
    }
}

/// The bytes of an action in memory, about.
fn weight(action: &Action) -> usize {
    let content = match action {
        Action::Send { frame, .. } => frame.len(),
        Action::Deliver(message) => message.body.len(),
        _ => 0,
    };
    content + 256
}
