//! Service `wechat`: a mini program on `WeChat` with heartbeats as texts.
//!
//! Words on the wire: the text `ping` (heartbeat), the text `pong` (heartbeat reply), and every other text (message). A
//! `ping` follows 10 s after each `pong`, the link is dead 10 s after an unanswered `ping`, and twelve reconnects may
//! follow.
//!
//! The rules of the service's document, by their numbers, and their place in this preset:
//!
//! * S003-1: with `task_id` and `user_id` the URL's query is `<taskId>&<userId>`.
//! * S003-3, S003-4: nothing is sent at open; a text `ping` goes out 10,000 ms later.
//! * S003-5, S003-8: without `pong` within 10,000 ms of the `ping` the connection is closed with 1000, which counts as
//!   closed at once (B003-7).
//! * S003-6: a text that is exactly `pong`, asked for or not, restarts the time: the next `ping` goes out 10,000 ms
//!   later.
//! * S003-7: every other text is delivered and restarts nothing.
//! * S003-9, S003-10: an error, a close or both lead to one reconnect, 5,000 ms later. A `ping` that cannot be written
//!   is reported and changes no timing (B003-4); a dial that fails is a failed attempt (B003-5).
//! * S003-11: after twelve reconnects in a row `GaveUp` is reported once, at the failure of the last (B003-2). A new
//!   `open` starts over.
//! * A close by the page is final (O003-3).
//!
//! The document leaves open whether the twelve reconnects count per outage or for the life of the page (S003-12,
//! O003-1). Here an open connection resets the count; with `reconnect.reset` set to
//! [`Reset::Never`](crate::config::Reset::Never) only an `open` of the page does.

use alloc::format;
use serde::{Deserialize, Serialize};

use super::query::percent_encoded;
use super::{ServiceId, document, ping_pong};
use crate::config::{
    Backoff, Config, DeadAfter, DeadLink, FirstDelay, HeartbeatSchedule, Limits, Liveness, MeasuredFrom, Probe,
    WhileDown,
};
use crate::dialect::{Capabilities, Content, Dialect, Handshake, Side, Signal, Span};
use crate::error::{Malformed, Unencodable};
use crate::{Duration, Frame, Preset, Secret};

/// Dialect of the service `wechat`. The query needs both ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Wechat {
    /// The task, for the query of the URL. Default `None`: the host's URL holds the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<ServiceId>,
    /// The user, for the query of the URL. Default `None`: the host's URL holds the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<ServiceId>,
}

impl Preset {
    /// Returns the preset `wechat`, with the timings of the document and without ids in the URL.
    pub fn wechat() -> Self {
        Self::unchecked(Wechat::default(), config())
    }
}

fn config() -> Config {
    let (five, ten) = (Duration::from_secs(5), Duration::from_secs(10));
    let mut config = document::config(WhileDown::Queue);
    config.heartbeat.every = ten;
    config.heartbeat.at_ready = false;
    config.heartbeat.schedule = HeartbeatSchedule::SinceLife;
    config.heartbeat.liveness = Liveness::Reply;
    config.heartbeat.dead_after = DeadAfter::after(1, ten);
    config.heartbeat.suspicion = None;
    config.heartbeat.unanswered = None;
    config.heartbeat.probe = Some(Probe::default());
    config.reconnect.first = FirstDelay::all(five);
    config.reconnect.first.heartbeat_failed = None;
    config.reconnect.again = Backoff::constant(five);
    config.reconnect.from = MeasuredFrom::Failure;
    config.reconnect.max = Some(12);
    config.close.code = Some(1000);
    config.close.dead = DeadLink::Close { code: Some(1000) };
    config
}

impl Dialect for Wechat {
    fn name(&self) -> &'static str {
        "wechat"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
    }

    fn decode(&self, reader: Side, frame: &Frame, _limits: &Limits) -> Result<Signal<Span>, Malformed> {
        ping_pong::decode(reader, frame)
    }

    fn encode(&self, writer: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        ping_pong::encode(writer, signal)
    }

    fn handshake(&self, _credential: Option<&Secret>) -> Handshake {
        let query = match (&self.task_id, &self.user_id) {
            (Some(task), Some(user)) => {
                Some(format!("{}&{}", percent_encoded(&format!("{task}")), percent_encoded(&format!("{user}"))))
            }
            _ => None,
        };
        Handshake::default().query(query)
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}
