//! Reader of `redial.v1`: decodes frames into signals. Fields without a meaning here are ignored.

use super::{MOST, NAME, REFUSALS, TOKEN};
use crate::config::Limits;
use crate::dialect::json::{self, Field};
use crate::dialect::{
    AckCarrier, Bye, Credit, Hello, NotResumed, Refusal, Resume, Resumption, SessionTerms, Signal, Span,
};
use crate::error::Malformed;
use crate::secret::Secret;
use crate::time::Duration;
use alloc::string::String;
use alloc::vec::Vec;
use serde::Deserialize;

pub(super) fn signal(text: &str, limits: &Limits) -> Result<Signal<Span>, Malformed> {
    let names = ["type", "s", "id", "b", "skip", "a", "n", "code", "must"];
    let [kind, s, id, b, skip, a, n, code, must] = json::fields(text, names, limits)?;
    let kind = kind.ok_or_else(|| json::missing("type"))?;
    let is = |word: &str| kind.is(word);
    let id = || {
        let id = json::required(id, "id")?.id("id", limits)?;
        if id.is_writable(NAME) { Ok(id) } else { Err(Malformed::BadId { field: "id".into(), limit: NAME }) }
    };
    if is("msg") {
        let seq = json::required(s, "s")?.number("s")?;
        let content = b.map_or(Span::NULL, Field::span);
        return Ok(Signal::sequenced(seq, id()?, (!truth(skip)).then_some(content)));
    }
    for (word, carrier) in
        [("ack", AckCarrier::Alone), ("ping", AckCarrier::Heartbeat), ("pong", AckCarrier::HeartbeatReply)]
    {
        if is(word) {
            return match (carrier, a) {
                (AckCarrier::Heartbeat, None) => Ok(Signal::heartbeat()),
                (AckCarrier::HeartbeatReply, None) => Ok(Signal::heartbeat_reply()),
                _ => Ok(Signal::cumulative_ack(json::required(a, "a")?.number("a")?, refusals(n)?, carrier)),
            };
        }
    }
    if is("delivered") {
        Ok(Signal::delivered(id()?))
    } else if is("read") {
        Ok(Signal::read(id()?))
    } else if is("hello") {
        hello(text, limits)
    } else if is("welcome") {
        welcome(text, limits)
    } else if is("auth") {
        renewal(text, limits)
    } else if is("refused") {
        Ok(Signal::login_refused(small(code, "code")?.unwrap_or(0)))
    } else if is("bye") {
        bye(text, limits)
    } else if truth(must) {
        Err(Malformed::Unsupported)
    } else {
        Ok(Signal::Ignored)
    }
}

fn hello(text: &str, limits: &Limits) -> Result<Signal<Span>, Malformed> {
    let names = ["auth", "resume", "win_msgs", "win_bytes", "frame_max"];
    let [auth, resume, messages, bytes, frame] = json::fields(text, names, limits)?;
    let credential = auth.map(|auth| auth.string().ok_or_else(|| json::missing("auth"))).transpose()?;
    let resume = resume.map(|resume| read_resume(resume.written(), limits)).transpose()?;
    let credit = credit(messages, bytes, frame)?;
    Ok(Signal::hello(Hello { credential: credential.map(Secret::new), resume, credit }))
}

fn renewal(text: &str, limits: &Limits) -> Result<Signal<Span>, Malformed> {
    let [auth] = json::fields(text, ["auth"], limits)?;
    let credential = auth.and_then(Field::string).ok_or_else(|| json::missing("auth"))?;
    Ok(Signal::proof(Secret::new(credential), None))
}

fn read_resume(text: &str, limits: &Limits) -> Result<Resume, Malformed> {
    let names = ["sid", "token", "rx", "n", "seen", "lo", "hi"];
    let [sid, token, rx, n, seen, lo, hi] = json::fields(text, names, limits)?;
    Ok(Resume {
        sid: short(sid, "sid", NAME)?,
        token: Secret::new(short(token, "token", TOKEN)?),
        seq: json::required(rx, "rx")?.number("rx")?,
        refused: refusals(n)?,
        seen: json::required(seen, "seen")?.number("seen")?,
        lowest: json::required(lo, "lo")?.number("lo")?,
        highest: json::required(hi, "hi")?.number("hi")?,
    })
}

