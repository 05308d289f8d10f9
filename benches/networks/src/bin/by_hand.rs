//! The loop that a team writes in an afternoon: it pings every 25 s, ends a connection on which nothing came between
//! two pings, and reconnects with delays that double from 1 to 30 s. What is sent while there is no connection waits.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use lines::{Taken, Work, drive, number, say, say_of};
use tokio::sync::mpsc;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{Error, Message};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let work = Work::from_args();
    let url = format!("ws://{}/", work.address);
    let (sender, mut outgoing) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        let send = move |n, text| {
            say_of("sent", n);
            if sender.send(text).is_ok() { Taken::Yes } else { Taken::Never }
        };
        drive(&work, send, |_| {});
    });
    let mut delay = Duration::from_secs(1);
    loop {
        if let Ok((socket, _)) = connect_async(&url).await {
            delay = Duration::from_secs(1);
            say("open");
            // Why a connection ended makes no difference to this loop.
            let _ = talk(socket, &mut outgoing).await;
            say("down");
        }
        tokio::time::sleep(delay).await;
        delay = (delay * 2).min(Duration::from_secs(30));
    }
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn talk(mut socket: Socket, outgoing: &mut mpsc::UnboundedReceiver<String>) -> Result<(), Error> {
    let mut ping = tokio::time::interval(Duration::from_secs(25));
    let mut heard = true;
    loop {
        tokio::select! {
            message = socket.next() => {
                heard = true;
                match message.ok_or(Error::ConnectionClosed)?? {
                    Message::Text(text) => drop(number(&text).map(|n| say_of("recv", n))),
                    Message::Close(_) => return Ok(()),
                    _ => {}
                }
            }
            Some(text) = outgoing.recv() => socket.send(Message::text(text)).await?,
            _ = ping.tick() => {
                if !std::mem::replace(&mut heard, false) {
                    return Ok(());
                }
                socket.send(Message::Ping(Vec::new().into())).await?;
            }
        }
    }
}
