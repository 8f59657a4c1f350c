// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which events were handled: by their numbers (delivery = at_least_once), so that those that come again are not handled
// again, also by a process that takes the place of one that was killed.

const fs = require("node:fs");

class Journal {
  // Without a path only this process knows.
  constructor(path) {
    // By the application: which numbers belong together, the highest one, and the channels that are inside.
    this.known = new Map();
    this.file = path === undefined ? undefined : fs.openSync(path, "a+");
    if (this.file === undefined) return;
    const text = fs.readFileSync(path);
    // What whoever was killed had not written to its end was not handled.
    const whole = text.lastIndexOf("\n") + 1;
    fs.ftruncateSync(this.file, whole);
    for (const line of text.toString("utf8", 0, whole).split("\n").filter(Boolean)) {
      const event = JSON.parse(line);
      this.registered(event);
      this.note(event);
    }
  }

  of(message) {
    const application = message.application ?? "";
    if (!this.known.has(application)) {
      this.known.set(application, { sequenceId: "", highest: 0, channels: new Set() });
    }
    return this.known.get(application);
  }

  // ApplicationRegistered: numbers with another id begin anew. Gives the channels that are inside.
  registered(notice) {
    const known = this.of(notice);
    const sequenceId = notice.ariws_sequence_id ?? "";
    if (known.sequenceId !== sequenceId) Object.assign(known, { sequenceId, highest: 0 });
    return [...known.channels].sort();
  }

  highest(event) {
    return this.of(event).highest;
  }

  handled(event) {
    if (event.ariws_sequence === undefined) return;
    this.note(event);
    if (this.file === undefined) return;
    const line = {
      application: event.application,
      ariws_sequence_id: this.of(event).sequenceId,
      ariws_sequence: event.ariws_sequence,
      type: event.type,
      channel: { id: event.channel?.id },
    };
    fs.writeSync(this.file, `${JSON.stringify(line)}\n`);
  }

  note(event) {
    const known = this.of(event);
    known.highest = event.ariws_sequence;
    if (event.type === "StasisStart") known.channels.add(event.channel.id);
    if (event.type === "StasisEnd") known.channels.delete(event.channel.id);
  }
}

module.exports = { Journal };
