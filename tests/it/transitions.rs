//! The table of transitions at the head of `src/link/machine.rs`, held against what `matrix.txt` shows and what timers
//! do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use redial::config::CredentialSource;
use redial::dialect::Login;
use redial::journal::Call;
use redial::{Config, CredentialFailure, Duration, Preset, Session, State, Timer, TransportError};

use crate::matrix;
use crate::sim::Terse;
use crate::support::{Story, with};

/// Longer than anything that is waited for.
const HOUR: Duration = Duration::from_secs(3_600);

/// The server's answer to a hello of `native`.
const WELCOME: &str = r#"{"type":"welcome","sid":"s","token":"t","ttl_ms":86400000,"resumed":false,"win_msgs":256,"win_bytes":1048576,"frame_max":1048576}"#;

/// Phase, input, next phase.
type Transition = (String, String, String);

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("the file can be read")
}

/// The words of a cell that stand between two of these marks.
fn marked(cell: &str, mark: char) -> impl Iterator<Item = String> {
    cell.split(mark).skip(1).step_by(2).map(str::to_owned)
}

/// The rows of the table: every phase and every input of a row, with the phases that it names as the next.
fn table() -> Vec<(Vec<String>, Vec<String>, Vec<String>)> {
    let source = read("src/link/machine.rs");
    let rows = source.lines().filter_map(|line| line.strip_prefix("//! | `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
        let [phases, inputs, next] = cells[..] else { panic!("a row has three cells: {row}") };
        let phases = marked(&format!("`{phases}"), '`').collect();
        let inputs: Vec<String> = marked(inputs, '`').chain(marked(inputs, '"')).collect();
        let inputs = if inputs.is_empty() { vec!["any loss".to_owned()] } else { inputs };
        (phases, inputs, marked(next, '`').collect())
    })
    .collect()
}

/// What the input of a page is called in the table.
fn called(input: &str) -> &str {
    match input {
        "frame `who are you`" => "challenge",
        "frame `welcome`" | "frame `welcome 9000 news`" => "login accepted",
        "frame `refused 3`" | "frame `later 5000`" | "frame `never`" => "login refused",
        "frame `kick elsewhere`" => "kick",
        "frame `ack m1`" | "frame `nack m1 7`" | "frame `delivered m1`" | "frame `read m1`" => "receipt",
        other => {
            let name = other.strip_prefix("call ").unwrap_or(other);
            match name.split(',').next().unwrap_or(name) {
                "send failed" => "send_failed",
                first => first,
            }
        }
    }
}

/// The phase that a line of the page speaks of.
fn phase(explanation: &str) -> &'static str {
    let waits_for = |what: &str| explanation.contains(what);
    match explanation.split([',', ';', ':']).next().unwrap_or_default().split(' ').next().unwrap_or_default() {
        "idle" => "Idle",
        "connecting" if waits_for("waiting for a credential") => "Preparing",
        "connecting" => "Connecting",
        "authenticating" => "Authenticating",
        "ready" => "Ready",
        "closing" => "Closing",
        "waiting" if waits_for("the end of the last attempt's time") => "GivingUp",
        "waiting" => "Waiting",
        "stopped" => "Stopped",
        other => panic!("no phase is called {other}"),
    }
}

/// Every change of phase that the page shows.
fn on_the_page() -> BTreeSet<Transition> {
    let page = read("tests/it/matrix.txt");
    let mut found = BTreeSet::new();
    for block in page.split("\n\n\n").skip(1) {
        let mut inputs = block.split("\n\n");
        let head = inputs.next().unwrap_or_default();
        let from = phase(head.lines().nth(1).unwrap_or_default().trim());
        for input in inputs {
            let mut lines = input.lines().map(str::trim);
            let name = lines.next().unwrap_or_default();
            let Some(result) = lines.find_map(|line| line.strip_prefix("=> ")) else { continue };
            let to = phase(result);
            if from != to {
                found.insert((from.to_owned(), called(name).to_owned(), to.to_owned()));
            }
        }
    }
    found
}

