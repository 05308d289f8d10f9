//! A session to which arbitrary steps happen, with the oracle watching.

use std::collections::VecDeque;

use proptest::sample::Index;
use redial::dialect::{AckCarrier, Bye, Content, Credit, NotResumed, Refusal, Resumption, SessionTerms, Side, Signal};
use redial::durable::Changes;
use redial::journal::{Call, Input};
use redial::{
    Action, Body, ConnectionId, Duration, Event, Frame, HostProfile, Instant, MessageId, Preset, Purpose, Seed, Session,
};

use super::steps::{Failed, Said, Step, What, When, Whose};
use crate::oracle::{Oracle, Violation, drain};

/// A session to which steps happen.
pub(crate) struct World {
    pub(crate) session: Session,
    oracle: Oracle,
    now: u64,
    connection: u64,
    /// The last version that was to be stored.
    version: u64,
    /// Ids that `send` gave.
    ids: Vec<MessageId>,
    /// Messages shown since the last welcome to a new session, and the gaps nobody has fetched.
    came: u64,
    gaps: VecDeque<(u64, Option<u64>)>,
    pub(crate) inputs: Vec<Input>,
    pub(crate) outputs: Vec<Vec<Action>>,
}

impl World {
    pub(crate) fn new(preset: Preset, seed: u64, origin: u64) -> Self {
        let session = Session::new(preset, Seed::from(seed));
        let oracle = Oracle::thorough(&session);
        let (inputs, outputs) = (Vec::new(), Vec::new());
        let (ids, gaps) = (Vec::new(), VecDeque::new());
        Self { session, oracle, now: origin, connection: 0, version: 0, ids, came: 0, gaps, inputs, outputs }
    }

    pub(crate) fn step(&mut self, step: &Step) -> Result<(), Violation> {
        self.now = match step.when {
            When::Now => self.now,
            When::Later(by) => self.now.saturating_add(by),
            When::Earlier(by) => self.now.saturating_sub(by),
            When::Deadline(beside) => match self.session.next_deadline() {
                Some(deadline) => deadline.at.as_millis().saturating_add_signed(beside.into()),
                None => self.now,
            },
        };
        let now = Instant::from_millis(self.now);
        match self.input(now, &step.what) {
            Some(input) => self.apply(input),
            None => Ok(()),
        }
    }

