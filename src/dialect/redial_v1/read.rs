//! From frames to signals. What a frame says more than is known here is passed over.

use super::super::json::{self, Raw};
use crate::config::Limits;
use crate::dialect::{
    AckCarrier, Bye, Credit, Hello, NotResumed, Payload, Refusal, Resume, Resumption, SessionTerms, Signal,
};
use crate::error::Malformed;
use crate::secret::Secret;
use crate::time::Duration;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use serde::Deserialize;

/// Bytes of a session's name and of its token at most.
const SID: u64 = 128;
const TOKEN: u64 = 512;

/// Refusals in one frame at most, which is the largest window there is.
const REFUSALS: usize = 65_536;

type Field<'a> = Option<Raw<'a>>;

pub(super) fn signal<'a>(text: &'a str, limits: &Limits) -> Result<Signal<'a>, Malformed> {
    let names = ["type", "s", "id", "b", "skip", "a", "n", "code", "must"];
    let [kind, s, id, b, skip, a, n, code, must] = json::fields(text, names, limits)?;
    let kind = kind.ok_or_else(|| json::missing("type"))?;
    let is = |word: &str| json::is_string(kind, word);
    let id = || json::required_id(id, "id", limits);
    if is("msg") {
        let seq = json::number(s, "s")?;
        let content = Payload::Json(b.map_or("null", Raw::get));
        let body = if truth(skip) { None } else { Some(content) };
        return Ok(Signal::SequencedMessage { seq, id: id()?, body });
    }
    for (word, carrier) in
        [("ack", AckCarrier::Alone), ("ping", AckCarrier::Heartbeat), ("pong", AckCarrier::HeartbeatReply)]
    {
        if is(word) {
            return match (carrier, a) {
                (AckCarrier::Heartbeat, None) => Ok(Signal::Heartbeat),
                (AckCarrier::HeartbeatReply, None) => Ok(Signal::HeartbeatReply),
                _ => Ok(Signal::CumulativeAck { seq: json::number(a, "a")?, refused: refusals(n)?, carrier }),
            };
        }
    }
    if is("delivered") {
        Ok(Signal::Delivered { id: id()? })
    } else if is("read") {
        Ok(Signal::Read { id: id()? })
    } else if is("hello") {
        hello(text, limits)
    } else if is("welcome") {
        welcome(text, limits)
    } else if is("auth") {
        renewal(text, limits)
    } else if is("refused") {
        Ok(Signal::Refused { code: json::small(code, "code")?.unwrap_or(0) })
    } else if is("bye") {
        bye(text, limits)
    } else if truth(must) {
        Err(Malformed::Unsupported)
    } else {
        Ok(Signal::Ignored)
    }
}

fn hello<'a>(text: &str, limits: &Limits) -> Result<Signal<'a>, Malformed> {
    let names = ["auth", "resume", "win_msgs", "win_bytes", "frame_max"];
    let [auth, resume, messages, bytes, frame] = json::fields(text, names, limits)?;
    let credential = auth.map(|auth| json::string(auth).ok_or_else(|| json::missing("auth"))).transpose()?;
    let resume = resume.map(|resume| read_resume(resume.get(), limits)).transpose()?;
    let credit = credit(messages, bytes, frame)?;
    Ok(Signal::Hello(Box::new(Hello { credential: credential.map(Secret::new), resume, credit })))
}

fn renewal<'a>(text: &str, limits: &Limits) -> Result<Signal<'a>, Malformed> {
    let [auth] = json::fields(text, ["auth"], limits)?;
    let credential = auth.and_then(json::string).ok_or_else(|| json::missing("auth"))?;
    Ok(Signal::Login { credential: Secret::new(credential), reference: None })
}

fn read_resume(text: &str, limits: &Limits) -> Result<Resume, Malformed> {
    let names = ["sid", "token", "rx", "n", "seen", "lo", "hi"];
    let [sid, token, rx, n, seen, lo, hi] = json::fields(text, names, limits)?;
    Ok(Resume {
        sid: short(sid, "sid", SID)?,
        token: Secret::new(short(token, "token", TOKEN)?),
        seq: json::number(rx, "rx")?,
        refused: refusals(n)?,
        seen: json::number(seen, "seen")?,
        lowest: json::number(lo, "lo")?,
        highest: json::number(hi, "hi")?,
    })
}

