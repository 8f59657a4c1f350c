//! What applications send, and events that the host has for them.

use std::io::Write;

use socket2::SockRef;

use super::Replay;
use crate::abi;
use crate::requests::without_trailer;
use crate::story::{Event, Saying};
use crate::timeline::entering;

impl Replay<'_> {
    pub(super) fn say(&mut self, link: usize, saying: &Saying) {
        if self.absent.contains(&link) {
            return;
        }
        let ends = matches!(saying, Saying::Finish | Saying::Reset);
        self.network.wait(self.patience(), |state| {
            state
                .peer(link)
                .is_some_and(|peer| ends || peer.up.is_some())
        });
        let Some(stream) = self.network.stream(link) else {
            return;
        };
        let mut output = stream.as_ref();
        if let Some(request) = saying.clone().request() {
            self.asterisk.expect(request);
        }
        self.network.begin_frame(link);
        let said = match saying {
            Saying::Bytes(bytes)
            | Saying::Request(bytes, _)
            | Saying::Half(bytes)
            | Saying::Rest(bytes, _) => output.write_all(bytes),
            Saying::Pieces(bytes, size, pause, _) => bytes.chunks(*size).try_for_each(|piece| {
                self.network.wait(*pause, |_| false);
                output.write_all(piece)
            }),
            Saying::Last(bytes) => SockRef::from(stream.as_ref())
                .set_tcp_cork(true)
                .and_then(|()| output.write_all(bytes))
                .and_then(|()| stream.shutdown(std::net::Shutdown::Write)),
            Saying::Finish => output
                .flush()
                .and_then(|()| stream.shutdown(std::net::Shutdown::Write)),
            Saying::Reset => {
                drop(stream);
                self.network.reset(link);
                // What comes next comes after the reset.
                self.network.wait(self.patience(), |state| {
                    state.peer(link).is_none_or(|peer| peer.closed)
                });
                return;
            }
        };
        if !matches!(saying, Saying::Half(_)) {
            self.network.end_frame(link, &stream);
        }
        // A connection that is gone shows in what it has not sent.
        let _ = said;
    }

    pub(super) fn event(&mut self, event: &Event) {
        let Some(library) = &self.library else { return };
        if entering(event).is_some() {
            self.asterisk.wait_for_start(&event.application);
        }
        library.event(&event.application, &without_trailer(&event.text));
        if event.kind == "StasisEnd"
            && let Some(channel) = &event.channel
        {
            abi::stasis_end(library.handle(), &event.application, &channel.id);
            self.asterisk.left(&event.application, &channel.id);
        }
    }
}
