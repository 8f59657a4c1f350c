# SPDX-License-Identifier: MIT OR Apache-2.0
"""Two network devices with a way in between on which every packet takes its time, both ways, and some are lost: not every
kernel has netem.

usage: slow_way.py MILLISECONDS LOST SEED
  LOST  how many of a thousand packets are lost, drawn from SEED for each direction
Makes the devices `slow0` and `slow1`, says so in a line, and carries packets until its input ends. For each line of its
input it says how many it has lost so far, and of how many.
"""

import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
LARGEST = 65536


def device(name):
    opened = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(opened, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return opened


def main():
    delay = float(sys.argv[1]) / 1000
    share = float(sys.argv[2]) / 1000
    ends = [device("slow0"), device("slow1")]
    dice = {end: random.Random(f"{sys.argv[3]} {place}") for place, end in enumerate(ends)}
    print("there", flush=True)
    under_way = []
    number = 0
    lost = 0
    while True:
        patience = max(0, under_way[0][0] - time.monotonic()) if under_way else None
        readable, _, _ = select.select([*ends, sys.stdin], [], [], patience)
        if sys.stdin in readable:
            if not sys.stdin.readline():
                return
            print(f"{lost} {number}", flush=True)
        for one, other in (ends, reversed(ends)):
            if one in readable:
                number += 1
                packet = os.read(one, LARGEST)
                if dice[one].random() < share:
                    lost += 1
                else:
                    heapq.heappush(under_way, (time.monotonic() + delay, number, other, packet))
        while under_way and under_way[0][0] <= time.monotonic():
            _, _, end, packet = heapq.heappop(under_way)
            try:
                os.write(end, packet)
            except OSError:
                pass  # The device is not up, or no longer: the packet is lost.


main()
