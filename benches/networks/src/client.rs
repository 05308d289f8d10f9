//! The clients of the table, and the server that each of them needs.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A row of every table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) name: &'static str,
    /// The program of this package, or nothing for one in JavaScript.
    program: Option<&'static str>,
    variant: &'static str,
    /// Whether messages are sent again until they are confirmed.
    pub(crate) receipts: bool,
    /// Whether the row stands in the table unless it is asked for.
    pub(crate) usual: bool,
}

const fn row(name: &'static str, program: Option<&'static str>, variant: &'static str, receipts: bool) -> Client {
    Client { name, program, variant, receipts, usual: true }
}

pub(crate) const CLIENTS: &[Client] = &[
    row("redial_tokio/plain", Some("redial_tokio"), "plain", false),
    row("redial_tokio/native", Some("redial_tokio"), "native", true),
    Client { usual: false, ..row("redial_tokio/uni_app", Some("redial_tokio"), "uni_app", true) },
    row("redial_blocking/plain", Some("redial_blocking"), "plain", false),
    Client { usual: false, ..row("redial_blocking/native", Some("redial_blocking"), "native", true) },
    row("redial_blocking/uni_app", Some("redial_blocking"), "uni_app", true),
    row("by_hand", Some("by_hand"), "plain", false),
    row("partysocket", None, "partysocket", false),
    row("socket.io", None, "socket.io", false),
    row("socket.io/retries", None, "retries", true),
];

impl Client {
    pub(crate) fn is_redial(&self) -> bool {
        self.name.starts_with("redial")
    }

    pub(crate) fn needs_node(&self) -> bool {
        self.program.is_none()
    }

    /// The command of the client, before the rest of its arguments.
    pub(crate) fn command(&self) -> Vec<String> {
        self.program.map_or_else(|| node("client.mjs"), |program| vec![built(program)])
    }

    /// The command of its server.
    pub(crate) fn server(&self) -> Vec<String> {
        if self.name.starts_with("socket.io") { node("server.mjs") } else { vec![built("server")] }
    }

    /// `ADDRESS EVERY SIZE COUNT VARIANT`
    pub(crate) fn work(&self, address: &str, (every, size, count): (u64, usize, u64)) -> Vec<String> {
        vec![address.to_owned(), every.to_string(), size.to_string(), count.to_string(), self.variant.to_owned()]
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn node(script: &str) -> Vec<String> {
    vec!["node".to_owned(), folder().join("js").join(script).display().to_string()]
}

/// A program that was built beside this one.
fn built(program: &str) -> String {
    env::current_exe().unwrap_or_default().with_file_name(program).display().to_string()
}

/// Builds the other programs of the package, in the way in which this one was built.
pub(crate) fn build() -> Result<(), String> {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let manifest = folder().join("Cargo.toml");
    let mut command = Command::new(cargo);
    command.args(["build", "--locked", "--bins", "--manifest-path"]).arg(manifest);
    // Beside this program, wherever the command line or the environment had it built.
    if let Some(target) = env::current_exe().ok().as_deref().and_then(|program| program.parent()?.parent()) {
        command.arg("--target-dir").arg(target);
    }
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    finish(command, "the clients in Rust do not build")
}

/// Installs what the clients in JavaScript need, or says why they are left out.
pub(crate) fn install() -> Result<(), String> {
    let mut version = Command::new("node");
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    finish(version, "there is no node")?;
    let folder = folder().join("js");
    if folder.join("node_modules/partysocket").exists() {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder).stdout(Stdio::null());
    finish(npm, "`npm ci` in benches/networks/js does not work")
}

fn finish(mut command: Command, complaint: &str) -> Result<(), String> {
    let status = command.stdin(Stdio::null()).status().map_err(|error| format!("{complaint}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{complaint}: {status}")) }
}
