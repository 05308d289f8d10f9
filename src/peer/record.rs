//! Resumption on the accepting side: decides whether the session of a client resumes, and on what terms.
//!
//! 1. A token stays valid until a frame proves that its successor has arrived: a lost welcome loses no session.
//! 2. A session resumes only if neither side has lost state that the other relies on; otherwise the welcome says why
//!    not.
//! 3. Under write-ahead a welcome waits until the state that covers it is stored.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use serde::{Deserialize, Serialize};

use super::receipts::Receipts;
use super::work::{PeerCore, Stage};
use crate::action::{Action, Purpose};
use crate::context::Context;
use crate::delivery::{Surroundings, sent_at_once, taken_at_once};
use crate::dialect::{Hello, NotResumed, Resume, Resumption, SessionTerms, Side, Signal};
use crate::durable::{AgeClock, Batch, Damaged, Kind, Records, write_format};
use crate::failure::Reason;
use crate::outbox::Outbox;
use crate::rng::Rng;
use crate::secret::Secret;
use crate::sequence::{LAST, Sid};
use crate::state::Cause;
use crate::time::{Duration, Instant};

/// Record of a client, beside the sequence numbers of its session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct ClientRecord {
    /// Token before the present token; valid while the client may not have the present one.
    previous_token: Option<Secret>,
    /// Session that the present one has replaced, while the client may not have the welcome.
    replaced: Option<Sid>,
    /// Time at which the last connection was lost, and the client's absence before that time.
    lost_at: Option<Instant>,
    absence: Duration,
    /// Time since which this process remembers ids, and how far back the memory reached before.
    pub(super) since: Option<Instant>,
    remembered: Duration,
    /// Decision on the present hello, until its welcome is sent.
    decision: Option<Resumption>,
}

/// Durable form of a client record. Moments are on the clock of ages.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredRecord<'a> {
    connections: u64,
    /// Time since which the client has had no connection; left out while it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gone: Option<Instant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Cow<'a, Secret>>,
    /// Time since which ids are remembered; left out before the first connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Instant>,
}

/// Records of a peer that are not delivery's: those of the format, of the client and of the receipts.
pub(super) struct ClientRecords<'a> {
    record: &'a ClientRecord,
    receipts: &'a Receipts,
    preset: &'a str,
    connections: u64,
    wait: bool,
}

impl Surroundings for ClientRecords<'_> {
    fn attempts(&self) -> u64 {
        // Connection ids must not repeat after a restart, so each new one is a change of the durable state.
        self.connections.saturating_add(self.receipts.waited())
    }

    fn wait(&self) -> bool {
        self.wait || self.receipts.wait_for_next()
    }

    fn write(&self, batch: &mut Batch<'_>, outbox: &Outbox, all: bool) {
        let ages = outbox.ages();
        write_format(batch, self.preset, Side::Server, all);
        let ClientRecord { lost_at, absence, previous_token, since, remembered, .. } = self.record;
        let record = StoredRecord {
            connections: self.connections.min(LAST),
            gone: lost_at.map(|lost_at| ages.at(lost_at) - *absence),
            previous: previous_token.as_ref().map(Cow::Borrowed),
            since: since.map(|since| ages.at(since) - *remembered),
        };
        batch.put(Kind::Client.key(), &record);
        self.receipts.write(batch, all);
    }
}

/// What a client has of the present session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// There is nothing to compare: no session, a client that begins a new one, or one that may have lost the welcome
    /// of the present one.
    None,
    /// The newest token.
    Newest,
    /// The token before, while the client may not have the newest.
    Unproven,
    /// Another session, or a token that is worthless.
    Older,
}

impl ClientRecord {
    /// Records of a peer that are not delivery's. `wait` says whether a welcome waits for them to be stored.
    pub(super) fn beside<'a>(
        &'a self,
        receipts: &'a Receipts,
        preset: &'a str,
        connections: u64,
        wait: bool,
    ) -> ClientRecords<'a> {
        ClientRecords { record: self, receipts, preset, connections, wait }
    }

    /// Restores the record, `away` after it was written; returns the number of connections too.
    pub(super) fn restored(
        records: &Records,
        now: Instant,
        (ages, moved): (AgeClock, Duration),
        away: Duration,
    ) -> Result<(Self, u64), Damaged> {
        let StoredRecord { connections, gone, previous, since } = records.one(Kind::Client)?.ok_or(Damaged)?;
        if connections > LAST {
            return Err(Damaged);
        }
        let span = |since: Instant| ages.at(now).since(since - moved);
        let record = Self {
            previous_token: previous.map(Cow::into_owned),
            replaced: None,
            lost_at: Some(now),
            absence: gone.map_or(away, span),
            since: Some(now),
            remembered: since.map_or(away, span),
            decision: None,
        };
        Ok((record, connections))
    }

    /// Drops the previous token: a frame after the welcome proves that the client has the present token. Returns
    /// whether there was one.
    pub(super) fn on_heard(&mut self) -> bool {
        self.replaced = None;
        self.previous_token.take().is_some()
    }

    pub(super) fn on_left(&mut self, now: Instant) {
        self.lost_at.get_or_insert(now);
    }

    /// Time since the client's last connection was lost.
    fn absence(&self, now: Instant) -> Duration {
        self.absence + self.lost_at.map_or(Duration::ZERO, |lost_at| now.since(lost_at))
    }

    /// Time span over which ids are remembered.
    fn memory(&self, now: Instant) -> Duration {
        self.remembered + self.since.map_or(Duration::ZERO, |since| now.since(since))
    }
}

