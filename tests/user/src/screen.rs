//! What an application makes of the actions of a session, or of a peer.

use std::collections::BTreeMap;

use redial::dialect::{Handshake, NotResumed};
use redial::error::Malformed;
use redial::{
    Action, Body, Cause, ConnectionId, Duration, Frame, Instant, Message, MessageId, PollCause, Purpose, State, Status,
};

/// What an application makes of the actions of a session, or of a peer.
#[derive(Debug, Default)]
pub struct Screen {
    /// The phases so far, each with its cause.
    pub states: Vec<(State, Option<Cause>)>,
    /// The sockets that were asked for, each with the number of its attempt.
    pub dialled: Vec<(ConnectionId, u32, Handshake)>,
    /// The frames to be written, oldest first.
    pub wire: Vec<(ConnectionId, Frame, Purpose)>,
    /// The sockets that were to be closed, each with its code.
    pub closed: Vec<(ConnectionId, Option<u16>, String)>,
    /// The sockets that were to be dropped.
    pub dropped: Vec<ConnectionId>,
    /// Why the application was to poll.
    pub polls: Vec<PollCause>,
    /// The version to be stored.
    pub to_store: Option<u64>,
    /// The connections for which a credential was asked for, each with its challenge.
    pub asked: Vec<(ConnectionId, Option<String>)>,
    /// The reconnects that were announced.
    pub planned: Vec<(Instant, u32, Cause)>,
    /// The links that were suspected.
    pub suspected: Vec<ConnectionId>,
    /// The round trips that were measured.
    pub round_trips: Vec<(ConnectionId, Option<Duration>)>,
    /// The messages that came.
    pub delivered: Vec<Message>,
    /// Where each message stood, oldest first.
    pub statuses: BTreeMap<MessageId, Vec<Status>>,
    /// The messages whose confirmation came too late.
    pub late: Vec<MessageId>,
    /// What was not written.
    pub unsent: Vec<(ConnectionId, Purpose)>,
    /// The messages that found no room.
    pub deferred: Vec<MessageId>,
    /// The positions between which something is missing.
    pub gaps: Vec<(u64, Option<u64>)>,
    /// Why a session was not taken up again.
    pub not_resumed: Vec<NotResumed>,
    /// What the server said when it threw the account out.
    pub kicked: Option<Body>,
    /// The losses after which the session gave up.
    pub gave_up: Option<u32>,
    /// The frames that were not understood.
    pub malformed: Vec<(ConnectionId, Malformed)>,
    /// The kinds of the actions that this application has no name for.
    pub unknown: Vec<&'static str>,
    /// How many actions of each kind came.
    pub kinds: BTreeMap<&'static str, usize>,
}

impl Screen {
    /// Takes one action.
    pub fn take(&mut self, action: Action) {
        *self.kinds.entry(action.kind()).or_default() += 1;
        match action {
            Action::Connect { connection, attempt, handshake, .. } => {
                self.dialled.push((connection, attempt, handshake));
            }
            Action::Send { connection, frame, purpose, .. } => self.wire.push((connection, frame, purpose)),
            Action::Close { connection, code, reason, .. } => self.closed.push((connection, code, reason)),
            Action::Abort { connection, .. } => self.dropped.push(connection),
            Action::Poll { cause, .. } => self.polls.push(cause),
            Action::Persist { version, .. } => self.to_store = Some(version),
            Action::NeedCredential { connection, challenge, .. } => self.asked.push((connection, challenge)),
            Action::State { state, cause, .. } => self.states.push((state, cause)),
            Action::ScheduleReconnect { at, attempt, cause, .. } => self.planned.push((at, attempt, cause)),
            Action::Suspected { connection, .. } => self.suspected.push(connection),
            Action::Alive { connection, rtt, .. } => self.round_trips.push((connection, rtt)),
            Action::Deliver(message) => self.delivered.push(message),
            Action::Status { id, status, .. } => self.statuses.entry(id).or_default().push(status),
            Action::LateReceipt { id, .. } => self.late.push(id),
            Action::Unsent { connection, purpose, .. } => self.unsent.push((connection, purpose)),
            Action::Deferred { id, .. } => self.deferred.push(id),
            Action::Gap { from, to, .. } => self.gaps.push((from, to)),
            Action::NotResumed { why, .. } => self.not_resumed.push(why),
            Action::Kicked { body, .. } => self.kicked = Some(body),
            Action::GaveUp { attempts, .. } => self.gave_up = Some(attempts),
            Action::Malformed { connection, error, .. } => self.malformed.push((connection, error)),
            _ => self.unknown.push(action.kind()),
        }
    }

    /// The statuses of one message, oldest first.
    pub fn statuses_of(&self, id: &str) -> &[Status] {
        self.statuses.get(&MessageId::from(id)).map_or(&[], Vec::as_slice)
    }

    /// The texts of the messages that came, oldest first.
    pub fn texts(&self) -> Vec<&str> {
        self.delivered.iter().filter_map(|message| message.body.as_text()).collect()
    }

    /// The lines to be written, taken away.
    pub fn take_lines(&mut self) -> Vec<String> {
        let frames = self.wire.drain(..);
        frames.filter_map(|(_, frame, _)| frame.as_text().map(str::to_owned)).collect()
    }
}
