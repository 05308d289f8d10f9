//! What the command line asks for.

use std::env;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread::available_parallelism;

use crate::client::{CLIENTS, Client};
use crate::scenario::{SCENARIOS, Scenario};

pub(crate) const HELP: &str = "\
Clients of WebSockets under bad networks, side by side.

  cargo run --release --locked [-- OPTIONS]

  --runs N         runs a client where chance decides (20); at most three where it does not
  --scenarios A,B  only these scenarios
  --clients A,B    only these clients
  --parallel N     runs at a time (16 a core)
  --records FILE   one JSON object a run goes to this file
  --list           the names of all scenarios and clients
";

pub(crate) struct Options {
    pub(crate) runs: usize,
    pub(crate) scenarios: Vec<&'static Scenario>,
    pub(crate) clients: Vec<&'static Client>,
    pub(crate) parallel: usize,
    pub(crate) records: Option<PathBuf>,
}

/// What to do.
pub(crate) enum Request {
    Help,
    List,
    Run(Options),
}

/// Reads the command line, or says what is wrong with it.
pub(crate) fn read() -> Result<Request, String> {
    let cores = available_parallelism().map_or(1, NonZeroUsize::get);
    let mut options = Options {
        runs: 20,
        scenarios: SCENARIOS.iter().collect(),
        clients: CLIENTS.iter().filter(|client| client.usual).collect(),
        parallel: 16 * cores,
        records: None,
    };
    let mut args = env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--runs" => options.runs = number(&value()?)?,
            "--parallel" => options.parallel = number(&value()?)?,
            "--records" => options.records = Some(value()?.into()),
            "--scenarios" => options.scenarios = pick(SCENARIOS, |scenario| scenario.name, &value()?)?,
            "--clients" => options.clients = pick(CLIENTS, |client| client.name, &value()?)?,
            "--list" => return Ok(Request::List),
            "--help" | "-h" => return Ok(Request::Help),
            _ => return Err(format!("{arg} is no option; --help lists them")),
        }
    }
    Ok(Request::Run(options))
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| format!("{text} has to be a number above 0"))
}

fn pick<T>(all: &'static [T], name: impl Fn(&T) -> &'static str, wanted: &str) -> Result<Vec<&'static T>, String> {
    let find = |wanted| all.iter().find(|one| name(one) == wanted);
    wanted
        .split(',')
        .map(|wanted| find(wanted).ok_or_else(|| format!("{wanted} is unknown; --list has all names")))
        .collect()
}