impl PeerCore<'_> {
    /// Handles a hello: decides on resumption and issues the next token.
    pub(super) fn on_hello(&mut self, cx: &mut Context<'_>, hello: &Hello) {
        let Some(current) = self.current.as_mut().filter(|current| matches!(current.stage, Stage::Greeting { .. }))
        else {
            cx.stats.stale_events += 1;
            return;
        };
        current.stage = Stage::Answering { version: u64::MAX };
        let resumption = match &hello.resume {
            None => Resumption::Fresh,
            Some(resume) => self.decide(cx, resume),
        };
        let token = Secret::new(nonce(cx.rng) + &nonce(cx.rng));
        let presented = hello.resume.as_ref().map(|resume| (resume.sid.clone(), resume.token.clone()));
        let resumed = matches!(resumption, Resumption::Resumed { .. });
        (self.record.lost_at, self.record.absence) = (None, Duration::ZERO);
        (self.record.previous_token, self.record.replaced) = match presented {
            Some((_, token)) if resumed => (Some(token), None),
            presented => (None, presented.map(|(name, token)| Sid { name, token })),
        };
        self.record.decision = Some(resumption);
        let name = nonce(cx.rng) + &nonce(cx.rng);
        if let Some(sequence) = self.delivery.sequence() {
            sequence.credit = Some(sent_at_once(hello.credit, cx.config));
            if resumed { sequence.go_on(token) } else { sequence.begin(Sid { name, token }) }
        }
    }

    /// Decides whether a session resumes. When the session is known, the client's acknowledgement settles pushes
    /// either way.
    fn decide(&mut self, cx: &mut Context<'_>, resume: &Resume) -> Resumption {
        if !matches!(self.claim(Some(resume)), Claim::Newest | Claim::Unproven) {
            let (why, refused) = (NotResumed::Unknown, alloc::vec::Vec::new());
            return Resumption::Lost { why, seq: None, refused, gone: None };
        }
        let acked = self.delivery.sequence().map_or(0, |sequence| sequence.out.acked());
        let within_sent = self
            .delivery
            .sequence()
            .is_some_and(|sequence| resume.seq <= resume.seen && resume.seen <= sequence.out.gone_out());
        if within_sent {
            self.delivery.on_known(cx, resume.seq, &resume.refused);
        }
        let absence = self.record.absence(cx.now);
        let Some(sequence) = self.delivery.sequence() else { return Resumption::Fresh };
        let exhausted = resume.highest >= LAST || sequence.out.is_full();
        // State is lost if one side no longer has messages that it acknowledged, or received messages that their sender
        // does not remember.
        let lost = !within_sent
            || resume.seq < acked
            || sequence.inbound.stored_seq() + 1 < resume.lowest
            || sequence.inbound.received() > resume.highest;
        let why = if lost {
            NotResumed::Restarted
        } else if exhausted || absence >= self.policy.lifetime {
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

    /// Compares what a client says of its session with the present session.
    pub(super) fn claim(&mut self, resume: Option<&Resume>) -> Claim {
        let Some(sid) = self.delivery.sequence().and_then(|sequence| sequence.sid()) else { return Claim::None };
        let Some(resume) = resume else { return Claim::None };
        let (previous, replaced) = (self.record.previous_token.as_ref(), self.record.replaced.as_ref());
        if sid.name != resume.sid {
            let is_replaced = |old: &Sid| old.name == resume.sid && old.token.matches(&resume.token);
            if replaced.is_some_and(is_replaced) { Claim::None } else { Claim::Older }
        } else if sid.token.matches(&resume.token) {
            Claim::Newest
        } else if previous.is_some_and(|token| token.matches(&resume.token)) {
            Claim::Unproven
        } else {
            Claim::Older
        }
    }

    /// Sends the welcome at the end of an input, once the state that covers the hello is stored.
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
        if cx.send_or_report(connection, &Signal::welcome(terms), Purpose::Auth) {
            self.open(cx, connection);
        } else {
            cx.push(Action::Abort { connection });
            self.lose(cx, Cause::SendFailed, Reason::default());
        }
    }

    /// Returns the terms of the welcome; takes the decision on the hello.
    fn terms(&mut self, cx: &Context<'_>) -> Option<SessionTerms> {
        let mut resumption = self.record.decision.take()?;
        let sequence = self.delivery.sequence()?;
        let Sid { name: sid, token } = sequence.sid()?.clone();
        let accepted = sequence.inbound.greet();
        if let Resumption::Resumed { seq, refused } = &mut resumption {
            (*seq, *refused) = (accepted, sequence.inbound.refusals());
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

/// Returns 64 random bits as hexadecimal digits.
fn nonce(rng: &mut Rng) -> String {
    format!("{:016x}", rng.next_u64())
}
