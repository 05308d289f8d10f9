//! A story: one session on a virtual clock, told step by step, with the oracle listening to every word.

pub(crate) mod example;
mod restart;
pub(crate) mod sealed;
mod seen;

use redial::journal::{Call, CallError, Input};
use redial::{
    Config, ConnectionId, Deadline, Duration, Event, Failure, Frame, Instant, MessageId, Preset, Purpose, Seed,
    SendError, Session, State,
};

use crate::oracle::Oracle;
pub(crate) use seen::Seen;

/// One session on a virtual clock.
pub(crate) struct Story {
    pub(crate) session: Session,
    oracle: Oracle,
    now: u64,
    connection: ConnectionId,
    /// Everything that came out since the last `seen`.
    fresh: Vec<redial::Action>,
    /// The last version that was to be stored, and what was stored last, with what the oracle knew then.
    pub(crate) version: u64,
    stored: Option<(String, Oracle)>,
    /// The seed of the last process.
    seeds: u64,
    /// When each connect came, from the beginning.
    pub(crate) connects: Vec<u64>,
    /// How many frames were handed over on this connection.
    handed: u64,
    /// Whether the socket takes every frame at once, and the host says so.
    prompt: bool,
}

/// The default of some settings with changes: they can grow, so nobody outside of the crate lists their fields.
pub(crate) fn with<T: Default>(change: impl FnOnce(&mut T)) -> T {
    let mut settings = T::default();
    change(&mut settings);
    settings
}

impl Story {
    pub(crate) fn new(preset: Preset) -> Self {
        Self::seeded(preset, 7)
    }

    pub(crate) fn seeded(preset: Preset, seed: u64) -> Self {
        let session = Session::new(preset, Seed::from(seed));
        let oracle = Oracle::thorough(&session);
        Self {
            session,
            oracle,
            now: 0,
            connection: ConnectionId::new(0),
            fresh: Vec::new(),
            version: 0,
            stored: None,
            seeds: seed,
            connects: Vec::new(),
            handed: 0,
            prompt: false,
        }
    }

    /// `plain` at default settings.
    pub(crate) fn plain() -> Self {
        Self::new(Preset::plain())
    }

