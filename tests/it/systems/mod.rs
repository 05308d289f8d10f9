//! The five presets, each against what its document states, to the millisecond.

mod live_chat;
mod malformed;
mod react_im;
mod uni_app;
mod vue_polling;
mod wechat;

use redial::{
    Action, ConnectionId, Event, Failure, Frame, Handshake, Instant, Malformed, MessageId, PollCause, Preset, Purpose,
    Seed, SendError, Session, State, Status,
};

/// A session under a virtual clock, and everything it has asked for so far.
struct Client {
    session: Session,
    now: u64,
    seen: Vec<(u64, Action)>,
}

impl Client {
    /// A session opened at 0.
    fn open(preset: Preset) -> Self {
        let mut client = Self::idle(preset);
        client.session.open(Instant::ORIGIN);
        client.drain();
        client
    }

    fn idle(preset: Preset) -> Self {
        Self { session: Session::new(preset, Seed::from(7_u64)), now: 0, seen: Vec::new() }
    }

    /// A session whose socket opened at 0.
    fn connected(preset: Preset) -> Self {
        let mut client = Self::open(preset);
        client.opened();
        client
    }

    /// Lets time pass, ticking at each deadline on the way.
    fn at(&mut self, millis: u64) -> &mut Self {
        assert!(millis >= self.now, "time runs forwards");
        while let Some(deadline) = self.session.next_deadline().filter(|due| due.at.as_millis() <= millis) {
            assert!(deadline.at.as_millis() > self.now, "a deadline lies in the future");
            self.now = deadline.at.as_millis();
            self.event(Event::Tick);
        }
        self.now = millis;
        self
    }

    /// As `at`, so much later than now.
    fn later(&mut self, millis: u64) -> &mut Self {
        self.at(self.now + millis)
    }

    /// Jumps there without a tick on the way, as after a suspend.
    fn jump(&mut self, millis: u64) -> &mut Self {
        self.now = millis;
        self.event(Event::Tick)
    }

    fn event(&mut self, event: Event) -> &mut Self {
        self.session.handle(self.time(), event);
        self.drain();
        self
    }

    fn call<T>(&mut self, call: impl FnOnce(&mut Session, Instant) -> T) -> T {
        let now = self.time();
        let answer = call(&mut self.session, now);
        self.drain();
        answer
    }

    fn drain(&mut self) {
        while let Some(action) = self.session.poll_action() {
            self.seen.push((self.now, action));
        }
    }

    fn time(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    fn connection(&self) -> ConnectionId {
        ConnectionId::new(self.connects().len() as u64)
    }

    fn opened(&mut self) -> &mut Self {
        self.event(Event::Opened { connection: self.connection() })
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.frame(Frame::text(text.to_owned()))
    }

    fn frame(&mut self, frame: Frame) -> &mut Self {
        self.event(Event::FrameIn { connection: self.connection(), frame })
    }

    fn errored(&mut self) -> &mut Self {
        self.errored_on(self.connection())
    }

    fn errored_on(&mut self, connection: ConnectionId) -> &mut Self {
        self.event(Event::Errored { connection, cause: Failure::Other, retry_after: None })
    }

    fn closed(&mut self) -> &mut Self {
        self.closed_on(self.connection())
    }

    fn closed_on(&mut self, connection: ConnectionId) -> &mut Self {
        self.event(Event::Closed { connection, code: Some(1006), reason: String::new() })
    }

    fn not_written(&mut self, purpose: Purpose) -> &mut Self {
        self.event(Event::SendFailed { connection: self.connection(), purpose: Some(purpose) })
    }

    fn send(&mut self, body: &str) -> Result<MessageId, SendError> {
        self.call(|session, now| session.send(now, body))
    }

    fn send_as(&mut self, id: &str, body: &str) -> MessageId {
        let message = redial::Outgoing::from(body).id(id);
        self.call(|session, now| session.send(now, message)).expect("the message is taken")
    }

    fn resend(&mut self, id: &MessageId) -> &mut Self {
        self.call(|session, now| session.resend(now, id)).expect("a failed message may be sent again");
        self
    }

    fn close(&mut self) -> &mut Self {
        self.call(Session::close);
        self
    }

    fn state(&self) -> State {
        self.session.state()
    }

    fn is_quiet(&self) -> bool {
        self.session.next_deadline().is_none()
    }

    fn pick<T>(&self, pick: impl Fn(&Action) -> Option<T>) -> Vec<(u64, T)> {
        self.seen.iter().filter_map(|(at, action)| Some((*at, pick(action)?))).collect()
    }

    fn all<T>(&self, pick: impl Fn(&Action) -> Option<T>) -> Vec<T> {
        self.seen.iter().filter_map(|(_, action)| pick(action)).collect()
    }

    fn times(&self, wanted: impl Fn(&Action) -> bool) -> Vec<u64> {
        self.seen.iter().filter(|(_, action)| wanted(action)).map(|(at, _)| *at).collect()
    }

    fn connects(&self) -> Vec<u64> {
        self.times(|action| matches!(action, Action::Connect { .. }))
    }

    fn handshakes(&self) -> Vec<Handshake> {
        self.all(|action| match action {
            Action::Connect { handshake, .. } => Some(handshake.clone()),
            _ => None,
        })
    }

    fn queries(&self) -> Vec<Option<String>> {
        self.handshakes().into_iter().map(|handshake| handshake.query).collect()
    }

    fn written(&self) -> Vec<(u64, String)> {
        self.pick(|action| match action {
            Action::Send { frame, .. } => frame.as_text().map(str::to_owned),
            _ => None,
        })
    }

    fn beats(&self) -> Vec<u64> {
        self.times(|action| matches!(action, Action::Send { purpose: Purpose::Heartbeat, .. }))
    }

    fn alive(&self) -> Vec<u64> {
        self.times(|action| matches!(action, Action::Alive { .. }))
    }

    fn delivered(&self) -> Vec<String> {
        self.all(|action| match action {
            Action::Deliver(message) => message.body.as_text().map(str::to_owned),
            _ => None,
        })
    }

    fn statuses(&self, id: &MessageId) -> Vec<Status> {
        self.all(|action| match action {
            Action::Status { id: of, status } if of == id => Some(*status),
            _ => None,
        })
    }

    fn polls(&self) -> Vec<(u64, PollCause)> {
        self.pick(|action| match action {
            Action::Poll { cause } => Some(*cause),
            _ => None,
        })
    }

    fn closes(&self) -> Vec<(u64, Option<u16>)> {
        self.pick(|action| match action {
            Action::Close { code, .. } => Some(*code),
            _ => None,
        })
    }

    fn aborts(&self) -> Vec<u64> {
        self.times(|action| matches!(action, Action::Abort { .. }))
    }

    fn gave_up(&self) -> Vec<u64> {
        self.times(|action| matches!(action, Action::GaveUp { .. }))
    }

    fn unsent(&self) -> Vec<Purpose> {
        self.all(|action| match action {
            Action::Unsent { purpose, .. } => Some(purpose.clone()),
            _ => None,
        })
    }

    fn malformed(&self) -> Vec<Malformed> {
        self.all(|action| match action {
            Action::Malformed { error, .. } => Some(error.clone()),
            _ => None,
        })
    }
}

/// `from`, and so many steps after it.
fn every(step: u64, from: u64, count: u64) -> Vec<u64> {
    (0..count).map(|n| from + n * step).collect()
}

/// A preset by name with changes, as a configuration file would make it.
fn preset(name: &str, changes: &serde_json::Value) -> Preset {
    Preset::named(name, changes).expect("a preset of that name with these changes")
}
