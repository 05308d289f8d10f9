//! Writer of `redial.v1`: encodes signals into frames.
//!
//! The fields of a frame have a fixed order, so the same signal always gives the same bytes.

use alloc::string::String;

use super::super::json::{Object, room};
use crate::dialect::{
    AckCarrier, Bye, Content, Credit, HeartbeatSignal, Hello, LeaveSignal, LoginSignal, NotResumed, ReceiptSignal,
    Refusal, Resume, Resumption, SequenceSignal, SessionTerms, Signal,
};
use crate::error::Unencodable;
use crate::frame::Frame;
use crate::id::MessageId;

pub(super) fn frame(signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
    let text = match signal {
        Signal::Sequence(SequenceSignal::Message { seq, id, content }) => message(*seq, id, *content)?,
        Signal::Sequence(SequenceSignal::Ack { seq, refused, carrier }) => {
            let mut object = typed(word(*carrier), 32);
            refusals(object.number("a", *seq), refused);
            object.finish()
        }
        Signal::Heartbeat(HeartbeatSignal::Ask) => return Ok(Frame::text(r#"{"type":"ping"}"#)),
        Signal::Heartbeat(HeartbeatSignal::Reply) => return Ok(Frame::text(r#"{"type":"pong"}"#)),
        Signal::Receipt(ReceiptSignal::Delivered { id }) => {
            typed("delivered", 16 + id.wire_len()).id("id", id).finish()
        }
        Signal::Receipt(ReceiptSignal::Read { id }) => typed("read", 16 + id.wire_len()).id("id", id).finish(),
        Signal::Sequence(SequenceSignal::Hello(hello)) => write_hello(hello),
        Signal::Login(LoginSignal::Proof { credential, reference: None }) => {
            typed("auth", 16 + credential.reveal().len()).text("auth", credential.reveal()).finish()
        }
        Signal::Sequence(SequenceSignal::Welcome(terms)) => welcome(terms),
        Signal::Login(LoginSignal::Refused { code, content: None }) => {
            typed("refused", 32).number("code", u64::from(*code)).finish()
        }
        Signal::Leave(LeaveSignal::Bye(bye)) => write_bye(*bye),
        _ => return Err(Unencodable::NoWord),
    };
    Ok(Frame::text(text))
}

fn typed(kind: &str, bytes: usize) -> Object {
    let mut object = Object::with_capacity(16 + kind.len() + bytes);
    object.text("type", kind);
    object
}

fn word(carrier: AckCarrier) -> &'static str {
    match carrier {
        AckCarrier::Alone => "ack",
        AckCarrier::Heartbeat => "ping",
        AckCarrier::HeartbeatReply => "pong",
    }
}

/// Message frame without sequence number, id and body; its length is exact where nothing is escaped.
const FRAME: &str = r#"{"type":"msg","s":,"id":"","b":""}"#;

fn digits(number: u64) -> usize {
    number.checked_ilog10().map_or(1, |exponent| exponent as usize + 1)
}

fn message(seq: u64, id: &MessageId, content: Option<Content<'_>>) -> Result<String, Unencodable> {
    let length = match content {
        Some(Content::Text(text)) => room(text),
        Some(Content::Json(json)) => json.len(),
        _ => 0,
    };
    let mut object = Object::with_capacity(FRAME.len() + digits(seq) + id.wire_len() + length);
    object.text("type", "msg");
    object.number("s", seq).id("id", id);
    Ok(match content {
        None => object.json("skip", "true"),
        Some(Content::Text(text)) => object.text("b", text),
        Some(Content::Json(json)) => object.json("b", json),
        Some(Content::Binary(_)) => return Err(Unencodable::Binary),
    }
    .finish())
}

fn refusals(object: &mut Object, refused: &[Refusal]) {
    if refused.is_empty() {
        return;
    }
    if let Ok(list) = serde_json::to_string(refused) {
        object.json("n", &list);
    }
}

fn write_hello(hello: &Hello) -> String {
    let mut object = typed("hello", 256);
    object.number("v", 1);
    if let Some(credential) = &hello.credential {
        object.text("auth", credential.reveal());
    }
    if let Some(resume) = &hello.resume {
        object.object("resume", |object| write_resume(object, resume));
    }
    credit(&mut object, hello.credit);
    object.finish()
}

fn write_resume<'o>(object: &'o mut Object, resume: &Resume) -> &'o mut Object {
    object.text("sid", &resume.sid).text("token", resume.token.reveal()).number("rx", resume.seq);
    refusals(object, &resume.refused);
    object.number("seen", resume.seen).number("lo", resume.lowest).number("hi", resume.highest)
}

fn welcome(terms: &SessionTerms) -> String {
    let mut object = typed("welcome", 256);
    object.text("sid", &terms.sid).text("token", terms.token.reveal()).number("ttl_ms", terms.lifetime.as_millis());
    resumption(&mut object, &terms.resumption);
    if let Some(span) = terms.dedup {
        object.number("dedup_ms", span.as_millis());
    }
    if let Some(span) = terms.heartbeat {
        object.number("hb_ms", span.as_millis());
    }
    credit(&mut object, terms.credit);
    object.finish()
}

fn resumption(object: &mut Object, resumption: &Resumption) {
    match resumption {
        Resumption::Fresh => {
            object.json("resumed", "false");
        }
        Resumption::Resumed { seq, refused } => {
            refusals(object.json("resumed", "true").number("rx", *seq), refused);
        }
        Resumption::Lost { why, seq, refused, gone } => {
            object.json("resumed", "false").text("why", reason(*why));
            if let Some(seq) = seq {
                refusals(object.number("rx", *seq), refused);
            }
            if let Some(gone) = gone {
                object.number("gone", *gone);
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
    let mut object = typed("bye", 80);
    object.number("code", u64::from(bye.code)).json("reconnect", flag(bye.reconnect));
    object.json("resume", flag(bye.resume)).number("after_ms", bye.after.as_millis()).finish()
}

fn credit(object: &mut Object, credit: Credit) {
    object.number("win_msgs", credit.messages).number("win_bytes", credit.bytes).number("frame_max", credit.frame);
}
