//! The outbox in a snapshot.

use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

use super::{Entry, Outbox, OutboxPolicy, Resend, WhileDown};
use crate::frame::Body;
use crate::id::MessageId;
use crate::outbox::settled::{Settled, SettledEntryState};
use crate::outgoing::Repeat;
use crate::status::Status;
use crate::time::{Duration, Instant};

/// One unsettled message in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct OutboxEntryState {
    id: MessageId,
    body: Body,
    repeat: Repeat,
    sends: u32,
    losses: u32,
    /// How long ago it was first sent in this round.
    #[serde(rename = "age_ms", default, skip_serializing_if = "Option::is_none")]
    age: Option<Duration>,
    /// What is left of its time to live.
    #[serde(rename = "left_ms", default, skip_serializing_if = "Option::is_none")]
    left: Option<Duration>,
}

impl Outbox {
    pub(crate) fn settled(&self) -> &Settled {
        &self.settled
    }

    /// What is not settled, in order. What `may_leave` right after this was stored counts as sent.
    pub(crate) fn to_state(&self, now: Instant, may_leave: bool) -> Vec<OutboxEntryState> {
        let aged = now + self.slept;
        let to_state = |entry: &Entry| {
            let first_sent = entry.first_sent.or(may_leave.then_some(aged));
            OutboxEntryState {
                id: entry.id.clone(),
                body: entry.body.clone(),
                repeat: entry.repeat,
                sends: entry.sends.max(u32::from(may_leave)),
                losses: entry.losses,
                age: first_sent.map(|first| aged.since(first)),
                left: entry.expires.filter(|at| *at != Instant::NEVER).map(|at| at.since(aged)),
            }
        };
        self.line.iter_from(0).map(|(_, entry)| to_state(entry)).collect()
    }

    /// The outbox as a snapshot held it, `away` later.
    pub(crate) fn from_state(
        now: Instant,
        queue: Vec<OutboxEntryState>,
        settled: Vec<SettledEntryState>,
        away: Duration,
        policy: &OutboxPolicy,
    ) -> Self {
        let mut outbox = Self::new();
        // Ages may be longer than this clock has run, so the clock of ages starts that much ahead.
        let oldest = queue.iter().filter_map(|entry| entry.age).max().unwrap_or_default();
        outbox.slept = oldest + away;
        let aged = now + outbox.slept;
        for entry in settled {
            outbox.settled.remember(entry.id, entry.status, entry.kept, policy.remembered.as_count(), 0);
        }
        for state in queue {
            let expires = state.left.map(|left| aged + left - away);
            let entry = Entry {
                sends: state.sends,
                // How often in the round is not kept; that it was, is what counts.
                round: u32::from(state.age.is_some()),
                first_sent: state.age.map(|age| aged - age - away),
                losses: state.losses,
                ..Entry::new(now, state.id, state.body, state.repeat, expires)
            };
            outbox.push(entry, policy);
        }
        outbox
    }

    /// After a restart: settles what may have been sent in this round and may not be sent again, and where nothing waits for a
    /// connection, everything.
    pub(crate) fn on_restored(&mut self, policy: &OutboxPolicy) -> Vec<(MessageId, Status)> {
        if policy.while_down == WhileDown::Refuse {
            return self.settle_all(policy);
        }
        let unrepeatable = |entry: &Entry| {
            entry.first_sent.is_some() && (policy.resend == Resend::Never || entry.repeat == Repeat::Never)
        };
        self.line
            .places(unrepeatable)
            .into_iter()
            .filter_map(|slot| self.settle_told(slot, Status::Unconfirmed, policy))
            .collect()
    }
}
