//! Where the texts of events lie while they wait.

use bytes::BytesMut;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Bytes that are allocated at once.
const BLOCK: usize = 32 << 10;

/// Room for the texts of many events.
///
/// The host's threads make them and another thread drops them. With an allocation for each, both would wait for one
/// another in the allocator, for every event.
#[derive(Debug, Default)]
pub(super) struct Texts {
    block: BytesMut,
}

impl Texts {
    /// Puts a text beside those before it. The block is freed with the last of them.
    pub(super) fn put(&mut self, text: String) -> Utf8Bytes {
        if text.len() > BLOCK / 8 {
            return text.into();
        }
        if self.block.capacity() - self.block.len() < text.len() {
            self.block = BytesMut::with_capacity(BLOCK);
        }
        self.block.extend_from_slice(text.as_bytes());
        // The bytes of a string are UTF-8.
        Utf8Bytes::try_from(self.block.split().freeze()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_any_length_are_kept_as_they_are() {
        let mut texts = Texts::default();
        let lengths = [0, 1, 200, BLOCK / 8, BLOCK / 8 + 1, 2 * BLOCK];
        let originals: Vec<_> = (0..500)
            .flat_map(|round| lengths.map(|length| format!("{round} é").repeat(1 + length / 5)))
            .collect();
        let kept: Vec<_> = originals.iter().map(|text| texts.put(text.clone())).collect();
        assert_eq!(kept, originals);
    }
}