fn welcome(text: &str, limits: &Limits) -> Result<Signal<Span>, Malformed> {
    let [sid, token, ttl, dedup, heartbeat] =
        json::fields(text, ["sid", "token", "ttl_ms", "dedup_ms", "hb_ms"], limits)?;
    let [messages, bytes, frame] = json::fields(text, ["win_msgs", "win_bytes", "frame_max"], limits)?;
    Ok(Signal::welcome(SessionTerms {
        sid: short(sid, "sid", NAME)?,
        token: Secret::new(short(token, "token", TOKEN)?),
        lifetime: span(ttl, "ttl_ms")?.unwrap_or_default(),
        resumption: resumption(text, limits)?,
        credit: credit(messages, bytes, frame)?,
        dedup: span(dedup, "dedup_ms")?,
        heartbeat: span(heartbeat, "hb_ms")?,
    }))
}

fn resumption(text: &str, limits: &Limits) -> Result<Resumption, Malformed> {
    let [resumed, why, rx, n, gone] = json::fields(text, ["resumed", "why", "rx", "n", "gone"], limits)?;
    let refused = refusals(n)?;
    if truth(resumed) {
        return Ok(Resumption::Resumed { seq: json::required(rx, "rx")?.number("rx")?, refused });
    }
    if why.is_none() && rx.is_none() && gone.is_none() {
        return Ok(Resumption::Fresh);
    }
    Ok(Resumption::Lost {
        // No reason and another reason count as `unknown`, as the specification says.
        why: why.and_then(|why| serde_json::from_str(why.written()).ok()).unwrap_or(NotResumed::Unknown),
        seq: rx.map(|rx| rx.number("rx")).transpose()?,
        refused,
        gone: gone.map(|gone| gone.number("gone")).transpose()?,
    })
}

fn bye(text: &str, limits: &Limits) -> Result<Signal<Span>, Malformed> {
    let [code, reconnect, resume, after] = json::fields(text, ["code", "reconnect", "resume", "after_ms"], limits)?;
    let code = small(code, "code")?.and_then(|code| u16::try_from(code).ok());
    Ok(Signal::bye(Bye {
        code: code.ok_or_else(|| json::missing("code"))?,
        reconnect: truth(reconnect),
        resume: truth(resume),
        after: span(after, "after_ms")?.unwrap_or_default(),
    }))
}

fn credit(
    messages: Option<Field<'_>>,
    bytes: Option<Field<'_>>,
    frame: Option<Field<'_>>,
) -> Result<Credit, Malformed> {
    Ok(Credit {
        messages: json::required(messages, "win_msgs")?.number("win_msgs")?.max(1),
        bytes: json::required(bytes, "win_bytes")?.number("win_bytes")?,
        frame: json::required(frame, "frame_max")?.number("frame_max")?,
    })
}

fn refusals(n: Option<Field<'_>>) -> Result<Vec<Refusal>, Malformed> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct List(Vec<Refusal>);
    let Some(n) = n else { return Ok(Vec::new()) };
    let List(list) = n.parsed()?;
    if list.len() > REFUSALS { Err(json::missing("n")) } else { Ok(list) }
}

/// Reads an optional integer as 32 bits; a larger value is clamped to `u32::MAX`.
fn small(field: Option<Field<'_>>, name: &str) -> Result<Option<u32>, Malformed> {
    let wide = field.map(|field| field.number(name)).transpose()?;
    Ok(wide.map(|wide| u32::try_from(wide).unwrap_or(u32::MAX)))
}

fn truth(raw: Option<Field<'_>>) -> bool {
    raw.is_some_and(|raw| raw.written() == "true")
}

fn span(raw: Option<Field<'_>>, field: &str) -> Result<Option<Duration>, Malformed> {
    let span = |millis| if millis == MOST { Duration::MAX } else { Duration::from_millis(millis) };
    raw.map(|raw| raw.number(field).map(span)).transpose()
}

fn short(raw: Option<Field<'_>>, field: &str, limit: u64) -> Result<String, Malformed> {
    let raw = raw.ok_or_else(|| json::missing(field))?;
    // An escape takes at most six bytes for one, and the quotes take two.
    let text = if raw.written().len() as u64 > limit.saturating_mul(6).saturating_add(2) { None } else { raw.string() };
    match text {
        Some(text) if !text.is_empty() && text.len() as u64 <= limit => Ok(text),
        _ => Err(Malformed::BadId { field: field.into(), limit }),
    }
}
