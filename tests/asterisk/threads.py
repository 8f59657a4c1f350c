# SPDX-License-Identifier: MIT OR Apache-2.0
"""Where the threads of a process stand, as /proc has them: who waits for whose mutex, and what the others are in."""

import contextlib
import os
import struct
from collections import Counter
from pathlib import Path

# The number of futex(2) by machine, and what glibc calls it with to wait for a mutex: FUTEX_WAIT, for a lock that others
# wait for, too.
FUTEX = {"x86_64": 202, "aarch64": 98}.get(os.uname().machine)
FUTEX_WAIT, CONTENDED = 0, 2


class Threads:
    """The threads that a process has now."""

    def __init__(self, pid, names=()):
        self.names = dict(names)
        self.tasks = {}
        for path in Path(f"/proc/{pid}/task").iterdir():
            # One may end just now.
            with contextlib.suppress(OSError):
                self.tasks[int(path.name)] = {name: (path / name).read_text().strip() for name in ("comm", "wchan", "syscall")}
        self.mutexes = {}
        with contextlib.suppress(OSError), open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            for number in self.tasks:
                self.mutexes[number] = self.mutex(number, memory)

    def mutex(self, number, memory):
        """The mutex that the thread waits for, and the thread that has it."""
        words = self.tasks[number]["syscall"].split()
        if not words[0].isdecimal() or int(words[0]) != FUTEX:
            return None
        address, operation, value = (int(word, 16) for word in words[1:4])
        if operation & 0x7F != FUTEX_WAIT or value != CONTENDED:
            return None
        try:
            memory.seek(address)
            # pthread_mutex_t begins with the lock, a count and the owner.
            owner = struct.unpack("iii", memory.read(12))[2]
        except (OSError, struct.error):
            return None
        return (address, owner) if owner in self.tasks else None

    def name(self, number):
        return self.names.get(number) or self.tasks[number]["comm"]

    def place(self, number):
        """In what the kernel has it wait."""
        task = self.tasks[number]
        return task["wchan"] if task["wchan"] not in ("", "0") else f"system call {task['syscall'].split()[0]}"

    def lines(self):
        """Who waits for whom, and where the others are: those who are waited for first, the same ones together."""
        waiting = {number: mutex for number, mutex in self.mutexes.items() if mutex}
        owners = {owner for _, owner in waiting.values()}
        stand = {number: f"in {self.place(number)}" for number in self.tasks}
        for number, (address, owner) in waiting.items():
            stand[number] = f"waits for the mutex {address:#x}, which {owner} {self.name(owner)} has"
        lines = [f"{owner} {self.name(owner)} {stand[owner]}" for owner in sorted(owners)]
        for some in (waiting.keys() - owners, stand.keys() - waiting.keys() - owners):
            counts = Counter(f"{self.name(number)} {stand[number]}" for number in some)
            lines += [f"{count} x {text}" for text, count in counts.most_common()]
        return lines


def where_threads_stand(pid, names=()):
    """Lines about the threads, with the names that are known for them."""
    try:
        return Threads(pid, names).lines()
    except OSError as error:
        return [str(error)]
