//! What happens to the session and to its models, in words that make sense against whatever state they meet.

use proptest::prelude::*;
use redial::TransportError;

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) when: When,
    pub(super) what: What,
    /// Whether the host takes the actions before anything else happens.
    pub(super) takes: bool,
}

#[derive(Clone, Debug)]
pub(super) enum When {
    Now,
    Later(u64),
    /// At the next deadline, or just beside it.
    Deadline(i8),
}

#[derive(Clone, Debug)]
pub(super) enum What {
    /// Whatever brings a connection nearer: `open`, the wait for the next attempt, or the socket.
    Forward,
    Tick,
    Open,
    Close,
    Opened(Whose),
    Closed(Whose, bool),
    Errored(Whose, TransportError),
    Online,
    Woke(u64),
    ReconnectNow,
    Hold,
    Release,
    Drain(u64),
    Send(Letter),
    Resend(Ours),
    Cancel(Ours),
    Abandon(Ours),
    /// A heartbeat could not be written, or an answer, or a message.
    HeartbeatFailed,
    AckFailed(u8),
    Failed(Whose, Ours),
    Receipt(Whose, Ours),
    Refusal(Ours),
    Delivered(Ours),
    Read(Ours),
    Echo(Ours, u8),
    Push(Whose, u8),
    Notice,
    Pong,
    Noise,
    Acknowledge(u8),
    Reject(u8),
    /// The host stores the present state, says so, or both.
    Store,
    Stored,
    StoreAll,
    /// The process ends, and so long after that another takes over; its clock goes on, or starts at zero.
    Restart(u64, bool),
}

/// A message to be sent.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) size: usize,
    pub(super) id: Id,
    pub(super) ttl: Option<u64>,
    pub(super) once: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Id {
    Minted,
    Chosen(u8),
    /// One that the session itself could make.
    Forged,
    Unwritable,
    /// The body is bytes, for which the service has no frame.
    Bytes,
}

/// One of our messages, or one that nobody sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ours {
    /// Of those that are out, counted from the front.
    Out(u8),
    /// Of those that failed, counted from the front.
    Failed(u8),
    /// Of all, counted from the back.
    Last(u8),
    Strange,
}

/// The connection an event names.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose {
    Present,
    Previous,
}

/// What a run is mostly about.
#[derive(Clone, Copy, Debug)]
pub(super) enum About {
    Outbox,
    Inbox,
    Both,
}

pub(super) fn steps(most: usize, about: About) -> impl Strategy<Value = Vec<Step>> {
    let takes = prop::bool::weighted(0.85);
    let step = (when(), what(about), takes).prop_map(|(when, what, takes)| Step { when, what, takes });
    prop::collection::vec(step, 1..most)
}

/// Spans by whole strides, so that one thing often falls due at the very moment of another.
fn span(strides: u64) -> impl Strategy<Value = u64> {
    (0..strides).prop_map(|strides| strides * 50)
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        16 => Just(When::Now),
        10 => span(18).prop_map(When::Later),
        2 => span(120).prop_map(When::Later),
        8 => Just(When::Deadline(0)),
        1 => (-1..=1_i8).prop_map(When::Deadline),
    ]
}

fn what(about: About) -> impl Strategy<Value = What> {
    let (out, inn) = match about {
        About::Outbox => (6, 1),
        About::Inbox => (1, 6),
        About::Both => (3, 3),
    };
    prop_oneof![
        16 => Just(What::Forward),
        4 => Just(What::Tick),
        18 => link(),
        14 * out => sending(),
        14 * inn => receiving(),
        16 => prop_oneof![1 => Just(What::Store), 1 => Just(What::Stored), 6 => Just(What::StoreAll)],
        2 => (span(100), any::<bool>()).prop_map(|(away, anew)| What::Restart(away, anew)),
    ]
}

fn sending() -> impl Strategy<Value = What> {
    prop_oneof![
        28 => letter().prop_map(What::Send),
        8 => prop_oneof![3 => (0..5_u8).prop_map(Ours::Failed), 2 => ours()].prop_map(What::Resend),
        4 => ours().prop_map(What::Cancel),
        3 => prop_oneof![3 => ours(), 1 => (0..5_u8).prop_map(Ours::Failed)].prop_map(What::Abandon),
        14 => (whose(), ours()).prop_map(|(whose, ours)| What::Receipt(whose, ours)),
        2 => ours().prop_map(What::Refusal),
        3 => ours().prop_map(What::Delivered),
        2 => ours().prop_map(What::Read),
        1 => Just(What::HeartbeatFailed),
        9 => (whose(), prop_oneof![3 => out(), 1 => ours()]).prop_map(|(whose, ours)| What::Failed(whose, ours)),
    ]
}

fn receiving() -> impl Strategy<Value = What> {
    prop_oneof![
        16 => (whose(), 0..7_u8).prop_map(|(whose, push)| What::Push(whose, push)),
        3 => (ours(), 0..7_u8).prop_map(|(ours, push)| What::Echo(ours, push)),
        6 => (0..7_u8).prop_map(What::Acknowledge),
        3 => (0..7_u8).prop_map(What::Reject),
        1 => (0..7_u8).prop_map(What::AckFailed),
        2 => prop_oneof![Just(What::Notice), Just(What::Pong), Just(What::Noise)],
    ]
}

fn link() -> impl Strategy<Value = What> {
    prop_oneof![
        1 => Just(What::Open),
        1 => Just(What::Close),
        1 => whose().prop_map(What::Opened),
        10 => (whose(), prop::bool::weighted(0.1)).prop_map(|(whose, for_good)| What::Closed(whose, for_good)),
        3 => (whose(), error()).prop_map(|(whose, error)| What::Errored(whose, error)),
        2 => Just(What::Online),
        2 => span(80).prop_map(What::Woke),
        1 => Just(What::ReconnectNow),
        1 => Just(What::Hold),
        6 => Just(What::Release),
        2 => span(60).prop_map(What::Drain),
    ]
}

fn letter() -> impl Strategy<Value = Letter> {
    let id = prop_oneof![
        14 => Just(Id::Minted),
        4 => (0..6_u8).prop_map(Id::Chosen),
        1 => prop_oneof![Just(Id::Forged), Just(Id::Unwritable), Just(Id::Bytes)],
    ];
    let ttl = prop::option::weighted(0.25, prop_oneof![span(12), span(80)]);
    let size = prop_oneof![6 => 0..7_usize, 1 => 0..14_usize];
    (size, id, ttl, prop::bool::weighted(0.2)).prop_map(|(size, id, ttl, once)| Letter { size, id, ttl, once })
}

fn ours() -> impl Strategy<Value = Ours> {
    prop_oneof![16 => out(), 14 => (0..7_u8).prop_map(Ours::Last), 1 => Just(Ours::Strange)]
}

fn out() -> impl Strategy<Value = Ours> {
    (0..4_u8).prop_map(Ours::Out)
}

fn whose() -> impl Strategy<Value = Whose> {
    prop_oneof![14 => Just(Whose::Present), 1 => Just(Whose::Previous)]
}

fn error() -> impl Strategy<Value = TransportError> {
    prop_oneof![
        6 => Just(TransportError::Io),
        3 => Just(TransportError::Unauthorized),
        1 => Just(TransportError::Permanent),
    ]
}
