//! TLS.

use crate::bytes::*;
use crate::row::Step::*;
use crate::row::{Group, Promise, Row, Seen, answered, fails, made_again, refused, row, rows};
use crate::tls::Server::{self, *};

pub fn group() -> Group {
    Group {
        name: "TLS",
        about: "The certificate has to be of an authority that is trusted, for the name or address that was asked for, and valid \
                today; TLS 1.2 and 1.3 are spoken. A handshake that fails is an attempt that fails.",
        settings: &["tls_enabled = yes", "ca_list_file = {authority}"],
        before: vec![Tls(Trusted)],
        rows: [certificates(), handshakes(), records()].concat(),
    }
}

fn certificates() -> Vec<Row> {
    let shows = |peer: &str, server: Server, alert, log| row(peer, [Tls(server)], refused(log).sees([Seen::Alert(alert)]));
    rows! {
        shows("shows a certificate for another name", OtherName, "BadCertificate", "certificate");
        shows("shows a certificate that has expired", Expired, "CertificateExpired", "certificate");
        shows("shows a certificate that it signed itself", SelfSigned, "UnknownCA", "certificate");
        shows("shows a certificate of an authority that is not trusted", OtherAuthority, "UnknownCA", "certificate");
    }
}

fn handshakes() -> Vec<Row> {
    let timed_out = |promise: Promise| {
        promise
            .logs("(connection_timeout)")
            .with(&["connection_timeout = 1000"])
            .takes_time(3000)
    };
    rows! {
        "accepts and says nothing", [Stall] => timed_out(fails(""));
        "sends half a record", [Send([&[22, 3, 3, 1, 0], &[2; 99][..]].concat()), Stall] => timed_out(fails(""));
        "closes in the handshake", [Send(vec![22, 3, 3, 1, 0]), Close] => fails("TLS");
        "speaks HTTP instead of TLS", [Send(status("400 Bad Request"))] => fails("TLS");
        "sends garbage instead of a hello", [Send(vec![0xff; 1000])] => fails("TLS");
        "ends the handshake with an alert", [Send(vec![21, 3, 3, 0, 2, 2, 40])] => fails("TLS");
        "speaks TLS 1.2 only", [Tls(Tls12), Up, Send(ask())] => answered(204);
        "wants a certificate of the client, which has none", [Tls(WantsCertificate)] => fails("TLS");
    }
}

fn records() -> Vec<Row> {
    rows! {
        "sends a thousand session tickets at once", [Tls(ManyTickets)] => fails("upgrade: message buffer full");
        "changes its keys 20 times", [Tls(Trusted), Up, Keys(20), Send(ask())] => answered(204);
        "sends a request in records of a byte", [Tls(Trusted), Up, Pieces(ask(), 1, 0)] => answered(204);
        "sends a record that does not decrypt", [Tls(Trusted), Up, Expect(Seen::Registered), Below([&[23, 3, 3, 0, 99], &[7; 99][..]].concat())]
            => made_again().sees([Seen::Alert("BadRecordMac")]).logs("connection lost (");
        "sends a record that is too long", [Tls(Trusted), Up, Expect(Seen::Registered), Below(vec![23, 3, 3, 0xff, 0xff])]
            => made_again().sees([Seen::Alert("DecodeError")]).logs("connection lost (");
        "goes on without TLS", [Tls(Trusted), Up, Expect(Seen::Registered), Below(ask())]
            => made_again().sees([Seen::Alert("DecodeError")]).logs("connection lost (");
        "closes within a record", [Tls(Trusted), Up, Expect(Seen::Registered), Below(vec![23, 3, 3, 0, 99, 1]), Close] => made_again().logs("without ending TLS");
        "closes without close_notify", [Tls(Trusted), Up, Expect(Seen::Registered), Close] => made_again().logs("without ending TLS");
    }
}
