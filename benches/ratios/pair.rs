//! A session and its peer in memory: messages are sent, delivered, acknowledged and settled, so many at a time.

use redial::config::{Limit, PeerPolicy};
use redial::{Action, ConnectionId, Event, Instant, Peer, Preset, Secret, Seed, Session, State, Status};

/// Two ends and what travels between them.
pub(crate) struct Pair {
    session: Session,
    peer: Peer,
    /// The connection as the session and as the peer name it.
    ends: (ConnectionId, ConnectionId),
}

impl Pair {
    /// Two ends with room for so many messages on their way.
    pub(crate) fn new(preset: Preset, window: u64) -> Self {
        let roomy = preset.configure(|config| {
            config.outbox.in_flight = Limit::new(window);
            config.outbox.messages = Limit::new(window.max(1_000));
        });
        let preset = roomy.expect("it is sound");
        let mut peer = Peer::new(preset.clone(), PeerPolicy::default(), Seed::from(8_u64));
        let mut session = Session::new(preset, Seed::from(7_u64));
        session.credential(Instant::ORIGIN, Secret::new("token"));
        session.open(Instant::ORIGIN);
        let connects = std::iter::from_fn(|| session.poll_action()).find_map(|action| match action {
            Action::Connect { connection, .. } => Some(connection),
            _ => None,
        });
        let ends = (connects.expect("open connects"), peer.accept(Instant::ORIGIN));
        session.handle(Instant::ORIGIN, Event::Opened { connection: ends.0 });
        let mut pair = Self { session, peer, ends };
        while pair.carry_there().0 + pair.carry_back() > 0 {}
        assert_eq!(pair.session.state(), State::Ready);
        pair
    }

    /// Takes so many messages of one body all the way, and says how many were delivered and accepted.
    pub(crate) fn exchange(&mut self, messages: u64, body: &str) -> (u64, u64) {
        for _ in 0..messages {
            self.session.send(Instant::ORIGIN, body).expect("there is room");
        }
        let (before, mut accepted) = (self.peer.stats().delivered, 0);
        loop {
            let (there, settled) = self.carry_there();
            let back = self.carry_back();
            accepted += settled;
            if there + back == 0 {
                return (self.peer.stats().delivered - before, accepted);
            }
        }
    }

    /// Carries what the session wants sent; gives the numbers of frames and of messages that were accepted.
    fn carry_there(&mut self) -> (u64, u64) {
        let (mut frames, mut accepted) = (0, 0);
        while let Some(action) = self.session.poll_action() {
            match action {
                Action::Send { frame, .. } => {
                    frames += 1;
                    self.peer.handle(Instant::ORIGIN, Event::FrameIn { connection: self.ends.1, frame });
                }
                Action::Status { status: Status::Accepted, .. } => accepted += 1,
                _ => {}
            }
        }
        (frames, accepted)
    }

    /// Carries what the peer wants sent; gives the number of frames.
    fn carry_back(&mut self) -> u64 {
        let mut frames = 0;
        while let Some(action) = self.peer.poll_action() {
            if let Action::Send { frame, .. } = action {
                frames += 1;
                self.session.handle(Instant::ORIGIN, Event::FrameIn { connection: self.ends.0, frame });
            }
        }
        frames
    }
}
