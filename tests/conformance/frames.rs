//! WebSocket frames: those of a server, made by hand so that they can be wrong, and those of the library, checked.

use std::io::{self, Read};

pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// The bit of a frame that ends its message.
pub const FINAL: u8 = 0x80;

/// A frame of a server.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(length as u8),
        length @ 126..65536 => {
            bytes.push(126);
            bytes.extend((length as u16).to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend(payload);
    bytes
}

/// A text in one frame.
pub fn text(payload: &[u8]) -> Vec<u8> {
    frame(FINAL | TEXT, payload)
}

/// A text in frames of the given sizes of payload.
pub fn fragments(payload: &[u8], size: usize) -> Vec<Vec<u8>> {
    let count = payload.len().div_ceil(size).max(1);
    (0..count)
        .map(|index| {
            let end = payload.len().min((index + 1) * size);
            let opcode = if index == 0 { TEXT } else { CONTINUATION };
            let last = if index + 1 == count { FINAL } else { 0 };
            frame(last | opcode, &payload[index * size..end])
        })
        .collect()
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
    } else if first & FINAL == 0 || first & 0x0f == CONTINUATION {
        Some("the message is fragmented")
    } else if second & 0x80 == 0 {
        Some("the frame is not masked")
    } else {
        None
    };
    let mask = if second & 0x80 == 0 {
        [0; 4]
    } else {
        bytes(stream)?
    };
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

/// The bytes that hexadecimal digits stand for.
pub fn from_hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let whole = digits.len().is_multiple_of(2);
    whole.then(|| digits.chunks(2).map(pair).collect())?
}

/// With which code a client closes when a server sends these frames, if they break the protocol (RFC 6455 sections 5 and 7.4).
pub fn violation(mut bytes: &[u8]) -> Option<u16> {
    const PROTOCOL: Option<u16> = Some(1002);
    let mut open = false;
    while let Some([first, second]) = bytes.first_chunk().copied() {
        let opcode = first & 0x0f;
        let control = opcode >= CLOSE;
        let long = (second & 0x7f) > 125;
        let masked = second & 0x80 != 0;
        if masked || first & 0x70 != 0 || (3..CLOSE).contains(&opcode) || opcode > PONG {
            return PROTOCOL;
        }
        if control && (long || first & FINAL == 0) || opcode == TEXT && open {
            return PROTOCOL;
        }
        let frame = read(&mut bytes).ok()?;
        match (opcode, frame.payload.as_slice()) {
            (CLOSE, []) => {}
            (CLOSE, [high, low, ..]) => {
                let code = u16::from_be_bytes([*high, *low]);
                if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                    return PROTOCOL;
                }
            }
            (CLOSE, _) => return PROTOCOL,
            (TEXT, text) if first & FINAL != 0 && std::str::from_utf8(text).is_err() => {
                return Some(1007);
            }
            _ => {}
        }
        if !control {
            open = first & FINAL == 0;
        }
    }
    None
}

/// What the tests of the runner itself check.
pub fn check() {
    assert_eq!(violation(&text(b"{}")), None);
    assert_eq!(violation(&text(b"\xff")), Some(1007));
    assert_eq!(violation(&frame(FINAL | 3, b"")), Some(1002));
    assert_eq!(violation(b"\x81\x80\x01\x02\x03\x04"), Some(1002));
    assert_eq!(violation(&frame(FINAL | PING, &[0; 126])), Some(1002));
    assert_eq!(
        violation(&frame(FINAL | CLOSE, &999u16.to_be_bytes())),
        Some(1002)
    );
    assert_eq!(
        violation(&frame(FINAL | CLOSE, &1000u16.to_be_bytes())),
        None
    );
    assert_eq!(violation(&fragments(b"abcd", 2).concat()), None);
    assert_eq!(
        violation(&[frame(TEXT, b"a"), text(b"b")].concat()),
        Some(1002)
    );
}
