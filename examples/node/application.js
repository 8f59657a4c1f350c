#!/usr/bin/env node
// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A sample ARI application for PBXs that connect out: it listens, the PBX comes to it.
//
// Every call is answered, hears a menu, and is hung up when no digit comes for a while after the playback. Digit 1
// plays something else, 2 lets the call go on in the dialplan, # hangs up, others are printed. What happens is printed
// line by line, with the time in milliseconds since the start. At SIGTERM or SIGINT no call is taken any more, and each
// connection is closed when its calls have ended; a second signal ends at once. examples/python is the same in Python,
// examples/application in Rust.
//
//     npm install --prefix examples/node
//     node examples/node/application.js --listen 127.0.0.1:8765

const crypto = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const { parseArgs } = require("node:util");
const { Server } = require("ws");
const { Conversation } = require("./conversation.js");
const { Journal } = require("./journal.js");

const USAGE = `usage: application.js [options]
  --listen ADDRESS:PORT  where to listen; port 0 takes a free one (127.0.0.1:0)
  --username NAME        with --password: what the PBX must present (nothing)
  --password WORD
  --certificate FILE     with --key: serve TLS with this chain (PEM)
  --key FILE
  --digit-timeout MS     how long a call waits for a digit after the playback (3000)
  --calls N              end with status 0 after N calls ran from ApplicationRegistered to StasisEnd
                         without an error and their connections were closed with 1000
  --deadline MS          end with status 1 after this time
  --journal FILE         write a line for each event that has a number and was handled, and handle none again that is in
                         it: for clients with delivery = at_least_once
  --quiet                print the port, errors and the summary only
`;

class Log {
  constructor(quiet) {
    this.quiet = quiet;
  }

  // What a reader who wants to follow sees.
  line(connection, text) {
    if (!this.quiet) this.always(`#${connection} ${text}`);
  }

  always(text) {
    // Written at once, so that the last line is there when the process ends.
    fs.writeSync(1, `${performance.now().toFixed(1).padStart(10)} ms  ${text}\n`);
  }
}

// The server: counts connections and knows when enough calls have run.
class Application {
  constructor(options) {
    this.options = options;
    this.log = new Log(options.quiet);
    this.journal = new Journal(options.journal);
    this.connections = 0;
    this.calls = 0;
    this.errors = 0;
    // Open sockets with what is said on them.
    this.open = new Map();
    this.leaving = false;
  }

  conversation(send) {
    this.connections += 1;
    return new Conversation(this.connections, Number(this.options["digit-timeout"]), this.log, this.journal, send);
  }

  run() {
    const { certificate, key, listen, deadline } = this.options;
    this.server = certificate
      ? https.createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) })
      : http.createServer();
    const websockets = new Server({
      server: this.server,
      handleProtocols: () => "ari",
      verifyClient: ({ req }, answer) => this.verify(req, answer),
    });
    websockets.on("connection", (socket, request) => this.connection(socket, request));
    websockets.on("error", (error) => {
      process.stderr.write(`application.js: ${error.message}\n`);
      process.exit(1);
    });
    const colon = listen.lastIndexOf(":");
    this.server.listen(Number(listen.slice(colon + 1)), listen.slice(0, colon).replace(/^\[|\]$/g, ""), () => {
      const { address, family, port } = this.server.address();
      fs.writeSync(1, `listening on ${family === "IPv6" ? `[${address}]` : address}:${port}\n`);
    });
    if (deadline !== undefined) setTimeout(() => this.end(false), Number(deadline));
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => this.shutDown());
  }

  // Whether an upgrade request is answered with 101.
  verify(request, answer) {
    const { username, password } = this.options;
    const protocols = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((offered) => offered.trim());
    if (username !== undefined && !isAuthorized(request, username, password)) {
      this.refuse(request, answer, 401, { "WWW-Authenticate": 'Basic realm="application"' });
    } else if (!protocols.includes("ari")) {
      this.refuse(request, answer, 400, {});
    } else {
      answer(true);
    }
  }

  refuse(request, answer, status, headers) {
    const conversation = this.conversation();
    conversation.error(`refused ${peer(request)}: ${status} ${http.STATUS_CODES[status]}`);
    this.errors += conversation.errors;
    answer(false, status, undefined, headers);
  }

  connection(socket, request) {
    const conversation = this.conversation((text) => socket.send(text));
    this.open.set(socket, conversation);
    conversation.say(`connected from ${peer(request)}`);
    if (this.leaving) socket.close(1001);
    socket.on("message", (text) => {
      conversation.receive(text.toString());
      if (this.leaving && conversation.calls.size === 0) socket.close(1001);
    });
    // What `ws` objects to ends the connection, which is told of then.
    socket.on("error", () => {});
    socket.on("close", (code) => {
      // 1006 stands for no Close frame.
      this.calls += conversation.ended(code === 1006 ? undefined : code, this.leaving);
      this.errors += conversation.errors;
      this.open.delete(socket);
      const wanted = this.options.calls;
      if ((wanted !== undefined && this.calls >= Number(wanted)) || (this.leaving && this.open.size === 0)) this.end(true);
    });
  }

  // Takes no new connection; those without a call are closed now, the others when their last one has ended.
  shutDown() {
    this.log.always("shutting down");
    this.leaving = true;
    // From here on a signal ends the process.
    for (const signal of ["SIGINT", "SIGTERM"]) process.removeAllListeners(signal);
    this.server.close();
    for (const [socket, conversation] of this.open) {
      if (conversation.calls.size === 0) socket.close(1001);
    }
    if (this.open.size === 0) this.end(true);
  }

  end(inTime) {
    this.log.always(
      `${inTime ? "" : "deadline: "}${this.calls} calls ran from ApplicationRegistered to StasisEnd ` +
        `and were closed with 1000; ${this.errors} errors`,
    );
    process.exit(inTime && this.errors === 0 ? 0 : 1);
  }
}

function isAuthorized(request, username, password) {
  const wanted = Buffer.from(`Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`);
  const given = Buffer.from(request.headers.authorization ?? "");
  return given.length === wanted.length && crypto.timingSafeEqual(given, wanted);
}

function peer(request) {
  const { remoteAddress, remoteFamily, remotePort } = request.socket;
  return `${remoteFamily === "IPv6" ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
}

function parse() {
  const text = { type: "string" };
  const { values } = parseArgs({
    options: {
      listen: { ...text, default: "127.0.0.1:0" },
      username: text,
      password: text,
      certificate: text,
      key: text,
      "digit-timeout": { ...text, default: "3000" },
      calls: text,
      deadline: text,
      journal: text,
      quiet: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  for (const [one, other] of [["username", "password"], ["certificate", "key"]]) {
    if ((values[one] === undefined) !== (values[other] === undefined)) throw Error(`--${one} and --${other} belong together`);
  }
  return values;
}

let options;
try {
  options = parse();
} catch (error) {
  process.stderr.write(`application.js: ${error.message}\n${USAGE}`);
  process.exit(1);
}
if (options.help) {
  process.stdout.write(USAGE);
} else {
  new Application(options).run();
}
