//! A history of a session, made from bytes: the same generator serves the fuzzer, the corpus and whoever has bytes.

use std::sync::{Arc, OnceLock};

use redial::config::{Acknowledge, Durability, Limit, Rate, Suspicion};
use redial::journal::{Call, Input};
use redial::{
    Action, Body, Config, ConnectionId, CredentialFailure, Duration, Event, Failure, Frame, HostProfile, Instant,
    MessageId, Preset, Purpose, Seed, Session, TransportError,
};

use super::oracle::{Oracle, drain};
use super::target::presets;

/// Steps of one history at most.
const STEPS: usize = 200;

/// Plays a history; the first rule that is broken panics, with the inputs that broke it.
pub(super) fn run(data: &[u8], thorough: bool) {
    judged(data, |bytes, record| {
        let Some(preset) = preset(bytes) else { return Ok(()) };
        let mut history = History::new(preset, thorough, record);
        history.live(bytes, STEPS)
    });
}

/// Plays a history, restarts the session from a snapshot in the middle, and goes on.
pub(super) fn restart(data: &[u8], thorough: bool) {
    judged(data, |bytes, record| {
        let Some(preset) = preset(bytes) else { return Ok(()) };
        let mut history = History::new(preset.clone(), thorough, record);
        let steps = usize::from(bytes.byte());
        history.live(bytes, steps)?;
        let away = Duration::from_millis(u64::from(bytes.byte()) * 1_000);
        history.restart(&preset, away)?;
        history.live(bytes, STEPS)
    });
}

/// The kinds of events and calls of a history.
#[cfg(test)]
pub(super) fn kinds(data: &[u8]) -> std::collections::BTreeSet<&'static str> {
    let mut bytes = Bytes(data);
    let mut kinds = std::collections::BTreeSet::new();
    let Some(preset) = preset(&mut bytes) else { return kinds };
    let mut history = History::new(preset, false, false);
    while !bytes.0.is_empty() {
        let input = history.invent(&mut bytes);
        kinds.insert(match &input {
            Input::Event { event, .. } => event.kind(),
            Input::Call { call, .. } => call.kind(),
            _ => break,
        });
        if history.play(input).is_err() {
            break;
        }
    }
    kinds
}

/// A rule that was broken, and what led to it where that was recorded.
type Outcome = Result<(), String>;

