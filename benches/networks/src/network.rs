//! Two network namespaces with a cable between them, and what can be done to it.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::{fs, process};

pub(crate) const SERVER: &str = "10.77.0.129";
pub(crate) const PORT: u16 = 8080;
/// The client's address, and the one that it has after its interface was gone.
const CLIENT: [&str; 2] = ["10.77.0.2", "10.77.0.4"];
/// An address of the server's machine that answers nothing. RFC 6724 (rule 9) puts it before the server's, because it
/// is nearer to the client's.
const BLACK_HOLE: &str = "10.77.0.3";
/// Has both addresses.
pub(crate) const NAME: &str = "server.test";
const PREFIX: &str = "redial-net-";

/// `ip netns add` mounts a folder at its first use, and two at once get into each other's way.
static MAKING: Mutex<()> = Mutex::new(());

/// Both namespaces; they go with this value.
pub(crate) struct Network {
    pub(crate) client: String,
    pub(crate) server: String,
}

impl Network {
    /// Makes both ends; the names have the number of this process in them.
    pub(crate) fn new(lane: usize) -> Result<Self, String> {
        let name = |end: &str| format!("{PREFIX}{}-{lane}-{end}", process::id());
        let network = Self { client: name("c"), server: name("s") };
        let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        let hosts = etc(&network.client);
        fs::create_dir_all(&hosts).map_err(|error| format!("{}: {error}", hosts.display()))?;
        let names = format!("127.0.0.1 localhost\n{BLACK_HOLE} {NAME}\n{SERVER} {NAME}\n");
        fs::write(hosts.join("hosts"), names).map_err(|error| error.to_string())?;
        ip(&["netns", "add", &network.client])?;
        ip(&["netns", "add", &network.server])?;
        let (client, server) = (network.client.as_str(), network.server.as_str());
        ip(&["link", "add", "eth0", "netns", client, "type", "veth", "peer", "name", "eth0", "netns", server])?;
        for (end, addresses) in [(client, &CLIENT[..1]), (server, &[SERVER, BLACK_HOLE])] {
            for address in addresses {
                ip(&["-n", end, "addr", "add", &format!("{address}/24"), "dev", "eth0"])?;
            }
            ip(&["-n", end, "link", "set", "lo", "up"])?;
            ip(&["-n", end, "link", "set", "eth0", "up"])?;
        }
        let (filter, connects) = ("type filter hook", "flags dynamic; size 65535;");
        nft(
            server,
            &format!(
                "table ip faults {{ chain in {{ {filter} input priority 0; ip daddr {BLACK_HOLE} drop; }};
                 chain out {{ {filter} output priority 0; }}; }}"
            ),
        )?;
        nft(
            client,
            &format!(
                "table ip counts {{ set connects {{ type ipv4_addr . inet_service; {connects} }};
                 chain out {{ {filter} output priority 0;
                 tcp flags & (syn | ack) == syn add @connects {{ ip saddr . tcp sport }}; }}; }}"
            ),
        )?;
        Ok(network)
    }

    /// Drops every packet of these connections, both ways and without a word; new ones pass.
    pub(crate) fn forget(&self, ports: &BTreeSet<u16>) -> Result<(), String> {
        let ports = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        let rules = [("in", "sport"), ("out", "dport")];
        let rule = |(chain, end)| format!("add rule ip faults {chain} tcp {end} {{ {ports} }} drop\n");
        nft(&self.server, &rules.map(rule).concat())
    }

    /// Drops everything, both ways, until [`restore`](Self::restore).
    pub(crate) fn cut(&self) -> Result<(), String> {
        nft(&self.server, "insert rule ip faults in drop\ninsert rule ip faults out drop\n")
    }

    /// Drops nothing any more.
    pub(crate) fn restore(&self) -> Result<(), String> {
        nft(&self.server, "flush table ip faults\n")
    }

    /// Takes the client's interface down, with its address.
    pub(crate) fn unplug(&self) -> Result<(), String> {
        ip(&["-n", &self.client, "addr", "flush", "dev", "eth0"])?;
        ip(&["-n", &self.client, "link", "set", "eth0", "down"])
    }

    /// Brings the client's interface back, with another address.
    pub(crate) fn plug(&self) -> Result<(), String> {
        ip(&["-n", &self.client, "addr", "add", &format!("{}/24", CLIENT[1]), "dev", "eth0"])?;
        ip(&["-n", &self.client, "link", "set", "eth0", "up"])
    }

    /// Limits both directions to so many thousand bytes a second; half a second of packets may wait.
    pub(crate) fn limit(&self, kilobytes: u32) -> Result<(), String> {
        let rate = format!("{}kbit", kilobytes * 8);
        for end in [&self.client, &self.server] {
            let tbf = ["root", "tbf", "rate", &rate, "burst", "4kb", "latency", "500ms"];
            run("ip", &[&["netns", "exec", end, "tc", "qdisc", "add", "dev", "eth0"][..], &tbf].concat(), "")?;
        }
        Ok(())
    }

    /// The connects that the client has tried, each counted once however often the system repeats its SYN.
    pub(crate) fn connects(&self) -> Result<usize, String> {
        let list = ["netns", "exec", &self.client, "nft", "-j", "list", "set", "ip", "counts", "connects"];
        let list: serde_json::Value =
            serde_json::from_str(&run("ip", &list, "")?).map_err(|error| error.to_string())?;
        let elements =
            list["nftables"].as_array().into_iter().flatten().filter_map(|one| one["set"]["elem"].as_array());
        Ok(elements.map(Vec::len).sum())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        remove(&self.client);
        remove(&self.server);
    }
}

fn remove(name: &str) {
    // What cannot be removed is named by the next start, which tries again.
    let _ = ip(&["netns", "del", name]);
    let _ = fs::remove_dir_all(etc(name));
}

fn etc(name: &str) -> PathBuf {
    Path::new("/etc/netns").join(name)
}

/// Says why no namespaces can be made here, if that is so.
pub(crate) fn check() -> Result<(), String> {
    for (tool, ask) in [("ip", "-V"), ("tc", "-V"), ("nft", "-v")] {
        run(tool, &[ask], "").map_err(|_| format!("`{tool}` is missing (Debian: iproute2, nftables)"))?;
    }
    let network = Network::new(0).map_err(|error| format!("no network namespaces can be made ({error})"))?;
    network.limit(1_000).map_err(|error| format!("`tc` makes no token bucket: {error}"))?;
    network.cut().map_err(|error| format!("`nft` takes no rules: {error}"))
}

/// Removes what a table has left behind that was killed.
pub(crate) fn sweep() {
    let names = fs::read_dir("/run/netns").into_iter().chain(fs::read_dir("/etc/netns")).flatten().flatten();
    for name in names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<BTreeSet<_>>() {
        let owner = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if let Some(owner) = owner
            && !Path::new("/proc").join(owner).exists()
        {
            remove(&name);
        }
    }
}

fn ip(args: &[&str]) -> Result<(), String> {
    run("ip", args, "").map(drop)
}

fn nft(namespace: &str, rules: &str) -> Result<(), String> {
    run("ip", &["netns", "exec", namespace, "nft", "-f", "-"], rules).map(drop)
}

/// Runs a command to its end and gives what it printed.
fn run(program: &str, args: &[&str], input: &str) -> Result<String, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{program} {}: {error}", args.join(" "));
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| wrong(&error))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that reads nothing has ended already, and says why below.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| wrong(&error))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(wrong(&String::from_utf8_lossy(&output.stderr).trim()))
    }
}
