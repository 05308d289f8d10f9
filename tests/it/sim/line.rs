//! The network between a session and its server: one line a connection, each direction in order until it breaks.

use std::collections::BTreeMap;

use redial::{ConnectionId, Event, Frame};

/// Something on its way.
#[derive(Debug, Clone)]
pub(crate) enum Parcel {
    /// The client hears of something.
    ToClient(Event),
    /// The dial of this connection reaches the server.
    Dial(ConnectionId),
    /// A frame reaches the server.
    ToServer(ConnectionId, Frame),
    /// The server hears that this connection is over.
    Gone(ConnectionId),
    /// An application has something to say.
    ClientSays(String),
    ServerSays(String),
    /// The next fault.
    Fault,
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

/// One direction of one connection.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// Nothing that is sent from here on arrives.
    pub(crate) dead: bool,
    /// Nothing arrives before this, so that nothing is overtaken.
    pub(crate) not_before: u64,
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

    /// Breaks, and loses the last so many of what is on its way.
    pub(crate) fn cut(&mut self, post: &mut Post, now: u64, lost: usize) {
        self.dead = true;
        self.sent.retain(|(time, _)| *time > now);
        for key in self.sent.iter().rev().take(lost) {
            post.lose(*key);
        }
    }
}

/// One connection, as the network sees it.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(crate) up: Flow,
    pub(crate) down: Flow,
    /// The server's own name for it, once it has accepted.
    pub(crate) accepted: Option<ConnectionId>,
}
