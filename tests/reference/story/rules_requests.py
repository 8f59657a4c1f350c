# SPDX-License-Identifier: MIT OR Apache-2.0
"""What is different in requests over the connection and their answers."""

import re
import unicodedata

import configured
from messages import Item, Number, answer, is_json, member, members, string

UNREADABLE = "Failed to parse request message JSON"
# An answer that has not come after so many milliseconds does not come.
LATEST_ANSWER = 500.0
# Longer frames are too long for Asterisk, longer messages for the library.
LONG = range(65_532, 1_048_577)
REFUSED = (
    '{"type":"RESTResponse","transaction_id":%s,"request_id":%s,"status_code":400,"reason_phrase":"Bad request","uri":%s,'
    '"content_type":"application/json","message_body":"{\\"message\\":\\"%s\\"}",'
    '"application":%s,"timestamp":%s,"asterisk_id":%s}'
)
ECHOED = ("transaction_id", "request_id", "uri", "application", "timestamp", "asterisk_id")


def numeric_ids(story):
    """Asterisk loses ids that are numbers; the library gives them back as strings of the same digits."""

    def change(act, recorded):
        said = members(act["request"]["text"])
        for name in ("transaction_id", "request_id"):
            if isinstance(said.get(name), Number):
                recorded = recorded.replace(f'"{name}":""', f'"{name}":"{said[name]}"')
        return recorded

    return change_answers(story, change)


def big_numbers(story):
    """Asterisk cannot read an integer that does not fit in 64 bits; for the library it is a number like any other."""

    def change(act, recorded):
        text = act["request"]["text"]
        tokens = (token for token in re.split(r"[^0-9+\-.eE]", text) if re.match(r"-|\d", token))
        whole = [token for token in tokens if not re.search("[.eE]", token)]
        big = any(not re.fullmatch(r"-?\d+", token) or not -(2**63) <= int(token) < 2**63 for token in whole)
        refused = member(recorded, "reason_phrase") == UNREADABLE
        return hosts_answer(act, recorded) if refused and big and is_json(text) else recorded

    return change_answers(story, change)


def content_types(story):
    """Asterisk compares content types byte by byte; the library without regard to case and parameters."""

    def change(act, recorded):
        given = (member(act["request"]["text"], "content_type") or "").split(";")[0].strip().lower()
        known = given in ("application/json", "application/x-www-form-urlencoded")
        return hosts_answer(act, recorded) if known and "Unknown content type." in recorded else recorded

    return change_answers(story, change)


def controls_in_requests(story):
    """Asterisk looks for a resource whose name has a control character, and takes a value up to its first NUL; the library
    refuses both."""

    def change(act, recorded):
        if not (fault := control_fault(members(act["request"]["text"]))):
            return recorded
        *ids, application, time, asterisk = (written(recorded, name) for name in ECHOED)
        return REFUSED % (*ids, fault, application, time, asterisk)

    return change_answers(story, change)


def written(text, name):
    """A member as it was written."""
    found = re.search(rf'"{name}":("(?:[^"\\]|\\.)*")', text)
    return found[1] if found else ""


def control_fault(said):
    uri = string(said.get("uri")) or ""
    form = "urlencoded" in (string(said.get("content_type")) or "")
    body = (string(said.get("message_body")) or "") if form else ""
    if "\0" in uri:
        # It makes the whole message unreadable for both.
        return None
    if any(unicodedata.category(character) == "Cc" for character in uri):
        return "Control characters in the 'uri' property."
    if "%00" in uri.partition("?")[2] or "%00" in body:
        return "NUL in the value of a parameter."
    return None


def password_changes(story):
    """Asterisk answers 401 for ever when the local user's password is not what it was; the library uses the user as it is
    configured."""

    def change(act, recorded):
        if "Authentication required" not in recorded:
            return recorded
        sections = configured.sections(story.files_at(act["at"]), "ari.conf")
        users = {name for name, _ in sections}
        named = {parameters["local_ari_user"] for _, parameters in sections if "local_ari_user" in parameters}
        return hosts_answer(act, recorded) if named <= users else recorded

    return change_answers(story, change)


def long_messages(story):
    """Asterisk drops a connection on which a frame of more than 65,535 bytes arrives, header included; the library takes
    messages up to `max_message_size`. What went on on the next connection goes on on this one."""

    def change(act, recorded):
        # It cuts longer messages that come in fragments, and cannot read what is left.
        text = act["request"]["text"]
        cut = len(text.encode()) in LONG and member(recorded, "reason_phrase") == UNREADABLE and is_json(text)
        return hosts_answer(act, recorded) if cut else recorded

    changed = change_answers(story, change)
    for act in story.requests():
        if len(act["request"]["text"].encode()) not in LONG or act["request"]["answer"] is not None:
            continue
        changed = True
        link = story.links[act["link"]]
        link.closed = None
        link.drop(lambda item: item.kind == "close")
        later = (place for place, link in enumerate(story.links) if link.was_made_after(act["at"]))
        if (following := next(later, None)) is not None:
            merge(story, act["link"], following)
        answer_to(story, act)
    return changed


def answers_always(story):
    """Asterisk's answers pass the application's event filter, and need an application that is still registered; the library's
    always come."""
    changed = False
    for act in story.requests():
        # An answer that came on no connection because that one ended is another matter.
        if act["request"]["answer"] is None and not story.links[act["link"]].ends_before(act["at"] + LATEST_ANSWER):
            answer_to(story, act)
            changed = True
    return changed


def answer_to(story, act):
    """Gives a request the answer that the library or the host is to give."""
    link = story.links[act["link"]]
    application = link.application
    if application is None:
        application = next(iter(configured.applications(story.files)), "")
    act["request"] |= {"answer": answer(act["request"], application), "ours": True}
    link.items.append(Item(act["at"] + 0.1, "answer", act["request"]["answer"]))


def merge(story, place, following):
    """What happened on a connection happens on an earlier one, which is still there."""
    link, removed = story.links[place], story.links.pop(following)
    link.items += [item for item in removed.items if not item.says("ApplicationRegistered")]
    link.closed = removed.closed
    story.move_links(following, place)


def change_answers(story, change):
    """Changes answers: both what is expected, and what the host says when it is asked."""
    changed = False
    for act in story.requests():
        before = act["request"]["answer"]
        after = before and change(act, before)
        if before == after:
            continue
        act["request"] |= {"answer": after, "ours": True}
        items = story.links[act["link"]].items
        place = next((place for place, item in enumerate(items) if (item.kind, item.value) == ("answer", before)), None)
        if place is not None:
            items[place] = Item(items[place].at, "answer", after)
        changed = True
    return changed


def hosts_answer(act, recorded):
    """The answer in the place of Asterisk's: that of the host."""
    return answer(act["request"], member(recorded, "application") or "")
