// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What is said on one connection: texts come in by `receive`, go out by `send`. No socket is known here.

// What a call hears first, and what digit 1 plays.
const MENU = "sound:hello-world";
const CHOICE = "sound:digits/1";

const path = (channel) => `channels/${encodeURIComponent(channel)}`;
const REQUESTS = {
  answer: { method: "POST", uri: (channel) => `${path(channel)}/answer` },
  play: { method: "POST", uri: (channel) => `${path(channel)}/play` },
  continue: { method: "POST", uri: (channel) => `${path(channel)}/continue` },
  hangUp: { method: "DELETE", uri: path },
};

class Conversation {
  constructor(number, digitTimeout, log, journal, send) {
    Object.assign(this, { number, digitTimeout, log, journal, send });
    // Whether the PBX has said anything.
    this.begun = false;
    this.registered = new Set();
    // By the channel's id; `playing` counts the playbacks that were asked for and have not finished.
    this.calls = new Map();
    // Requests that wait for their response, by their ids.
    this.pending = new Map();
    this.requests = 0;
    this.finished = 0;
    this.errors = 0;
  }

  say(text) {
    this.log.line(this.number, text);
  }

  error(text) {
    this.errors += 1;
    this.log.always(`#${this.number} ERROR ${text}`);
  }

  // The connection is closed, with this code if the PBX gave one: only then its calls count.
  ended(code, leaving) {
    for (const call of this.calls.values()) clearTimeout(call.timer);
    const calls = this.calls.size;
    if (code === undefined && !this.begun) {
      this.say("given up by the PBX before its first message");
    } else if (code === undefined) {
      this.error("the connection ended without a Close");
    } else if (calls > 0 || !(code === 1000 || (leaving && code === 1001))) {
      this.error(`closed with ${code} during ${calls} calls`);
    } else {
      this.say(`closed with ${code}`);
      return this.finished;
    }
    return 0;
  }

  receive(text) {
    this.begun = true;
    let message;
    try {
      message = JSON.parse(text);
    } catch {
      message = undefined;
    }
    if (message === null || typeof message !== "object" || Array.isArray(message)) {
      this.error(`not a JSON object: ${text}`);
      return;
    }
    const number = message.ariws_sequence;
    if (number !== undefined) {
      const highest = this.journal.highest(message);
      if (number <= highest) {
        this.say(`<- once more, and handled: ${number}`);
        return;
      }
      if (number > highest + 1) this.error(`${number - highest - 1} events are missing before ${number}`);
    }
    this.handle(message);
    this.journal.handled(message);
  }

  handle(message) {
    const kind = message.type ?? "";
    const application = message.application ?? "";
    const channel = message.channel?.id ?? "";
    const target = message.playback?.target_uri ?? "";
    switch (kind) {
      case "RESTResponse":
        return this.response(message);
      case "ApplicationRegistered":
      case "ApplicationReplaced":
        this.say(`<- ${kind} ${application}`);
        this.registered.add(application);
        if (kind === "ApplicationRegistered") this.journal.registered(message).forEach((inside) => this.goOn(inside));
        return;
      case "ApplicationUnregistered":
        this.say(`<- ${kind} ${application}`);
        this.registered.delete(application);
        return;
      case "ApplicationResumed":
        return this.resumed(message, application);
      case "StasisStart":
        return this.stasisStart(message, application, channel);
      case "ChannelDtmfReceived":
        return this.digit(channel, message.digit ?? "");
      case "PlaybackFinished":
        this.say(`<- PlaybackFinished ${target}`);
        if (target.startsWith("channel:")) this.played(target.slice("channel:".length));
        return;
      case "StasisEnd":
        return this.stasisEnd(channel);
      default:
        this.say(`<- ${kind} ${channel}${target}`);
    }
  }

  stasisStart(event, application, channel) {
    this.say(`<- StasisStart ${channel} ${event.channel.name ?? ""} ${JSON.stringify(event.args ?? null)}`);
    if (!this.registered.has(application)) {
      this.error(`StasisStart of ${application} before its ApplicationRegistered`);
      return;
    }
    clearTimeout(this.calls.get(channel)?.timer);
    this.calls.set(channel, { start: performance.now(), playing: 0, leaving: false });
    this.request("answer", channel);
  }

