//! What a session takes from the heap, counted by the allocator: a program of its own, since counting brings an
//! allocator.

use redial::config::{Acknowledge, Limit};
use redial::{Action, Config, ConnectionId, Event, Frame, Instant, MessageId, Outgoing, Preset, Seed, Session};

fn drain(session: &mut Session) -> Vec<Action> {
    std::iter::from_fn(|| session.poll_action()).collect()
}

fn ready(config: Config) -> Session {
    let mut session = Session::new(Preset::uni_app().with_config(config).expect("it is sound"), Seed::from(7_u64));
    session.credential(Instant::ORIGIN, "token");
    session.open(Instant::ORIGIN);
    opened(&mut session);
    session
}

fn opened(session: &mut Session) {
    let connection = ConnectionId::new(session.stats().connects);
    session.handle(session.now(), Event::Opened { connection });
    drain(session);
}

fn hear(session: &mut Session, text: String) {
    let connection = ConnectionId::new(session.stats().connects);
    session.handle(session.now(), Event::FrameIn { connection, frame: Frame::text(text) });
}

/// An id as long as one may be.
fn long(prefix: char, number: u64) -> String {
    format!("{prefix}{number:0127}")
}

/// The most that was in use at any moment, while everything is filled that a peer and a caller can fill.
fn worst(config: &Config) -> u64 {
    allocation_counter::measure(|| fill(config)).bytes_max
}

