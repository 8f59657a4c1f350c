// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An application that attaches its handler of messages some milliseconds after it has accepted a connection, as one does
// that awaits something first. `ws` drops what comes before.
//
// usage: late_listener.js MILLISECONDS
// Prints its port, then for each connection "started" if it heard of its StasisStart and "lost" if not.

const { Server } = require("ws");

const late = Number(process.argv[2]);
const server = new Server({ host: "127.0.0.1", port: 0, handleProtocols: () => "ari" });

server.on("listening", () => console.log(server.address().port));
server.on("connection", async (socket) => {
  await new Promise((resolve) => setTimeout(resolve, late));
  let started = false;
  socket.on("message", (text) => {
    const message = JSON.parse(text);
    if (message.type === "StasisStart") {
      started = true;
      socket.send(JSON.stringify({ type: "RESTRequest", method: "GET", uri: "asterisk/ping" }));
    } else if (message.type === "RESTResponse") {
      console.log(started ? "started" : "lost");
    }
  });
  // StasisStart is ahead of the answer, if it is still to come; what is asked too early would end the delay.
  setTimeout(() => started || socket.send(JSON.stringify({ type: "RESTRequest", method: "GET", uri: "asterisk/ping" })), 2000);
});
