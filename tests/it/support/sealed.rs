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

/// Sets number and check of `meta` right.
pub(crate) fn sealed(mut snapshot: Value) -> Value {
    let records = snapshot.as_object().expect("a snapshot is an object of records");
    let others: Vec<_> = records.iter().filter(|(key, _)| *key != "meta").collect();
    let sum = others.iter().fold(0, |sum: u64, (key, value)| sum.wrapping_add(digest(key, &value.to_string())));
    let many = others.len() as u64;
    let meta = &mut snapshot["meta"];
    meta["n"] = many.into();
    let number = |field: &str| meta[field].as_u64().unwrap_or(0);
    let ready = u64::from(meta["ready"].as_bool().unwrap_or(false));
    let fields = [sum, number("made"), many, ready, number("t"), number("v")];
    meta["check"] = (fields.into_iter().fold(0, mix) & ((1 << 53) - 1)).into();
    snapshot
}

fn digest(key: &str, text: &str) -> u64 {
    let (kind, number) = if let Some(kind) = KINDS.iter().position(|kind| *kind == key) {
        (kind, 0)
    } else {
        let (letter, number) = key.split_once('/').expect("a key has a letter and a number");
        let kind = KINDS.iter().position(|kind| *kind == letter).expect("it is a kind");
        (kind, number.parse().expect("it is a number"))
    };
    let words = text.as_bytes().chunks(8);
    let mut digest = mix(kind as u64, number);
    let mut rest = 0;
    for word in words {
        match <[u8; 8]>::try_from(word) {
            Ok(word) => digest = mix(digest, u64::from_le_bytes(word)),
            Err(_) => rest = word.iter().fold(0, |rest, byte| rest << 8 | u64::from(*byte)),
        }
    }
    mix(mix(digest, rest), text.len() as u64)
}

fn mix(digest: u64, word: u64) -> u64 {
    let product =
        (digest.rotate_left(23) ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xff51_afd7_ed55_8ccd);
    product ^ (product >> 32)
}
