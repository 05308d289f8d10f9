//! Fetching by request what the socket does not bring: `GET /messages?since=N`, with nothing but a TCP stream.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);
/// More than this is not read.
const ANSWER_MAX: u64 = 4 << 20;

/// What was fetched: the messages from `since` on, and how many there are in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) total: usize,
    pub(crate) messages: Vec<String>,
}

/// Fetches the messages from number `since` on, from the host that the socket's URL names.
pub(crate) fn messages(socket_url: &str, since: usize) -> io::Result<News> {
    let host = socket_url.strip_prefix("ws://").and_then(|rest| rest.split(['/', '?']).next());
    let host = host.ok_or_else(|| io::Error::other("only ws:// can be polled"))?;
    let answer = get(host, &format!("/messages?since={since}"))?;
    let value: Value = serde_json::from_str(&answer).map_err(io::Error::other)?;
    let total = value.get("total").and_then(Value::as_u64).and_then(|total| usize::try_from(total).ok());
    let messages = value.get("messages").and_then(Value::as_array).into_iter().flatten();
    let messages = messages.filter_map(|message| Some(message.as_str()?.to_owned())).collect();
    Ok(News { total: total.ok_or_else(|| io::Error::other("an answer without a total"))?, messages })
}

fn get(host: &str, target: &str) -> io::Result<String> {
    let address = host.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_MAX).read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("no HTTP"))?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status == "200" { Ok(body.to_owned()) } else { Err(io::Error::other(format!("HTTP status {status}"))) }
}
