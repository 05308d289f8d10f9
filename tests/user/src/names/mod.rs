//! Every variant by its name, with `None` for what a later version adds where it may add something.

mod signal;

use redial::dialect::{NotResumed, Side};
use redial::error::{ConfigError, JsonProblem, Malformed, Unencodable};
use redial::{
    Action, Cause, CredentialFailure, Event, PollCause, Purpose, SendError, State, Status, Timer, TransportError,
};

pub use signal::signal;

/// The name of an action.
pub fn action(action: &Action) -> Option<&'static str> {
    Some(match action {
        Action::Connect { .. } => "connect",
        Action::Send { .. } => "send",
        Action::Close { .. } => "close",
        Action::Abort { .. } => "abort",
        Action::Poll { .. } => "poll",
        Action::Persist { .. } => "persist",
        Action::NeedCredential { .. } => "need_credential",
        Action::Credential { .. } => "credential",
        Action::State { .. } => "state",
        Action::ScheduleReconnect { .. } => "schedule_reconnect",
        Action::Suspected { .. } => "suspected",
        Action::Alive { .. } => "alive",
        Action::Deliver(_) => "deliver",
        Action::Status { .. } => "status",
        Action::LateReceipt { .. } => "late_receipt",
        Action::Unsent { .. } => "unsent",
        Action::Deferred { .. } => "deferred",
        Action::Gap { .. } => "gap",
        Action::NotResumed { .. } => "not_resumed",
        Action::Greeted { .. } => "greeted",
        Action::Kicked { .. } => "kicked",
        Action::GaveUp { .. } => "gave_up",
        Action::Malformed { .. } => "malformed",
        _ => return None,
    })
}

/// The name of an event.
pub fn event(event: &Event) -> Option<&'static str> {
    Some(match event {
        Event::Opened { .. } => "opened",
        Event::FrameIn { .. } => "frame_in",
        Event::Tick => "tick",
        Event::SendFailed { .. } => "send_failed",
        Event::Errored { .. } => "errored",
        Event::Closed { .. } => "closed",
        Event::Host { .. } => "host",
        Event::Online => "online",
        Event::Offline => "offline",
        Event::Woke { .. } => "woke",
        _ => return None,
    })
}

/// The name of a cause.
pub fn cause(cause: Cause) -> Option<&'static str> {
    Some(match cause {
        Cause::Errored => "errored",
        Cause::Closed => "closed",
        Cause::Dead => "dead",
        Cause::HeartbeatFailed => "heartbeat_failed",
        Cause::SendFailed => "send_failed",
        Cause::AttemptTimeout => "attempt_timeout",
        Cause::AuthenticationTimeout => "authentication_timeout",
        Cause::CredentialUnavailable => "credential_unavailable",
        Cause::ReceiptOverdue => "receipt_overdue",
        Cause::MalformedFlood => "malformed_flood",
        Cause::Gap => "gap",
        Cause::AckAboveSent => "ack_above_sent",
        Cause::NotUnderstood => "not_understood",
        Cause::Restarted => "restarted",
        Cause::Renewed => "renewed",
        Cause::Deferred => "deferred",
        Cause::User => "user",
        Cause::Drained => "drained",
        Cause::Kicked => "kicked",
        Cause::Unauthorized => "unauthorized",
        Cause::Terminal => "terminal",
        Cause::GaveUp => "gave_up",
        Cause::Permanent => "permanent",
        _ => return None,
    })
}

/// Every cause that has a name here.
pub const CAUSES: [Cause; 23] = [
    Cause::Errored,
    Cause::Closed,
    Cause::Dead,
    Cause::HeartbeatFailed,
    Cause::SendFailed,
    Cause::AttemptTimeout,
    Cause::AuthenticationTimeout,
    Cause::CredentialUnavailable,
    Cause::ReceiptOverdue,
    Cause::MalformedFlood,
    Cause::Gap,
    Cause::AckAboveSent,
    Cause::NotUnderstood,
    Cause::Restarted,
    Cause::Renewed,
    Cause::Deferred,
    Cause::User,
    Cause::Drained,
    Cause::Kicked,
    Cause::Unauthorized,
    Cause::Terminal,
    Cause::GaveUp,
    Cause::Permanent,
];

/// The name of a phase.
pub fn state(state: State) -> Option<&'static str> {
    Some(match state {
        State::Idle => "idle",
        State::Connecting => "connecting",
        State::Authenticating => "authenticating",
        State::Ready => "ready",
        State::Closing => "closing",
        State::Waiting => "waiting",
        State::Stopped => "stopped",
        _ => return None,
    })
}

/// The name of a status.
pub fn status(status: Status) -> Option<&'static str> {
    Some(match status {
        Status::Queued => "queued",
        Status::Sent => "sent",
        Status::Accepted => "accepted",
        Status::Delivered => "delivered",
        Status::Read => "read",
        Status::Rejected { .. } => "rejected",
        Status::NotSent => "not_sent",
        Status::Unconfirmed => "unconfirmed",
        Status::Cancelled => "cancelled",
        _ => return None,
    })
}

