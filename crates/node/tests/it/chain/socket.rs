//! A client of a WebSocket, frame by frame, and what it asks.

use super::served::Served;
use super::world::WRAPPED;
use crate::wire::Connection;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use terroir_node::rpc::RpcLimits;

/// Small ones.
pub fn limits() -> RpcLimits {
    RpcLimits {
        connections: 8,
        request_bytes: 10_000,
        batch: 4,
        subscriptions: 3,
        patience: Duration::from_millis(300),
        ..RpcLimits::DEFAULT
    }
}

/// A WebSocket, frame by frame.
pub struct Socket(pub Connection);

impl Socket {
    pub fn open(served: &Served) -> Socket {
        Socket::at(served.address)
    }

    pub fn at(address: SocketAddr) -> Socket {
        Socket::over(Connection::open(address))
    }

    pub fn over(mut connection: Connection) -> Socket {
        connection.send(&upgrade(""));
        assert_eq!(connection.head().0, 101);
        Socket(connection)
    }

    pub fn send(&mut self, text: &[u8]) {
        self.0.send(&Socket::frame(0x81, text));
    }

    /// A frame that begins with this byte, masked with zeros.
    pub fn frame(first: u8, text: &[u8]) -> Vec<u8> {
        let length = text.len();
        let mut frame = vec![first];
        match u16::try_from(length) {
            Ok(short) if short < 126 => frame.push(0x80 | short as u8),
            Ok(short) => {
                frame.push(0xfe);
                frame.extend(short.to_be_bytes());
            }
            Err(_) => {
                frame.push(0xff);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(text);
        frame
    }

    /// The code with which it is closed; what else comes before is passed over.
    pub fn closed(&mut self) -> u16 {
        loop {
            let head = self.0.bytes(2);
            let payload = self.0.bytes(usize::from(head[1]));
            if head[0] & 15 == 8 {
                assert!(self.0.is_closed());
                return u16::from_be_bytes(payload.try_into().unwrap());
            }
        }
    }

    /// The next message; pings are passed over.
    pub fn message(&mut self) -> Value {
        loop {
            let head = self.0.bytes(2);
            let length = match head[1] {
                126 => u16::from_be_bytes(self.0.bytes(2).try_into().unwrap()).into(),
                127 => usize::try_from(u64::from_be_bytes(self.0.bytes(8).try_into().unwrap()))
                    .unwrap(),
                short => usize::from(short),
            };
            let payload = self.0.bytes(length);
            if head[0] & 15 == 1 {
                return serde_json::from_slice(&payload).unwrap();
            }
        }
    }

    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.send(body.to_string().as_bytes());
        self.message()
    }
}

pub fn upgrade(more: &str) -> Vec<u8> {
    format!(
        "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
    .into_bytes()
}

/// A question whose answer has a little more than `bytes`.
pub fn long(bytes: usize) -> Value {
    // PUSH3 bytes / 2, PUSH0, RETURN.
    let code = format!("0x62{:06x}5ff3", bytes / 2);
    let call = json!([{ "to": WRAPPED }, "latest", { WRAPPED.to_string(): { "code": code } }]);
    json!({ "jsonrpc": "2.0", "id": 7, "method": "eth_call", "params": call })
}
