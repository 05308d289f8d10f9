//! Snapshots that somebody changed, with the check that belongs to the change, as the page of the format says.

use serde_json::Value;

/// The kinds of records in their order, with what stands before the number of those that have one.
const KINDS: [&str; 15] = [
    "meta",
    "s/format",
    "s/link",
    "s/mint",
    "s/session",
    "s/sequence",
    "s/client",
    "m",
    "c",
    "n",
    "f",
    "o",
    "d",
    "r",
    "t",
];

/// Sets number and check of `meta` right; `None` for what is no snapshot.
pub(crate) fn sealed(mut snapshot: Value) -> Option<Value> {
    let others: Vec<_> = snapshot.as_object()?.iter().filter(|(key, _)| *key != "meta").collect();
    let mut sum = 0_u64;
    for (key, value) in &others {
        sum = sum.wrapping_add(digest(key, &value.to_string())?);
    }
    let many = others.len() as u64;
    let meta = snapshot.get_mut("meta")?.as_object_mut()?;
    meta.insert("n".to_owned(), many.into());
    let number = |field: &str| meta.get(field).and_then(Value::as_u64).unwrap_or(0);
    let ready = meta.get("ready").and_then(Value::as_bool).unwrap_or(false);
    let fields = [sum, number("made"), many, u64::from(ready), number("t"), number("v")];
    meta.insert("check".to_owned(), (fields.into_iter().fold(0, mix) & ((1 << 53) - 1)).into());
    Some(snapshot)
}

fn digest(key: &str, text: &str) -> Option<u64> {
    let kind = |name: &str| KINDS.iter().position(|kind| *kind == name);
    let (kind, number) = match kind(key) {
        Some(kind) => (kind, 0),
        None => key.split_once('/').and_then(|(letter, number)| Some((kind(letter)?, number.parse().ok()?)))?,
    };
    let mut digest = mix(kind as u64, number);
    let mut rest = 0;
    for word in text.as_bytes().chunks(8) {
        match <[u8; 8]>::try_from(word) {
            Ok(word) => digest = mix(digest, u64::from_le_bytes(word)),
            Err(_) => rest = word.iter().fold(0, |rest, byte| rest << 8 | u64::from(*byte)),
        }
    }
    Some(mix(mix(digest, rest), text.len() as u64))
}

fn mix(digest: u64, word: u64) -> u64 {
    let product =
        (digest.rotate_left(23) ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xff51_afd7_ed55_8ccd);
    product ^ (product >> 32)
}
