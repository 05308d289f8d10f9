//! The network between a session and its server: one line a connection, each direction in order until it breaks.

use std::collections::BTreeMap;

use redial::journal::Call;
use redial::{ConnectionId, Event, Frame, MessageId};

use super::pipe::Pipe;
use super::storage::Stored;

/// A connection as the network names it; the client's own numbers may come again after a crash.
pub(crate) type LineId = u64;

/// Something on its way.
#[derive(Debug)]
pub(crate) enum Parcel {
    /// Something happens to the client's process of this number; nothing where another has taken its place.
    Client(u64, Deed),
    /// The client's program starts again.
    Start,
    /// The dial of this line reaches the server.
    Dial(LineId),
    /// A frame reaches the server.
    ToServer(LineId, Frame),
    /// The server hears that this line is over.
    Gone(LineId),
    /// The server hears that the client has closed, and closes too.
    Farewell(LineId),
    /// Bytes move in a socket of this line: the client's, or the server's.
    PumpUp(LineId),
    PumpDown(LineId),
    /// The server's socket has taken so many frames, or has seen bytes of one.
    ServerWrote(LineId, u64),
    ArrivingUp(LineId),
    /// The server's application has dealt with a message.
    ServerTakes(u64, MessageId),
    /// An application has something to say.
    ClientSays(String),
    ServerSays(String),
    /// The next fault.
    Fault,
    /// The faults are over.
    Heal,
    /// All has come to rest, so both sides have their last words.
    LastWords,
}

/// What happens to a client.
#[derive(Debug)]
pub(crate) enum Deed {
    Event(Event),
    Call(Call),
    /// The application sends again what failed, by its name.
    Resend(String),
    /// The application has dealt with a push.
    Consume(MessageId),
    /// The application has taken the delivered message of this number.
    Take(u64),
    /// What was to be stored is.
    Stored(u64, Option<Box<Stored>>),
}

/// Where on the way a parcel is: its time, and its place among those of the same time.
pub(crate) type Key = (u64, u64);

/// All that is on its way, by time.
#[derive(Debug, Default)]
pub(crate) struct Post {
    parcels: BTreeMap<Key, Parcel>,
    sent: u64,
}

impl Post {
    pub(crate) fn at(&mut self, time: u64, parcel: Parcel) -> Key {
        self.sent += 1;
        let key = (time, self.sent);
        self.parcels.insert(key, parcel);
        key
    }

    pub(crate) fn next_time(&self) -> Option<u64> {
        self.parcels.first_key_value().map(|((time, _), _)| *time)
    }

    pub(crate) fn pop(&mut self) -> Option<(Key, Parcel)> {
        self.parcels.pop_first()
    }

    /// Holds a parcel back without letting a later one overtake it.
    pub(crate) fn hold(&mut self, key: Key, until: u64, parcel: Parcel) {
        self.parcels.insert((until, key.1), parcel);
    }

    pub(crate) fn lose(&mut self, key: Key) {
        self.parcels.remove(&key);
    }
}

/// One direction of one line.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// Nothing that is sent from here on arrives.
    pub(crate) dead: bool,
    /// Nothing arrives before this, so that nothing is overtaken.
    pub(crate) not_before: u64,
    /// Nothing more is handed over; what is in the socket still goes.
    pub(crate) shut: bool,
    /// The socket, where it has a rate.
    pub(crate) pipe: Option<Pipe>,
    sent: Vec<Key>,
}

impl Flow {
    /// Sends a parcel; a dead direction swallows it.
    pub(crate) fn send(&mut self, post: &mut Post, arrives: u64, parcel: Parcel) {
        if !self.dead {
            self.not_before = self.not_before.max(arrives);
            self.sent.push(post.at(self.not_before, parcel));
        }
    }

    /// Breaks, and loses the last so many of what is on its way. What its socket holds stays there, and fills it.
    pub(crate) fn cut(&mut self, post: &mut Post, now: u64, lost: usize) {
        self.dead = true;
        self.sent.retain(|(time, _)| *time > now);
        for key in self.sent.iter().rev().take(lost) {
            post.lose(*key);
        }
    }
}

/// One connection, as the network sees it.
#[derive(Debug)]
pub(crate) struct Line {
    /// The client's process, and its name for the connection.
    pub(crate) process: u64,
    pub(crate) connection: ConnectionId,
    pub(crate) up: Flow,
    pub(crate) down: Flow,
    /// Where the server has it.
    pub(crate) stage: Stage,
    /// The client's socket takes nothing any more.
    pub(crate) unwritable: bool,
}

impl Line {
    pub(crate) fn new(process: u64, connection: ConnectionId) -> Self {
        let (up, down) = (Flow::default(), Flow::default());
        Self { process, connection, up, down, stage: Stage::Dialed, unwritable: false }
    }
}

/// How far the server has come with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It has not seen it yet.
    Dialed,
    /// It has asked who is there.
    Lobby,
    /// It has let it in, and calls it by this name.
    Accepted(ConnectionId),
}