  // The connection was made again. Where events were dropped, a StasisStart may be among them.
  resumed(message, application) {
    this.say(
      `<- ApplicationResumed ${application} after ${message.down_ms} ms: ${message.events_queued} events follow, ` +
        `${message.events_dropped} were dropped`,
    );
    if (message.events_dropped) (message.channels ?? []).forEach((channel) => this.goOn(channel));
  }

  // A call that came on another connection, perhaps to another process: it has the digit timeout to go on.
  goOn(channel) {
    if (this.calls.has(channel)) return;
    this.say(`goes on with the call ${channel}`);
    const call = { start: performance.now(), playing: 0, leaving: false };
    this.calls.set(channel, call);
    this.waitForDigit(channel, call);
  }

  digit(channel, digit) {
    this.say(`<- ChannelDtmfReceived ${channel} digit ${digit}`);
    const call = this.calls.get(channel);
    if (digit === "1") this.play(channel, CHOICE);
    else if (digit === "2") this.leave(channel, "continue");
    else if (digit === "#") this.leave(channel, "hangUp");
    else if (call?.timer) this.waitForDigit(channel, call);
  }

  // A playback is over, well or not: after the last one, the caller has the digit timeout to go on.
  played(channel) {
    const call = this.calls.get(channel);
    if (call === undefined || call.leaving) return;
    call.playing = Math.max(call.playing - 1, 0);
    if (call.playing === 0) this.waitForDigit(channel, call);
  }

  waitForDigit(channel, call) {
    clearTimeout(call.timer);
    call.timer = setTimeout(() => {
      this.say(`no digit from ${channel}`);
      this.leave(channel, "hangUp");
    }, this.digitTimeout);
  }

  stasisEnd(channel) {
    const call = this.calls.get(channel);
    if (call === undefined) {
      this.error(`StasisEnd ${channel}: no such call`);
      return;
    }
    clearTimeout(call.timer);
    this.calls.delete(channel);
    this.finished += 1;
    this.say(`<- StasisEnd ${channel}: the call took ${(performance.now() - call.start).toFixed(0)} ms`);
  }

  response(response) {
    const request = this.pending.get(response.request_id);
    if (request === undefined) {
      this.error(`a response to no request: ${JSON.stringify(response)}`);
      return;
    }
    this.pending.delete(response.request_id);
    const { purpose, channel, line } = request;
    const status = response.status_code ?? 0;
    const answer = `${status} ${response.reason_phrase ?? ""}`;
    this.say(`<- ${answer} (${line})`);
    if (status >= 200 && status < 300) {
      if (purpose === "answer") this.play(channel, MENU);
      return;
    }
    // The caller may hang up at any time: then the channel is gone (404) or about to go (409).
    if (status !== 404 && status !== 409) this.error(`${line}: ${answer}`);
    if (purpose === "answer") this.leave(channel, "hangUp");
    if (purpose === "play") this.played(channel);
  }

  play(channel, media) {
    const call = this.calls.get(channel);
    if (call === undefined || call.leaving) return;
    clearTimeout(call.timer);
    call.timer = undefined;
    call.playing += 1;
    this.request("play", channel, [{ name: "media", value: media }]);
  }

  // Ends the call's stay: it goes on in the dialplan, or is hung up.
  leave(channel, purpose) {
    const call = this.calls.get(channel);
    if (call === undefined || call.leaving) return;
    clearTimeout(call.timer);
    call.leaving = true;
    this.request(purpose, channel);
  }

  request(purpose, channel, parameters = []) {
    const { method, uri } = REQUESTS[purpose];
    const line = `${method} ${uri(channel)}`;
    this.requests += 1;
    const id = `request-${this.requests}`;
    this.say(`-> ${line}`);
    this.pending.set(id, { purpose, channel, line });
    this.send(
      JSON.stringify({
        type: "RESTRequest",
        transaction_id: channel,
        request_id: id,
        method,
        uri: uri(channel),
        query_strings: parameters,
      }),
    );
  }
}

module.exports = { Conversation };
