//! `wechat`: a mini program. A text `ping` ten seconds after each `pong`, dead ten seconds after a `ping`, twelve reconnects.
//!
//! What this preset does, by the numbers of its document:
//!
//! * S003-1 with `task_id` and `user_id` the URL's query is `<taskId>&<userId>`;
//! * S003-3, S003-4 nothing is sent at open; a text `ping` 10,000 ms after it;
//! * S003-5, S003-8 no `pong` within 10,000 ms of the `ping`: closed with 1000, which counts as closed at once (B003-7);
//! * S003-6 a text that is exactly `pong`, asked for or not, starts anew: the next `ping` comes 10,000 ms after it;
//! * S003-7 every other text is delivered and starts nothing anew;
//! * S003-9, S003-10 an error, a close or both: one reconnect, 5,000 ms later. A `ping` that cannot be written changes no
//!   timing and is told (B003-4); a dial that fails is a failed attempt (B003-5);
//! * S003-11 twelve reconnects in a row, then `GaveUp`, once, at the failure of the last one (B003-2). A new `open` starts anew;
//! * a close by the page is final (O003-3).
//!
//! The document means the twelve for an outage or for the life of the page (S003-12, O003-1). Here an open connection sets
//! the count back; with `reconnect.reset` set to [`Reset::Never`](crate::config::Reset::Never) only the page's own `open` does.

use alloc::format;
use serde::{Deserialize, Serialize};

use super::query::percent_encoded;
use super::{ServiceId, document, ping_pong};
use crate::config::{
    Backoff, ClosePolicy, Config, DeadAfter, DeadLink, FirstDelay, HeartbeatPolicy, HeartbeatSchedule, Limits,
    Liveness, MeasuredFrom, Probe, ReconnectPolicy, WhileDown,
};
use crate::dialect::{Capabilities, Content, Dialect, Handshake, Side, Signal, Span};
use crate::error::{Malformed, Unencodable};
use crate::{Duration, Frame, Preset, Secret};

/// The dialect of the mini program on `WeChat`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wechat {
    /// The task, for the URL. Default `None`: the host's URL says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<ServiceId>,
    /// The user, for the URL. Default `None`: the host's URL says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<ServiceId>,
}

impl Preset {
    /// The mini program on `WeChat`, as its document has it.
    pub fn wechat() -> Self {
        Self::unchecked(Wechat::default(), config())
    }
}

fn config() -> Config {
    let (five, ten) = (Duration::from_secs(5), Duration::from_secs(10));
    let document = document::config(WhileDown::Queue);
    Config {
        heartbeat: HeartbeatPolicy {
            every: ten,
            at_ready: false,
            schedule: HeartbeatSchedule::SinceLife,
            liveness: Liveness::Reply,
            dead_after: DeadAfter::after(1, ten),
            suspicion: None,
            probe: Some(Probe::default()),
        },
        reconnect: ReconnectPolicy {
            first: FirstDelay { heartbeat_failed: None, ..FirstDelay::all(five) },
            again: Backoff::constant(five),
            from: MeasuredFrom::Failure,
            max: Some(12),
            ..document.reconnect
        },
        close: ClosePolicy { code: Some(1000), dead: DeadLink::Close { code: Some(1000) }, ..document.close },
        ..document
    }
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
        Handshake { query, ..Handshake::default() }
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}
