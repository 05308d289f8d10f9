//! Problem of a line that is JSON of a wrong shape: an unknown call, event or query, or a missing or unknown field with
//! its path.

use alloc::format;
use alloc::string::{String, ToString};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Call, Header, LineError, Query, Timed};
use crate::durable::Snapshot;
use crate::error::JsonProblem;
use crate::event::Event;
use crate::excerpt::excerpt;
use crate::frame::{Body, Frame};

/// Names the problem of a header; returns `error` where nothing more is to be said.
pub(super) fn of_header(line: &str, error: LineError) -> LineError {
    named(line, error, |value| part::<Snapshot>(value, "", "snapshot").or_else(|| field::<Header>(value, "")))
}

/// Names the problem of a call, an event or a query; returns `error` where nothing more is to be said.
pub(super) fn of_timed(line: &str, error: LineError) -> LineError {
    named(line, error, |value| {
        let of_call = value.get("call").and_then(|call| {
            unknown(call, "call", Call::KINDS, LineError::UnknownCall)
                .or_else(|| part::<Body>(call, "call.", "body"))
                .or_else(|| field::<Call>(call, "call."))
        });
        let of_event = || {
            let event = value.get("event")?;
            unknown(event, "event", Event::KINDS, LineError::UnknownEvent)
                .or_else(|| part::<Frame>(event, "event.", "frame"))
                .or_else(|| part::<crate::action::Purpose>(event, "event.", "purpose"))
                .or_else(|| field::<Event>(event, "event."))
        };
        let of_query = || {
            let query = value.get("query")?;
            unknown(query, "query", Query::KINDS, LineError::UnknownQuery).or_else(|| field::<Query>(query, "query."))
        };
        of_call.or_else(of_event).or_else(of_query).or_else(|| field::<Timed>(value, ""))
    })
}

fn named(line: &str, error: LineError, name: impl FnOnce(&Value) -> Option<LineError>) -> LineError {
    let has_other_shape = matches!(error, LineError::Json { problem: JsonProblem::Shape, .. });
    let value = has_other_shape.then(|| serde_json::from_str::<Value>(line).ok()).flatten();
    value.filter(Value::is_object).and_then(|value| name(&value)).unwrap_or(error)
}

/// Returns the error for a missing or an unknown `type`.
fn unknown(value: &Value, path: &str, kinds: &[&str], error: LineError) -> Option<LineError> {
    match value.as_object()?.get("type") {
        None => Some(LineError::Missing { field: format!("{path}.type") }),
        Some(Value::String(kind)) if !kinds.contains(&kind.as_str()) => Some(error),
        Some(_) => None,
    }
}

/// Returns the error for a field that is missing or unknown in a part of a value.
fn part<T: DeserializeOwned>(value: &Value, path: &str, name: &str) -> Option<LineError> {
    value.get(name).filter(|part| part.is_object()).and_then(|part| field::<T>(part, &format!("{path}{name}.")))
}

/// Returns the error for a field that is missing or unknown in a value.
fn field<T: DeserializeOwned>(value: &Value, path: &str) -> Option<LineError> {
    let text = serde_json::from_value::<T>(value.clone()).err()?.to_string();
    // serde has no other way to tell the field: its name stands in these two texts.
    let (problem, rest) = text.split_once(" field `")?;
    let (name, _) = rest.split_once('`')?;
    let field = excerpt(&(String::from(path) + name));
    match problem {
        "missing" => Some(LineError::Missing { field }),
        "unknown" => Some(LineError::UnknownField { field }),
        _ => None,
    }
}
