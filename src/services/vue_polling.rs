//! Service `vue_polling`: a Vue plugin that polls where pushes stay away.
//!
//! Word on the wire: `{"command":"heartBeat"}`, which is the heartbeat of the client and the heartbeat reply of the
//! server; every other text is a message. A heartbeat goes out at open and after each 30 s of silence.
//!
//! The rules of the service's document, by their numbers, and their place in this preset:
//!
//! * S002-2: `{"command":"heartBeat"}` goes out as soon as the socket is open; this heartbeat is no round.
//! * S002-3, S002-5: a heartbeat goes out whenever 30,000 ms have passed without a frame of any kind; any frame resets
//!   the rounds.
//! * S002-4: after five unanswered heartbeats in a row the connection is closed right after the fifth, 150,000 ms after
//!   the last sign of life, and the wait for the reconnect begins there, since a dead peer delays the close event
//!   (O002-4). With a grace of 30,000 ms in `heartbeat.dead_after` the fifth heartbeat can still be answered (O002-1).
//! * S002-6 to S002-8: a close leads to one attempt 5,000 ms later, an error to one attempt at once; of both on one
//!   connection the first counts. A heartbeat that cannot be written is an error.
//! * S002-9 to S002-11: an attempt that is not open after 10,000 ms is dropped, and the next begins, without limit.
//! * S002-14 to S002-16: with `fallback.loop_time` the host is asked to poll when no push came for that time, again and
//!   again, in every state of the connection. A push restarts that time and asks for a pull. The host chooses the
//!   request of a poll.
//! * S002-17: with `fallback.after_failures` the host is asked to poll while so many attempts have failed, until an
//!   attempt opens (O002-3).
//! * S002-18: a push is any frame but the heartbeat reply; a push is delivered unchanged.

use alloc::borrow::ToOwned;
use serde::{Deserialize, Serialize};

use super::document;
use crate::config::{
    Backoff, Config, DeadAfter, DeadLink, FirstDelay, HeartbeatSchedule, Limits, Liveness, MeasuredFrom, Probe,
    WhileDown,
};
use crate::dialect::{Capabilities, Content, Dialect, HeartbeatSignal, MessageSignal, Side, Signal, Span, json};
use crate::error::{Malformed, Unencodable};
use crate::{Duration, Frame, Preset};

const HEARTBEAT: &str = r#"{"command":"heartBeat"}"#;

/// Dialect of the service `vue_polling`, without settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct VuePolling {}

impl Preset {
    /// Returns the preset `vue_polling`, with the timings of the document. Polling is off until `fallback` sets a time.
    pub fn vue_polling() -> Self {
        Self::unchecked(VuePolling::default(), config())
    }
}

fn config() -> Config {
    let (five, ten) = (Duration::from_secs(5), Duration::from_secs(10));
    let mut config = document::config(WhileDown::Queue);
    config.heartbeat.every = Duration::from_secs(30);
    config.heartbeat.at_ready = true;
    config.heartbeat.schedule = HeartbeatSchedule::SinceLife;
    config.heartbeat.liveness = Liveness::AnyFrame;
    config.heartbeat.dead_after = DeadAfter::after(5, Duration::ZERO);
    config.heartbeat.suspicion = None;
    config.heartbeat.unanswered = None;
    config.heartbeat.probe = Some(Probe::default());
    config.reconnect.first = FirstDelay::all(Duration::ZERO);
    config.reconnect.first.closed = Some(five);
    config.reconnect.first.dead = five;
    config.reconnect.again = Backoff::constant(ten);
    config.reconnect.from = MeasuredFrom::Attempt;
    config.reconnect.attempt_timeout = Some(ten);
    config.close.code = None;
    config.close.dead = DeadLink::Close { code: None };
    config
}

impl Dialect for VuePolling {
    fn name(&self) -> &'static str {
        "vue_polling"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
    }

    fn decode(&self, reader: Side, frame: &Frame, limits: &Limits) -> Result<Signal<Span>, Malformed> {
        let text = match frame {
            Frame::Ping(_) | Frame::Pong(_) => return Ok(Signal::Ignored),
            Frame::Text(_) | Frame::Binary(_) => json::text(frame)?,
        };
        match (is_heartbeat(text, limits)?, reader) {
            (true, Side::Client) => Ok(Signal::heartbeat_reply()),
            (true, Side::Server) => Ok(Signal::heartbeat()),
            (false, _) => Ok(Signal::message(None, Span::WHOLE)),
        }
    }

    fn encode(&self, writer: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        match signal {
            // Heartbeat and heartbeat reply are one text; the writer decides which of the two it is.
            Signal::Heartbeat(HeartbeatSignal::Ask) if writer == Side::Client => Ok(Frame::text(HEARTBEAT)),
            Signal::Heartbeat(HeartbeatSignal::Reply) if writer == Side::Server => Ok(Frame::text(HEARTBEAT)),
            Signal::Message(MessageSignal { content: Content::Text(text), .. }) => {
                match is_heartbeat(text, &json::widest_limits()) {
                    Ok(true) => Err(Unencodable::Reserved),
                    _ => Ok(Frame::text((*text).to_owned())),
                }
            }
            Signal::Message(MessageSignal { content: Content::Binary(_), .. }) => Err(Unencodable::Binary),
            _ => Err(Unencodable::NoWord),
        }
    }
}

/// Whether a text is an object with the command of the heartbeat. Any other text is a push, JSON or not.
fn is_heartbeat(text: &str, limits: &Limits) -> Result<bool, Malformed> {
    match json::fields(text, ["command"], limits) {
        Ok([command]) => Ok(command.is_some_and(|command| command.is("heartBeat"))),
        Err(error @ Malformed::TooDeep { .. }) => Err(error),
        Err(_) => Ok(false),
    }
}
