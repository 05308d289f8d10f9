//! Numbers and lists of a peer's, within bounds.

use alloc::string::ToString;
use serde::de::DeserializeOwned;

use super::{Raw, malformed, missing};
use crate::error::Malformed;
use crate::id::MessageId;

/// An integer from 0 to 2^53 - 1 that must be there.
pub(crate) fn number(raw: Option<Raw<'_>>, field: &str) -> Result<u64, Malformed> {
    let number: u64 = parsed(raw.ok_or_else(|| missing(field))?)?;
    if number <= MessageId::MAX_NUMBER { Ok(number) } else { Err(Malformed::BadNumber { field: field.to_string() }) }
}

/// An integer of 32 bits, where there is one; what is larger counts as the largest.
pub(crate) fn small(raw: Option<Raw<'_>>, field: &str) -> Result<Option<u32>, Malformed> {
    let wide = raw.map(|raw| number(Some(raw), field)).transpose()?;
    Ok(wide.map(|wide| u32::try_from(wide).unwrap_or(u32::MAX)))
}

/// A value of a known shape.
pub(crate) fn parsed<T: DeserializeOwned>(raw: Raw<'_>) -> Result<T, Malformed> {
    serde_json::from_str(raw.get()).map_err(|error| malformed(&error))
}
