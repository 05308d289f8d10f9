//! Arbitrary inputs: valid ones, stale ones, and nonsense, at times that jump both ways.

use proptest::prelude::*;
use proptest::sample::Index;
use redial::{CredentialFailure, Duration, Failure, TransportError};

/// One input, in words that make sense against whatever state it meets.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) when: When,
    pub(crate) what: What,
}

#[derive(Debug, Clone)]
pub(crate) enum When {
    /// At the same millisecond.
    Now,
    Later(u64),
    /// The clock runs backwards.
    Earlier(u64),
    /// At the next deadline, or just beside it.
    Deadline(i8),
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Opened(Whose),
    Arriving(Whose),
    Written(Whose, u8),
    Taken(u8),
    Signal(Whose, Said),
    Nonsense(Whose, Index),
    SendFailed(Whose, Option<Failed>),
    Errored(Whose, Failure),
    Closed(Whose, Option<u16>),
    Tick,
    Online,
    Offline,
    Host(bool),
    Woke(Duration),
    Open,
    Close,
    Send {
        size: usize,
        /// Room in the body beyond its length.
        spare: usize,
        ttl: Option<Duration>,
        once: bool,
        own_id: Option<u8>,
    },
    Resend(Index),
    Cancel(Index),
    Abandon(Index),
    Acknowledge(u8),
    Reject(u8),
    MarkRead(u8),
    ReconnectNow,
    Hold,
    Release,
    Drain(Duration),
    Credential,
    CredentialFailed(CredentialFailure),
    /// The oldest gap that was told and not fetched, or one that nobody told of.
    Fetched,
    /// The host has stored the latest version, or the one before it.
    Persisted(bool),
}

/// The connection an event names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Whose {
    Present,
    Previous,
    Next,
    Nobody,
}

/// What the server says.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    Beat,
    HeartbeatReply,
    Message(u8),
    Ack(Index),
    Echo(Index, u8),
    Nack(Index),
    Delivered(Index),
    Read(Index),
    Stranger,
    Notice,
    Challenge,
    LoginAccepted,
    Refused,
    Kick,
    /// The words of the dialect with positions.
    Welcome(Option<u8>, u8, Option<Duration>),
    SequencedMessage(u8, u8),
    Skip(u8),
    CumulativeAck(u8),
    Bye(bool),
}

/// What could not be written.
#[derive(Debug, Clone)]
pub(crate) enum Failed {
    Heartbeat,
    Auth,
    Message(Index),
    Ack(u8),
}

pub(crate) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((when(), what()).prop_map(|(when, what)| Step { when, what }), 1..most)
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        6 => Just(When::Now),
        4 => (0..2_000_u64).prop_map(When::Later),
        2 => (0..100_000_u64).prop_map(When::Later),
        1 => (0..10_000_000_u64).prop_map(When::Later),
        1 => (0..100_000_u64).prop_map(When::Earlier),
        8 => (-1..=1_i8).prop_map(When::Deadline),
    ]
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        14 => whose().prop_map(What::Opened),
        2 => whose().prop_map(What::Arriving),
        3 => (whose(), 0..12_u8).prop_map(|(whose, frames)| What::Written(whose, frames)),
        1 => (0..6_u8).prop_map(What::Taken),
        20 => (whose(), said()).prop_map(|(whose, said)| What::Signal(whose, said)),
        3 => (whose(), any::<Index>()).prop_map(|(whose, which)| What::Nonsense(whose, which)),
        4 => (whose(), prop::option::of(failed())).prop_map(|(whose, failed)| What::SendFailed(whose, failed)),
        3 => (whose(), failure()).prop_map(|(whose, failure)| What::Errored(whose, failure)),
        4 => (whose(), code()).prop_map(|(whose, code)| What::Closed(whose, code)),
        14 => Just(What::Tick),
        1 => any::<bool>().prop_map(What::Host),
        3 => prop_oneof![Just(What::Online), Just(What::Offline), span().prop_map(What::Woke)],
        8 => Just(What::Open),
        1 => Just(What::Close),
        16 => send(),
        6 => any::<Index>().prop_map(What::Resend),
        3 => any::<Index>().prop_map(What::Cancel),
        2 => any::<Index>().prop_map(What::Abandon),
        6 => (0..6_u8).prop_map(What::Acknowledge),
        2 => (0..6_u8).prop_map(What::Reject),
        1 => (0..6_u8).prop_map(What::MarkRead),
        2 => Just(What::ReconnectNow),
        3 => prop_oneof![1 => Just(What::Hold), 2 => Just(What::Release)],
        1 => span().prop_map(What::Drain),
        6 => Just(What::Credential),
        1 => credential_failure().prop_map(What::CredentialFailed),
        3 => Just(What::Fetched),
        12 => prop::bool::weighted(0.8).prop_map(What::Persisted),
    ]
}

