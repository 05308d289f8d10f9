//! Calls of an application to a session, as values.

use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::error::{
    AbandonError, AcknowledgeError, CancelError, CloseError, FetchedError, MarkReadError, NotOpenError, ResendError,
    SendError,
};
use crate::event::CredentialFailure;
use crate::frame::Body;
use crate::id::{ConnectionId, MessageId};
use crate::kinds::{codes, kinds, no_fields};
use crate::outgoing::{Outgoing, Repeat};
use crate::secret::Secret;
use crate::session::Session;
use crate::time::{Duration, Instant};

/// A call of an application to a session, as a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Call {
    /// The call [`Session::open`].
    #[serde(deserialize_with = "no_fields")]
    Open,
    /// The call [`Session::close_with`].
    Close {
        /// The close code; without one the code of the configuration is sent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
        /// The close reason.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// The call [`Session::send`].
    Send {
        /// The content.
        body: Body,
        /// The id, where the caller chooses it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<MessageId>,
        /// The time for which the message may wait for its outcome.
        #[serde(default, rename = "time_to_live_ms", skip_serializing_if = "Option::is_none")]
        time_to_live: Option<Duration>,
        /// Whether the message is never sent a second time.
        #[serde(default, skip_serializing_if = "core::ops::Not::not")]
        once: bool,
    },
    /// The call [`Session::resend`].
    Resend {
        /// The id of the message.
        id: MessageId,
    },
    /// The call [`Session::cancel`].
    Cancel {
        /// The id of the message.
        id: MessageId,
    },
    /// The call [`Session::abandon`].
    Abandon {
        /// The id of the message.
        id: MessageId,
    },
    /// The call [`Session::acknowledge`].
    Acknowledge {
        /// The id of the message.
        id: MessageId,
    },
    /// The call [`Session::reject`].
    Reject {
        /// The id of the message.
        id: MessageId,
    },
    /// The call [`Session::mark_read`], or [`Session::mark_read_in`] where a conversation is named.
    MarkRead {
        /// The id of the message.
        id: MessageId,
        /// The conversation.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        conversation: String,
    },
    /// The call [`Session::reconnect_now`].
    #[serde(deserialize_with = "no_fields")]
    ReconnectNow,
    /// The call [`Session::hold`].
    #[serde(deserialize_with = "no_fields")]
    Hold,
    /// The call [`Session::release`].
    #[serde(deserialize_with = "no_fields")]
    Release,
    /// The call [`Session::drain`].
    Drain {
        /// The time that the drain may take.
        #[serde(rename = "within_ms")]
        within: Duration,
    },
    /// The call [`Session::credential`], or [`Session::credential_for`] where a connection is named.
    Credential {
        /// The connection that asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connection: Option<ConnectionId>,
        /// The credential.
        value: Secret,
    },
    /// The call [`Session::credential_failed`], or [`Session::credential_failed_for`] where a connection is named.
    CredentialFailed {
        /// The connection that asked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connection: Option<ConnectionId>,
        /// The reason why there is no credential.
        why: CredentialFailure,
    },
    /// The call [`Session::fetched`].
    Fetched {
        /// The first sequence number that was missing.
        from: u64,
        /// The last sequence number that was missing, where the gap named one.
        #[serde(default)]
        to: Option<u64>,
        /// The ids of fetched messages that may also arrive on the connection.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ids: Vec<MessageId>,
    },
    /// The call [`Session::persisted`].
    Persisted {
        /// The version that `Persist` named.
        version: u64,
    },
}

/// Why a call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum CallError {
    /// The refusal of `close_with`.
    Close(#[from] CloseError),
    /// The refusal of `send`.
    Send(#[from] SendError),
    /// The refusal of `resend`.
    Resend(#[from] ResendError),
    /// The refusal of `cancel`.
    Cancel(#[from] CancelError),
    /// The refusal of `abandon`.
    Abandon(#[from] AbandonError),
    /// The refusal of `acknowledge` or `reject`.
    Acknowledge(#[from] AcknowledgeError),
    /// The refusal of `fetched`.
    Fetched(#[from] FetchedError),
    /// The refusal of `mark_read`.
    MarkRead(#[from] MarkReadError),
    /// The refusal of a call that needs an open session.
    NotOpen(#[from] NotOpenError),
}

codes!(CallError: ; Close, Send, Resend, Cancel, Abandon, Acknowledge, Fetched, MarkRead, NotOpen);

kinds!(Call:
    Open => "open",
    Close => "close",
    Send => "send",
    Resend => "resend",
    Cancel => "cancel",
    Abandon => "abandon",
    Acknowledge => "acknowledge",
    Reject => "reject",
    MarkRead => "mark_read",
    ReconnectNow => "reconnect_now",
    Hold => "hold",
    Release => "release",
    Drain => "drain",
    Credential => "credential",
    CredentialFailed => "credential_failed",
    Fetched => "fetched",
    Persisted => "persisted",
);

impl Call {
    /// Makes the call. Returns the id of the message where a message was taken.
    ///
    /// ```
    /// use redial::journal::Call;
    /// use redial::{Instant, Preset, Seed, Session, State};
    /// let mut session = Session::new(Preset::plain(), Seed::from(7_u64));
    /// Call::Open.make(&mut session, Instant::ORIGIN)?;
    /// assert_eq!(session.state(), State::Connecting);
    /// # Ok::<(), redial::journal::CallError>(())
    /// ```
    pub fn make(self, session: &mut Session, now: Instant) -> Result<Option<MessageId>, CallError> {
        match self {
            Self::Open => session.open(now),
            Self::Close { code, reason } => session.close_with(now, code, reason)?,
            Self::Send { body, id, time_to_live, once } => {
                return Ok(Some(session.send(now, outgoing(body, id, time_to_live, once))?));
            }
            Self::Resend { id } => session.resend(now, &id)?,
            Self::Cancel { id } => session.cancel(now, &id)?,
            Self::Abandon { id } => session.abandon(now, &id)?,
            Self::Acknowledge { id } => session.acknowledge(now, &id)?,
            Self::Reject { id } => session.reject(now, &id)?,
            Self::MarkRead { id, conversation } => session.mark_read_in(now, &conversation, &id)?,
            Self::Fetched { from, to, ids } => session.fetched(now, from, to, &ids)?,
            Self::ReconnectNow => session.reconnect_now(now)?,
            Self::Hold => session.hold(now),
            Self::Release => session.release(now),
            Self::Drain { within } => session.drain(now, within)?,
            Self::Credential { connection, value } => session.credential_for(now, connection, value),
            Self::Persisted { version } => session.persisted(now, version),
            Self::CredentialFailed { connection, why } => session.credential_failed_for(now, connection, why),
        }
        Ok(None)
    }
}

impl From<Outgoing> for Call {
    /// Makes the call that sends this message.
    fn from(message: Outgoing) -> Self {
        let Outgoing { body, id, time_to_live, repeat } = message;
        Self::Send { body, id, time_to_live, once: repeat == Repeat::Never }
    }
}

fn outgoing(body: Body, id: Option<MessageId>, time_to_live: Option<Duration>, once: bool) -> Outgoing {
    let mut outgoing = Outgoing::from(body);
    if let Some(id) = id {
        outgoing = outgoing.id(id);
    }
    if let Some(span) = time_to_live {
        outgoing = outgoing.time_to_live(span);
    }
    if once { outgoing.once() } else { outgoing }
}