fn fill(config: &Config) {
    let mut session = ready(config.clone());
    let body =
        "b".repeat(usize::try_from(config.outbox.bytes.get() / config.outbox.messages.get()).unwrap_or(0).min(60_000));
    // Settled ones first: sent, confirmed, or failed with their bodies.
    for number in 0..config.outbox.remembered.get() {
        let id = long('r', number);
        let taken = session.send(session.now(), Outgoing::from(&*body).id(&*id));
        taken.expect("there is room");
        drain(&mut session);
        if number % 2 == 0 {
            hear(&mut session, format!(r#"{{"type":"RECEIPT","clientMessageId":"{id}"}}"#));
        } else {
            session.close(session.now());
            session.open(session.now());
            opened(&mut session);
        }
        drain(&mut session);
    }
    for number in 0..config.outbox.messages.get() {
        let taken = session.send(session.now(), Outgoing::from(&*body).id(long('s', number)));
        taken.expect("there is room");
        drain(&mut session);
    }
    let pushes = config.inbox.window.get() + config.inbox.pending.get() * 2;
    for number in 0..pushes {
        let id = long('p', number);
        hear(&mut session, format!(r#"{{"type":"MESSAGE","messageId":"{id}","content":"x"}}"#));
        if number < config.inbox.window.get() {
            session.acknowledge(session.now(), &MessageId::from(id)).expect("it waits");
        }
        drain(&mut session);
    }
    let frame_bytes = usize::try_from(config.limits.frame_bytes.get()).unwrap_or(0);
    hear(&mut session, " ".repeat(frame_bytes));
    drain(&mut session);
}

#[test]
fn the_memory_of_a_session_stays_under_its_bound_however_full_it_is() {
    let default = Config::default();
    let mut small = Config::default();
    small.outbox.messages = Limit::new(10);
    small.outbox.remembered = Limit::new(10);
    small.outbox.bytes = Limit::new(10_000);
    small.inbox.window = Limit::new(10);
    small.inbox.pending = Limit::new(10);
    small.limits.frame_bytes = Limit::new(1_000);
    let mut large = Config::default();
    large.outbox.messages = Limit::new(5_000);
    large.inbox.window = Limit::new(20_000);
    for mut config in [small, default, large] {
        config.inbox.acknowledge = Acknowledge::OnCall;
        let bound = config.bounds().memory_bytes;
        let most = worst(&config);
        assert!(most > 10_000, "{most} bytes are too few to be true");
        assert!(most <= bound, "{most} bytes are in use, the bound is {bound}");
    }
}

#[test]
fn a_credential_takes_no_more_than_its_length_however_much_room_it_was_given() {
    let mut session = ready(Config::default());
    let held = allocation_counter::measure(|| {
        for number in 0..3 {
            let mut roomy = format!("token {number}");
            roomy.reserve(1 << 20);
            session.credential(session.now(), roomy);
            session.close(session.now());
            session.open(session.now());
            opened(&mut session);
        }
    });
    assert!(held.bytes_max > 1 << 20, "there was much room");
    assert!(held.bytes_current < 10_000, "{} bytes stay", held.bytes_current);
}

#[test]
fn floods_take_no_memory() {
    let mut session = ready(Config::default());
    hear(&mut session, r#"{"type":"MESSAGE","messageId":"m","content":"x"}"#.to_owned());
    drain(&mut session);
    let flood = allocation_counter::measure(|| {
        for number in 0..20_000 {
            hear(&mut session, format!(r#"{{"type":"RECEIPT","clientMessageId":"u{number}"}}"#));
            hear(&mut session, r#"{"type":"MESSAGE","messageId":"m","content":"x"}"#.to_owned());
            drain(&mut session);
        }
    });
    assert!(flood.count_total > 20_000, "something was counted");
    assert_eq!(flood.bytes_current, 0, "bytes stayed");
}

/// The most that was in use while a server pushed ids that nobody ever sees again, garbage and echoes, for the window's
/// size many times over.
fn besieged(config: &Config, spell: impl Fn(u64) -> String) -> u64 {
    let siege = || {
        let mut session = ready(config.clone());
        let mine = session.send(session.now(), "mine").expect("there is room");
        for number in 0..20 * config.inbox.window.get() {
            let id = spell(number);
            let frame = match number % 16 {
                3 => format!(r#"{{"type":"MESSAGE","messageId":{id},"clientMessageId":"{mine}","content":"mine"}}"#),
                7 => format!(r#"{{"type":"RECEIPT","clientMessageId":{id}}}"#),
                11 => format!(r#"{{"type":"MESSAGE","messageId":[{id}]"#),
                _ => format!(r#"{{"type":"MESSAGE","messageId":{id},"content":"x"}}"#),
            };
            hear(&mut session, frame);
            drop(drain(&mut session));
            assert_eq!(session.state(), redial::State::Ready);
        }
    };
    allocation_counter::measure(siege).bytes_max
}

#[test]
fn a_server_that_never_lets_the_window_rest_takes_no_more_than_the_bound_however_it_writes_its_ids() {
    let mut config = Config::default();
    config.outbox.messages = Limit::new(1);
    config.outbox.remembered = Limit::new(1);
    config.outbox.bytes = Limit::new(100);
    config.inbox.window = Limit::new(1_000);
    config.inbox.pending = Limit::new(1);
    config.limits.frame_bytes = Limit::new(1_000);
    config.limits.malformed = None;
    let bound = config.bounds().memory_bytes;
    let spellings: [fn(u64) -> String; 4] = [
        |number| number.to_string(),
        |number| format!("\"{:0128}\"", 1_000_000 - number),
        |number| format!("\"{number:0110}000000000000000007\""),
        |number| format!("\"{:0128}\"", number * 37_567 % 1_000_003),
    ];
    for spell in spellings {
        let most = besieged(&config, spell);
        assert!(most > 10_000, "{most} bytes are too few to be true");
        assert!(most <= bound, "{most} bytes are in use, the bound is {bound}; an id is {}", spell(1));
    }
}

/// Allocations for each of the first acknowledgements, where so many messages wait for theirs.
fn allocations_an_ack(waiting: u64) -> u64 {
    const ACKS: u64 = 500;
    // Two thirds are sent, so that every acknowledgement also lets another one leave.
    let sent = waiting * 65 / 100;
    let mut config = Config::default();
    config.outbox.messages = Limit::new(waiting);
    config.outbox.in_flight = Limit::new(sent);
    config.outbox.bytes = Limit::new(1 << 30);
    let mut session = ready(config);
    for number in 0..waiting {
        session.send(Instant::ORIGIN, Outgoing::from("x").id(format!("c{number}"))).expect("there is room");
        drain(&mut session);
    }
    assert_eq!(session.unsettled() as u64, waiting);
    // From the end, so that whoever looks for them from the beginning comes by all the others.
    let receipts: Vec<String> = (sent - ACKS..sent)
        .rev()
        .map(|number| format!(r#"{{"type":"RECEIPT","clientMessageId":"c{number}"}}"#))
        .collect();
    let counted = allocation_counter::measure(|| {
        for receipt in receipts {
            hear(&mut session, receipt);
            drain(&mut session);
        }
    });
    assert_eq!(session.unsettled() as u64, waiting - ACKS);
    counted.count_total
}

#[test]
fn an_acknowledgement_takes_no_more_work_among_a_hundred_thousand_messages_than_among_a_thousand() {
    let (few, many) = (allocations_an_ack(1_000), allocations_an_ack(100_000));
    // Trees of another size split at other times, hence not the same; a copy of what waits would be 100,000 for each.
    assert!(many <= few + 500, "{few} allocations among 1,000, {many} among 100,000");
}

fn send(session: &mut Session, number: u64) -> String {
    let id = format!("c{number:06}");
    session.send(session.now(), Outgoing::from("x").id(&*id)).expect("there is room");
    drain(session);
    id
}

fn receipt(session: &mut Session, id: &str) {
    hear(session, format!(r#"{{"type":"RECEIPT","clientMessageId":"{id}"}}"#));
    drain(session);
}

#[test]
fn a_message_that_is_never_confirmed_makes_those_that_pass_it_cost_nothing() {
    let mut session = ready(Config::default());
    send(&mut session, 0);
    let mut pass = |numbers: std::ops::Range<u64>| {
        let mut before = send(&mut session, numbers.start);
        // One of them is always under way, so that those that are confirmed stand in between.
        for number in numbers.skip(1) {
            let id = send(&mut session, number);
            receipt(&mut session, &std::mem::replace(&mut before, id));
        }
        receipt(&mut session, &before);
    };
    // By then the memory of settled messages is full.
    pass(1..3_000);
    let passed = allocation_counter::measure(|| pass(3_000..30_000));
    assert!(passed.bytes_max < 50_000, "{} bytes at most", passed.bytes_max);
    assert!(passed.bytes_current < 10_000, "{} bytes stayed", passed.bytes_current);
}

#[test]
fn after_a_burst_a_session_is_about_as_small_as_before() {
    let mut config = Config::default();
    config.outbox.remembered = Limit::new(0);
    config.outbox.in_flight = Limit::new(1_000);
    let mut session = ready(config);
    let mut burst = |count: u64| {
        let ids: Vec<String> = (0..count).map(|number| send(&mut session, number)).collect();
        for id in ids {
            receipt(&mut session, &id);
        }
        assert_eq!(session.unsettled(), 0);
    };
    burst(10);
    let many = allocation_counter::measure(|| burst(1_000));
    assert!(many.bytes_current < 10_000, "{} bytes stayed", many.bytes_current);
    // Seven a message; what moves when it grows or has grown short moves a few times only.
    assert!(many.count_total < 7_100, "{} for 1,000", many.count_total);
}

/// Allocations for a message that came before and carries this field, too.
fn allocations_to_read(session: &mut Session, extra: &str) -> u64 {
    let text =
        format!("{{\"type\":\"MESSAGE\",\"messageId\":\"m\",\"content\":\"x\",\"extra\":{extra},\"z\":\"a b\"}}");
    hear(session, text.clone());
    drain(session);
    let counted = allocation_counter::measure(|| hear(session, text));
    assert_eq!(drain(session).len(), 1, "it is acknowledged");
    counted.count_total
}

#[test]
fn json_of_every_kind_is_read_in_one_pass_that_takes_nothing_from_the_heap() {
    let mut session = ready(Config::default());
    let acknowledgement = allocations_to_read(&mut session, "1");
    for value in [
        "[]",
        "{}",
        "[1,2]",
        "[ ]",
        "{ }",
        "\t[\n1 ,\r2\t]\n",
        r#"{"a":1}"#,
        r#"{ "a" : { "b" : [ 1 ] } , "c" : {} }"#,
        "true",
        "false",
        "null",
        r#""""#,
        r#""text""#,
        r#""\"\\\/\b\f\n\r\t""#,
        r#""\u00e9 and \uABCD\u0020""#,
        "0",
        "-0",
        "7",
        "-12",
        "0.5",
        "12.25",
        "1e5",
        "1E5",
        "1e+5",
        "1E-5",
        "-1.5e10",
    ] {
        // Deeper than one level, so that a reader that keeps the way back on the heap would show.
        let nested = format!("[[[{value}]]]");
        assert_eq!(allocations_to_read(&mut session, &nested), acknowledgement, "{value}");
    }
    let escaped = r#"[[[1]]],"na\u006de":1"#;
    assert!(allocations_to_read(&mut session, escaped) > acknowledgement, "which an unusual one takes");
}

#[test]
fn a_body_takes_as_much_memory_as_it_is_long_whatever_string_it_came_in() {
    let mut config = Config::default();
    config.inbox.acknowledge = Acknowledge::OnCall;
    let roomy = |text: &str| -> String {
        let mut body = String::with_capacity(64 << 10);
        body.push_str(text);
        body
    };
    let bytes = |config: &Config, spell: &dyn Fn(&str) -> String| {
        allocation_counter::measure(|| {
            let mut session = ready(config.clone());
            for number in 0..config.outbox.messages.get() {
                let message = Outgoing::from(spell("hello")).id(format!("c{number}"));
                session.send(session.now(), message).expect("there is room");
                drain(&mut session);
            }
            std::mem::forget(session);
        })
        .bytes_current
    };
    let (tight, loose) = (bytes(&config, &|text| text.to_owned()), bytes(&config, &roomy));
    assert!(loose <= tight + 1_000, "{loose} bytes of roomy strings, {tight} of tight ones");

    // What arrives in a buffer with much room is delivered without it, also where the whole frame is the body.
    config.inbox.deliver = redial::config::Deliver::Frame;
    let mut session = ready(config);
    for number in 0..10 {
        hear(&mut session, roomy(&format!(r#"{{"type":"MESSAGE","messageId":"{number}","content":"x"}}"#)));
    }
    let delivered = drain(&mut session).into_iter().filter_map(|action| match action {
        Action::Deliver(message) => Some(message.body),
        _ => None,
    });
    let spare: Vec<usize> = delivered
        .map(|body| match body {
            redial::Body::Text(text) => text.capacity() - text.len(),
            redial::Body::Binary { binary } => binary.capacity() - binary.len(),
        })
        .collect();
    assert_eq!(spare.len(), 10);
    assert!(spare.iter().all(|bytes| *bytes < 100), "{spare:?}");
}