/// The name of the reason why `send` took nothing.
pub fn send_error(error: &SendError) -> Option<&'static str> {
    Some(match error {
        SendError::Stopped => "stopped",
        SendError::NotReady => "not_ready",
        SendError::Draining => "draining",
        SendError::Full { .. } => "full",
        SendError::FullBytes { .. } => "full_bytes",
        SendError::TooLarge { .. } => "too_large",
        SendError::DuplicateId => "duplicate_id",
        SendError::BadId { .. } => "bad_id",
        SendError::Unencodable(Unencodable::NoWord) => "no_word",
        SendError::Unencodable(Unencodable::Reserved) => "reserved",
        SendError::Unencodable(Unencodable::Binary) => "binary",
        _ => return None,
    })
}

/// The name of what a frame is sent for.
pub fn purpose(purpose: &Purpose) -> Option<&'static str> {
    Some(match purpose {
        Purpose::Heartbeat => "heartbeat",
        Purpose::HeartbeatReply => "heartbeat_reply",
        Purpose::Auth => "auth",
        Purpose::Message { .. } => "message",
        Purpose::Ack { .. } => "ack",
        Purpose::Nack { .. } => "nack",
        Purpose::CumulativeAck { .. } => "position",
        Purpose::Skip { .. } => "skip",
        Purpose::Bye => "bye",
        Purpose::Receipt { .. } => "receipt",
        _ => return None,
    })
}

/// The name of the reason for a poll.
pub fn poll_cause(cause: PollCause) -> Option<&'static str> {
    Some(match cause {
        PollCause::Silence => "silence",
        PollCause::Down => "down",
        PollCause::Push => "push",
        _ => return None,
    })
}

/// The name of a failure of the socket.
pub fn transport_error(error: TransportError) -> Option<&'static str> {
    Some(match error {
        TransportError::Refused => "refused",
        TransportError::Unauthorized => "unauthorized",
        TransportError::TimedOut => "timed_out",
        TransportError::Tls => "tls",
        TransportError::Dns => "dns",
        TransportError::Io => "io",
        TransportError::Protocol => "protocol",
        TransportError::InvalidUtf8 => "invalid_utf8",
        TransportError::TooBig => "too_big",
        TransportError::NotWebSocket => "not_web_socket",
        TransportError::Http => "http",
        TransportError::Permanent => "permanent",
        TransportError::Other => "other",
        _ => return None,
    })
}

/// The name of the reason why there is no credential.
pub fn credential_failure(failure: CredentialFailure) -> Option<&'static str> {
    Some(match failure {
        CredentialFailure::Refused => "refused",
        CredentialFailure::Expired => "expired",
        CredentialFailure::Unavailable => "unavailable",
        _ => return None,
    })
}

/// The name of a timer.
pub fn timer(timer: Timer) -> Option<&'static str> {
    Some(match timer {
        Timer::Death => "death",
        Timer::Probe => "probe",
        Timer::Suspicion => "suspicion",
        Timer::Heartbeat => "heartbeat",
        Timer::Attempt => "attempt",
        Timer::Credential => "credential",
        Timer::Authentication => "authentication",
        Timer::Reconnect => "reconnect",
        Timer::GiveUp => "give_up",
        Timer::Close => "close",
        Timer::Receipt => "receipt",
        Timer::Expiry => "expiry",
        Timer::Poll => "poll",
        Timer::Drain => "drain",
        Timer::Push => "push",
        _ => return None,
    })
}

/// The name of what is wrong with a frame.
pub fn malformed(error: &Malformed) -> Option<&'static str> {
    Some(match error {
        Malformed::TooLarge { .. } => "too_large",
        Malformed::TooDeep { .. } => "too_deep",
        Malformed::Unfinished => "unfinished",
        Malformed::Json { .. } => "json",
        Malformed::NotAnObject => "not_an_object",
        Malformed::Missing { .. } => "missing",
        Malformed::BadId { .. } => "bad_id",
        Malformed::BadNumber { .. } => "bad_number",
        Malformed::Unsupported => "unsupported",
        Malformed::UnexpectedBinary => "unexpected_binary",
        _ => return None,
    })
}

/// The name of what is wrong with a frame of JSON.
pub fn json_problem(problem: JsonProblem) -> Option<&'static str> {
    Some(match problem {
        JsonProblem::Syntax => "syntax",
        JsonProblem::Truncated => "truncated",
        JsonProblem::Shape => "shape",
        _ => return None,
    })
}

/// The name of the reason why a session does not go on where it was.
pub fn not_resumed(why: NotResumed) -> Option<&'static str> {
    Some(match why {
        NotResumed::Expired => "expired",
        NotResumed::Unknown => "unknown",
        NotResumed::Restarted => "restarted",
        NotResumed::Account => "account",
        NotResumed::Version => "version",
        _ => return None,
    })
}

/// The name of an end of the connection.
pub fn side(side: Side) -> &'static str {
    match side {
        Side::Client => "client",
        Side::Server => "server",
    }
}

/// The setting that a configuration was refused for.
pub fn refused_setting(error: &ConfigError) -> Option<&'static str> {
    match error {
        ConfigError::Range { setting, .. } => Some(setting),
        ConfigError::Window { .. } => Some("inbox.window"),
        _ => None,
    }
}
