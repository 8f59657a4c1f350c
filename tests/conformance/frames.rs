//! WebSocket frames: those of the library, checked, and the few that a server makes by itself.

use std::io::{self, Read};

pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// The bit of a frame that ends its message.
pub const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// A control frame of a server.
pub fn control(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap_or_default();
    [&[FINAL | opcode, length], payload].concat()
}

/// A frame of the library.
#[derive(Debug)]
pub struct Frame {
    pub opcode: u8,
    pub payload: Vec<u8>,
    /// What a client must not do.
    pub fault: Option<&'static str>,
}

/// Reads the next frame.
pub fn read(stream: &mut impl Read) -> io::Result<Frame> {
    let [first, second] = bytes(stream)?;
    let length = match second & 0x7f {
        126 => u16::from_be_bytes(bytes(stream)?).into(),
        127 => u64::from_be_bytes(bytes(stream)?),
        length => length.into(),
    };
    let fault = if first & 0x70 != 0 {
        Some("a reserved bit is set")
    } else if first & FINAL == 0 || first & 0x0f == 0 {
        Some("the message is fragmented")
    } else if second & MASKED == 0 {
        Some("the frame is not masked")
    } else {
        None
    };
    let mask = if second & MASKED == 0 { [0; 4] } else { bytes(stream)? };
    let length = usize::try_from(length).map_err(io::Error::other)?;
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload)?;
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    Ok(Frame {
        opcode: first & 0x0f,
        payload,
        fault,
    })
}

fn bytes<const COUNT: usize>(stream: &mut impl Read) -> io::Result<[u8; COUNT]> {
    let mut bytes = [0; COUNT];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
