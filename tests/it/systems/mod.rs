//! The five presets, each against what its document states, to the millisecond.

mod all_five;
mod live_chat;
mod malformed;
mod react_im;
mod uni_app;
mod vue_polling;
mod wechat;

use redial::dialect::Handshake;
use redial::error::Malformed;
use redial::journal::{Call, CallError, Input};
use redial::{
    Action, Body, ConnectionId, Event, Frame, Instant, MessageId, PollCause, Preset, Purpose, Seed, SendError, Session,
    State, Status, TransportError,
};

use crate::oracle::Oracle;

/// A session under a virtual clock, and everything it has asked for so far.
struct Client {
    session: Session,
    oracle: Oracle,
    now: u64,
    seen: Vec<(u64, Action)>,
}

impl Client {
    /// A session opened at 0.
    fn open(preset: Preset) -> Self {
        let mut client = Self::idle(preset);
        client.open_again();
        client
    }

    fn idle(preset: Preset) -> Self {
        let session = Session::new(preset, Seed::from(7_u64));
        Self { oracle: Oracle::thorough(&session), session, now: 0, seen: Vec::new() }
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
        let now = self.time();
        self.oracle.before(&self.session, &Input::Event { now, event: event.clone() });
        self.session.handle(now, event);
        self.drain();
        self
    }

    fn call(&mut self, call: Call) -> Result<Option<MessageId>, CallError> {
        let now = self.time();
        self.oracle.before(&self.session, &Input::Call { now, call: call.clone() });
        let answer = call.make(&mut self.session, now);
        self.drain();
        answer
    }

    fn must(&mut self, call: Call) -> &mut Self {
        self.call(call).expect("the call is allowed here");
        self
    }

    fn drain(&mut self) {
        let actions: Vec<Action> = std::iter::from_fn(|| self.session.poll_action()).collect();
        if let Err(violation) = self.oracle.after(&self.session, &actions) {
            panic!("at {} ms: {violation}\n{actions:#?}", self.now);
        }
        self.seen.extend(actions.into_iter().map(|action| (self.now, action)));
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
        self.event(Event::errored(connection, TransportError::Other))
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

    fn send(&mut self, body: impl Into<Body>) -> Result<MessageId, SendError> {
        match self.call(Call::Send { body: body.into(), id: None, time_to_live: None, once: false }) {
            Ok(id) => Ok(id.expect("a send is answered with an id")),
            Err(CallError::Send(error)) => Err(error),
            Err(other) => panic!("a send is refused by a send error, not {other}"),
        }
    }

    fn send_as(&mut self, id: &str, body: &str) -> MessageId {
        let id = MessageId::from(id);
        self.must(Call::Send { body: body.into(), id: Some(id.clone()), time_to_live: None, once: false });
        id
    }

    fn resend(&mut self, id: &MessageId) -> &mut Self {
        self.must(Call::Resend { id: id.clone() })
    }

    fn open_again(&mut self) -> &mut Self {
        self.must(Call::Open)
    }

    fn close(&mut self) -> &mut Self {
        self.must(Call::Close { code: None, reason: String::new() })
    }

    fn credential(&mut self, value: &str) -> &mut Self {
        self.must(Call::Credential { connection: None, value: value.into() })
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
