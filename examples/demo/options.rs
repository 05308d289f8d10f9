//! The command line.

use std::ops::RangeInclusive;

use redial::{Config, Preset};

/// What the demo does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Messages each way.
    pub(crate) messages: usize,
    /// Faults in all, both links together.
    pub(crate) faults: usize,
    /// Decides the faults, their order and their lengths.
    pub(crate) seed: u64,
    pub(crate) adapter: Adapter,
    pub(crate) dialect: Dialect,
    /// The clients are processes of their own, and get killed.
    pub(crate) restart: bool,
    /// Only the table.
    pub(crate) quiet: bool,
}

/// Which of the two adapters drives the clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adapter {
    Blocking,
    Tokio,
}

impl Adapter {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Blocking => "blocking",
            Self::Tokio => "tokio",
        }
    }
}

/// What clients and hub speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    UniApp,
    RedialV1,
}

impl Dialect {
    pub(crate) const ALL: [Self; 2] = [Self::RedialV1, Self::UniApp];

    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name).join(" or ");
        let found = Self::ALL.into_iter().find(|dialect| dialect.name() == name);
        found.ok_or_else(|| format!("--dialect is {names}, and {name} is not."))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::UniApp => "uni_app",
            Self::RedialV1 => "native",
        }
    }

    /// Its words at the crate's own timings.
    pub(crate) fn preset(self) -> Preset {
        let preset = match self {
            Self::UniApp => Preset::uni_app().with_config(Config::default()).expect("it is sound"),
            Self::RedialV1 => Preset::native(),
        };
        // It is always the network that ends a connection here, never the message in front.
        preset.configure(|config| config.outbox.quarantine = None).expect("it is sound")
    }
}

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    Run(Options),
    Help,
}

pub(crate) const HELP: &str = "\
Two chat clients talk through a network that keeps breaking; nothing gets lost, nothing is shown twice.

usage: cargo run --release --example demo -- [flags]

  --messages N               messages each way, 1 to 100000 (default 1000)
  --faults N                 faults in all, 0 to 1000 (default 30)
  --seed N                   repeat the same faults (default: from the operating system)
  --adapter blocking|tokio   what drives the sockets (default tokio)
  --dialect native|uni_app   what is spoken: the crate's own protocol, or one with ids and single receipts
                             (default uni_app)
  --restart                  clients are processes of their own, get killed, and go on from what they stored;
                             they have a loop of their own, so no --adapter here
  --quiet                    print the table alone
  --help                     print this

Ends with 0 when every message arrived once, in order and in time, else with 1; a wrong flag ends with 2.";

impl Options {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            messages: 1_000,
            faults: 30,
            seed,
            adapter: Adapter::Tokio,
            dialect: Dialect::UniApp,
            restart: false,
            quiet: false,
        }
    }

    /// Reads the arguments, or says in a sentence what is wrong with them.
    pub(crate) fn parse(seed: u64, arguments: impl IntoIterator<Item = String>) -> Result<Asked, String> {
        let (mut options, mut chosen) = (Self::new(seed), false);
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let (flag, mut attached) = match argument.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => (argument.as_str(), None),
            };
            let mut value = || {
                attached.take().or_else(|| arguments.next()).ok_or_else(|| format!("{flag} needs a value; see --help."))
            };
            match flag {
                "--messages" => options.messages = number(flag, &value()?, 1..=100_000)?,
                "--faults" => options.faults = number(flag, &value()?, 0..=1_000)?,
                "--seed" => options.seed = number(flag, &value()?, 0..=u64::MAX)?,
                "--adapter" => (options.adapter, chosen) = (adapter(&value()?)?, true),
                "--dialect" => options.dialect = Dialect::named(&value()?)?,
                "--restart" => options.restart = true,
                "--quiet" => options.quiet = true,
                "--help" | "-h" => return Ok(Asked::Help),
                _ => return Err(format!("There is no flag {argument}; see --help.")),
            }
            if let Some(value) = attached {
                return Err(format!("{flag} takes no value, and got {value}."));
            }
        }
        if options.restart && chosen {
            return Err("--restart and --adapter do not go together; see --help.".to_owned());
        }
        Ok(Asked::Run(options))
    }
}

fn number<T>(flag: &str, text: &str, range: RangeInclusive<T>) -> Result<T, String>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let wanted = text.parse().ok().filter(|value| range.contains(value));
    wanted.ok_or_else(|| format!("{flag} is a number from {} to {}, and {text} is none.", range.start(), range.end()))
}

fn adapter(text: &str) -> Result<Adapter, String> {
    match text {
        "blocking" => Ok(Adapter::Blocking),
        "tokio" => Ok(Adapter::Tokio),
        _ => Err(format!("--adapter is blocking or tokio, and {text} is neither.")),
    }
}
