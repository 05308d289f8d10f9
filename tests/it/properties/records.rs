//! Records: a stream of words does the same, however it is cut into frames.

use proptest::prelude::*;
use redial::config::Limits;
use redial::dialect::{Capabilities, Content, Dialect, Login, Record, Side, Signal, Span};
use redial::error::{Malformed, Unencodable};
use redial::{Action, Config, ConnectionId, Event, Frame, Instant, Preset, Seed, Session};

use super::cases;
use crate::oracle::drain;
use crate::sim::Terse;

/// The words of `Terse`, a line each.
#[derive(Debug)]
struct Lines(Preset);

impl Dialect for Lines {
    fn name(&self) -> &'static str {
        "lines"
    }

    fn capabilities(&self) -> Capabilities {
        self.0.dialect().capabilities()
    }

    fn record(&self, _: Side, bytes: &[u8], searched: usize) -> Record {
        let end = bytes.iter().skip(searched).position(|byte| *byte == b'\n');
        end.map_or(Record::Unfinished, |at| Record::First(searched + at + 1))
    }

    fn decode(&self, reader: Side, frame: &Frame, limits: &Limits) -> Result<Signal<Span>, Malformed> {
        match frame.as_text().and_then(|text| text.strip_suffix('\n')) {
            Some(line) => self.0.dialect().decode(reader, &Frame::text(line.to_owned()), limits),
            None => Ok(Signal::Ignored),
        }
    }

    fn encode(&self, writer: Side, signal: &Signal<Content<'_>>) -> Result<Frame, Unencodable> {
        let line = self.0.dialect().encode(writer, signal)?;
        Ok(Frame::text(format!("{}\n", line.as_text().unwrap_or_default())))
    }
}

/// A session that is ready, has sent two messages, and has been asked for what it wants done.
fn ready(login: Login) -> (Session, ConnectionId) {
    let preset = Preset::new(Lines(Terse::preset(login, Config::default())), Config::default()).expect("it is sound");
    let mut session = Session::new(preset, Seed::from(7_u64));
    session.credential(Instant::ORIGIN, "token");
    session.open(Instant::ORIGIN);
    let connect = |action: &Action| match action {
        Action::Connect { connection, .. } => Some(*connection),
        _ => None,
    };
    let connection = drain(&mut session).iter().find_map(connect).expect("it connects");
    session.handle(Instant::ORIGIN, Event::Opened { connection });
    for id in ["m1", "m2"] {
        session.send(Instant::ORIGIN, redial::Outgoing::from("hello").id(id)).expect("there is room");
    }
    drain(&mut session);
    (session, connection)
}

/// What a server says, and at the end what ends the connection or means nothing.
const WORDS: [&str; 17] = [
    "beat",
    "alive",
    "msg p1 hi",
    "msg p2 \u{a7}",
    "notice news",
    "ack m1",
    "ack m2",
    "nack m2 7",
    "delivered m1",
    "read m1",
    "welcome",
    "welcome 9000 news",
    "refused 3",
    "later 5000",
    "kick elsewhere",
    "nonsense",
    "",
];

fn word() -> impl Strategy<Value = &'static str> {
    prop_oneof![9 => proptest::sample::select(&WORDS[..12]), 1 => proptest::sample::select(&WORDS[12..])]
}

/// Feeds frames, and returns what the session wants done, and what is left of it.
fn fed(login: Login, frames: impl IntoIterator<Item = String>) -> (Vec<String>, Session) {
    let (mut session, connection) = ready(login);
    for frame in frames {
        session.handle(Instant::from_millis(9), Event::FrameIn { connection, frame: Frame::text(frame) });
    }
    (drain(&mut session).iter().map(|action| format!("{action:?}")).collect(), session)
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_stream_of_words_does_the_same_however_it_is_cut(
        words in proptest::collection::vec(word(), 0..12),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
        login in proptest::sample::select(vec![Login::None, Login::First, Login::Greeted]),
    ) {
        let lines: Vec<String> = words.iter().map(|word| format!("{word}\n")).collect();
        let stream: Vec<char> = lines.concat().chars().collect();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        ends.extend([0, stream.len()]);
        ends.sort_unstable();
        let cut = ends.windows(2).map(|ends| stream[ends[0]..ends[1]].iter().collect::<String>());
        let (whole, cut) = (fed(login, lines), fed(login, cut.filter(|frame| !frame.is_empty())));
        prop_assert_eq!(whole.0, cut.0);
        prop_assert_eq!(whole.1.state(), cut.1.state());
    }
}
