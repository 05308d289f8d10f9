//! Names: of what is said, and of what is counted.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use redial::journal::Call;
use redial::{Action, Body, Event, PollCause, Status, Timer};

/// The name of what the client's user says, and of what the server's application says.
pub(super) fn client(number: usize) -> String {
    format!("c{number}")
}

pub(super) fn server(number: usize) -> String {
    format!("s{number}")
}

/// A body that carries a name, and is somewhat longer than that.
pub(super) fn body(name: &str, more: usize) -> String {
    let mut body = format!("<{name}>{}", "x".repeat(more));
    // Programs hand over what they wrote into, which is seldom as small as it could be.
    body.reserve_exact(4 * body.len() + 1_000);
    body
}

/// The name that a body carries, however it is wrapped.
pub(super) fn name_in(body: &Body) -> String {
    let text = body.as_text().unwrap_or_default();
    let name = text.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(name, _)| name);
    name.unwrap_or_default().to_owned()
}

/// Whether somebody said this, or it is noise.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
}

/// Kinds of one sort, each with the name under which it is counted.
struct Names(BTreeMap<&'static str, String>);

impl Names {
    fn new(sort: &str, kinds: &[&'static str]) -> Self {
        Self(kinds.iter().map(|kind| (*kind, format!("{sort}: {kind}"))).collect())
    }
}

static ACTIONS: LazyLock<Names> = LazyLock::new(|| Names::new("action", Action::KINDS));
static EVENTS: LazyLock<Names> = LazyLock::new(|| Names::new("event", Event::KINDS));
static CALLS: LazyLock<Names> = LazyLock::new(|| Names::new("call", Call::KINDS));
static TIMERS: LazyLock<BTreeMap<Timer, String>> =
    LazyLock::new(|| Timer::ALL.into_iter().map(|timer| (timer, format!("timer: {}", spelled(timer)))).collect());

/// A timer, as the journal spells it.
fn spelled(timer: Timer) -> String {
    let json = serde_json::to_string(&timer).unwrap_or_default();
    json.trim_matches('"').to_owned()
}

/// The names under which all kinds of actions, events and calls and all timers are counted; the library says which
/// there are.
pub(crate) fn kinds() -> impl Iterator<Item = &'static str> {
    let inputs = EVENTS.0.values().chain(CALLS.0.values());
    ACTIONS.0.values().chain(inputs).chain(TIMERS.values()).map(String::as_str)
}

pub(super) fn action(action: &Action) -> &'static str {
    &ACTIONS.0[action.kind()]
}

pub(super) fn event(event: &Event) -> &'static str {
    &EVENTS.0[event.kind()]
}

pub(super) fn call(call: &Call) -> &'static str {
    &CALLS.0[call.kind()]
}

pub(super) fn timer(timer: Timer) -> &'static str {
    &TIMERS[&timer]
}

pub(super) fn poll(cause: PollCause) -> &'static str {
    match cause {
        PollCause::Silence => "poll for silence",
        PollCause::Down => "poll for down",
        PollCause::Push => "poll for a push",
        other => unreachable!("{other:?} is not counted"),
    }
}

/// Every status there is, by the name under which it is counted.
pub(crate) const STATUSES: [&str; 9] = [
    "status: queued",
    "status: sent",
    "status: accepted",
    "status: delivered",
    "status: read",
    "status: rejected",
    "status: not sent",
    "status: unconfirmed",
    "status: cancelled",
];

pub(super) fn status(status: Status) -> &'static str {
    match status {
        Status::Queued => "status: queued",
        Status::Sent => "status: sent",
        Status::Accepted => "status: accepted",
        Status::Delivered => "status: delivered",
        Status::Read => "status: read",
        Status::Rejected { .. } => "status: rejected",
        Status::NotSent => "status: not sent",
        Status::Unconfirmed => "status: unconfirmed",
        Status::Cancelled => "status: cancelled",
        other => unreachable!("{other:?} is not counted"),
    }
}

/// What faults lead to in the end; where one of these never happened, the faults were too mild or a path was never
/// taken.
pub(crate) const GUARDS: [&str; 25] = [
    "accepted after two connections",
    "fenced off",
    "late event",
    "late open",
    "resent",
    "repeat suppressed by the client",
    "repeat suppressed by the server",
    "lost",
    "sent again by hand",
    "quarantined",
    "probe saved a link",
    "probe ended a link",
    "refused: full by count",
    "refused: full by bytes",
    "refused: not ready",
    "refused: draining",
    "refused: stopped",
    "restored with messages",
    "shown and not stored",
    "torn store refused",
    "forgotten",
    "quiet",
    "poll for silence",
    "poll for down",
    "poll for a push",
];
