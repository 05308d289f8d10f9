//! The accepting side.

use redial::config::PeerPolicy;
use redial::{ConnectionId, Event, Frame, Instant, Peer, Preset, Seed};

use crate::{Host, Screen};

/// The accepting side, and the socket between it and a host.
#[derive(Debug)]
pub struct Desk {
    /// The peer itself.
    pub peer: Peer,
    /// What the service made of its actions.
    pub screen: Screen,
    socket: Option<(ConnectionId, ConnectionId)>,
}

impl Desk {
    /// A desk whose client was never there.
    pub fn new(preset: Preset, policy: PeerPolicy, seed: Seed) -> Self {
        Self { peer: Peer::new(preset, policy, seed), screen: Screen::default(), socket: None }
    }

    /// Opens the socket that the host has asked for last.
    pub fn open(&mut self, host: &mut Host) {
        if let Some(connection) = host.connection() {
            self.socket = Some((connection, self.peer.accept(host.now())));
            host.event(Event::Opened { connection });
        }
    }

    /// Takes a message for the client.
    pub fn push(&mut self, now: Instant, text: &str) -> Option<redial::MessageId> {
        let id = self.peer.push(now, text).ok();
        self.drain();
        id
    }

    /// Carries lines to and fro until none is on its way; gives them, those of the host with `>`.
    pub fn carry(&mut self, host: &mut Host) -> Vec<String> {
        let mut carried = Vec::new();
        loop {
            self.drain();
            let (up, down) = (host.screen.take_lines(), self.screen.take_lines());
            if up.is_empty() && down.is_empty() {
                return carried;
            }
            carried.extend(up.iter().map(|line| format!("> {line}")));
            carried.extend(down.iter().map(|line| format!("< {line}")));
            let Some((theirs, ours)) = self.socket else { return carried };
            for line in up {
                self.peer.handle(host.now(), Event::FrameIn { connection: ours, frame: Frame::text(line) });
            }
            for line in down {
                host.line(theirs, &line);
            }
        }
    }

    /// Lets what the host has written arrive, and nothing that is said to it.
    pub fn carry_up_only(&mut self, host: &mut Host) {
        for line in host.screen.take_lines() {
            if let Some((_, ours)) = self.socket {
                self.peer.handle(host.now(), Event::FrameIn { connection: ours, frame: Frame::text(line) });
            }
        }
    }

    /// Breaks the socket: what is on its way is lost.
    pub fn cut(&mut self, host: &mut Host) {
        if let Some((theirs, ours)) = self.socket.take() {
            self.peer.handle(host.now(), Event::Closed { connection: ours, code: None, reason: String::new() });
            self.drain();
            host.screen.wire.clear();
            self.screen.wire.clear();
            host.event(Event::Closed { connection: theirs, code: None, reason: String::new() });
        }
    }

    /// Takes the actions of the peer.
    pub fn drain(&mut self) {
        while let Some(action) = self.peer.poll_action() {
            self.screen.take(action);
        }
    }
}
