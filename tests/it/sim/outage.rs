//! What the server does to its clients: it throws them out, talks nonsense, dies, and comes back with its memory or
//! without.

use redial::dialect::{Content, Signal};
use redial::{Event, Frame, Peer, Seed};

use super::line::{Deed, LineId, Parcel, Stage};
use super::run::Run;

impl Run {
    /// The server throws the account out: it is connected elsewhere.
    pub(super) fn kick(&mut self) {
        let Some(line) = self.present() else { return };
        let bare = Signal::kick(Content::Text(r#"{"cmd":"conn_close"}"#));
        let told = Signal::kick(Content::Text("elsewhere"));
        if let Some(frame) = self.server.write(&told).or_else(|| self.server.write(&bare)) {
            self.note("kick");
            self.download(line, frame);
        }
    }

    /// The server closes with a code that forbids to come back.
    pub(super) fn dismiss(&mut self) {
        if let Some(line) = self.present() {
            self.note("final close code");
            let code = self.dice.one_of(&[1_008, 3_500, 4_500]);
            self.dismiss_line(line, code);
        }
    }

    pub(super) fn dismiss_line(&mut self, line: LineId, code: u16) {
        let Some(open) = self.lines.get_mut(&line) else { return };
        let (process, connection) = (open.process, open.connection);
        let event = Event::Closed { connection, code: Some(code), reason: "enough".to_owned() };
        self.send_down(line, 8, false, Parcel::Client(process, Deed::Event(event)));
        let rated = self.links.is_some();
        if let Some(open) = self.lines.get_mut(&line) {
            // The close goes behind what waits in the socket, but a line that was dead stays so.
            open.down.dead |= !rated;
            (open.up.dead, open.down.shut) = (true, true);
        }
        self.gone(line);
    }

    /// The server says what means nothing, and confirms what nobody sent.
    pub(super) fn babble(&mut self) {
        let Some(line) = self.present() else { return };
        self.note("nonsense");
        self.answer_on(line, &Signal::accepted("nobody's".into()));
        for _ in 0..self.dice.between(1, 8) {
            let garbage = self.dice.one_of(&["{", "[]", "ack", "\u{0}", r#"{"type":7}"#]);
            self.download(line, Frame::text(garbage));
            self.download(line, Frame::Binary(vec![0xff]));
        }
    }

    /// The server's program ends and comes back, with all it knew or without.
    pub(super) fn server_restarts(&mut self, forgetful: bool) {
        if forgetful {
            self.note("server forgets");
            let (preset, policy) = (self.server.preset.clone(), self.server.policy.clone());
            self.server.peer = Peer::new(preset, policy, Seed::from(self.dice.roll()));
            self.server.forget();
            self.server.forgot = Some((self.server.said.len(), self.server.shown.len()));
        } else {
            self.note("server restart");
        }
        self.go_down();
    }

    /// The next frame that the server reads is its last.
    pub(super) fn server_crashes(&mut self) {
        self.server.doomed = true;
    }

    pub(super) fn go_down(&mut self) {
        for line in self.lines.keys().copied().collect::<Vec<_>>() {
            let told = self.dice.percent(70);
            if self.lines.get(&line).is_some_and(|line| !line.down.dead) {
                self.break_line(line, told, false);
            }
            if let Some(Stage::Accepted(connection)) = self.lines.get(&line).map(|line| line.stage) {
                let gone = Event::Closed { connection, code: None, reason: String::new() };
                self.server.peer.handle(self.true_clock(), gone);
            }
            if let Some(line) = self.lines.get_mut(&line) {
                line.up.dead = true;
                line.stage = Stage::Dialed;
            }
        }
        while self.server.peer.poll_action().is_some() {}
        let seed = Seed::from(self.dice.roll());
        self.broken = self.broken.take().or(self.server.restore(self.now, seed).err());
        self.server.process += 1;
        // What it had in hand was not acknowledged, so it comes again.
        self.server.in_hand.clear();
        self.server.down_until = self.now + self.dice.between(0, 40_000);
    }
}
