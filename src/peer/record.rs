//! The accepting side of a session with positions: who comes back, whether the session goes on, and on what terms.
//!
//! 1. A token is good until its successor has proved to have arrived: a welcome that is lost loses no session.
//! 2. A session goes on only where neither side has forgotten what the other relies on; else it is said why not.
//! 3. Where storing comes before acting, the welcome waits until it is stored.

use alloc::format;
use alloc::string::String;
use serde::{Deserialize, Serialize};

use super::work::{PeerCore, Stage};
use crate::action::Purpose;
use crate::context::Context;
use crate::delivery::{sent_at_once, taken_at_once};
use crate::dialect::{Hello, NotResumed, Resume, Resumption, SessionTerms, Signal};
use crate::rng::Rng;
use crate::secret::Secret;
use crate::sequence::{LAST, Sid};
use crate::time::{Duration, Instant};

/// What is known of the client beside the positions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct ClientRecord {
    /// The token before the present one, while that one may not have arrived.
    previous: Option<Secret>,
    /// When the last connection was lost, and how long the client was gone by then.
    left: Option<Instant>,
    gone: Duration,
    /// Since when ids are remembered here, and how long they were before.
    pub(super) since: Option<Instant>,
    remembered: Duration,
    /// The answer to the present hello, while it waits to be stored.
    answer: Option<Resumption>,
}

/// The same in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct ClientRecordState {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Secret>,
    gone_ms: Duration,
    remembered_ms: Duration,
}

impl ClientRecord {
    pub(super) fn to_state(&self, now: Instant) -> ClientRecordState {
        ClientRecordState {
            previous: self.previous.clone(),
            gone_ms: self.gone_for(now),
            remembered_ms: self.memory(now),
        }
    }

    pub(super) fn from_state(state: ClientRecordState, now: Instant, away: Duration) -> Self {
        Self {
            previous: state.previous,
            left: Some(now),
            gone: state.gone_ms + away,
            since: Some(now),
            remembered: state.remembered_ms + away,
            answer: None,
        }
    }

    /// A frame has come after the welcome, so that has arrived.
    pub(super) fn on_heard(&mut self) {
        self.previous = None;
    }

    pub(super) fn on_left(&mut self, now: Instant) {
        self.left.get_or_insert(now);
    }

    fn gone_for(&self, now: Instant) -> Duration {
        self.gone + self.left.map_or(Duration::ZERO, |left| now.since(left))
    }

    /// How far back ids are remembered.
    fn memory(&self, now: Instant) -> Duration {
        self.remembered + self.since.map_or(Duration::ZERO, |since| now.since(since))
    }
}

impl PeerCore<'_> {
    /// The client's first word.
    pub(super) fn on_hello(&mut self, cx: &mut Context<'_>, hello: &Hello) {
        let Some(current) = self.current.as_mut().filter(|current| matches!(current.stage, Stage::Greeting { .. }))
        else {
            cx.stats.stale_events += 1;
            return;
        };
        current.stage = Stage::Answering { version: u64::MAX };
        let resumption = match &hello.resume {
            None => Resumption::Fresh,
            Some(resume) => self.judge(cx, resume),
        };
        let token = Secret::new(nonce(cx.rng) + &nonce(cx.rng));
        let presented = hello.resume.as_ref().map(|resume| resume.token.clone());
        let resumed = matches!(resumption, Resumption::Resumed { .. });
        (self.record.left, self.record.gone) = (None, Duration::ZERO);
        self.record.previous = presented.filter(|_| resumed);
        self.record.answer = Some(resumption);
        let name = nonce(cx.rng) + &nonce(cx.rng);
        if let Some(sequence) = self.delivery.sequence() {
            sequence.credit = Some(sent_at_once(hello.credit, cx.config));
            if resumed { sequence.go_on(token) } else { sequence.begin(Sid { name, token }) }
        }
    }

    /// Whether a session goes on; what the client says of the pushes on their way counts wherever it is the right session.
    fn judge(&mut self, cx: &mut Context<'_>, resume: &Resume) -> Resumption {
        if !self.knows(resume) {
            let (why, refused) = (NotResumed::Unknown, alloc::vec::Vec::new());
            return Resumption::Lost { why, seq: None, refused, gone: None };
        }
        let before = self.delivery.sequence().map_or(0, |sequence| sequence.out.acked());
        let honest = self
            .delivery
            .sequence()
            .is_some_and(|sequence| resume.seq <= resume.seen && resume.seen <= sequence.out.highest());
        if honest {
            self.delivery.on_known(cx, resume.seq, &resume.refused);
        }
        let gone_for = self.record.gone_for(cx.now);
        let Some(sequence) = self.delivery.sequence() else { return Resumption::Fresh };
        let spent = resume.highest >= LAST || sequence.out.highest() >= LAST;
        // The other side relies on what was acknowledged here, or this side on what was acknowledged there, and it is lost;
        // or one of them has had messages that their sender does not remember.
        let lost = !honest
            || resume.seq < before
            || sequence.inbound.stored_seq() + 1 < resume.lowest
            || sequence.inbound.received() > resume.highest;
        let why = if lost {
            NotResumed::Restarted
        } else if spent || gone_for >= self.policy.lifetime {
            NotResumed::Expired
        } else {
            return Resumption::Resumed { seq: 0, refused: alloc::vec::Vec::new() };
        };
        Resumption::Lost {
            why,
            seq: Some(sequence.inbound.stored_seq()),
            refused: sequence.inbound.refusals(),
            gone: Some(sequence.out.acked()),
        }
    }

    fn knows(&mut self, resume: &Resume) -> bool {
        let previous = self.record.previous.clone();
        let Some(sequence) = self.delivery.sequence() else { return false };
        let Some(sid) = sequence.sid().filter(|sid| sid.name == resume.sid) else { return false };
        sid.token.matches(&resume.token) || previous.is_some_and(|previous| previous.matches(&resume.token))
    }

    /// The end of an input: a hello that is stored is answered.
    pub(super) fn answer(&mut self, cx: &mut Context<'_>) {
        let announced = self.delivery.announced();
        let Some(current) = self.current.as_mut() else { return };
        let Stage::Answering { version } = &mut current.stage else { return };
        *version = announced.min(*version);
        if !self.delivery.is_stored(*version) {
            return;
        }
        current.stage = Stage::Open;
        let connection = current.connection;
        let Some(terms) = self.terms(cx) else { return };
        cx.send_signal(connection, &Signal::welcome(terms), Purpose::Auth);
        self.open(cx, connection);
    }

    fn terms(&mut self, cx: &Context<'_>) -> Option<SessionTerms> {
        let mut resumption = self.record.answer.take()?;
        let sequence = self.delivery.sequence()?;
        let Sid { name: sid, token } = sequence.sid()?.clone();
        let told = sequence.inbound.greet();
        if let Resumption::Resumed { seq, refused } = &mut resumption {
            (*seq, *refused) = (told, sequence.inbound.refusals());
        }
        Some(SessionTerms {
            sid,
            token,
            lifetime: self.policy.lifetime,
            resumption,
            credit: taken_at_once(cx.config),
            dedup: Some(self.policy.dedup.max(self.record.memory(cx.now))),
            heartbeat: self.policy.heartbeat,
        })
    }
}

/// Sixty-four bits in hexadecimal digits.
fn nonce(rng: &mut Rng) -> String {
    format!("{:016x}", rng.next_u64())
}