/// Every change of phase that a timer makes, from each phase of the page and from two more situations.
fn by_timers() -> BTreeSet<Transition> {
    let probed = |story: &mut Story| {
        story.open().opened().sleep(60_000).tick();
    };
    let mut silent = Story::unsuspicious();
    silent.open().opened().wait(50_000);
    let more: [(Login, matrix::Bring); 1] = [(Login::None, probed)];
    let stories = matrix::phases().into_iter().chain(more).map(|(login, bring)| matrix::in_phase(login, bring));
    let mut found = BTreeSet::new();
    for mut story in stories.chain([silent]) {
        let from = phase(&story.session.explain().to_string());
        let Some(due) = story.deadline() else { continue };
        story.wait(due.at.as_millis().saturating_sub(story.now()));
        let to = phase(&story.session.explain().to_string());
        if from != to {
            found.insert((from.to_owned(), timer(due.timer), to.to_owned()));
        }
    }
    found
}

/// A timer as the table writes it.
fn timer(timer: Timer) -> String {
    serde_json::to_value(timer).ok().and_then(|name| Some(name.as_str()?.to_uppercase())).expect("a timer has a name")
}

/// Changes of phase that need another dialect or another past than those of the page, each played here.
fn elsewhere() -> BTreeSet<Transition> {
    let bye = |reconnect: bool| {
        let bye = format!(r#"{{"type":"bye","code":1000,"reconnect":{reconnect},"resume":true}}"#);
        move |story: &mut Story| {
            story.text(&bye);
        }
    };
    let mut found = BTreeSet::new();
    let mut played = |input: &str, mut story: Story, step: &dyn Fn(&mut Story)| {
        let from = phase(&story.session.explain().to_string());
        step(&mut story);
        let to = phase(&story.session.explain().to_string());
        found.insert((from.to_owned(), input.to_owned(), to.to_owned()));
    };
    let of = |login: Login, bring: matrix::Bring| matrix::in_phase(login, bring);
    played("open", of(Login::Handshake, |_| {}), &|story| {
        story.open();
    });
    played(
        "opened",
        of(Login::Challenge, |story| {
            story.open();
        }),
        &|story| {
            story.opened();
        },
    );
    let asked = of(Login::Challenge, |story| {
        story.open().opened().text("who are you");
    });
    played("credential", asked, &|story| {
        story.credential("token");
    });
    let mut open = Story::new(Terse::preset(Login::Challenge, Config::default()));
    open.credential("token").open().opened();
    played("challenge", open, &|story| {
        story.text("who are you");
    });
    let mut outage = Story::uni_app();
    outage.open().errored(TransportError::Refused);
    outage.wait_for_connect();
    outage.errored(TransportError::Refused).restart(0);
    played("open", outage, &|story| {
        story.open();
    });
    for reconnect in [true, false] {
        let mut greeting = Story::new(Preset::native());
        greeting.open().opened();
        played("bye", greeting, &bye(reconnect));
    }
    let mut greeted = Story::new(Preset::native());
    greeted.open().opened().text(WELCOME);
    played("cumulative ack", greeted, &|story| {
        story.text(r#"{"type":"ack","a":999}"#);
    });
    let flood = of(Login::None, |story| {
        story.open().opened();
    });
    played("malformed", flood, &|story| {
        (0..=10).for_each(|_| {
            story.text("nonsense");
        });
    });
    let again = of(Login::Challenge, |story| {
        story.open().opened().text("who are you").credential("token").text("who are you");
    });
    played("credential_failed", again, &|story| {
        story
            .call(Call::CredentialFailed { connection: None, why: CredentialFailure::Unavailable })
            .expect("it was asked for");
    });
    found
}

/// Changes of phase while a drain is under way.
fn by_draining() -> BTreeSet<Transition> {
    let mut found = BTreeSet::new();
    let mut played = |input: &str, mut story: Story, step: &dyn Fn(&mut Story)| {
        let from = phase(&story.session.explain().to_string());
        step(&mut story);
        let to = phase(&story.session.explain().to_string());
        found.insert((from.to_owned(), input.to_owned(), to.to_owned()));
    };
    let of = |login: Login, bring: matrix::Bring| matrix::in_phase(login, bring);
    for lost in [false, true] {
        let draining = move || {
            let mut story = of(Login::Challenge, |story| {
                story.open().opened();
            });
            if lost {
                story.closed(1006);
            }
            let id = story.send_for("hello", 3_000);
            story.drain_within(9_000);
            (story, id)
        };
        played("EXPIRY", draining().0, &|story| {
            story.wait(3_000);
        });
        let (kept, id) = draining();
        played("cancel", kept, &|story| {
            story.call(Call::Cancel { id: id.clone() }).expect("it has not left");
        });
    }
    for lost in [false, true] {
        let mut draining = Story::new(Terse::preset(Login::None, Config::default()));
        draining.open().opened();
        draining.send_id("hello", "m1");
        if lost {
            draining.closed(1006);
        }
        draining.drain_within(9_000);
        played("abandon", draining, &|story| {
            story.call(Call::Abandon { id: "m1".into() }).expect("it is in doubt");
        });
    }
    let draining = of(Login::None, |story| {
        story.open().opened();
        story.send_id("hello", "m1");
        story.drain_within(9_000);
    });
    played("DRAIN", draining, &|story| {
        story.wait(9_000);
    });
    found
}

/// The same with a credential that is void, or older than another.
fn by_credentials() -> BTreeSet<Transition> {
    let mut found = BTreeSet::new();
    let mut played = |input: &str, mut story: Story, step: &dyn Fn(&mut Story)| {
        let from = phase(&story.session.explain().to_string());
        step(&mut story);
        let to = phase(&story.session.explain().to_string());
        found.insert((from.to_owned(), input.to_owned(), to.to_owned()));
    };
    let optional = |login: Login| {
        let mut config = Config::default();
        config.authentication.credential = CredentialSource::Optional;
        let mut story = Story::new(Terse::preset(login, config));
        story.credential("token");
        story
    };
    let refuse = |story: &mut Story| {
        story.call(Call::CredentialFailed { connection: None, why: CredentialFailure::Refused }).expect("it is taken");
    };
    let mut hurried = Story::plain();
    hurried.ready().wait(10_000).closed(1006);
    played("reconnect_now", hurried, &|story| {
        story.call(Call::ReconnectNow).expect("it is open");
    });
    let befores: [fn(&mut Story); 3] = [
        |_| {},
        |story| {
            story.ready().closed(1006);
        },
        |story| {
            story.ready().close();
        },
    ];
    for before in befores {
        let mut void = optional(Login::Handshake);
        before(&mut void);
        refuse(&mut void);
        played("open", void, &|story| {
            story.open();
        });
    }
    let mut void = optional(Login::Handshake);
    refuse(void.ready());
    void.closed(1006);
    played("RECONNECT", void, &|story| {
        story.wait(1_000);
    });
    let mut hello = Story::new(Preset::native());
    refuse(hello.credential("token").open());
    played("opened", hello, &|story| {
        story.opened();
    });
    let mut challenged = optional(Login::ConfirmedChallenge);
    refuse(challenged.open().opened());
    played("challenge", challenged, &|story| {
        story.text("who are you");
    });
    let mut older = optional(Login::ConfirmedChallenge);
    older.open().opened().text("who are you").credential("newer");
    played("login refused", older, &|story| {
        story.text("refused 3");
    });
    found
}

/// The same with a socket that stalls, an application that takes nothing, and a server that leaves out a message.
fn by_the_wire() -> BTreeSet<Transition> {
    let mut found = BTreeSet::new();
    let mut played = |input: &str, mut story: Story, step: &dyn Fn(&mut Story)| {
        let from = phase(&story.session.explain().to_string());
        step(&mut story);
        let to = phase(&story.session.explain().to_string());
        found.insert((from.to_owned(), input.to_owned(), to.to_owned()));
    };
    let reporting = |login: Login| {
        let mut story = Story::new(Terse::preset(login, with(|config: &mut Config| config.close.timeout = HOUR)));
        story.open().written(0).opened();
        story
    };
    let mut stalled = reporting(Login::None);
    stalled.send("hello");
    played("STALL", stalled, &|story| {
        story.wait(20_000);
    });
    let mut slow_close = reporting(Login::None);
    slow_close.send("hello");
    slow_close.close();
    played("STALL", slow_close, &|story| {
        story.wait(20_000);
    });
    let mut unsaid =
        Story::new(Preset::native().configure(|config| config.authentication.timeout = None).expect("sound"));
    unsaid.open().written(0).opened();
    played("STALL", unsaid, &|story| {
        story.wait(20_000);
    });
    let unread = with(|config: &mut Config| config.inbox.pending = redial::config::Limit::new(1));
    let mut unread = Story::new(Terse::preset(Login::None, unread));
    unread.open().opened().taken(0).text("notice news");
    played("PAUSE", unread, &|story| {
        story.wait(60_000);
    });
    for answer in [Call::Acknowledge { id: "p1".into() }, Call::Reject { id: "p1".into() }] {
        let deferring = with(|config: &mut Config| {
            config.inbox.pending = redial::config::Limit::new(1);
            config.inbox.acknowledge = redial::config::Acknowledge::OnCall;
        });
        let mut deferring = Story::new(Terse::preset(Login::None, deferring));
        deferring.open().opened().text("msg p1 hi").text("msg p2 hi");
        let name = if matches!(answer, Call::Reject { .. }) { "reject" } else { "acknowledge" };
        played(name, deferring, &|story| {
            story.call(answer.clone()).expect("it waits");
        });
    }
    let mut counting = Story::new(Preset::native());
    counting.open().opened().text(WELCOME);
    played("sequenced", counting, &|story| {
        story.text(r#"{"type":"msg","s":9,"id":"p9","b":"hi"}"#);
    });
    found
}

/// The phases that a session may be in, as far as it can be told from outside.
fn phases_of(session: &Session) -> Vec<&'static str> {
    let found = session.explain();
    let due = found.waiting_for.map(|due| due.timer);
    match (found.state, due) {
        (State::Connecting, Some(Timer::Credential)) => vec!["Preparing"],
        (State::Connecting, Some(Timer::Attempt)) => vec!["Connecting"],
        (State::Connecting, _) => vec!["Connecting", "Preparing"],
        (State::Waiting, Some(Timer::GiveUp)) => vec!["GivingUp"],
        (State::Waiting, Some(Timer::Reconnect)) => vec!["Waiting"],
        (State::Waiting, _) => vec!["Waiting", "GivingUp"],
        (State::Idle, _) => vec!["Idle"],
        (State::Authenticating, _) => vec!["Authenticating"],
        (State::Ready, _) => vec!["Ready"],
        (State::Closing, _) => vec!["Closing"],
        (State::Stopped, _) => vec!["Stopped"],
        (other, _) => panic!("{other} is no state of the table"),
    }
}

/// One step of a walk: the name that it has in the table.
fn step(story: &mut Story, pick: &mut impl FnMut(usize) -> usize, frames: &[(&'static str, &'static str)]) -> String {
    if let Some(due) = story.deadline().filter(|_| pick(4) == 0) {
        story.wait(due.at.as_millis().saturating_sub(story.now()));
        return timer(due.timer);
    }
    if pick(3) == 0 {
        story.opened();
        return "opened".to_owned();
    }
    if !frames.is_empty() && pick(4) > 0 {
        let (name, text) = frames[pick(frames.len())];
        story.text(text);
        return name.to_owned();
    }
    let inputs = matrix::inputs(story.connection());
    let (name, input) = &inputs[pick(inputs.len())];
    match input.clone() {
        Ok(event) => {
            story.event(event);
        }
        Err(call) => drop(story.call(call)),
    }
    called(name).to_owned()
}

/// Messages that expire and receipts that are late, while attempts may follow for ever.
fn hasty() -> Config {
    let mut config = Config::default();
    config.outbox.time_to_live = Some(Duration::from_secs(7));
    config.outbox.receipt_timeout = Some(Duration::from_secs(2));
    config.limits.malformed = std::num::NonZeroU32::new(2);
    config
}

/// What walks have shown: changes of phase that can be told exactly, and those that are in no row.
#[derive(Default)]
struct Walks {
    happened: BTreeSet<Transition>,
    missing: BTreeSet<String>,
}

impl Walks {
    /// A walk that any input may prolong; each change of phase has to be in the table.
    fn walk(&mut self, preset: &Preset, frames: &[(&'static str, &'static str)], mut seed: u64) {
        let table = table();
        let mut pick = |count: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(seed >> 33).expect("it is 31 bits long") % count
        };
        let mut story = Story::new(preset.clone());
        for _ in 0..150 {
            let from = phases_of(&story.session);
            let input = step(&mut story, &mut pick, frames);
            let to = phases_of(&story.session);
            story.seen();
            let stands = |to: &[&str]| {
                table.iter().any(|(phases, inputs, next)| {
                    let among =
                        |phases: &[String], found: &[&str]| found.iter().any(|one| phases.iter().any(|p| p == one));
                    let named = inputs.contains(&input) || *inputs == ["any loss"];
                    named && among(phases, &from) && among(next, to)
                })
            };
            let at_once = stands(&["Waiting"]) && to.iter().any(|one| ["Connecting", "Preparing"].contains(one));
            if from.iter().any(|one| to.contains(one)) {
                continue;
            }
            if !stands(&to) && !at_once {
                self.missing.insert(format!("{from:?}, {input}: {to:?}"));
            } else if let ([from], [to], true) = (&from[..], &to[..], stands(&to)) {
                self.happened.insert(((*from).to_owned(), input.clone(), (*to).to_owned()));
            }
        }
    }
}

/// Walks are long, and every test here asks them.
static WALKS: LazyLock<Walks> = LazyLock::new(walks);

fn walks() -> Walks {
    let native = [
        ("welcome", WELCOME),
        ("sequenced", r#"{"type":"msg","s":1,"id":"p1","b":"hi"}"#),
        ("sequenced", r#"{"type":"msg","s":9,"id":"p9","b":"hi"}"#),
        ("cumulative ack", r#"{"type":"ack","a":1}"#),
        ("cumulative ack", r#"{"type":"ack","a":999}"#),
        ("bye", r#"{"type":"bye","code":1000,"reconnect":true,"resume":true}"#),
        ("bye", r#"{"type":"bye","code":1000,"reconnect":false,"resume":true}"#),
    ];
    let mut walks = Walks::default();
    for seed in 0..40 {
        let challenged = [Login::Challenge, Login::ConfirmedChallenge];
        for login in [Login::None, Login::Handshake, Login::First, Login::Greeted].into_iter().chain(challenged) {
            for config in [matrix::config(), Config::default(), hasty()] {
                walks.walk(&Terse::preset(login, config), &[], seed);
            }
        }
        walks.walk(&Preset::native(), &native, seed);
    }
    walks
}

#[test]
fn no_walk_leaves_the_table() {
    assert_eq!(WALKS.missing, BTreeSet::new(), "these happen and are in no row");
}

fn happened() -> BTreeSet<Transition> {
    on_the_page()
        .into_iter()
        .chain(by_timers())
        .chain(elsewhere())
        .chain(by_draining())
        .chain(by_credentials())
        .chain(by_the_wire())
        .chain(WALKS.happened.clone())
        .collect()
}

#[test]
fn every_transition_that_happens_stands_in_the_table() {
    let (table, happened) = (table(), happened());
    assert!(happened.len() > 50, "only {} transitions were seen", happened.len());
    for (from, input, to) in &happened {
        let stands = table.iter().any(|(phases, inputs, next)| {
            let named = inputs.contains(input) || *inputs == ["any loss"];
            named && phases.contains(from) && next.contains(to)
        });
        assert!(stands, "`{from}`, {input}: `{to}` is in no row");
    }
}

#[test]
fn every_row_of_the_table_happens() {
    let (mut rows, happened) = (BTreeMap::new(), happened());
    for (phases, inputs, next) in table() {
        for input in inputs.iter().filter(|input| *input != "any loss") {
            let row = |(from, by, to): &Transition| phases.contains(from) && by == input && next.contains(to);
            let seen = rows.entry(format!("{phases:?} {input} {next:?}")).or_insert(false);
            *seen |= happened.iter().any(row);
        }
    }
    assert!(rows.len() > 30, "only {} rows were read", rows.len());
    let never: Vec<&String> = rows.iter().filter(|(_, seen)| !**seen).map(|(row, _)| row).collect();
    assert_eq!(never, Vec::<&String>::new(), "rows that never happen");
}
