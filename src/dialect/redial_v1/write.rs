//! Writer of `redial.v1`: encodes signals into frames.
//!
//! The fields of a frame have a fixed order, so the same signal always gives the same bytes.

use alloc::string::String;

use super::super::json::{Object, room};
use super::{MOST, NAME, REFUSALS, TOKEN};
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
            refusals(number(&mut object, "a", *seq), refused)?;
            object.finish()
        }
        Signal::Heartbeat(HeartbeatSignal::Ask) => return Ok(Frame::text(r#"{"type":"ping"}"#)),
        Signal::Heartbeat(HeartbeatSignal::Reply) => return Ok(Frame::text(r#"{"type":"pong"}"#)),
        Signal::Receipt(ReceiptSignal::Delivered { id }) => {
            typed("delivered", 16 + id.wire_len()).id("id", checked(id)?).finish()
        }
        Signal::Receipt(ReceiptSignal::Read { id }) => {
            typed("read", 16 + id.wire_len()).id("id", checked(id)?).finish()
        }
        Signal::Sequence(SequenceSignal::Hello(hello)) => write_hello(hello)?,
        Signal::Login(LoginSignal::Proof { credential, reference: None }) => {
            typed("auth", 16 + credential.reveal().len()).text("auth", credential.reveal()).finish()
        }
        Signal::Sequence(SequenceSignal::Welcome(terms)) => welcome(terms)?,
        Signal::Login(LoginSignal::Refused { code, content: None, .. }) => {
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
    number(&mut object, "s", seq).id("id", checked(id)?);
    Ok(match content {
        None => object.json("skip", "true"),
        Some(Content::Text(text)) => object.text("b", text),
        Some(Content::Json(json)) => object.json("b", json),
        Some(Content::Binary(_)) => return Err(Unencodable::Binary),
    }
    .finish())
}

/// Appends a number, clamped to what the reader takes.
fn number<'o>(object: &'o mut Object, name: &str, value: u64) -> &'o mut Object {
    object.number(name, value.min(MOST))
}

/// Checks the length of an id, which the reader takes up to a limit of the protocol.
fn checked(id: &MessageId) -> Result<&MessageId, Unencodable> {
    if id.is_writable(NAME) { Ok(id) } else { Err(Unencodable::BadLength { limit: NAME }) }
}

/// Checks the length of a name or a token.
fn short(text: &str, limit: u64) -> Result<&str, Unencodable> {
    if (1..=limit).contains(&(text.len() as u64)) { Ok(text) } else { Err(Unencodable::BadLength { limit }) }
}

fn refusals<'o>(object: &'o mut Object, refused: &[Refusal]) -> Result<&'o mut Object, Unencodable> {
    if refused.is_empty() {
        return Ok(object);
    }
    let list = serde_json::to_string(refused).ok().filter(|_| refused.len() <= REFUSALS);
    Ok(object.json("n", &list.ok_or(Unencodable::BadLength { limit: REFUSALS as u64 })?))
}

fn write_hello(hello: &Hello) -> Result<String, Unencodable> {
    let mut object = typed("hello", 256);
    object.number("v", 1);
    if let Some(credential) = &hello.credential {
        object.text("auth", credential.reveal());
    }
    if let Some(resume) = &hello.resume {
        object.try_object("resume", |object| write_resume(object, resume))?;
    }
    credit(&mut object, hello.credit);
    Ok(object.finish())
}

fn write_resume<'o>(object: &'o mut Object, resume: &Resume) -> Result<&'o mut Object, Unencodable> {
    object.text("sid", short(&resume.sid, NAME)?).text("token", short(resume.token.reveal(), TOKEN)?);
    let object = refusals(number(object, "rx", resume.seq), &resume.refused)?;
    number(object, "seen", resume.seen);
    number(object, "lo", resume.lowest);
    Ok(number(object, "hi", resume.highest))
}

fn welcome(terms: &SessionTerms) -> Result<String, Unencodable> {
    let mut object = typed("welcome", 256);
    object.text("sid", short(&terms.sid, NAME)?).text("token", short(terms.token.reveal(), TOKEN)?);
    number(&mut object, "ttl_ms", terms.lifetime.as_millis());
    resumption(&mut object, &terms.resumption)?;
    for (name, span) in [("dedup_ms", terms.dedup), ("hb_ms", terms.heartbeat)] {
        if let Some(span) = span {
            number(&mut object, name, span.as_millis());
        }
    }
    credit(&mut object, terms.credit);
    Ok(object.finish())
}

fn resumption(object: &mut Object, resumption: &Resumption) -> Result<(), Unencodable> {
    match resumption {
        Resumption::Fresh => {
            object.json("resumed", "false");
        }
        Resumption::Resumed { seq, refused } => {
            refusals(number(object.json("resumed", "true"), "rx", *seq), refused)?;
        }
        Resumption::Lost { why, seq, refused, gone } => {
            object.json("resumed", "false").text("why", reason(*why));
            if let Some(seq) = seq {
                refusals(number(object, "rx", *seq), refused)?;
            }
            if let Some(gone) = gone {
                number(object, "gone", *gone);
            }
        }
    }
    Ok(())
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
    number(object.json("resume", flag(bye.resume)), "after_ms", bye.after.as_millis()).finish()
}

fn credit(object: &mut Object, credit: Credit) {
    for (name, value) in [("win_msgs", credit.messages), ("win_bytes", credit.bytes), ("frame_max", credit.frame)] {
        number(object, name, value);
    }
}
