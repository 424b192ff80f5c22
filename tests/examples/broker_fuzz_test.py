#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""broker_fuzz_test.py MQTT_BROKER [SECONDS [SEED]]: the example server is sent what no client should send.

Sessions made from tests/conformance/packets.txt and examples/captures, most of them mutated, go over
many connections at once, in pieces. Meanwhile two clients exchange messages of each QoS, which all
have to arrive, once, and in order. In the end the server has to stop with status 0, which a
sanitizer's findings change, and its memory must not have gone on growing.

A seed makes the same connections each time; how many there are depends on the machine.
"""

import contextlib
import os
import pathlib
import random
import re
import selectors
import socket
import struct
import sys
import threading
import time

from broker_test import Broker, check, connect, equal, packet

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[2] / "fuzz"))
import make_seeds  # pylint: disable=wrong-import-position

HOST = "127.0.0.1"
DISCONNECT = packet(0xE0, b"")
CONNECTIONS = 40  # at once
LEAST = 100  # connections that there have to be even on a slow machine
IDS = 150  # client ids, more than there may be sessions
LINGER = 0.1  # seconds that a connection is read after all is sent
ROUND = 5  # seconds that no answer may take
GROWTH = 8 * 1024  # KiB of memory, from the middle to the end

LIMITS = {"--max-packet": 70000, "--max-connections": 60, "--max-sessions": 100, "--max-queue": 50,
          "--max-subscriptions": 20, "--max-retained": 100, "--max-output": 100000,
          "--connect-timeout": 1}
OPTIONS = [str(part) for option in LIMITS.items() for part in option]


# ------------------------------------------------------------------------------------------------
# Streams
# ------------------------------------------------------------------------------------------------


def split_packets(stream):
    """The packets of a stream that is well-formed."""
    while stream:
        size, length, digits = 1, 0, 0
        while True:
            length |= (stream[size] & 127) << 7 * digits
            digits += 1
            size += 1
            if stream[size - 1] < 128:
                break
        yield stream[:size + length]
        stream = stream[size + length:]


def read_seeds():
    """Captured sessions, packets that a client may send after its CONNECT, and ones that nobody may."""
    captures = [list(split_packets(data)) for name, data in make_seeds.capture_seeds()
                if name.endswith(".client")]
    well = [p for packets in captures for p in packets[1:] if p != DISCONNECT]
    malformed = []
    for case in make_seeds.read_cases():
        data = make_seeds.parse_bytes(case.get("bytes", ""))
        if "reject" in case and data:
            malformed.append(data)
        elif "accept" in case and data[0] >> 4 in (3, 4, 5, 6, 7, 8, 10, 12):
            well.append(data)
    return captures, well, malformed


class Streams:
    def __init__(self, seed):
        self.seed = seed
        self.captures, self.well, self.malformed = read_seeds()

    def make(self, index):
        """A connection: its packets, the pieces to send them in, and how it ends."""
        chance = random.Random(f"{self.seed} {index}")
        packets = self.session(chance)
        if chance.random() < 0.6:
            for _ in range(chance.randrange(1, 4)):
                self.mutate(chance, packets)
        data = b"".join(packets)
        if chance.random() < 0.2:
            data = data[:chance.randrange(len(data) + 1)]
        elif chance.random() < 0.3:
            data += DISCONNECT
        return len(packets), self.pieces(chance, data), chance.choice(("close", "end", "reset"))

    def session(self, chance):
        if chance.random() < 0.2:
            return list(chance.choice(self.captures))
        will = chance.random() < 0.3 and ("a/b", "will", chance.randrange(3), chance.randrange(2))
        first = connect(f"fuzz{chance.randrange(IDS)}", clean=chance.random() < 0.5, will=will,
                        keep_alive=chance.choice((0, 1, 60)))
        return [first, *chance.choices(self.well, k=chance.randrange(1, 25))]

    def mutate(self, chance, packets):
        at, other = chance.randrange(len(packets)), chance.randrange(len(packets))
        changed = bytearray(packets[at])
        kind = chance.randrange(9)
        if kind == 0:  # a bit
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        elif kind == 1:  # the remaining length, which as a rule has one byte
            length = sum(changed[1:2])
            changed[1:2] = chance.choice((bytes([length + 1 & 255]), bytes([length - 1 & 255]),
                                          bytes([length | 128, 0]), b"\xff\xff\x7f",
                                          b"\xff\xff\xff\x7f"))
        elif kind == 2:  # a byte, or some more or fewer
            place = chance.randrange(len(changed))
            changed[place:place + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        elif kind == 3:  # the length of a string, if one is there
            changed[2:4] = chance.choice((b"\0\0", b"\xff\xff", b"\0\1", chance.randbytes(2)))
        elif kind == 4:  # two in one
            changed = changed[:chance.randrange(len(changed))] + packets[other][chance.randrange(
                len(packets[other])):]
        elif kind == 5:  # again
            packets.insert(other, bytes(changed))
        elif kind == 6:  # another order
            packets[other], changed = bytes(changed), packets[other]
        elif kind == 7:
            changed = changed[:chance.randrange(len(changed))]
        else:
            packets.insert(other + 1, chance.choice(self.malformed))
            return
        packets[at] = bytes(changed) or b"\0"

    @staticmethod
    def pieces(chance, data):
        if len(data) < 300 and chance.random() < 0.1:
            return [data[i:i + 1] for i in range(len(data))]
        places = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(5)))
        return [data[begin:end] for begin, end in zip([0, *places], [*places, len(data)])
                if begin < end]


# ------------------------------------------------------------------------------------------------
# Connections
# ------------------------------------------------------------------------------------------------


class Attack:
    """One connection: a piece is sent whenever the socket takes it, what comes back is thrown away."""

    def __init__(self, port, stream):
        self.packets, self.pieces, self.ending = stream
        self.until = time.monotonic() + 5  # the server may leave it unread
        self.sent = self.received = 0
        self.refused = False  # closed by the server
        self.socket = socket.create_connection((HOST, port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)

    def events(self):
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self.pieces else 0)

    def turn(self, events):
        try:
            if events & selectors.EVENT_READ:
                data = self.socket.recv(65536)
                self.received += len(data)
                self.refused |= not data
            if events & selectors.EVENT_WRITE and self.pieces:
                sent = self.socket.send(self.pieces[0])
                self.sent += sent
                self.pieces[0] = self.pieces[0][sent:]
                if not self.pieces[0]:
                    del self.pieces[0]
                if not self.pieces:
                    self.until = time.monotonic() + LINGER
        except BlockingIOError:
            pass
        except ConnectionError:
            self.refused = True

    def is_over(self):
        return self.refused or time.monotonic() > self.until

    def close(self):
        if self.ending == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif self.ending == "end":
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
        self.socket.close()


class Attackers:
    def __init__(self, port, seed):
        self.port, self.streams = port, Streams(seed)
        self.selector = selectors.DefaultSelector()
        self.count = dict.fromkeys(("connections", "packets", "sent", "received", "closed"), 0)

    def open(self):
        attack = Attack(self.port, self.streams.make(self.count["connections"]))
        self.selector.register(attack.socket, attack.events(), attack)
        self.count["connections"] += 1
        self.count["packets"] += attack.packets

    def close(self, attack):
        self.selector.unregister(attack.socket)
        attack.close()
        self.count["sent"] += attack.sent
        self.count["received"] += attack.received
        self.count["closed"] += attack.refused

    def attacks(self):
        return [key.data for key in self.selector.get_map().values()]

    def run(self, goes_on):
        while goes_on():
            for _ in range(CONNECTIONS - len(self.selector.get_map())):
                self.open()
            for key, events in self.selector.select(0.02):
                key.data.turn(events)
                self.selector.modify(key.fileobj, key.data.events(), key.data)
            for attack in self.attacks():
                if attack.is_over():
                    self.close(attack)

    def end(self):
        for attack in self.attacks():
            self.close(attack)
        self.selector.close()


class Bystanders(threading.Thread):
    """Two clients, who send each other messages of each QoS as long as it goes on."""

    def __init__(self, broker):
        super().__init__()
        self.clients = [broker.client(f"bystander{i}") for i in range(2)]
        for i, client in enumerate(self.clients):
            client.socket.settimeout(ROUND)
            equal(client.subscribe((f"bystander/{i}", 2)), [2], "SUBACK")
        self.goes_on = True
        self.error = None
        self.messages = 0
        self.longest = 0.0

    def run(self):
        try:
            while self.goes_on:
                for qos in range(3):
                    self.exchange(qos)
            for client in self.clients:
                client.nothing()
        except (AssertionError, OSError) as error:
            self.error = f"message {self.messages} of the others: {type(error).__name__}: {error}"

    def exchange(self, qos):
        begin = time.monotonic()
        text = f"message {self.messages}"
        sender = self.clients[self.messages % 2]
        other = 1 - self.messages % 2
        sender.publish(f"bystander/{other}", text, qos)
        got = self.clients[other].message()
        equal((got.topic, got.payload, got.qos), (f"bystander/{other}", text.encode(), qos), "message")
        self.messages += 1
        self.longest = max(self.longest, time.monotonic() - begin)

    def end(self):
        self.goes_on = False
        self.join()
        for client in self.clients:
            client.cut()


# ------------------------------------------------------------------------------------------------
# The test
# ------------------------------------------------------------------------------------------------


def memory(broker):
    """KiB in use; None if it has ended, or where /proc does not tell it."""
    try:
        text = pathlib.Path(f"/proc/{broker.process.pid}/status").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(r"^VmRSS:\s*(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else None


def run(seconds, seed):
    with Broker(*OPTIONS) as broker:
        bystanders, attackers = Bystanders(broker), Attackers(broker.port, seed)
        bystanders.start()
        grown = []
        try:
            for _ in range(2):
                end = time.monotonic() + seconds / 2
                attackers.run(lambda: time.monotonic() < end and bystanders.is_alive())
                grown.append(memory(broker))
        finally:
            attackers.end()
            bystanders.end()
            finding = re.search(r"(==\d+==ERROR|.*runtime error)(.*\n){1,15}", broker.text())
            if finding:
                print(finding[0])
        check(not finding, "a sanitizer's finding")
        check(broker.process.poll() is None, f"it ended with status {broker.process.poll()}")
        count = attackers.count
        print(f"{count['connections']} connections, {count['packets']} packets, {count['sent']} bytes "
              f"sent, {count['received']} received; the server closed {count['closed']} of them")
        print(f"{bystanders.messages} messages of the others, the slowest in "
              f"{bystanders.longest:.3f} s; memory {grown[0]} KiB, then {grown[1]} KiB")
        check(bystanders.error is None, bystanders.error)
        check(count["connections"] >= LEAST, "too few connections to show anything")
        check(0 < count["closed"] < count["connections"], "all connections end alike")
        if None not in grown:
            check(grown[1] - grown[0] < GROWTH, "the server's memory goes on growing")


def main():
    if not 2 <= len(sys.argv) <= 4:
        print(__doc__.partition("\n")[0], file=sys.stderr)
        return 1
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 10
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 20141029
    print(f"seed {seed}", flush=True)
    # AddressSanitizer keeps up to 256 MiB of what was freed, which would look like growth.
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=8"
    try:
        run(seconds, seed)
    except (AssertionError, OSError) as error:
        print(f"FAILED: {type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