/// Panics where a rule is broken. Only then is the same played again with every input on record.
fn judged(data: &[u8], play: impl Fn(&mut Bytes<'_>, bool) -> Outcome) {
    if play(&mut Bytes(data), false).is_err()
        && let Err(account) = play(&mut Bytes(data), true)
    {
        panic!("{account}");
    }
}

/// Whether the oracle also clones and compares, which is several times as slow: one history in sixteen. All the bytes decide,
/// so that a fuzzer cannot learn to prefer those with more to see.
pub(super) fn is_sample(data: &[u8]) -> bool {
    let hash = data.iter().fold(0xcbf2_9ce4_u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash >> 28 == 0
}

/// One of the presets, as it is or under a configuration that brings more to bear; `None` where no service has this number.
///
/// A new service takes a number that was free, so no history comes to mean another.
fn preset(bytes: &mut Bytes<'_>) -> Option<Arc<Preset>> {
    static CONFIGURED: OnceLock<Vec<[Arc<Preset>; 16]>> = OnceLock::new();
    let all = CONFIGURED.get_or_init(|| presets().iter().map(configured).collect());
    let service = all.get(usize::from(bytes.byte() % 32))?;
    // Two bits say which configuration, and two others what was done to its times.
    let pick = bytes.byte();
    Some(Arc::clone(&service[usize::from(pick % 4 + (pick >> 4) % 4 * 4)]))
}

/// A preset as it is, with the defaults for a server of one's own, storing before acting, and with little room; each with its
/// own times, then where every silence is suspicious, then with all times zero, then with all endless.
fn configured(preset: &Preset) -> [Arc<Preset>; 16] {
    let mut stores = Config::default();
    stores.durability = Durability::WriteAhead;
    let mut narrow = Config::default();
    narrow.outbox.messages = Limit::new(4);
    narrow.outbox.in_flight = Limit::new(2);
    narrow.outbox.remembered = Limit::new(3);
    narrow.outbox.dedup_window = Some(Duration::from_secs(60));
    narrow.inbox.window = Limit::new(3);
    narrow.inbox.pending = Limit::new(2);
    narrow.inbox.acknowledge = Acknowledge::OnCall;
    narrow.reconnect.max = Some(4);
    let kinds = [preset.config().clone(), Config::default(), stores, narrow];
    let of = |number: usize| {
        let config = kinds[number % 4].clone();
        let config = match number / 4 {
            0 => config,
            1 => suspicious(config),
            2 => timed(&config, Duration::ZERO),
            _ => timed(&config, Duration::MAX),
        };
        Arc::new(preset.clone().with_config(config).expect("it is sound"))
    };
    std::array::from_fn(of)
}

/// Every silence and every unanswered message is suspicious at once.
fn suspicious(mut config: Config) -> Config {
    let mut suspicion = Suspicion::default();
    suspicion.after = Duration::ZERO;
    config.heartbeat.suspicion = Some(suspicion);
    config.heartbeat.unanswered = Some(Duration::ZERO);
    config
}

/// The same with every time that there is set to one.
fn timed(of: &Config, span: Duration) -> Config {
    let mut config = suspicious(of.clone());
    config.outbox.rate = Some(Rate::new(1, span));
    let mut value = serde_json::to_value(&config).expect("a configuration is an object");
    set_times(&mut value, span.as_millis());
    serde_json::from_value(value).expect("only times were changed")
}

/// Sets whatever is named as a time.
fn set_times(value: &mut serde_json::Value, millis: u64) {
    let serde_json::Value::Object(fields) = value else { return };
    for (name, field) in fields {
        if name.ends_with("_ms") {
            *field = millis.into();
        } else {
            set_times(field, millis);
        }
    }
}

/// Bytes as choices; when they run out, the first choice.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&first, rest)) => {
                self.0 = rest;
                first
            }
            None => 0,
        }
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()].clone()
    }

    fn text(&mut self) -> String {
        let length = usize::from(self.byte() % 64).min(self.0.len());
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8_lossy(text).into_owned()
    }
}

/// A session that lives through a history, and what its host remembers.
struct History {
    session: Session,
    oracle: Oracle,
    /// The lines of all inputs, where they are recorded.
    record: Option<String>,
    connections: u64,
    ids: Vec<MessageId>,
    pushed: Vec<MessageId>,
    purposes: Vec<Purpose>,
    version: u64,
}

impl History {
    fn new(preset: Arc<Preset>, thorough: bool, record: bool) -> Self {
        let session = Session::new(preset, Seed::from(1_u64));
        let oracle = if thorough { Oracle::thorough(&session) } else { Oracle::quick(&session) };
        Self {
            session,
            oracle,
            record: record.then(String::new),
            connections: 0,
            ids: Vec::new(),
            pushed: Vec::new(),
            purposes: Vec::new(),
            version: 0,
        }
    }

    /// So many steps, or as many as there are bytes for.
    fn live(&mut self, bytes: &mut Bytes<'_>, steps: usize) -> Outcome {
        for _ in 0..steps {
            if bytes.0.is_empty() {
                break;
            }
            let input = self.invent(bytes);
            self.play(input)?;
        }
        Ok(())
    }

    fn play(&mut self, input: Input) -> Outcome {
        if let Some(record) = &mut self.record {
            *record += &(input.to_line() + "\n");
        }
        self.oracle.before(&self.session, &input);
        match input {
            Input::Call { now, call } => {
                if let Ok(Some(id)) = call.make(&mut self.session, now) {
                    self.ids.push(id);
                }
            }
            Input::Event { now, event } => self.session.handle(now, event),
            _ => {}
        }
        let actions = self.take_actions();
        let verdict = self.oracle.after(&self.session, &actions);
        verdict.map_err(|violation| self.account(&format!("{violation}, the last input gave {actions:?}")))
    }

