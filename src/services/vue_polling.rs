//! `vue_polling`: a Vue plugin. A heartbeat at open and after each half minute of silence, and polls where pushes stay away.
//!
//! What this preset does, by the numbers of its document:
//!
//! * S002-2 `{"command":"heartBeat"}` as soon as the socket is open; it is no round;
//! * S002-3, S002-5 another whenever 30,000 ms have passed without a frame of any kind, and any frame takes all rounds back;
//! * S002-4 five of them in a row unanswered: closed right after the fifth, 150,000 ms after the last sign of life, and
//!   closed counts from there, since a dead peer holds the close event back (O002-4). With a grace of 30,000 ms in
//!   `heartbeat.dead_after` the fifth can still be answered (O002-1);
//! * S002-6, S002-7 a close: one connect 5,000 ms later; an error: one at once; both of one connection: whichever came first (S002-8).
//!   A heartbeat that cannot be written is an error;
//! * S002-9 an attempt that is not open after 10,000 ms is dropped, and the next begins, for ever (S002-10, S002-11);
//! * S002-14 to S002-16 with `fallback.loop_time` the host is asked to poll when no push came for so long, again and again,
//!   whatever the socket does; a push starts that time anew and asks for a pull. What is polled is the host's to choose;
//! * S002-17 with `fallback.after_failures` it is asked to poll while so many attempts have failed, until one is open (O002-3);
//! * S002-18 a push is any frame but the heartbeat's reply; it is delivered as it is.

use alloc::borrow::ToOwned;
use serde::{Deserialize, Serialize};

use super::document;
use crate::config::{
    Backoff, ClosePolicy, Config, DeadAfter, DeadLink, FirstDelay, HeartbeatPolicy, HeartbeatSchedule, Limits,
    Liveness, MeasuredFrom, Probe, ReconnectPolicy, WhileDown,
};
use crate::dialect::{Capabilities, Content, Dialect, HeartbeatSignal, MessageSignal, Side, Signal, Span, json};
use crate::error::{Malformed, Unencodable};
use crate::{Duration, Frame, Preset};

const HEARTBEAT: &str = r#"{"command":"heartBeat"}"#;

/// The dialect of the Vue plugin; it has no settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VuePolling {}

impl Preset {
    /// The Vue plugin, as its document has it; polling is off until `fallback` says how often.
    pub fn vue_polling() -> Self {
        Self::unchecked(VuePolling::default(), config())
    }
}

fn config() -> Config {
    let (five, ten) = (Duration::from_secs(5), Duration::from_secs(10));
    let document = document::config(WhileDown::Queue);
    Config {
        heartbeat: HeartbeatPolicy {
            every: Duration::from_secs(30),
            at_ready: true,
            schedule: HeartbeatSchedule::SinceLife,
            liveness: Liveness::AnyFrame,
            dead_after: DeadAfter::after(5, Duration::ZERO),
            suspicion: None,
            probe: Some(Probe::default()),
        },
        reconnect: ReconnectPolicy {
            first: FirstDelay {
                errored: Some(Duration::ZERO),
                closed: Some(five),
                dead: five,
                heartbeat_failed: Some(Duration::ZERO),
            },
            again: Backoff::constant(ten),
            from: MeasuredFrom::Attempt,
            attempt_timeout: Some(ten),
            ..document.reconnect
        },
        close: ClosePolicy { code: None, dead: DeadLink::Close { code: None }, ..document.close },
        ..document
    }
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
            // One text, whose meaning is who says it.
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

/// Whether a text is an object whose command is the heartbeat. What is no such object is a push, JSON or not.
fn is_heartbeat(text: &str, limits: &Limits) -> Result<bool, Malformed> {
    match json::fields(text, ["command"], limits) {
        Ok([command]) => Ok(command.is_some_and(|command| command.is("heartBeat"))),
        Err(error @ Malformed::TooDeep { .. }) => Err(error),
        Err(_) => Ok(false),
    }
}
