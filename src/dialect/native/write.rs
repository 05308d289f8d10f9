//! From signals to frames, each field in one order, so that the same signal is always the same bytes.

use alloc::string::String;

use super::super::json::Object;
use crate::error::Unencodable;
use crate::frame::Frame;
use crate::id::MessageId;
use crate::signal::{Bye, Credit, Hello, NotResumed, Payload, Refusal, Resume, Resumption, Ride, Signal, Terms};

pub(super) fn frame(signal: &Signal<'_>) -> Result<Frame, Unencodable> {
    let text = match signal {
        Signal::Numbered { position, id, body } => message(*position, id, *body)?,
        Signal::AckUpTo { position, refused, rides } => {
            refusals(typed(word(*rides), 32).number("a", *position), refused).finish()
        }
        Signal::Beat => return Ok(Frame::text(r#"{"type":"ping"}"#)),
        Signal::BeatReply => return Ok(Frame::text(r#"{"type":"pong"}"#)),
        Signal::Delivered { id } => typed("delivered", 16 + id.wire_len()).id("id", id).finish(),
        Signal::Read { id } => typed("read", 16 + id.wire_len()).id("id", id).finish(),
        Signal::Hello(hello) => write_hello(hello),
        Signal::Login { credential, reference: None } => {
            typed("auth", 16 + credential.reveal().len()).text("auth", credential.reveal()).finish()
        }
        Signal::Admitted(terms) => welcome(terms),
        Signal::Refused { code } => typed("refused", 32).number("code", u64::from(*code)).finish(),
        Signal::Bye(bye) => write_bye(*bye),
        _ => return Err(Unencodable::NoWord),
    };
    Ok(Frame::text(text))
}

fn typed(kind: &str, bytes: usize) -> Object {
    Object::with_capacity(16 + kind.len() + bytes).text("type", kind)
}

fn word(rides: Ride) -> &'static str {
    match rides {
        Ride::Alone => "ack",
        Ride::Beat => "ping",
        Ride::BeatReply => "pong",
    }
}

fn message(position: u64, id: &MessageId, body: Option<Payload<'_>>) -> Result<String, Unencodable> {
    let length = match body {
        Some(Payload::Text(text) | Payload::Json(text)) => text.len(),
        _ => 0,
    };
    let object = typed("msg", 56 + id.wire_len() + length).number("s", position).id("id", id);
    Ok(match body {
        None => object.json("skip", "true"),
        Some(Payload::Text(text)) => object.text("b", text),
        Some(Payload::Json(json)) => object.json("b", json),
        Some(Payload::Binary(_)) => return Err(Unencodable::Binary),
        Some(Payload::Whole) => return Err(Unencodable::NoWord),
    }
    .finish())
}

fn refusals(object: Object, refused: &[Refusal]) -> Object {
    match serde_json::to_string(refused) {
        Ok(list) if !refused.is_empty() => object.json("n", &list),
        _ => object,
    }
}

fn write_hello(hello: &Hello) -> String {
    let object = typed("hello", 256).number("v", 1);
    let object = match &hello.credential {
        Some(credential) => object.text("auth", credential.reveal()),
        None => object,
    };
    let object = match &hello.resume {
        Some(resume) => object.object("resume", |object| write_resume(object, resume)),
        None => object,
    };
    credit(object, hello.credit).finish()
}

fn write_resume(object: Object, resume: &Resume) -> Object {
    let object = object.text("sid", &resume.sid).text("token", resume.token.reveal()).number("rx", resume.position);
    let object = refusals(object, &resume.refused).number("seen", resume.seen);
    object.number("lo", resume.lowest).number("hi", resume.highest)
}

fn welcome(terms: &Terms) -> String {
    let object = typed("welcome", 256).text("sid", &terms.sid).text("token", terms.token.reveal());
    let object = resumption(object.number("ttl_ms", terms.lifetime.as_millis()), &terms.resumption);
    let object = match terms.dedup {
        Some(span) => object.number("dedup_ms", span.as_millis()),
        None => object,
    };
    let object = match terms.heartbeat {
        Some(span) => object.number("hb_ms", span.as_millis()),
        None => object,
    };
    credit(object, terms.credit).finish()
}

fn resumption(object: Object, resumption: &Resumption) -> Object {
    match resumption {
        Resumption::Fresh => object.json("resumed", "false"),
        Resumption::Resumed { position, refused } => {
            refusals(object.json("resumed", "true").number("rx", *position), refused)
        }
        Resumption::Lost { why, position, refused, gone } => {
            let object = object.json("resumed", "false").text("why", reason(*why));
            let object = match position {
                Some(position) => refusals(object.number("rx", *position), refused),
                None => object,
            };
            match gone {
                Some(gone) => object.number("gone", *gone),
                None => object,
            }
        }
    }
}

fn reason(why: NotResumed) -> &'static str {
    match why {
        NotResumed::Expired => "expired",
        NotResumed::Unknown => "unknown",
        NotResumed::Restarted => "restarted",
        NotResumed::Account => "account",
        NotResumed::Version => "version",
    }
}

fn write_bye(bye: Bye) -> String {
    let flag = |yes: bool| if yes { "true" } else { "false" };
    let object = typed("bye", 80).number("code", u64::from(bye.code)).json("reconnect", flag(bye.reconnect));
    object.json("resume", flag(bye.resume)).number("after_ms", bye.after.as_millis()).finish()
}

fn credit(object: Object, credit: Credit) -> Object {
    let object = object.number("win_msgs", credit.messages).number("win_bytes", credit.bytes);
    object.number("frame_max", credit.frame)
}