fn welcome<'a>(text: &str, limits: &Limits) -> Result<Signal<'a>, Malformed> {
    let [sid, token, ttl, dedup, beat] = json::fields(text, ["sid", "token", "ttl_ms", "dedup_ms", "hb_ms"], limits)?;
    let [messages, bytes, frame] = json::fields(text, ["win_msgs", "win_bytes", "frame_max"], limits)?;
    Ok(Signal::Welcome(Box::new(SessionTerms {
        sid: short(sid, "sid", SID)?,
        token: Secret::new(short(token, "token", TOKEN)?),
        lifetime: span(ttl, "ttl_ms")?.unwrap_or_default(),
        resumption: resumption(text, limits)?,
        credit: credit(messages, bytes, frame)?,
        dedup: span(dedup, "dedup_ms")?,
        heartbeat: span(beat, "hb_ms")?,
    })))
}

fn resumption(text: &str, limits: &Limits) -> Result<Resumption, Malformed> {
    let [resumed, why, rx, n, gone] = json::fields(text, ["resumed", "why", "rx", "n", "gone"], limits)?;
    let refused = refusals(n)?;
    if truth(resumed) {
        return Ok(Resumption::Resumed { seq: json::number(rx, "rx")?, refused });
    }
    let Some(why) = why else { return Ok(Resumption::Fresh) };
    Ok(Resumption::Lost {
        // A reason that is not known here is one that says as little.
        why: serde_json::from_str(why.get()).unwrap_or(NotResumed::Unknown),
        seq: rx.map(|rx| json::number(Some(rx), "rx")).transpose()?,
        refused,
        gone: gone.map(|gone| json::number(Some(gone), "gone")).transpose()?,
    })
}

fn bye<'a>(text: &str, limits: &Limits) -> Result<Signal<'a>, Malformed> {
    let [code, reconnect, resume, after] = json::fields(text, ["code", "reconnect", "resume", "after_ms"], limits)?;
    let code = json::small(code, "code")?.and_then(|code| u16::try_from(code).ok());
    Ok(Signal::Bye(Bye {
        code: code.ok_or_else(|| json::missing("code"))?,
        reconnect: truth(reconnect),
        resume: truth(resume),
        after: span(after, "after_ms")?.unwrap_or_default(),
    }))
}

fn credit(messages: Field<'_>, bytes: Field<'_>, frame: Field<'_>) -> Result<Credit, Malformed> {
    Ok(Credit {
        messages: json::number(messages, "win_msgs")?.max(1),
        bytes: json::number(bytes, "win_bytes")?,
        frame: json::number(frame, "frame_max")?,
    })
}

fn refusals(n: Field<'_>) -> Result<Vec<Refusal>, Malformed> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct List(Vec<Refusal>);
    let Some(n) = n else { return Ok(Vec::new()) };
    let List(list) = json::parsed(n)?;
    if list.len() > REFUSALS { Err(json::missing("n")) } else { Ok(list) }
}

fn truth(raw: Field<'_>) -> bool {
    raw.is_some_and(|raw| raw.get() == "true")
}

fn span(raw: Field<'_>, field: &str) -> Result<Option<Duration>, Malformed> {
    raw.map(|raw| json::number(Some(raw), field).map(Duration::from_millis)).transpose()
}

fn short(raw: Field<'_>, field: &str, limit: u64) -> Result<String, Malformed> {
    let raw = raw.ok_or_else(|| json::missing(field))?;
    // An escape takes at most six bytes for one.
    let text = if raw.get().len() as u64 > limit * 6 + 2 { None } else { json::string(raw) };
    match text {
        Some(text) if !text.is_empty() && text.len() as u64 <= limit => Ok(text),
        _ => Err(Malformed::BadId { field: field.into(), limit }),
    }
}
