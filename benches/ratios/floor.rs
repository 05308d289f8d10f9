//! The floor: the same bytes read and written by hand-written `serde_json` code with no session around it.
//!
//! What the application keeps is owned, everything else is borrowed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Push<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    message_id: String,
    content: String,
}

#[derive(Serialize)]
struct Request<D> {
    key: &'static str,
    data: D,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Acknowledgement<'a> {
    message_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    client_message_id: &'a str,
    content: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Receipt<'a> {
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    client_message_id: Cow<'a, str>,
}

/// What an application gets of a push, and what the server gets of the application.
pub(crate) struct Taken {
    pub(crate) id: String,
    pub(crate) content: String,
    pub(crate) acknowledgement: String,
}

/// Reads a push and writes its acknowledgement.
pub(crate) fn take_push(frame: &str) -> Option<Taken> {
    let push: Push<'_> = serde_json::from_str(frame).ok()?;
    if push.r#type != "MESSAGE" {
        return None;
    }
    let acknowledgement =
        serde_json::to_string(&Request { key: "message_ack", data: Acknowledgement { message_id: &push.message_id } })
            .ok()?;
    Some(Taken { id: push.message_id, content: push.content, acknowledgement })
}

/// Mints an id and writes a message.
pub(crate) fn write_message(nonce: u64, number: u64, content: &str) -> Option<(String, String)> {
    let id = format!("{nonce:016x}-{number}");
    let text =
        serde_json::to_string(&Request { key: "message", data: Content { client_message_id: &id, content } }).ok()?;
    Some((id, text))
}

/// Reads a receipt; says whether it is for this message.
pub(crate) fn is_receipt_for(frame: &str, id: &str) -> bool {
    serde_json::from_str::<Receipt<'_>>(frame)
        .is_ok_and(|receipt| receipt.r#type == "MESSAGE" && receipt.client_message_id == id)
}
