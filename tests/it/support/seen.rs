//! What came out of a session, and the questions that stories ask about it.

use redial::{Action, Cause, MessageId, Purpose, State, Status};

/// Actions, in order.
#[derive(Debug)]
pub(crate) struct Seen(Vec<Action>);

impl Seen {
    pub(crate) fn new(actions: Vec<Action>) -> Self {
        Self(actions)
    }

    pub(crate) fn all(&self) -> &[Action] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The texts of the messages that were sent.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.sends(|purpose| matches!(purpose, Purpose::Message { .. }))
    }

    /// The ids of the acknowledgements that were sent.
    pub(crate) fn acks(&self) -> Vec<MessageId> {
        let id = |action: &Action| match action {
            Action::Send { purpose: Purpose::Ack { id }, .. } => Some(id.clone()),
            _ => None,
        };
        self.0.iter().filter_map(id).collect()
    }

    /// How many heartbeats were sent.
    pub(crate) fn beats(&self) -> usize {
        self.sends(|purpose| *purpose == Purpose::Heartbeat).len()
    }

    pub(crate) fn sends(&self, wanted: impl Fn(&Purpose) -> bool) -> Vec<String> {
        let text = |action: &Action| match action {
            Action::Send { frame, purpose, .. } if wanted(purpose) => {
                Some(frame.as_text().unwrap_or_default().to_owned())
            }
            _ => None,
        };
        self.0.iter().filter_map(text).collect()
    }

    /// What was delivered.
    pub(crate) fn delivered(&self) -> Vec<String> {
        let text = |action: &Action| match action {
            Action::Deliver(message) => Some(message.body.as_text().unwrap_or("<bytes>").to_owned()),
            _ => None,
        };
        self.0.iter().filter_map(text).collect()
    }

    /// How one message fared.
    pub(crate) fn statuses(&self, wanted: &MessageId) -> Vec<Status> {
        let status = |action: &Action| match action {
            Action::Status { id, status } if id == wanted => Some(*status),
            _ => None,
        };
        self.0.iter().filter_map(status).collect()
    }

    /// The phases that began.
    pub(crate) fn states(&self) -> Vec<State> {
        let state = |action: &Action| match action {
            Action::State { state, .. } => Some(*state),
            _ => None,
        };
        self.0.iter().filter_map(state).collect()
    }

    /// Why the session waits for a reconnect, and when that comes; one entry a loss.
    pub(crate) fn losses(&self) -> Vec<(Cause, u64)> {
        let loss = |action: &Action| match action {
            Action::ScheduleReconnect { cause, at, .. } => Some((*cause, at.as_millis())),
            _ => None,
        };
        self.0.iter().filter_map(loss).collect()
    }

    /// How many of the actions are such.
    pub(crate) fn count(&self, wanted: impl Fn(&Action) -> bool) -> usize {
        self.0.iter().filter(|action| wanted(action)).count()
    }

    pub(crate) fn connects(&self) -> usize {
        self.count(|action| matches!(action, Action::Connect { .. }))
    }

    pub(crate) fn aborts(&self) -> usize {
        self.count(|action| matches!(action, Action::Abort { .. }))
    }
}
