//! Who is due, without asking everybody: a heap keyed by `next_deadline`, for a host with many sessions.
//!
//! A deadline that moves later (most do, with every sign of life) is left where it is and looked at again when it comes
//! up; only one that moves earlier is entered anew. So an entry is paid for once a period, not once a frame.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use redial::Instant;

/// The earliest moment at which each session may be due.
#[derive(Debug)]
pub(crate) struct Agenda {
    heap: BinaryHeap<Reverse<(Instant, u32)>>,
    /// The entry of each session that counts; older ones are skipped as they come up.
    entered: Vec<Instant>,
}

impl Agenda {
    /// For so many sessions, none of which has a deadline yet.
    pub(crate) fn new(sessions: usize) -> Self {
        Self { heap: BinaryHeap::with_capacity(sessions), entered: vec![Instant::NEVER; sessions] }
    }

    /// The session's deadline after any input to it.
    pub(crate) fn note(&mut self, session: u32, deadline: Option<Instant>) {
        let Some(at) = deadline else { return };
        if let Some(entered) = self.entered.get_mut(session as usize).filter(|entered| at < **entered) {
            *entered = at;
            self.heap.push(Reverse((at, session)));
        }
    }

    /// When the next entry comes up.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// A session whose entry has come up. Its deadline may have moved since: tick it, or not, and `note` what it says
    /// then.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<u32> {
        while self.next().is_some_and(|at| at <= now) {
            let Reverse((at, session)) = self.heap.pop()?;
            let entered = self.entered.get_mut(session as usize).filter(|entered| **entered == at);
            if let Some(entered) = entered {
                *entered = Instant::NEVER;
                return Some(session);
            }
        }
        None
    }
}