    /// The process ends and another goes on from what was stored, which is all there was to store.
    fn restart(&mut self, preset: &Arc<Preset>, away: Duration) -> Outcome {
        let now = self.session.now();
        if self.version > 0 {
            self.play(Input::Call { now, call: Call::Persisted { version: self.version } })?;
            self.version = 0;
        }
        let (stored, unsettled) = (self.session.snapshot(), self.session.unsettled());
        self.oracle.restores(stored.clone());
        let restored = Session::restore(Arc::clone(preset), now, stored, away, Seed::from(8_u64));
        self.session = restored.map_err(|error| self.account(&format!("what a session stores is refused: {error}")))?;
        let kept = self.session.unsettled();
        let snapshot = self.session.snapshot();
        let again = Session::restore(Arc::clone(preset), now, snapshot, Duration::ZERO, Seed::from(9_u64));
        if kept > unsettled || again.map(|session| session.unsettled()).ok() != Some(kept) {
            return Err(
                self.account(&format!("a restart makes {kept} messages of {unsettled}, and another one others"))
            );
        }
        self.purposes.clear();
        let actions = self.take_actions();
        let verdict = self.oracle.restarted(&self.session, &actions);
        verdict.map_err(|violation| self.account(&format!("after a restart {violation}, it gave {actions:?}")))
    }

    /// Everything the session wants, as far as later inputs refer to it.
    fn take_actions(&mut self) -> Vec<Action> {
        let actions = drain(&mut self.session);
        for action in &actions {
            match action {
                Action::Connect { connection, .. } => self.connections = connection.get(),
                Action::Send { purpose, .. } => self.purposes.push(purpose.clone()),
                Action::Persist { version, .. } => self.version = *version,
                Action::Deliver(message) => self.pushed.extend(message.id.clone()),
                _ => {}
            }
        }
        actions
    }

    fn account(&self, what: &str) -> String {
        let name = self.session.preset().name();
        format!("{what}\nin {name} after\n{}", self.record.as_deref().unwrap_or_default())
    }

    /// The next input, as the bytes have it.
    fn invent(&mut self, bytes: &mut Bytes<'_>) -> Input {
        let now = self.moment(bytes);
        let connection = ConnectionId::new(self.connections.saturating_sub(u64::from(bytes.byte() % 8 == 7)));
        match bytes.byte() % 20 {
            0 | 1 => Input::Call { now, call: Call::Open },
            2 | 3 => Input::Event { now, event: Event::Opened { connection } },
            4 => Input::Event {
                now,
                event: Event::Closed { connection, code: Self::code(bytes), reason: String::new() },
            },
            5 => Input::Event { now, event: Self::errored(connection, bytes) },
            6 => Input::Event { now, event: Event::SendFailed { connection, purpose: self.purposes.last().cloned() } },
            7 => Input::Event { now, event: Self::hint(bytes) },
            8..=11 => Input::Event { now, event: Event::FrameIn { connection, frame: self.frame(bytes) } },
            12..=14 => Input::Call { now, call: Self::send(bytes) },
            15 => Input::Call { now, call: self.about_a_message(bytes) },
            16 => Input::Call { now, call: Self::about_the_session(bytes) },
            17 => Input::Call { now, call: Call::Persisted { version: self.version } },
            18 => Input::Event { now, event: Event::Tick },
            _ => Self::flow(now, connection, bytes),
        }
    }

    /// Mostly the deadline or a little later; now and then far on, or back.
    fn moment(&self, bytes: &mut Bytes<'_>) -> Instant {
        let now = self.session.now();
        let deadline = self.session.next_deadline().map_or(now, |deadline| deadline.at);
        match bytes.byte() % 12 {
            0..=2 => now,
            3..=6 => deadline,
            7 => deadline + Duration::from_millis(1),
            8 => now + Duration::from_millis(u64::from(bytes.byte())),
            9 => now + Duration::from_secs(u64::from(bytes.byte())),
            10 => deadline + Duration::from_secs(60),
            _ => Instant::from_millis(now.as_millis().saturating_sub(5_000)),
        }
    }

    /// What the socket took, what arrives, or what the application took or fetched; a tick where the bytes end.
    fn flow(now: Instant, connection: ConnectionId, bytes: &mut Bytes<'_>) -> Input {
        let event = match bytes.byte() % 8 {
            1 => Event::Arriving { connection },
            2 => Event::Written { connection, frames: 0 },
            3 => Event::Written { connection, frames: bytes.byte().into() },
            4 => Event::Taken { messages: bytes.byte().into() },
            5 => return Input::Call { now, call: Call::Fetched { from: 1, to: None, ids: Vec::new() } },
            _ => Event::Tick,
        };
        Input::Event { now, event }
    }