fn whose() -> impl Strategy<Value = Whose> {
    prop_oneof![12 => Just(Whose::Present), 3 => Just(Whose::Previous), 1 => Just(Whose::Next), 1 => Just(Whose::Nobody)]
}

fn said() -> impl Strategy<Value = Said> {
    let at = any::<Index>;
    prop_oneof![
        1 => Just(Said::Beat),
        3 => Just(Said::HeartbeatReply),
        6 => (0..6_u8).prop_map(Said::Message),
        6 => at().prop_map(Said::Ack),
        2 => (at(), 0..6_u8).prop_map(|(at, id)| Said::Echo(at, id)),
        2 => at().prop_map(Said::Nack),
        2 => at().prop_map(Said::Delivered),
        1 => at().prop_map(Said::Read),
        1 => Just(Said::Stranger),
        1 => Just(Said::Notice),
        3 => Just(Said::Challenge),
        2 => Just(Said::LoginAccepted),
        1 => prop_oneof![9 => Just(Said::Notice), 3 => Just(Said::Refused), 1 => Just(Said::Kick)],
        8 => counted(),
    ]
}

fn counted() -> impl Strategy<Value = Said> {
    prop_oneof![
        8 => (prop::option::of(0..5_u8), 0..5_u8, period())
            .prop_map(|(resumed, name, period)| Said::Welcome(resumed, name, period)),
        8 => (0..7_u8, 0..6_u8).prop_map(|(ahead, id)| Said::SequencedMessage(ahead, id)),
        1 => (0..7_u8).prop_map(Said::Skip),
        6 => (0..6_u8).prop_map(Said::CumulativeAck),
        1 => any::<bool>().prop_map(Said::Bye),
    ]
}

/// The period that a server asks for.
fn period() -> impl Strategy<Value = Option<Duration>> {
    prop::sample::select(vec![None, Some(Duration::ZERO), Some(Duration::from_secs(7)), Some(Duration::MAX)])
}

fn failed() -> impl Strategy<Value = Failed> {
    prop_oneof![
        1 => Just(Failed::Heartbeat),
        1 => Just(Failed::Auth),
        4 => any::<Index>().prop_map(Failed::Message),
        1 => (0..6_u8).prop_map(Failed::Ack),
    ]
}

fn failure() -> impl Strategy<Value = Failure> {
    let cause = prop_oneof![
        3 => Just(TransportError::Io),
        2 => Just(TransportError::Refused),
        1 => Just(TransportError::Unauthorized),
        2 => prop::sample::select(&TransportError::ALL)
    ];
    (cause, prop::option::of(100..600_u16), ".{0,300}", prop::option::of(span())).prop_map(
        |(cause, status, detail, retry_after)| {
            let mut failure = Failure::new(cause);
            // A host may set the fields itself, bounded or not.
            (failure.status, failure.detail, failure.retry_after) = (status, detail, retry_after);
            failure
        },
    )
}

fn credential_failure() -> impl Strategy<Value = CredentialFailure> {
    use CredentialFailure::{Expired, Refused, Unavailable};
    prop_oneof![Just(Refused), Just(Expired), Just(Unavailable)]
}

fn code() -> impl Strategy<Value = Option<u16>> {
    prop_oneof![4 => Just(None), 4 => Just(Some(1006)), 2 => Just(Some(1009)), 1 => (990..5_010_u16).prop_map(Some)]
}

fn span() -> impl Strategy<Value = Duration> {
    prop_oneof![9 => 0..200_000_u64, 1 => Just(0), 1 => Just(u64::MAX)].prop_map(Duration::from_millis)
}

fn send() -> impl Strategy<Value = What> {
    let ttl = prop::option::weighted(0.3, span());
    let own_id = prop::option::weighted(0.2, 0..8_u8);
    let length = (0..60_usize, prop_oneof![2 => Just(0), 1 => 0..5_000_usize]);
    (length, ttl, prop::bool::weighted(0.2), own_id).prop_map(|((size, spare), ttl, once, own_id)| What::Send {
        size,
        spare,
        ttl,
        once,
        own_id,
    })
}
