//! The upgrade to a websocket: what is asked.

use ariws_testkit::Pbx;

#[test]
fn the_request_has_the_fields_of_asterisk_in_their_order_and_a_user_agent() {
    let pbx = Pbx::persistent("app1").load();
    let head = pbx.server.attempt().head;
    let (before, after) = head.split_once("Sec-WebSocket-Key: ").expect("a key");
    assert_eq!(
        before,
        format!(
            "GET /ari HTTP/1.1\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Host: {}\r\nAuthorization: Basic bXl1c2VyOm15cGFzcw==\r\nSec-WebSocket-Protocol: ari\r\n\
             User-Agent: TestHost/1.0 ariws/{}\r\n",
            pbx.server.address(),
            env!("CARGO_PKG_VERSION")
        )
    );
    assert_eq!(after.len(), 24 + 4, "16 bytes in base64 and the empty line");
}
