//! The little HTTP beside the sockets: one GET, one answer, on the same port.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A request's head may be so long, and take so long.
const HEAD_MAX: usize = 8 << 10;
const PATIENCE: Duration = Duration::from_secs(30);

/// What a client wants that has just connected.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// A WebSocket; nothing is read yet.
    Socket,
    /// The document at this target.
    Get(String),
}

/// Looks at the head of a request without taking it.
pub(crate) async fn wish(stream: &TcpStream) -> Option<Wish> {
    tokio::time::timeout(PATIENCE, async {
        let mut head = vec![0; HEAD_MAX];
        let mut seen = 0;
        loop {
            let length = stream.peek(&mut head).await.ok()?;
            let text = String::from_utf8_lossy(&head[..length]).into_owned();
            if text.contains("\r\n\r\n") {
                return Some(understood(&text));
            }
            if length == 0 || length == HEAD_MAX {
                return None;
            }
            if length == seen {
                // `peek` is ready as long as anything is there, so more is waited for by the clock.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            seen = length;
        }
    })
    .await
    .ok()?
}

fn understood(head: &str) -> Wish {
    let mut lines = head.lines();
    let target = lines.next().and_then(|line| line.strip_prefix("GET ")?.split(' ').next()).unwrap_or_default();
    let wants_socket = lines
        .filter_map(|line| line.split_once(':'))
        .any(|(name, value)| name.eq_ignore_ascii_case("upgrade") && value.trim().eq_ignore_ascii_case("websocket"));
    if wants_socket { Wish::Socket } else { Wish::Get(target.to_owned()) }
}

/// Answers and closes; without a document the answer is 404.
pub(crate) async fn answer(mut stream: TcpStream, document: Option<String>) {
    let (status, body) = match document {
        Some(json) => ("200 OK", json),
        None => ("404 Not Found", r#"{"error":"not found"}"#.to_owned()),
    };
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // The head has to be taken off the socket first: closing it unread would reset the connection under the answer.
    let mut head = vec![0; HEAD_MAX];
    let exchange = async {
        let _ = stream.read(&mut head).await;
        let _ = stream.write_all(text.as_bytes()).await;
        let _ = stream.shutdown().await;
    };
    let _ = tokio::time::timeout(PATIENCE, exchange).await;
}