    /// `plain` with changes.
    pub(crate) fn plain_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::new(Preset::plain().configure(change).expect("it is sound"))
    }

    /// `plain` that suspects nothing, so that the schedule alone finds a dead link.
    pub(crate) fn unsuspicious() -> Self {
        Self::unsuspicious_with(|_| {})
    }

    /// The same with changes.
    pub(crate) fn unsuspicious_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::plain_with(|config| {
            config.heartbeat.suspicion = None;
            change(config);
        })
    }

    /// The words of `uni_app` with `Config::default()`, and a token.
    pub(crate) fn uni_app() -> Self {
        Self::uni_app_with(|_| {})
    }

    /// The same with changes.
    pub(crate) fn uni_app_with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        change(&mut config);
        let mut story = Self::new(Preset::uni_app().with_config(config).expect("it is sound"));
        story.credential("token");
        story
    }

    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    pub(crate) fn instant(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    /// The connection of the last `Connect`.
    pub(crate) fn connection(&self) -> ConnectionId {
        self.connection
    }

    pub(crate) fn state(&self) -> State {
        self.session.state()
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        self.session.next_deadline()
    }

    /// What came out since the last time this was asked.
    pub(crate) fn seen(&mut self) -> Seen {
        Seen::new(std::mem::take(&mut self.fresh))
    }

    /// One call, checked by the oracle.
    pub(crate) fn call(&mut self, call: Call) -> Result<Option<MessageId>, CallError> {
        let now = self.instant();
        self.oracle.before(&self.session, &Input::Call { now, call: call.clone() });
        let answer = call.make(&mut self.session, now);
        self.drain();
        answer
    }

    pub(crate) fn must(&mut self, call: Call) -> &mut Self {
        self.call(call).expect("the call is allowed here");
        self
    }

    /// One event, checked by the oracle.
    pub(crate) fn event(&mut self, event: Event) -> &mut Self {
        let now = self.instant();
        self.oracle.before(&self.session, &Input::Event { now, event: event.clone() });
        self.session.handle(now, event);
        self.drain();
        self
    }

    fn drain(&mut self) {
        let actions: Vec<_> = std::iter::from_fn(|| self.session.poll_action()).collect();
        self.note(&actions);
        if let Err(violation) = self.oracle.after(&self.session, &actions) {
            panic!("at {} ms: {violation}\n{actions:#?}", self.now);
        }
        self.fresh.extend(actions);
    }

    fn note(&mut self, actions: &[redial::Action]) {
        for action in actions {
            match action {
                redial::Action::Connect { connection, .. } => {
                    self.connection = *connection;
                    self.connects.push(self.now);
                    self.handed = 0;
                }
                redial::Action::Send { .. } => self.handed += 1,
                redial::Action::Persist { version, .. } => self.version = *version,
                _ => {}
            }
        }
    }

    pub(crate) fn open(&mut self) -> &mut Self {
        self.must(Call::Open)
    }

    pub(crate) fn close(&mut self) -> &mut Self {
        self.must(Call::Close { code: None, reason: String::new() })
    }

    pub(crate) fn hold(&mut self) -> &mut Self {
        self.must(Call::Hold)
    }

    pub(crate) fn release(&mut self) -> &mut Self {
        self.must(Call::Release)
    }

    pub(crate) fn drain_within(&mut self, millis: u64) -> &mut Self {
        self.must(Call::Drain { within: Duration::from_millis(millis) })
    }

    pub(crate) fn credential(&mut self, value: &str) -> &mut Self {
        self.must(Call::Credential { connection: None, value: value.into() })
    }

    /// The host has fetched what was missing.
    pub(crate) fn fetched(&mut self, from: u64, to: Option<u64>, ids: &[&str]) -> &mut Self {
        self.must(Call::Fetched { from, to, ids: ids.iter().map(|id| MessageId::from(*id)).collect() })
    }

    pub(crate) fn acknowledge(&mut self, id: &MessageId) -> &mut Self {
        self.must(Call::Acknowledge { id: id.clone() })
    }

    pub(crate) fn mark_read(&mut self, id: &str) -> &mut Self {
        self.must(Call::MarkRead { id: id.into(), conversation: String::new() })
    }

    pub(crate) fn reject(&mut self, id: &MessageId) -> &mut Self {
        self.must(Call::Reject { id: id.clone() })
    }

    /// Another session in the place of this one, whose positions have a past that nobody saw.
    pub(crate) fn replace(&mut self, session: Session) {
        self.oracle = Oracle::without_a_past(&session);
        self.session = session;
    }

    /// Sends a text and expects it to be taken.
    pub(crate) fn send(&mut self, body: &str) -> MessageId {
        self.try_send(body).expect("the message is taken")
    }

    pub(crate) fn try_send(&mut self, body: &str) -> Result<MessageId, SendError> {
        match self.call(Call::Send { body: body.into(), id: None, time_to_live: None, once: false }) {
            Ok(id) => Ok(id.expect("a send is answered with an id")),
            Err(CallError::Send(error)) => Err(error),
            Err(other) => panic!("a send is refused by a send error, not {other}"),
        }
    }

    /// Sends under an id of the caller's choice.
    pub(crate) fn send_id(&mut self, body: &str, id: &str) -> MessageId {
        let id = MessageId::from(id);
        self.must(Call::Send { body: body.into(), id: Some(id.clone()), time_to_live: None, once: false });
        id
    }

    /// Sends a message that must never go out twice.
    pub(crate) fn send_once(&mut self, body: &str) -> MessageId {
        let call = Call::Send { body: body.into(), id: None, time_to_live: None, once: true };
        self.call(call).expect("the message is taken").expect("a send is answered with an id")
    }

    /// Sends a message with a time to live.
    pub(crate) fn send_for(&mut self, body: &str, millis: u64) -> MessageId {
        let time_to_live = Some(Duration::from_millis(millis));
        let call = Call::Send { body: body.into(), id: None, time_to_live, once: false };
        self.call(call).expect("the message is taken").expect("a send is answered with an id")
    }

    /// The socket opens.
    pub(crate) fn opened(&mut self) -> &mut Self {
        let connection = self.connection;
        self.event(Event::Opened { connection })
    }

    /// Opens the session and its socket.
    pub(crate) fn ready(&mut self) -> &mut Self {
        self.open().opened();
        assert_eq!(self.state(), State::Ready);
        self
    }

    pub(crate) fn frame(&mut self, frame: Frame) -> &mut Self {
        let connection = self.connection;
        self.event(Event::FrameIn { connection, frame })
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.frame(Frame::text(text.to_owned()))
    }

    pub(crate) fn pong(&mut self) -> &mut Self {
        self.frame(Frame::Pong(Vec::new()))
    }

    /// The server closes, with a code or without.
    pub(crate) fn closed(&mut self, code: impl Into<Option<u16>>) -> &mut Self {
        let connection = self.connection;
        self.event(Event::Closed { connection, code: code.into(), reason: String::new() })
    }

    /// The host reports a failure of the present connection.
    pub(crate) fn errored(&mut self, cause: impl Into<Failure>) -> &mut Self {
        let connection = self.connection;
        self.event(Event::errored(connection, cause))
    }

    pub(crate) fn send_failed(&mut self, purpose: Purpose) -> &mut Self {
        let connection = self.connection;
        self.event(Event::SendFailed { connection, purpose: Some(purpose) })
    }

    /// The socket has taken so many frames of this connection completely.
    pub(crate) fn written(&mut self, frames: u64) -> &mut Self {
        let connection = self.connection;
        self.event(Event::Written { connection, frames })
    }

    /// The socket has taken all frames that were handed over, and does so at once from now on.
    pub(crate) fn prompt(&mut self) -> &mut Self {
        self.prompt = true;
        let handed = self.handed;
        self.written(handed)
    }

    /// Bytes of an unfinished frame arrive.
    pub(crate) fn arriving(&mut self) -> &mut Self {
        let connection = self.connection;
        self.event(Event::Arriving { connection })
    }

    /// The application has taken so many messages.
    pub(crate) fn taken(&mut self, messages: u64) -> &mut Self {
        self.event(Event::Taken { messages })
    }

    pub(crate) fn tick(&mut self) -> &mut Self {
        self.event(Event::Tick)
    }

    /// Lets time pass, waking the session whenever it asked for it.
    pub(crate) fn wait(&mut self, millis: u64) -> &mut Self {
        let until = self.now + millis;
        while let Some(deadline) = self.deadline().filter(|deadline| deadline.at.as_millis() <= until) {
            self.now = deadline.at.as_millis();
            self.tick();
            if self.prompt && self.state() == State::Ready {
                self.prompt();
            }
        }
        self.now = until;
        self
    }

    /// Lets time pass without waking the session: the machine sleeps.
    pub(crate) fn sleep(&mut self, millis: u64) -> &mut Self {
        self.now += millis;
        self
    }

    /// Sets the clock, backwards too.
    pub(crate) fn clock(&mut self, millis: u64) -> &mut Self {
        self.now = millis;
        self
    }

    /// Waits until the session connects again, and says how long that took.
    pub(crate) fn wait_for_connect(&mut self) -> u64 {
        let (from, count) = (self.now, self.connects.len());
        while self.connects.len() == count {
            let deadline = self.deadline().expect("a session that waits has a deadline");
            self.now = deadline.at.as_millis();
            self.tick();
        }
        self.now - from
    }
}
