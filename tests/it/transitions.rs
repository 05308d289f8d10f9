//! The table of transitions at the head of `src/link/machine.rs`, held against what `matrix.txt` shows and what timers do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use redial::dialect::Login;
use redial::{Config, Preset, Timer, TransportError};

use crate::matrix;
use crate::sim::Terse;
use crate::support::Story;

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
        "frame `welcome`" => "login accepted",
        "frame `refused 3`" => "login refused",
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
    let silent = |story: &mut Story| {
        story.open().opened().wait(50_000);
    };
    let probed = |story: &mut Story| {
        story.open().opened().sleep(60_000).tick();
    };
    let more: [(Login, matrix::Bring); 2] = [(Login::None, silent), (Login::None, probed)];
    let mut found = BTreeSet::new();
    for (login, bring) in matrix::phases().into_iter().chain(more) {
        let mut story = matrix::in_phase(login, bring);
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
    let flood = of(Login::None, |story| {
        story.open().opened();
    });
    played("malformed", flood, &|story| {
        (0..=10).for_each(|_| {
            story.text("nonsense");
        });
    });
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

fn happened() -> BTreeSet<Transition> {
    on_the_page().into_iter().chain(by_timers()).chain(elsewhere()).collect()
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
