//! MQTT 5 in memory: a client publishes with QoS 2, the server answers, and four packets later the message is settled.

use mqtt_protocol_core::mqtt;
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::Event;
use mqtt_protocol_core::mqtt::packet::v5_0::{Connack, Connect, Publish};
use mqtt_protocol_core::mqtt::packet::{GenericPacketTrait, Qos};
use mqtt_protocol_core::mqtt::result_code::ConnectReasonCode;
use mqtt_protocol_core::mqtt::role::{Client, Server};

/// Two ends and what travels between them, as bytes.
pub(crate) struct Pair {
    client: mqtt::Connection<Client>,
    server: mqtt::Connection<Server>,
    to_server: Vec<Vec<u8>>,
    to_client: Vec<Vec<u8>>,
    delivered: u64,
    settled: u64,
}

impl Pair {
    /// Two ends that keep what is not settled across connections, as redial's do.
    pub(crate) fn new() -> Self {
        let mut client = mqtt::Connection::<Client>::new(mqtt::Version::V5_0);
        let mut server = mqtt::Connection::<Server>::new(mqtt::Version::V5_0);
        client.set_auto_pub_response(true);
        server.set_auto_pub_response(true);
        let mut pair = Self { client, server, to_server: Vec::new(), to_client: Vec::new(), delivered: 0, settled: 0 };
        let expiry = mqtt::packet::SessionExpiryInterval::new(3_600).expect("an hour is allowed");
        let connect = Connect::builder().client_id("pair").expect("a short name").clean_start(true);
        let connect = connect.props(vec![expiry.into()]).build().expect("it is complete");
        let events = pair.client.checked_send(connect);
        pair.from_client(events);
        pair.carry();
        let connack = Connack::builder().session_present(false).reason_code(ConnectReasonCode::Success).build();
        let events = pair.server.checked_send(connack.expect("it is complete"));
        pair.from_server(events);
        pair.carry();
        pair
    }

    /// Takes so many messages of one body all the way, and says how many were delivered and settled.
    pub(crate) fn exchange(&mut self, messages: u64, body: &str) -> (u64, u64) {
        let before = (self.delivered, self.settled);
        for _ in 0..messages {
            let id = self.client.acquire_packet_id().expect("fewer than 65,535 are on their way");
            let publish = Publish::builder().topic_name("t").expect("a short topic").qos(Qos::ExactlyOnce);
            let publish = publish.packet_id(id).payload(body.as_bytes()).build().expect("it is complete");
            let events = self.client.checked_send(publish);
            self.from_client(events);
        }
        self.carry();
        (self.delivered - before.0, self.settled - before.1)
    }

    /// Carries packets until neither side has anything more to say.
    fn carry(&mut self) {
        while !self.to_server.is_empty() || !self.to_client.is_empty() {
            for bytes in std::mem::take(&mut self.to_server) {
                let events = self.server.recv(&mut Cursor::new(&bytes));
                self.from_server(events);
            }
            for bytes in std::mem::take(&mut self.to_client) {
                let events = self.client.recv(&mut Cursor::new(&bytes));
                self.from_client(events);
            }
        }
    }

    fn from_client(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::RequestSendPacket { packet, .. } => self.to_server.push(packet.to_continuous_buffer()),
                Event::NotifyPacketIdReleased(_) => self.settled += 1,
                Event::NotifyError(error) => panic!("the client says {error:?}"),
                _ => {}
            }
        }
    }

    fn from_server(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::RequestSendPacket { packet, .. } => self.to_client.push(packet.to_continuous_buffer()),
                Event::NotifyPacketReceived(mqtt::packet::Packet::V5_0Publish(publish)) => {
                    self.delivered += 1;
                    std::hint::black_box(publish);
                }
                Event::NotifyError(error) => panic!("the server says {error:?}"),
                _ => {}
            }
        }
    }
}
