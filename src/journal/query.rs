//! Queries of an application to a session, as values: they change nothing.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use core::iter;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::id::MessageId;
use crate::kinds::{kinds, no_fields};
use crate::session::Session;

/// A query of an application to a session, as a value: it changes nothing, and no timer fires for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Query {
    /// The query [`Session::snapshot`].
    #[serde(deserialize_with = "no_fields")]
    Snapshot,
    /// The changes that `persist` lines have named since this was asked last, for a host to store.
    ///
    /// They are an object from keys to values, `null` where a record is to be deleted. With `whole`, which is left out
    /// where it is false, they are all records there are, and take the place of all that is stored. A
    /// [`Player`](super::Player) keeps the changes until they are asked for; asked of a session alone, they are the
    /// whole.
    #[serde(deserialize_with = "no_fields")]
    Changes,
    /// The query [`Session::status`].
    Status {
        /// The id of the message.
        id: MessageId,
    },
    /// The query [`Session::stats`].
    #[serde(deserialize_with = "no_fields")]
    Stats,
    /// The query [`Session::explain`], answered with its sentence.
    #[serde(deserialize_with = "no_fields")]
    Explain,
    /// The query [`Session::bounds`].
    #[serde(deserialize_with = "no_fields")]
    Bounds,
}

kinds!(Query:
    Snapshot => "snapshot",
    Changes => "changes",
    Status => "status",
    Stats => "stats",
    Explain => "explain",
    Bounds => "bounds",
);

impl Query {
    /// Asks the session. Returns the fields of the answer, of which one is named after the query.
    ///
    /// The answer to `Status` has the id too, and `null` for a message that is unknown or was forgotten.
    ///
    /// ```
    /// use redial::journal::Query;
    /// use redial::{Preset, Seed, Session};
    /// let session = Session::new(Preset::plain(), Seed::from(7_u64));
    /// assert_eq!(Query::Explain.ask(&session)["explain"], "idle");
    /// assert_eq!(Query::Bounds.ask(&session)["bounds"]["connects_in_120_s"], 20);
    /// ```
    pub fn ask(&self, session: &Session) -> Map<String, Value> {
        let answer = match self {
            Self::Snapshot => serde_json::to_value(session.snapshot()),
            Self::Changes => return whole(session),
            Self::Status { id } => return status(session, id),
            Self::Stats => serde_json::to_value(session.stats()),
            Self::Explain => Ok(Value::String(session.explain().to_string())),
            Self::Bounds => serde_json::to_value(session.bounds()),
        };
        // None of these values holds a map that JSON cannot write.
        iter::once((self.kind().to_owned(), answer.unwrap_or_default())).collect()
    }
}

/// Answer to `Changes` with all records.
pub(super) fn whole(session: &Session) -> Map<String, Value> {
    let snapshot = serde_json::to_value(session.snapshot()).unwrap_or_default();
    [("changes".to_owned(), snapshot), ("whole".to_owned(), Value::Bool(true))].into_iter().collect()
}

fn status(session: &Session, id: &MessageId) -> Map<String, Value> {
    let mut fields = match serde_json::to_value(session.status(id)) {
        Ok(Value::Object(fields)) => fields,
        _ => iter::once(("status".to_owned(), Value::Null)).collect(),
    };
    fields.insert("id".to_owned(), serde_json::to_value(id).unwrap_or_default());
    fields
}

/// Reads the fields of an answer; one of them is named after a query.
pub(super) fn answer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    let fields = Map::deserialize(deserializer)?;
    let is_answer = Query::KINDS.iter().any(|kind| fields.contains_key(*kind));
    if is_answer { Ok(fields) } else { Err(serde::de::Error::custom("it answers no query")) }
}
