//! The server of one of the presets, on loopback, with its bad days.
//!
//! `cargo run --example serve -- --preset uni_app`, then `cargo run --example chat -- --preset uni_app --name ana` in
//! another terminal. Kill the server and start it again: whoever talks through `uni_app` loses nothing.

include!("../common/say.rs");

pub(crate) mod fault;
mod http;
mod hub;
mod line;
mod live_chat;
#[path = "../common/pace.rs"]
#[allow(clippy::duplicate_mod, reason = "the tests load two programs that have it")]
mod pace;
pub(crate) mod server;
pub(crate) mod service;
pub(crate) mod store;
mod talk;
mod vue_polling;

use std::io::BufRead as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use fault::Fault;
use server::{Options, Server};
use service::Settings;

const HELP: &str = "\
usage: serve --preset NAME [--addr 127.0.0.1:PORT] [--fault KIND] [--frames] [--key KEY] [--store FILE | --forget]

--addr    where to listen; 127.0.0.1:7420 by default, port 0 for any free one
--fault   a bad day to begin with; type its name later to change it
--frames  print every frame
--key     live_chat: accept only logins with md5(seed + KEY)
--store   uni_app: the file that keeps the newest 10,000 messages, 4 MiB at most; by default one beside this
          program. Whoever is away for longer than those misses what fell out
--forget  uni_app: keep nothing";

fn help() -> String {
    format!("{HELP}\n\npresets: {}", service::names())
}

struct Asked {
    preset: String,
    addr: SocketAddr,
    fault: Fault,
    frames: bool,
    key: Option<String>,
    store: Option<PathBuf>,
    forget: bool,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("{sentence}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let Some(asked) = asked()? else {
        say!("{}\n\nfaults:", help());
        list_faults();
        return Ok(());
    };
    let store = store(&asked);
    let service = service::named(&asked.preset, Settings { store: store.clone(), key: asked.key })?;
    let stored = service.stored();
    let begun = Instant::now();
    let say = move |line: &str| say!("{:8.1} s  {line}", begun.elapsed().as_secs_f64());
    let options = Options { addr: asked.addr, fault: asked.fault, speed: 1, frames: asked.frames, say: Box::new(say) };
    let server = Server::start(service, options)
        .map_err(|error| format!("{} is not to be had: {error}. Try --addr 127.0.0.1:0.", asked.addr))?;
    say!("{} at ws://{}/socket", asked.preset, server.addr());
    let lossless = if asked.preset == "uni_app" { " --lossless" } else { "" };
    let to = format!("--preset {}{lossless} --url ws://{}/socket", asked.preset, server.addr());
    say!("connect with: cargo run --example chat -- {to} --name ana");
    if let (Some(path), Some(count)) = (store, stored) {
        say!("{count} messages in {}", path.display());
    }
    say!("fault: {} ({})", asked.fault, asked.fault.sentence());
    say!("type a fault, `cut`, `who`, `say TEXT` or `help`; Ctrl-C ends it\n");
    listen(&server);
    Ok(())
}

fn list_faults() {
    for fault in Fault::ALL {
        say!("  {fault:<11} {}", fault.sentence());
    }
}

/// The command line; `None` asks for help.
fn asked() -> Result<Option<Asked>, String> {
    let mut asked = Asked {
        preset: String::new(),
        addr: SocketAddr::from(([127, 0, 0, 1], 7420)),
        fault: Fault::None,
        frames: false,
        key: None,
        store: None,
        forget: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value\n{}", help()));
        match word.as_str() {
            "--help" | "-h" => return Ok(None),
            "--preset" => asked.preset = value()?,
            "--addr" => {
                let addr = value()?;
                asked.addr = addr.parse().map_err(|_| format!("--addr takes an address and a port, not `{addr}`"))?;
            }
            "--fault" => {
                let fault = value()?;
                let known = || Fault::ALL.map(|fault| fault.to_string()).join(", ");
                asked.fault =
                    Fault::named(&fault).ok_or_else(|| format!("no fault `{fault}`; there are {}", known()))?;
            }
            "--frames" => asked.frames = true,
            "--forget" => asked.forget = true,
            "--key" => asked.key = Some(value()?),
            "--store" => asked.store = Some(value()?.into()),
            _ => return Err(format!("there is no option `{word}`\n{}", help())),
        }
    }
    if asked.preset.is_empty() {
        return Err(format!("--preset is missing\n{}", help()));
    }
    Ok(Some(asked))
}

/// The file of the chat hub: the same one each time, so that a restart finds it.
fn store(asked: &Asked) -> Option<PathBuf> {
    if asked.preset != "uni_app" || asked.forget {
        return None;
    }
    let beside = || Some(std::env::current_exe().ok()?.with_file_name(format!("serve-{}.jsonl", asked.addr.port())));
    asked.store.clone().or_else(beside)
}

/// Does what is typed. Where nobody can type, the server goes on until it is killed.
fn listen(server: &Server) {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match line.trim() {
            "" => {}
            "cut" => {
                say!("dropped {} connections", server.members());
                server.cut();
            }
            "who" => say!("{} connections", server.members()),
            "help" => list_faults(),
            other => match (Fault::named(other), other.strip_prefix("say ")) {
                (Some(fault), _) => {
                    server.set_fault(fault);
                    say!("fault: {fault} ({})", fault.sentence());
                }
                (None, Some(text)) => server.announce(text),
                (None, None) => say!("`{other}` is neither a fault nor a command; try `help`"),
            },
        }
    }
    loop {
        std::thread::park();
    }
}