    fn code(bytes: &mut Bytes<'_>) -> Option<u16> {
        bytes.one_of(&[None, Some(1000), Some(1006), Some(1009), Some(1008), Some(3500), Some(4000), Some(4500)])
    }

    fn errored(connection: ConnectionId, bytes: &mut Bytes<'_>) -> Event {
        let cause = bytes.one_of(&TransportError::ALL);
        let mut failure = Failure::new(cause);
        failure.retry_after = bytes.one_of(&[None, None, Some(Duration::from_secs(7)), Some(Duration::MAX)]);
        // A host may set the field itself, at any length and with anything in it.
        failure.detail = bytes.one_of(&[String::new(), "no\u{0}such\nname".to_owned(), "\u{e9}?a=b ".repeat(200)]);
        Event::errored(connection, failure)
    }

    fn hint(bytes: &mut Bytes<'_>) -> Event {
        let asleep = Duration::from_secs(u64::from(bytes.byte()) * 60);
        let profile = HostProfile::new();
        let profile = bytes.one_of(&[profile, profile.without_pings()]);
        bytes.one_of(&[Event::Online, Event::Offline, Event::Woke { asleep }, Event::Host { profile }])
    }

    fn send(bytes: &mut Bytes<'_>) -> Call {
        let id = match bytes.byte() % 4 {
            0 => Some(MessageId::from(format!("c{}", bytes.byte() % 16))),
            _ => None,
        };
        let time_to_live = bytes.one_of(&[None, None, None, Some(Duration::from_secs(9))]);
        let mut text = bytes.text();
        // Programs hand over what they wrote into, which is seldom as small as it could be.
        text.reserve_exact(1_000);
        Call::Send { body: Body::Text(text), id, time_to_live, once: bytes.byte() % 8 == 1 }
    }

    fn about_a_message(&self, bytes: &mut Bytes<'_>) -> Call {
        let known = if bytes.byte() % 2 == 0 { &self.ids } else { &self.pushed };
        let id = match known.len() {
            0 => MessageId::from("nobody"),
            count => known[usize::from(bytes.byte()) % count].clone(),
        };
        match bytes.byte() % 6 {
            0 => Call::Resend { id },
            1 => Call::Cancel { id },
            2 => Call::Acknowledge { id },
            3 => Call::Reject { id },
            4 => Call::Abandon { id },
            _ => Call::MarkRead { id, conversation: String::new() },
        }
    }

    fn about_the_session(bytes: &mut Bytes<'_>) -> Call {
        let why =
            bytes.one_of(&[CredentialFailure::Refused, CredentialFailure::Expired, CredentialFailure::Unavailable]);
        bytes.one_of(&[
            Call::Close { code: None, reason: String::new() },
            Call::Hold,
            Call::Release,
            Call::Drain { within: Duration::from_secs(5) },
            Call::ReconnectNow,
            Call::Credential { connection: None, value: "token".into() },
            Call::CredentialFailed { connection: None, why },
        ])
    }

    /// A frame of the service at hand, or one of any kind.
    fn frame(&self, bytes: &mut Bytes<'_>) -> Frame {
        let number = bytes.byte() % 8;
        let id = self
            .ids
            .get(usize::from(bytes.byte()) % self.ids.len().max(1))
            .map_or_else(|| "c0".to_owned(), ToString::to_string);
        let text = match bytes.byte() % 12 {
            0 => format!(r#"{{"type":"MESSAGE","messageId":"m{number}","content":"x"}}"#),
            1 => format!(r#"{{"type":"MESSAGE","messageId":{number},"content":"x"}}"#),
            2 => format!(r#"{{"type":"MESSAGE","messageId":"e{number}","clientMessageId":"{id}","content":"x"}}"#),
            3 => format!(r#"{{"type":"RECEIPT","clientMessageId":"{id}"}}"#),
            4 => "pong".to_owned(),
            5 => r#"{"cmd":"auth1","msg_id":3,"result":{"seed":"s"}}"#.to_owned(),
            6 => r#"{"cmd":"wd_heartbeat"}"#.to_owned(),
            7 => r#"{"cmd":"x","result":{"message":"hello"}}"#.to_owned(),
            8 => r#"{"command":"heartBeat"}"#.to_owned(),
            9 => return Frame::Pong(Vec::new()),
            10 => return Frame::Binary(bytes.text().into_bytes()),
            _ => bytes.text(),
        };
        Frame::text(text)
    }
}