    pub(crate) fn apply(&mut self, input: Input) -> Result<(), Violation> {
        self.oracle.before(&self.session, &input);
        if let Input::Event { event: Event::FrameIn { frame, .. }, .. } = &input
            && frame.as_text().is_some_and(|text| text.contains(r#""resumed":false"#))
        {
            self.came = 0;
        }
        if let Input::Call { call: Call::Fetched { .. }, .. } = &input {
            self.gaps.pop_front();
        }
        self.inputs.push(input.clone());
        match input {
            Input::Call { now, call } => {
                if let Ok(Some(id)) = call.make(&mut self.session, now) {
                    self.ids.push(id);
                }
            }
            Input::Event { now, event } => self.session.handle(now, event),
            _ => {}
        }
        let actions = drain(&mut self.session);
        for action in &actions {
            match action {
                Action::Connect { connection, .. } | Action::NeedCredential { connection, .. } => {
                    self.connection = connection.get();
                }
                Action::Persist { version, .. } => self.version = *version,
                Action::Deliver(_) => self.came += 1,
                Action::Gap { from, to } => self.gaps.push_back((*from, *to)),
                _ => {}
            }
        }
        let verdict = self.oracle.after(&self.session, &actions);
        self.outputs.push(actions);
        verdict
    }

    /// All that happened, as the lines of a journal.
    pub(crate) fn journal(&self) -> String {
        self.inputs.iter().map(|input| input.to_line() + "\n").collect()
    }

    fn input(&self, now: Instant, what: &What) -> Option<Input> {
        match self.event(what) {
            Some(event) => Some(Input::Event { now, event }),
            None => self.call(what).map(|call| Input::Call { now, call }),
        }
    }

    fn event(&self, what: &What) -> Option<Event> {
        Some(match what {
            What::Opened(whose) => Event::Opened { connection: self.of(*whose) },
            What::Arriving(whose) => Event::Arriving { connection: self.of(*whose) },
            What::Written(whose, frames) => Event::Written { connection: self.of(*whose), frames: (*frames).into() },
            What::Taken(messages) => Event::Taken { messages: (*messages).into() },
            What::Signal(whose, said) => Event::FrameIn { connection: self.of(*whose), frame: self.frame(said) },
            What::Nonsense(whose, which) => Event::FrameIn { connection: self.of(*whose), frame: nonsense(*which) },
            What::SendFailed(whose, failed) => Event::SendFailed {
                connection: self.of(*whose),
                purpose: failed.as_ref().map(|failed| self.purpose(failed)),
            },
            What::Errored(whose, failure) => Event::errored(self.of(*whose), failure.clone()),
            What::Closed(whose, code) => {
                Event::Closed { connection: self.of(*whose), code: *code, reason: "why not".to_owned() }
            }
            What::Tick => Event::Tick,
            What::Host(pings) => Event::Host { profile: profile(*pings) },
            What::Online => Event::Online,
            What::Offline => Event::Offline,
            What::Woke(asleep) => Event::Woke { asleep: *asleep },
            _ => return None,
        })
    }

    fn call(&self, what: &What) -> Option<Call> {
        Some(match what {
            What::Open => Call::Open,
            What::Close => Call::Close { code: None, reason: String::new() },
            What::Send { size, spare, ttl, once, own_id } => Call::Send {
                body: roomy("x".repeat(*size), *spare),
                id: own_id.map(|id| MessageId::from(format!("own{id}"))),
                time_to_live: *ttl,
                once: *once,
            },
            What::Resend(at) => Call::Resend { id: self.id(*at) },
            What::Cancel(at) => Call::Cancel { id: self.id(*at) },
            What::Abandon(at) => Call::Abandon { id: self.id(*at) },
            What::Acknowledge(id) => Call::Acknowledge { id: pushed(*id) },
            What::Reject(id) => Call::Reject { id: pushed(*id) },
            What::MarkRead(id) => Call::MarkRead { id: pushed(*id), conversation: String::new() },
            What::Fetched => {
                // Nothing may be missing, so that the call is refused.
                let (from, to) = self.gaps.front().copied().unwrap_or((1, None));
                Call::Fetched { from, to, ids: vec![pushed(0)] }
            }
            What::ReconnectNow => Call::ReconnectNow,
            What::Hold => Call::Hold,
            What::Release => Call::Release,
            What::Drain(within) => Call::Drain { within: *within },
            What::Credential => Call::Credential { connection: None, value: "token".into() },
            What::Persisted(latest) => Call::Persisted { version: self.version.saturating_sub(u64::from(!latest)) },
            What::CredentialFailed(why) => Call::CredentialFailed { connection: None, why: *why },
            _ => return None,
        })
    }

    fn of(&self, whose: Whose) -> ConnectionId {
        ConnectionId::new(match whose {
            Whose::Present => self.connection,
            Whose::Previous => self.connection.saturating_sub(1),
            Whose::Next => self.connection + 1,
            Whose::Nobody => 0,
        })
    }

    /// Mostly the next position, sometimes one that came or one too far.
    fn position(&self, ahead: u8) -> u64 {
        match ahead {
            0..=3 => self.came + 1,
            4 => self.came,
            5 => self.came + 2,
            _ => 1,
        }
    }

    fn id(&self, at: Index) -> MessageId {
        if self.ids.is_empty() { MessageId::from("nobody's") } else { at.get(&self.ids).clone() }
    }

    fn purpose(&self, failed: &Failed) -> Purpose {
        match failed {
            Failed::Heartbeat => Purpose::Heartbeat,
            Failed::Auth => Purpose::Auth,
            Failed::Message(at) => Purpose::Message { id: self.id(*at) },
            Failed::Ack(id) => Purpose::Ack { id: pushed(*id) },
        }
    }

    /// What the server says, in the words of the session's dialect; where it has none, something it cannot understand.
    fn frame(&self, said: &Said) -> Frame {
        let body = Content::Text("a body");
        let signal = match said {
            Said::Beat => Signal::heartbeat(),
            Said::HeartbeatReply => Signal::heartbeat_reply(),
            Said::Message(id) => Signal::message(Some(pushed(*id)), body),
            Said::Ack(at) => Signal::accepted(self.id(*at)),
            Said::Echo(at, id) => Signal::echoed(self.id(*at), pushed(*id), body),
            Said::Nack(at) => Signal::rejected(self.id(*at), 7),
            Said::Delivered(at) => Signal::delivered(self.id(*at)),
            Said::Read(at) => Signal::read(self.id(*at)),
            Said::Stranger => Signal::accepted("stranger".into()),
            Said::Notice => Signal::Notice(Content::Json(r#"{"type":"news"}"#)),
            Said::Challenge => Signal::challenge(Some(Content::Text("prove it")), None),
            Said::LoginAccepted => Signal::login_accepted(),
            Said::Refused => Signal::login_refused(3),
            Said::Kick => Signal::kick(body),
            Said::Welcome(resumed, name, period) => admitted(*resumed, *name, *period),
            Said::SequencedMessage(ahead, id) => Signal::sequenced(self.position(*ahead), pushed(*id), Some(body)),
            Said::Skip(ahead) => Signal::sequenced(self.position(*ahead), pushed(0), None),
            Said::CumulativeAck(seq) => {
                let refused = vec![Refusal::new(2, 7)];
                Signal::cumulative_ack(u64::from(*seq), refused, AckCarrier::HeartbeatReply)
            }
            Said::Bye(reconnect) => {
                let after = Duration::from_millis(700);
                Signal::bye(Bye::new(4000).reconnect(*reconnect).resume(*reconnect).after(after))
            }
        };
        let frame = self.session.preset().dialect().encode(Side::Server, &signal);
        frame.unwrap_or_else(|_| Frame::text(r#"{"type":"news"}"#))
    }
}

/// A body with room to spare.
fn roomy(mut text: String, spare: usize) -> Body {
    text.reserve_exact(spare);
    Body::from(text)
}

/// A welcome: to the session of this name, or back to it with so many messages accepted.
fn admitted(resumed: Option<u8>, name: u8, period: Option<Duration>) -> Signal<Content<'static>> {
    let resumption = match (resumed, name) {
        (Some(seq), _) => Resumption::Resumed { seq: seq.into(), refused: Vec::new() },
        (None, 0 | 1) => Resumption::Fresh,
        (None, _) => Resumption::Lost {
            why: NotResumed::Unknown,
            seq: (name > 2).then_some(1),
            refused: vec![Refusal::new(1, 9)],
            gone: (name > 3).then_some(2),
        },
    };
    let sid = if resumed.is_some() { "sid0".to_owned() } else { format!("sid{}", name % 3) };
    let mut terms = SessionTerms::new(sid, "token".into(), Duration::from_secs(100), Credit::new(3, 1_000, 120));
    terms.resumption = resumption;
    (terms.dedup, terms.heartbeat) = (Some(Duration::from_secs(20)), period);
    Signal::welcome(terms)
}

fn pushed(id: u8) -> MessageId {
    if id % 2 == 0 { MessageId::from(u64::from(id)) } else { MessageId::from(format!("push{id}")) }
}

/// Frames that no dialect should trip over.
pub(crate) fn nonsense(which: Index) -> Frame {
    let frames = [
        Frame::text(""),
        Frame::text("{"),
        Frame::text("[]"),
        Frame::text("null"),
        Frame::text("{}"),
        Frame::text("\u{feff}{}"),
        Frame::text(r#"{"type":7}"#),
        Frame::text(r#"{"type":"MESSAGE","messageId":{}}"#),
        Frame::text(r#"{"type":"MESSAGE","type":"MESSAGE"}"#),
        Frame::text("[".repeat(50)),
        Frame::text("x".repeat(401)),
        Frame::text("\u{1f600}\u{0}"),
        Frame::Binary(vec![]),
        Frame::Binary(vec![0xff, 0xfe]),
        Frame::Ping(vec![]),
        Frame::Pong(vec![7]),
    ];
    which.get(&frames).clone()
}

/// The same actions, every time in them that much later.
pub(crate) fn shifted(actions: &[Action], by: u64) -> Vec<Action> {
    let shift = |action: &Action| match action.clone() {
        Action::ScheduleReconnect { at, attempt, cause, reason } => {
            Action::ScheduleReconnect { at: at + Duration::from_millis(by), attempt, cause, reason }
        }
        // What records hold of times is on a clock that begins with the first one.
        Action::Persist { version, urgent, .. } => Action::Persist { version, changes: Changes::default(), urgent },
        other => other,
    };
    actions.iter().map(shift).collect()
}

fn profile(pings: bool) -> HostProfile {
    if pings { HostProfile::new() } else { HostProfile::new().without_pings() }
}
