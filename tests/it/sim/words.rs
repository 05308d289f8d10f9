//! Names: of what is said, and of what is counted.

use redial::{Action, Body, PollCause, Status, Timer};

/// The name of what the client's user says, and of what the server's application says.
pub(super) fn client(number: usize) -> String {
    format!("c{number}")
}

pub(super) fn server(number: usize) -> String {
    format!("s{number}")
}

/// A body that carries a name, and is somewhat longer than that.
pub(super) fn body(name: &str, more: usize) -> String {
    format!("<{name}>{}", "x".repeat(more))
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

/// Every kind of action there is, by the name under which it is counted.
pub(crate) const ACTIONS: [&str; 21] = [
    "action: connect",
    "action: send",
    "action: close",
    "action: abort",
    "action: poll for silence",
    "action: poll for down",
    "action: poll for a push",
    "action: persist",
    "action: need credential",
    "action: state",
    "action: schedule reconnect",
    "action: alive",
    "action: deliver",
    "action: status",
    "action: late receipt",
    "action: unsent",
    "action: deferred",
    "action: gap",
    "action: not resumed",
    "action: kicked",
    "action: gave up",
];

pub(super) fn action(action: &Action) -> &'static str {
    match action {
        Action::Connect { .. } => "action: connect",
        Action::Send { .. } => "action: send",
        Action::Close { .. } => "action: close",
        Action::Abort { .. } => "action: abort",
        Action::Poll { cause: PollCause::Silence } => "action: poll for silence",
        Action::Poll { cause: PollCause::Down } => "action: poll for down",
        Action::Poll { .. } => "action: poll for a push",
        Action::Persist { .. } => "action: persist",
        Action::NeedCredential { .. } => "action: need credential",
        Action::State { .. } => "action: state",
        Action::ScheduleReconnect { .. } => "action: schedule reconnect",
        Action::Alive { .. } => "action: alive",
        Action::Deliver(_) => "action: deliver",
        Action::Status { .. } => "action: status",
        Action::LateReceipt { .. } => "action: late receipt",
        Action::Unsent { .. } => "action: unsent",
        Action::Deferred { .. } => "action: deferred",
        Action::Gap { .. } => "action: gap",
        Action::NotResumed { .. } => "action: not resumed",
        Action::Kicked { .. } => "action: kicked",
        Action::GaveUp { .. } => "action: gave up",
        Action::Malformed { .. } => "action: malformed",
        // A new one is counted under this name until it has its own here.
        _ => "action: another",
    }
}

/// Every timer of a session, by the name under which its firing is counted.
pub(crate) const TIMERS: [&str; 13] = [
    "timer: death",
    "timer: probe",
    "timer: heartbeat",
    "timer: attempt",
    "timer: credential",
    "timer: authentication",
    "timer: reconnect",
    "timer: give up",
    "timer: close",
    "timer: receipt",
    "timer: expiry",
    "timer: poll",
    "timer: drain",
];

pub(super) fn timer(timer: Timer) -> &'static str {
    match timer {
        Timer::Death => "timer: death",
        Timer::Probe => "timer: probe",
        Timer::Heartbeat => "timer: heartbeat",
        Timer::Attempt => "timer: attempt",
        Timer::Credential => "timer: credential",
        Timer::Authentication => "timer: authentication",
        Timer::Reconnect => "timer: reconnect",
        Timer::GiveUp => "timer: give up",
        Timer::Close => "timer: close",
        Timer::Receipt => "timer: receipt",
        Timer::Expiry => "timer: expiry",
        Timer::Poll => "timer: poll",
        Timer::Drain => "timer: drain",
        _ => "timer: another",
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
    }
}

/// What faults lead to in the end; where one of these never happened, the faults were too mild or a path was never taken.
pub(crate) const GUARDS: [&str; 22] = [
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
    "forgotten",
    "quiet",
    "action: malformed",
];
