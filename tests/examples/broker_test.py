#!/usr/bin/env python3
"""broker_test.py MQTT_BROKER: the example server keeps its promises.

Talks to it with mosquitto's clients and with sockets of its own, on 127.0.0.1. Each test has a
server of its own, which has to end with status 0 when it is told to: a sanitizer's findings change
that.

If the environment variable MQTT_TAP names examples/complete/mqtt_tap.c's program, this stands between the
server and all clients. Tags such as [MQTT-3.1.4-2] stand where a statement of the standard is
shown.
"""

import contextlib
import os
import pathlib
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SECONDS = 15  # for anything that should come at once
SLACK = 5  # seconds that a busy machine may add to what is measured
SEED = 20141029
SKIPPED = 77
TAP = os.environ.get("MQTT_TAP")

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 10, 11, 12, 13, 14


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def equal(got, wanted, what):
    check(got == wanted, f"{what}: {got!r} instead of {wanted!r}")


# ------------------------------------------------------------------------------------------------
# Packets
# ------------------------------------------------------------------------------------------------


def packet(first, body):
    length = len(body)
    header = bytes([first])
    while True:
        length, digit = length >> 7, length & 127
        header += bytes([digit | (128 if length else 0)])
        if not length:
            return header + body


def field(data):
    data = data.encode() if isinstance(data, str) else data
    return len(data).to_bytes(2, "big") + data


def number(value):
    return value.to_bytes(2, "big")


def connect(client_id, *, clean=True, keep_alive=0, will=None, user=None, password=None, level=4):
    """A will is (topic, message, QoS, retain)."""
    flags = 2 if clean else 0
    body = field(client_id)
    if will:
        flags |= 4 | will[2] << 3 | will[3] << 5
        body += field(will[0]) + field(will[1])
    if user is not None:
        flags |= 128
        body += field(user)
    if password is not None:
        flags |= 64
        body += field(password)
    return packet(0x10, field("MQTT") + bytes([level, flags]) + number(keep_alive) + body)


def publish(topic, payload, qos=0, packet_id=0, *, dup=False, retain=False):
    payload = payload.encode() if isinstance(payload, str) else payload
    head = field(topic) + (number(packet_id) if qos else b"")
    return packet(0x30 | dup << 3 | qos << 1 | retain, head + payload)


def ack(kind, packet_id):
    return packet(kind << 4 | (2 if kind == PUBREL else 0), number(packet_id))


def subscribe(packet_id, *filters):
    return packet(0x82, number(packet_id) + b"".join(field(f) + bytes([q]) for f, q in filters))


def unsubscribe(packet_id, *filters):
    return packet(0xA2, number(packet_id) + b"".join(field(f) for f in filters))


class Message:
    def __init__(self, first, body):
        self.qos, self.dup, self.retain = first >> 1 & 3, first >> 3 & 1, first & 1
        size = int.from_bytes(body[:2], "big")
        self.topic, body = body[2 : 2 + size].decode(), body[2 + size :]
        self.id = int.from_bytes(body[:2], "big") if self.qos else 0
        self.payload = body[2:] if self.qos else body

    def __repr__(self):
        return f"{self.topic}={self.payload[:20]!r} q{self.qos} d{self.dup} r{self.retain}"


class Client:
    """A socket. Every wait is bounded."""

    def __init__(self, port, client_id=None, *, present=False, small=False, **options):
        self.socket = socket.socket()
        if small:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32768)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(SECONDS)
        self.socket.connect(("127.0.0.1", port))
        self.bytes = b""
        self.ahead = []  # packets that stood before one that was looked for
        self.last_id = 0
        if client_id is not None:
            self.send(connect(client_id, **options))
            wanted = (0x20, bytes([present, 0]))
            equal(self.receive(), wanted, "[MQTT-3.1.4-4] [MQTT-3.2.0-1] CONNACK")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()

    def send(self, *packets):
        self.socket.sendall(b"".join(packets))

    def cut(self):
        self.socket.close()

    def leave(self):
        self.send(packet(0xE0, b""))
        self.is_closed()
        self.cut()

    def _take(self):
        """A packet of what has come, or None."""
        length = shift = 0
        for i, byte in enumerate(self.bytes[1:5], 2):
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                if len(self.bytes) < i + length:
                    return None
                first, body = self.bytes[0], self.bytes[i : i + length]
                self.bytes = self.bytes[i + length :]
                return first, body
        return None

    def receive(self):
        """The next packet: (first byte, body)."""
        return self.ahead.pop(0) if self.ahead else self._read()

    def _read(self):
        while (taken := self._take()) is None:
            data = self.socket.recv(65536)
            check(data, "the server has closed the connection")
            self.bytes += data
        return taken

    def expect(self, kind, packet_id):
        first = kind << 4 | (2 if kind == PUBREL else 0)
        equal(self.receive(), (first, number(packet_id)), f"[MQTT-2.3.1-6] acknowledgement {kind}")

    def message(self, answer=True):
        """The next PUBLISH, its QoS protocol gone through."""
        first, body = self.receive()
        check(first >> 4 == PUBLISH, f"packet {first:#x} instead of a PUBLISH")
        got = Message(first, body)
        if answer and got.qos == 1:
            self.send(ack(PUBACK, got.id))
        if answer and got.qos == 2:
            self.send(ack(PUBREC, got.id))
            while (taken := self._read()) != (0x62, number(got.id)):
                check(taken[0] >> 4 == PUBLISH, f"packet {taken[0]:#x} instead of a PUBREL")
                self.ahead.append(taken)
            self.send(ack(PUBCOMP, got.id))
        return got

    def subscribe(self, *filters):
        self.last_id += 1
        self.send(subscribe(self.last_id, *filters))
        first, body = self.receive()
        equal(first, 0x90, "[MQTT-3.8.4-1] SUBACK")
        equal(body[:2], number(self.last_id), "[MQTT-3.8.4-2] [MQTT-2.3.1-7] its packet id")
        return list(body[2:])

    def unsubscribe(self, *filters):
        self.last_id += 1
        self.send(unsubscribe(self.last_id, *filters))
        self.expect(UNSUBACK, self.last_id)

    def publish(self, topic, payload, qos=0, **options):
        self.last_id += 1
        self.send(publish(topic, payload, qos, self.last_id, **options))
        if qos == 1:
            self.expect(PUBACK, self.last_id)
        if qos == 2:
            self.expect(PUBREC, self.last_id)
            self.send(ack(PUBREL, self.last_id))
            self.expect(PUBCOMP, self.last_id)

    def nothing(self):
        """That nothing has come: what was due stands before the answer to a PINGREQ."""
        self.send(packet(0xC0, b""))
        equal(self.receive(), (0xD0, b""), "[MQTT-3.12.4-1] PINGRESP")

    def is_closed(self):
        """That the server closes the connection, and sends nothing more before."""
        with contextlib.suppress(ConnectionError):
            equal(self.bytes + self.socket.recv(65536), b"", "after the end")


def end(process):
    """Tells a process to end; gives its status."""
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


class Broker:
    """The server, and the tap in front of it, whose status is 1 if it saw what is malformed."""

    def __init__(self, *options, malformed=(False,), verbose=True, log=None, closed=()):
        self.work = tempfile.TemporaryDirectory()
        self.log = pathlib.Path(self.work.name) / "log"
        self.tap = None
        self.tap_statuses = [int(is_so) for is_so in malformed]
        with self.log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.argv[1], "-p", "0", *(["-v"] if verbose else []), *options],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log or file,
                preexec_fn=lambda: [os.close(number) for number in closed],
            )  # fmt: skip
        line = self.process.stdout.readline().decode()
        check(line.startswith("listening on 127.0.0.1:"), f"{line!r} {self.text()}")
        self.port = int(line.rpartition(":")[2])
        if TAP:
            self.start_tap()

    def start_tap(self):
        path = pathlib.Path(self.work.name) / "tap"
        with path.open("wb") as file:
            self.tap = subprocess.Popen(
                [TAP, "--reencode", "--malformed", "forward", "--listen", "0",
                 "--to", f"127.0.0.1:{self.port}"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file,
            )  # fmt: skip
        limit = time.monotonic() + SECONDS
        while not (found := re.match(r"mqtt_tap: listening at .*, port (\d+)\n", path.read_text())):
            check(time.monotonic() < limit, "the tap does not listen")
            time.sleep(0.01)
        self.port = int(found[1])

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        tap_status = end(self.tap) if self.tap else self.tap_statuses[0]
        status = end(self.process)
        self.process.stdout.close()
        text = self.text()
        self.work.cleanup()
        if kind or status:
            print("\n".join(text.splitlines()[-40:]))
        if not kind:
            equal(status, 0, "exit status")
            check(tap_status in self.tap_statuses, f"exit status of the tap: {tap_status}")

    def text(self):
        return self.log.read_text(errors="replace")

    def client(self, *arguments, **options):
        return Client(self.port, *arguments, **options)

    def logs(self, text):
        """Waits for a line of the log."""
        end = time.monotonic() + SECONDS
        while text not in self.text():
            check(time.monotonic() < end, f"the log has no {text!r}")
            time.sleep(0.01)

    def mosquitto_pub(self, *arguments, data=b""):
        command = ["mosquitto_pub", "-p", str(self.port), "-h", "127.0.0.1", *arguments]
        return subprocess.run(command, input=data, timeout=SECONDS, check=False,
                              stderr=subprocess.DEVNULL).returncode  # fmt: skip

    @contextlib.contextmanager
    def mosquitto_sub(self, client_id, *arguments):
        """Gives a function that waits for the end and gives the output."""
        command = ["mosquitto_sub", "-p", str(self.port), "-h", "127.0.0.1", "-i", client_id]
        process = subprocess.Popen([*command, "-W", str(SECONDS), *arguments],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)  # fmt: skip
        try:
            yield lambda: process.communicate(timeout=SECONDS + 5)[0]
        finally:
            process.kill()
            process.communicate()


# ------------------------------------------------------------------------------------------------
# Tests
# ------------------------------------------------------------------------------------------------

PAYLOADS = [b"", b"21.5", b"\0\xff\nline\r\n\0", "κουζίνα".encode(), bytes(range(256)) * 800]


def mosquitto_clients_at_each_qos():
    with Broker() as broker:
        for qos in range(3):
            name = f"sub{qos}"
            with broker.mosquitto_sub(name, "-q", str(qos), "-t", f"a/{qos}/+", "-F", "%q %r %t %x",
                                      "-C", str(len(PAYLOADS))) as output:  # fmt: skip
                broker.logs(f"{name}: SUBSCRIBE")
                for payload in PAYLOADS:
                    status = broker.mosquitto_pub("-q", str(qos), "-t", f"a/{qos}/b",
                                                  "-s" if payload else "-n", data=payload)
                    equal(status, 0, "mosquitto_pub")
                wanted = [f"{qos} 0 a/{qos}/b {payload.hex()}" for payload in PAYLOADS]
                # Clients that know the standard alone [MQTT-7.0.0-2].
                equal(output().decode().splitlines(), wanted, "mosquitto_sub")
        lines = "".join(f"{i}\n" for i in range(300))
        with broker.mosquitto_sub("lines", "-q", "2", "-t", "lines", "-C", "300") as output:
            broker.logs("lines: SUBSCRIBE")
            status = broker.mosquitto_pub("-q", "2", "-t", "lines", "-l", data=lines.encode())
            equal(status, 0, "-l")
            equal(output().decode(), lines, "lines in order")


def mosquitto_session_and_retained():
    with Broker() as broker:
        broker.mosquitto_pub("-r", "-q", "1", "-t", "r", "-m", "kept")
        with broker.mosquitto_sub("s", "-c", "-q", "2", "-t", "r", "-t", "x", "-C", "1",
                                  "-F", "%r %q %p") as output:  # fmt: skip
            equal(output(), b"1 1 kept\n", "retained")
        broker.logs("s: closed")
        for i in range(5):
            broker.mosquitto_pub("-q", str(i % 3), "-t", "x", "-m", str(i))
        with broker.mosquitto_sub("s", "-c", "-q", "2", "-t", "other", "-C", "3") as output:
            # A QoS 2 message is shown when its PUBREL has come.
            equal(sorted(output().split()), [b"1", b"2", b"4"], "what came in between, but QoS 0")


def every_pair_of_qos():
    with Broker() as broker, broker.client("p") as sender:
        for published in range(3):
            for granted in range(3):
                with broker.client("s") as receiver:
                    equal(receiver.subscribe(("t/#", granted)), [granted], "granted")
                    sender.publish("t", "m", published)
                    sender.nothing()  # but the acknowledgements of the QoS [MQTT-3.3.4-1]
                    got = receiver.message()
                    equal(got.qos, min(published, granted), "[MQTT-3.8.4-6] QoS")
                    equal((got.dup, got.retain), (0, 0), "DUP, RETAIN")
                    receiver.nothing()
                    receiver.leave()


def order_of_messages():
    """Of each QoS, to each subscriber [MQTT-4.6.0-5] [MQTT-4.6.0-6] [MQTT-4.5.0-1]."""
    with Broker() as broker, broker.client("p") as sender, contextlib.ExitStack() as stack:
        receivers = [stack.enter_context(broker.client(f"s{i}")) for i in range(6)]
        for granted, receiver in enumerate(receivers):
            receiver.subscribe(("t/+", granted % 3))
        for i in range(90):
            sender.publish(f"t/{i % 2}", str(i), i % 3)
        for granted, receiver in enumerate(receivers):
            got = [receiver.message() for _ in range(90)]
            equal([int(m.payload) for m in got], list(range(90)), "order")
            equal([m.qos for m in got], [min(i % 3, granted % 3) for i in range(90)], "QoS")


def the_senders_dup_and_ids():
    with Broker() as broker, broker.client("p") as sender, broker.client("s") as receiver:
        receiver.subscribe(("t", 2))
        for qos in (1, 2):
            sender.publish("t", "again, it says", qos, dup=True)
            equal(receiver.message().dup, 0, "[MQTT-3.3.1-3] DUP")
        for payload in ("one", "two"):  # the id is free once it is acknowledged
            sender.send(publish("t", payload, 1, 77))
            sender.expect(PUBACK, 77)
            equal(receiver.message().payload, payload.encode(), "[MQTT-4.3.2-2] a new message")
        sender.send(publish("t", "three", 1, 77, dup=True))  # DUP or not
        sender.expect(PUBACK, 77)
        equal(receiver.message().payload, b"three", "[MQTT-4.3.2-2] a new message")
        receiver.nothing()


def byte_by_byte_and_all_at_once():
    with Broker() as broker, broker.client() as client:
        # The stream has no boundaries but those of the packets [MQTT-7.1.1-1].
        for byte in connect("a") + subscribe(1, ("t", 1)) + publish("t", "m" * 200, 1, 7):
            client.send(bytes([byte]))
        equal(client.receive(), (0x20, b"\0\0"), "CONNACK")
        equal(client.receive(), (0x90, b"\0\1\1"), "SUBACK")
        kinds = sorted(client.receive()[0] for _ in range(2))
        equal(kinds, [0x32, 0x40], "its own message, and the PUBACK")
        client.send(publish("large", "m" * 50000) + subscribe(2, ("t", 1)))  # all at once
        equal(client.receive(), (0x90, b"\0\2\1"), "SUBACK")
        client.nothing()


def retained_messages():
    with Broker() as broker, broker.client("s") as receiver:
        sender = broker.client("p")
        equal(receiver.subscribe(("r/#", 2)), [2], "granted")
        sender.publish("r/1", "first", 2, retain=True)
        got = receiver.message()
        equal((got.payload, got.retain), (b"first", 0), "[MQTT-3.3.1-9] established subscription")
        sender.publish("r/1", "second", 1, retain=True)
        sender.publish("r/1", "passing", 1)
        sender.publish("r/2", "replaced", 2, retain=True)
        sender.publish("r/2", "other", 0, retain=True)
        got = [receiver.message().payload for _ in range(4)]
        equal(got, [b"second", b"passing", b"replaced", b"other"], "as they come")
        sender.leave()
        broker.logs("p: closed")
        with broker.client("p") as sender, broker.client("late") as late:
            for granted in (2, 0):  # the second time in place of the first subscription
                equal(late.subscribe(("r/+", granted)), [granted], "granted")
                got = sorted((m.topic, m.payload, m.qos, m.retain)
                             for m in (late.message(), late.message()))  # fmt: skip
                # The last ones [MQTT-3.3.1-6], with their QoS [MQTT-3.3.1-5] [MQTT-3.8.4-6] and
                # RETAIN [MQTT-3.3.1-8], though their sender is gone [MQTT-3.1.2-7]; QoS 0 takes the
                # place of QoS 2 [MQTT-3.3.1-7], what is not retained none [MQTT-3.3.1-12]; and
                # they come again with a subscription that replaces another [MQTT-3.8.4-3].
                wanted = [("r/1", b"second", min(1, granted), 1), ("r/2", b"other", 0, 1)]
                equal(got, wanted, "what is retained")
            sender.publish("r/1", "", 1, retain=True)
            got = late.message()
            equal((got.payload, got.retain, got.qos), (b"", 0, 0), "[MQTT-3.3.1-10] is passed on")
            late.nothing()  # there is one subscription [MQTT-3.8.4-3]
            equal(late.subscribe(("r/1", 1)), [1], "granted")
            late.nothing()  # removed [MQTT-3.3.1-10], and nothing stored for it [MQTT-3.3.1-11]
            sender.publish("r/3", "third", 1, retain=True)
            late.message()
            equal(late.subscribe(("r/3", 2), ("none", 1), ("r/2", 1)), [2, 1, 1], "granted")
            got = [(m.topic, m.qos) for m in (late.message(), late.message())]
            equal(got, [("r/3", 1), ("r/2", 0)], "[MQTT-3.8.4-4] retained for two of three filters")
            late.nothing()


def more_is_retained_than_the_queue_holds():
    with Broker("--max-queue", "5", "--max-output", "1000") as broker, broker.client("p") as sender:
        for i in range(200):
            sender.publish(f"r/{i}", f"{i}" + "x" * 1000, i % 3, retain=True)
        client = broker.client("s", clean=False)
        client.subscribe(("r/+", 2), ("r/7", 0), ("none", 1))
        got = sorted(int(client.message().topic[2:]) for _ in range(201))
        equal(got, sorted([*range(200), 7]), "[MQTT-3.3.1-6] all are sent")
        client.nothing()
        # What is not sent when the connection is cut comes on the next one.
        client.send(subscribe(1, ("r/+", 2)))
        client.cut()
        broker.logs("s: closed")
        with broker.client("s", clean=False, present=True) as client:
            got = {client.message().topic for _ in range(133)}  # as many have QoS 1 and 2
            check(len(got) > 130, f"[MQTT-3.3.1-6] {len(got)} different ones")


def same_bucket(prefix, count):
    """Topic names that share a bucket of the server's hash table of retained messages."""

    def add(value, data):
        for byte in data:
            value = (value ^ byte) * 16777619 & 0xFFFFFFFF
        return value

    names, start = [], add(2166136261, prefix.encode())
    for i in range(2000 * count):
        value = add(start, b"%x" % i)
        if (value ^ value >> 16) % 1024 == 7:
            names.append(f"{prefix}{i:x}")
            if len(names) == count:
                return names
    raise AssertionError("too few names")


def retained_messages_of_one_bucket():
    """More than the queue may hold: all come, and nothing else is queued before there is room."""
    topics = same_bucket("r/", 300)
    options = ["--max-queue", "10", "--max-retained", "301"]
    with Broker(*options, verbose=False) as broker, broker.client("p") as sender:
        for topic in [*topics, "owed"]:
            sender.publish(topic, "m", 1, retain=True)
        with broker.client("s") as client:
            client.subscribe(("r/#", 1), ("owed", 1), ("live", 1))
            got = [client.message(answer=False) for _ in range(64)]
            client.nothing()
            sender.send(publish("live", "m", 1, 999))
            sender.nothing()  # its acknowledgement waits for room in the queue
            client.send(*(ack(PUBACK, m.id) for m in got))
            got += [client.message() for _ in range(238)]
            sender.expect(PUBACK, 999)
            topics_of_got = [m.topic for m in got]
            equal(sorted(topics_of_got[:300]), sorted(topics), "[MQTT-3.3.1-6] each once")
            equal(sorted(topics_of_got[300:]), ["live", "owed"], "when there is room")
            client.nothing()


def wills():
    with Broker(malformed=(True,)) as broker, broker.client("w") as watcher:
        watcher.subscribe(("w/#", 2))

        def dying(name, qos=1, retain=0, **options):
            will = (f"w/{name}", f"{name} is gone", qos, retain)
            return broker.client(name, will=will, **options)

        def gone(name, qos=1):
            got = watcher.message()
            equal((got.topic, got.payload.decode(), got.qos, got.retain),
                  (f"w/{name}", f"{name} is gone", qos, 0), "[MQTT-3.1.2-8] will")  # fmt: skip

        dying("cut", 2).cut()
        gone("cut", 2)
        dying("polite").leave()
        broker.logs("polite: closed")
        watcher.nothing()  # [MQTT-3.14.4-3]
        with dying("rude") as client:
            client.send(b"\xf0\0")
            client.is_closed()
        gone("rude")
        with dying("taken") as client, dying("taken") as again:
            gone("taken")
            client.is_closed()
            again.leave()
        with dying("silent", keep_alive=1) as client:
            client.is_closed()
        gone("silent")
        # One is published once, and what comes after it in its session has none [MQTT-3.1.2-10]
        # [MQTT-3.1.2-12].
        dying("again", clean=False).cut()
        gone("again")
        broker.client("again", clean=False, present=True).cut()
        dying("again", clean=False, present=True).leave()
        broker.client("again", clean=False, present=True).cut()
        while broker.text().count("again: closed") < 4:
            watcher.nothing()
        watcher.subscribe(("w/+", 0))
        watcher.nothing()  # and none is retained [MQTT-3.1.2-16]
        dying("remembered", retain=1).cut()
        watcher.message()
        watcher.subscribe(("w/remembered", 0))
        got = watcher.message()
        equal((got.payload, got.retain), (b"remembered is gone", 1), "[MQTT-3.1.2-17] retained")


def sessions():
    with Broker() as broker, broker.client("p") as sender:
        client = broker.client("s", clean=False)  # there is none yet [MQTT-3.2.2-3]
        client.subscribe(("q/#", 2), ("away", 1))
        client.leave()
        wanted = []
        for i in range(60):
            sender.publish(f"q/{i % 3}", str(i), i % 3)
            if i % 3:
                wanted.append((f"q/{i % 3}", str(i).encode(), i % 3, 0, 0))
        with broker.client("S", clean=False, present=False) as client:
            client.nothing()  # it is the id that counts, and all of it [MQTT-3.1.3-2]
        with broker.client("s", clean=False, present=True) as client:  # [MQTT-3.2.2-2]
            got = [client.message() for _ in wanted]
            equal([(m.topic, m.payload, m.qos, m.dup, m.retain) for m in got], wanted,
                  "[MQTT-3.1.2-5] the queue")  # fmt: skip
            client.nothing()
            sender.publish("away", "now", 1)
            equal(client.message().payload, b"now", "[MQTT-3.1.2-4] [MQTT-4.1.0-1] subscriptions")
            client.leave()
        with broker.client("s", clean=True, present=False) as client:  # [MQTT-3.2.2-1]
            sender.publish("away", "now", 1)
            client.nothing()  # forgotten [MQTT-3.1.2-6] [MQTT-3.1.4-3]
            client.subscribe(("away", 1))
            for _ in range(3):
                sender.publish("away", "now", 1)
                equal(client.message().payload, b"now", "[MQTT-4.1.0-2] while it is connected")
            client.leave()
        with broker.client("s", clean=False, present=False) as client:
            sender.publish("away", "now", 1)
            client.nothing()  # the clean session is not used again [MQTT-3.1.2-6]
        with broker.client("") as one, broker.client("") as two:  # different ids [MQTT-3.1.3-6]
            for client, topic in ((one, "one"), (two, "two")):
                client.subscribe((topic, 1))
                sender.publish(topic, topic, 1)
                equal(client.message().payload.decode(), topic, "[MQTT-3.1.3-6] as with an id")
            one.nothing()
            two.nothing()


def unsubscribing():
    with Broker() as broker, broker.client("p") as sender:
        client = broker.client("s", clean=False)
        client.subscribe(("a/+", 1), ("a/b", 2), ("A/b", 1), ("a", 1), ("c", 1), ("d", 0), ("e", 2))
        client.unsubscribe("never there")  # [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-2.3.1-7]
        client.unsubscribe("a/+")
        client.unsubscribe("A/+", "a/#", "A")
        for topic in ("a/b", "a/x", "A/b", "a"):
            sender.publish(topic, topic, 2)
        got = [(m.topic, m.qos) for m in (client.message() for _ in range(3))]
        equal(got, [("a/b", 2), ("A/b", 1), ("a", 1)], "[MQTT-3.10.4-1] the others remain")
        client.nothing()
        client.unsubscribe("d", "none", "a/b", "c")
        for topic in ("d", "a/b", "c", "A/b"):
            sender.publish(topic, topic, 1)
        equal(client.message().topic, "A/b", "[MQTT-3.10.4-2] [MQTT-3.10.4-6]")
        client.nothing()
        client.unsubscribe("a", *["none"] * 50000, "A/b")  # more than is done at once
        client.nothing()
        for topic in ("a", "A/b"):
            sender.publish(topic, topic, 1)
        client.nothing()
        client.subscribe(("c", 1), ("e", 2))
        for topic, qos in (("c", 1), ("e", 2)):
            sender.publish(topic, "begun", qos)
        begun = [client.message(answer=False) for _ in range(2)]
        client.unsubscribe("c", "e")
        client.cut()
        broker.logs("s: closed")
        with broker.client("s", clean=False, present=True) as client:
            again = [client.message() for _ in range(2)]
            equal([(m.id, m.topic, m.qos, m.dup) for m in again],
                  [(m.id, m.topic, m.qos, 1) for m in begun], "[MQTT-3.10.4-3]")  # fmt: skip
            client.nothing()


def takeover():
    with Broker() as broker, broker.client("p") as sender:
        first = broker.client("s", clean=False)
        first.subscribe(("t", 1))
        sender.publish("t", "unanswered", 1)
        equal(first.message(answer=False).dup, 0, "DUP")
        with broker.client("s", clean=False, present=True) as second:
            first.is_closed()  # [MQTT-3.1.4-2]
            got = second.message()
            equal((got.payload, got.dup), (b"unanswered", 1), "goes on here")
            with broker.client("s", clean=True):
                second.is_closed()
        first.cut()
        with broker.client("clean") as first:
            first.subscribe(("t", 1))
            with broker.client("clean", clean=False, present=False) as second:
                first.is_closed()
                sender.publish("t", "for nobody", 1)
                second.nothing()


def takeover_of_a_connection_with_unread_input():
    """What the old connection has sent comes first, its DISCONNECT too."""
    count = 5000  # takes many turns
    options = ["--max-queue", "10000"]
    with Broker(*options, verbose=False) as broker, broker.client("w") as watcher:
        watcher.subscribe(("t/#", 1))
        for clean in (False, True, False):
            old = broker.client("c", clean=clean, will=("t/will", "gone", 0, 0))
            old.send(*(publish("t/a", str(k)) for k in range(count)), packet(0xE0, b""))
            old.cut()
            with broker.client("c", clean=clean, present=not clean) as client:
                got = [watcher.message().payload for _ in range(count)]
                equal(got, [str(k).encode() for k in range(count)], "what it sent")
                client.nothing()
                watcher.nothing()  # [MQTT-3.14.4-3] [MQTT-3.1.2-10] no will
                client.leave()


def takeover_of_a_connection_that_sends_on():
    """The CONNECT waits, but not for ever; who may not log in is refused without waiting."""
    with tempfile.TemporaryDirectory() as work:
        users = pathlib.Path(work) / "users"
        users.write_text("u:p\n")
        options = ["--users", str(users), "--no-anonymous", "--max-output", "50000"]
        # Where it is cut, a packet may be half sent.
        with Broker(*options, verbose=False, malformed=(False, True)) as broker:
            login = {"user": "u", "password": "p"}
            with broker.client("c", **login, small=True) as old:
                old.socket.setblocking(False)
                left = pings = packet(0xC0, b"") * 20000
                while select.select([], [old.socket], [], 2)[1]:  # it reads no answers
                    with contextlib.suppress(BlockingIOError):
                        left = left[old.socket.send(left) :] or pings
                with broker.client() as client, broker.client() as stranger:
                    client.send(connect("c", **login))
                    stranger.send(connect("c", user="u", password="wrong"))
                    equal(stranger.receive(), (0x20, b"\0\5"), "CONNACK")
                    check(not select.select([client.socket], [], [], 0.5)[0], "it waits")
                    equal(client.receive(), (0x20, b"\0\0"), "CONNACK")
                    client.nothing()
                    broker.logs("c: another connection takes its client id over")


def what_was_sent_before_the_end():
    """A client sends, says DISCONNECT and closes: all of it counts, whatever it leaves unread."""
    options = ["--max-retained", "20000"]
    with Broker(*options, verbose=False) as broker, broker.client("w") as watcher:
        watcher.subscribe(("t/#", 1))
        with broker.client("p") as filler:
            filler.send(*(publish(f"r/{i}", "m", retain=True) for i in range(20000)))
            filler.nothing()
        for i in range(20):
            client = broker.client(f"c{i}", will=("t/will", "gone", 0, 0))
            client.send(subscribe(1, (("t/#", "r/#")[i % 2], 0)))
            client.receive()
            count = 200  # takes more than one turn
            client.send(*(publish("t/a", str(k)) for k in range(count)), packet(0xE0, b""))
            client.cut()
            got = [watcher.message().payload for _ in range(count)]
            equal(got, [str(k).encode() for k in range(count)], "what it sent")
        time.sleep(0.1)
        watcher.nothing()  # [MQTT-3.14.4-3] [MQTT-3.1.2-10] no will


def overlapping_subscriptions():
    with Broker() as broker, broker.client("s") as client:
        client.subscribe(("o/#", 0), ("o/+", 2), ("o/x", 1), ("#", 1))
        with broker.client("p") as sender:
            for qos in range(3):
                sender.publish("o/x", "once", qos)
                equal(client.message().qos, qos, "[MQTT-3.3.5-1] the highest QoS")
                client.nothing()


def topics_that_begin_with_a_dollar():
    with Broker() as broker, broker.client("s") as client:
        client.subscribe(("#", 2), ("+/x", 2))
        client.publish("$other/x", "m", 1, retain=True)
        client.nothing()  # no wildcard at the beginning matches [MQTT-4.7.2-1]
        client.subscribe(("$other/#", 1))
        got = client.message()
        equal((got.topic, got.qos, got.retain), ("$other/x", 1, 1), "asked for by name")


def keep_alive():
    with Broker("--connect-timeout", "1") as broker:
        silent = broker.client()
        with broker.client("pings", keep_alive=2) as client, broker.client("for ever") as still:
            start = time.monotonic()
            while time.monotonic() < start + 4:
                time.sleep(0.5)
                last = time.monotonic()
                client.nothing()
            client.is_closed()
            took = time.monotonic() - last
            check(2.99 < took < 4, f"[MQTT-3.1.2-24] {took} seconds after a keep alive of 2")
            still.nothing()
        silent.is_closed()
        silent.cut()


def violations():
    cases = {
        "PINGREQ first": packet(0xC0, b""),
        "PUBLISH first": publish("a", "m"),
        "another protocol": packet(0x10, field("MQIsdp") + b"\3\2\0\0" + field("a")),
        "reserved connect flag": packet(0x10, field("MQTT") + b"\4\3\0\0" + field("a")),
        "second CONNECT": connect("a") + connect("a"),
        "wildcard in a topic name": connect("a") + publish("a/#", ""),
        "QoS 3": connect("a") + b"\x36\x04\0\1a\0",
        "no packet id": connect("a") + publish("a", "", 1, 0),
        "SUBSCRIBE without filters": connect("a") + packet(0x82, b"\0\1"),
        "SUBSCRIBE with QoS 3": connect("a") + subscribe(1, ("a", 3)),
        "flags of a SUBSCRIBE": connect("a") + packet(0x80, b"\0\1\0\1a\0"),
        "flags of a PUBREL": connect("a") + b"\x60\x02\0\1",
        "flags of a DISCONNECT": connect("a") + b"\xe1\0",
        "remaining length": connect("a") + b"\xc0\x80\x80\x80\x80\0",
        "U+0000": connect("a") + publish("a\0b", ""),
        "ill-formed UTF-8": connect("a") + publish(b"\xc0\x80", ""),
        "a server's packet": connect("a") + packet(0xD0, b""),
        "user name missing": packet(0x10, field("MQTT") + b"\4\x82\0\0" + field("a")),
    }
    with Broker(malformed=(True,)) as broker, broker.client("other") as other:
        other.subscribe(("#", 0))
        for name, data in cases.items():
            with broker.client() as client:
                client.send(data)
                if data.startswith(connect("a")):
                    equal(client.receive(), (0x20, b"\0\0"), name)
                # [MQTT-3.1.0-1] [MQTT-3.1.0-2] [MQTT-4.8.0-1], and no CONNACK [MQTT-3.2.2-6]
                client.is_closed()
            other.nothing()
        for code, data in ((1, connect("a", level=5)), (2, connect("", clean=False))):
            with broker.client() as client:
                client.send(data, publish("t", "m", 1, 1), packet(0xC0, b""))
                equal(client.receive(), (0x20, bytes([0, code])), "[MQTT-3.1.3-9] CONNACK")
                client.is_closed()  # [MQTT-3.2.2-5]
            other.nothing()  # of what came after it [MQTT-3.1.4-5]
        check("[MQTT-3.1.0-1]" in broker.text(), "the log has the clause")


def a_fixed_header_is_enough():
    with Broker("--max-packet", "1000") as broker:
        for data in (b"\x30\xff\xff\xff\x7f", b"\x10\xff\xff\xff\x7f", b"\x10\xe6\x07"):
            with broker.client() as client:
                client.send(data)
                client.is_closed()


def users():
    with tempfile.TemporaryDirectory() as work:
        path = os.path.join(work, "users")
        pathlib.Path(path).write_text("maria:κωδικός:1\n\nempty:\r\n", encoding="utf-8")
        good = [("maria", "κωδικός:1"), ("empty", ""), ("empty", None)]
        bad = [("maria", "κωδικός"), ("maria", "κωδικός:2"), ("maria", None), ("nobody", "x"),
               ("", "")]  # fmt: skip
        for options, code in (([], 0), (["--no-anonymous"], 5)):
            with Broker("--users", path, *options) as broker:
                for user, password in good:
                    broker.client("a", user=user, password=password).leave()
                for user, password in bad:
                    with broker.client() as client:
                        client.send(connect("a", user=user, password=password))
                        equal(client.receive(), (0x20, b"\0\5"), f"{user} {password}")
                        client.is_closed()
                with broker.client() as client:
                    client.send(connect("a"))
                    equal(client.receive(), (0x20, bytes([0, code])), "anonymous")
                    if code:
                        client.is_closed()
        for text, line in ("no colon\n", 1), ("a:b\n\nno colon\nc:d\n", 3):
            pathlib.Path(path).write_text(text, encoding="utf-8")
            refused(["--users", path], f"{path}, line {line}: This is not name:password.")
        refused(["--users", path + "x"], f"{path}x: No such file or directory.")
        refused(["--no-anonymous"], "With --no-anonymous, --users must say who may log in.")


def refused(options, message):
    done = subprocess.run([sys.argv[1], *options], capture_output=True, timeout=SECONDS,
                          check=False)  # fmt: skip
    equal((done.returncode, done.stdout, done.stderr.decode()),
          (1, b"", f"mqtt_broker: {message}\n"), f"{options}")  # fmt: skip


def options():
    range_of = "The value must be a number from"
    refused(["-p", "abc"], f"-p abc: {range_of} 0 to 65535.")
    refused(["-p", "65536"], f"-p 65536: {range_of} 0 to 65535.")
    refused(["--max-packet", "15"], f"--max-packet 15: {range_of} 16 to 268435460.")
    refused(["--max-queue", "-1"], f"--max-queue -1: {range_of} 1 to 1000000000.")
    refused(["--max-queue", " 1"], f"--max-queue  1: {range_of} 1 to 1000000000.")
    refused(["--max-queue", "1x"], f"--max-queue 1x: {range_of} 1 to 1000000000.")
    refused(["--max-queue"], "The option --max-queue needs a value; --help says more.")
    refused(["--nonsense"], "There is no option --nonsense here; --help lists them.")
    for name, start in ("--help", b"Usage: mqtt_broker "), ("-h", b"Usage: mqtt_broker "), (
            "--version", b"mqtt_broker 0.3.0\n"):  # fmt: skip
        done = subprocess.run([sys.argv[1], name], capture_output=True, timeout=SECONDS,
                              check=False)  # fmt: skip
        equal((done.returncode, done.stderr), (0, b""), name)
        check(done.stdout.startswith(start), f"{name}: {done.stdout!r}")


def limits():
    options = ["--max-packet", "1000", "--max-subscriptions", "3", "--max-connections", "4",
               "--max-queue", "5", "--max-sessions", "4", "--max-retained", "3"]  # fmt: skip
    with Broker(*options) as broker, broker.client("p") as sender:
        with broker.client("large") as client:
            size = 1000 - 3 - 3
            client.publish("t", "x" * (size - 2), 1)
            client.send(publish("t", "x" * (size + 1)))
            client.is_closed()
            broker.logs("large: a PUBLISH of 1001 bytes is larger than --max-packet, 1000; the "
                        "connection is closed")
        with broker.client("s") as client:
            wanted = [("1", 1), ("2", 2), ("1", 0), ("3", 1)]
            equal(client.subscribe(*wanted), [1, 2, 0, 1], "[MQTT-3.9.3-1] in one packet")
            equal(client.subscribe(("3", 1), ("4", 1)), [1, 128], "one by one")
            client.unsubscribe("1")
            equal(client.subscribe(("4", 1)), [1], "in the place of another")
            client.leave()
        broker.logs("s: closed")
        with broker.client("b"), broker.client("c"), broker.client("d"):
            with broker.client() as client:
                client.is_closed()
            sender.nothing()
        for name in "bcd":
            broker.logs(f"{name}: closed")
        for name in ("k1", "k2", "k3"):
            with broker.client(name, clean=False) as client:
                client.subscribe(("t", 1))
                client.leave()
        for i in range(9):
            sender.publish("t", str(i), 1)
        with broker.client("k1", clean=False, present=True) as client:
            equal([client.message().payload for _ in range(5)], [b"0", b"1", b"2", b"3", b"4"], "")
            client.nothing()
        for i in range(5):
            sender.publish(f"r/{i}", "m", 0, retain=True)
        sender.publish("r/1", "replaced", 1, retain=True)
        sender.subscribe(("r/+", 0))
        equal(sorted(sender.message().topic for _ in range(3)), ["r/0", "r/1", "r/2"], "retained")
        sender.nothing()
        sender.send(publish("r/4", "m", 1, 9, retain=True))
        sender.is_closed()  # [MQTT-4.8.0-2] [MQTT-3.3.5-2]


def more_sessions_than_there_may_be():
    """The client that is away longest loses its session; without one away there is no place."""
    with Broker("--max-sessions", "4") as broker, broker.client("p"):
        for name in ("k1", "k2", "k3"):
            with broker.client(name, clean=False) as client:
                client.leave()
            broker.logs(f"{name}: closed")
            time.sleep(0.01)
        with broker.client("k1", clean=False, present=True) as client:
            client.leave()
        with broker.client("new", clean=False):
            broker.logs("k2: its session ends")
            with broker.client("k1", clean=False, present=True):
                with broker.client("k2", clean=False, present=False), broker.client() as client:
                    client.send(connect("k3"))
                    equal(client.receive(), (0x20, b"\0\3"), "all have connections")
                    client.is_closed()


def limits_of_what_a_publish_costs():
    """Subscriptions of all sessions, and the lengths of filters and of topic names."""
    with Broker("--max-subscriptions", "3", "--max-topic", "20") as broker:
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(broker.client(f"c{i}")) for i in range(11)]
            for client in clients[:10]:
                equal(client.subscribe(("1", 1), ("2", 1), ("3", 1)), [1, 1, 1], "three of each")
            equal(clients[10].subscribe(("1", 1)), [128], "and thirty in all")
            equal(clients[0].subscribe(("1", 0)), [0], "in place of another")
            clients[0].unsubscribe("1", "4")
            equal(clients[10].subscribe(("1", 1), ("2", 1)), [1, 128], "one is free again")
            clients[1].leave()
            broker.logs("c1: closed")
            equal(clients[10].subscribe(("2", 1)), [1], "and those of a session that ended")
        for i in range(11):
            broker.logs(f"c{i}: closed")
        with broker.client("p") as sender, broker.client("w") as watcher:
            equal(watcher.subscribe(("#", 1), ("t" * 21, 1)), [1, 128], "the longest filter")
            sender.publish("t" * 20, "m", 1)
            equal(watcher.message().topic, "t" * 20, "the longest topic name")
            for qos in (0, 1):
                with broker.client("long", will=("w" * 21, "m", 0, 1)) as client:
                    client.send(publish("t" * 21, "m", qos, 1, retain=True))
                    client.is_closed()  # [MQTT-4.8.0-2]
            broker.logs("its will cannot be published or retained")
            watcher.subscribe(("+", 1))
            watcher.nothing()  # nor is anything retained


def qos_2_is_taken_once():
    """Two messages are eight packets; their sender is cut after each, and sends again."""
    for steps in range(9):
        with Broker() as broker, broker.client("s") as receiver:
            receiver.subscribe(("t", 2))
            flow = [publish("t", "one", 2, 5), publish("t", "two", 2, 6)]
            flow += [ack(PUBREL, 5), ack(PUBREL, 6)]
            answers = [(PUBREC, 5), (PUBREC, 6), (PUBCOMP, 5), (PUBCOMP, 6)]
            with broker.client("p", clean=False) as sender:
                for packets, answer in zip(flow[: (steps + 1) // 2], answers):
                    sender.send(packets)
                    if flow.index(packets) < steps // 2:
                        sender.expect(*answer)
                sender.socket.shutdown(socket.SHUT_WR)  # what was sent will be read
                broker.logs("p: closed")
            with broker.client("p", clean=False, present=True) as sender:
                for packets, answer in list(zip(flow, answers))[steps // 2 :]:
                    dup = packets[0] >> 4 == PUBLISH and packets in flow[: (steps + 1) // 2]
                    sender.send(bytes([packets[0] | dup << 3]) + packets[1:])
                    sender.expect(*answer)
                got = [receiver.message().payload for _ in range(2)]
                equal(got, [b"one", b"two"], f"[MQTT-4.3.3-2] cut after {steps}")
                receiver.nothing()
                sender.send(ack(PUBREL, 5))
                sender.expect(PUBCOMP, 5)
                sender.publish("t", "a new one", 2)  # with an id that is free again
                sender.send(publish("t", "and another", 2, 5))
                got = [receiver.message().payload for _ in range(2)]
                equal(got, [b"a new one", b"and another"], "[MQTT-4.3.3-2] new messages")
            receiver.send(ack(PUBREC, 77))
            receiver.expect(PUBREL, 77)
            receiver.nothing()


class Subscriber:
    """What a client keeps of its session, to take each QoS 2 message once."""

    def __init__(self):
        self.known = {}  # payloads by packet id, until the PUBREL
        self.taken = []

    def answer(self, first, body):
        if first >> 4 == PUBLISH:
            got = Message(first, body)
            if got.id not in self.known:
                self.known[got.id] = got.payload
                self.taken.append(got.payload)
            equal(self.known[got.id], got.payload, "under the same id")
            return ack(PUBREC, got.id)
        equal(first, 0x62, "PUBREL")
        self.known.pop(int.from_bytes(body, "big"), None)
        return ack(PUBCOMP, int.from_bytes(body, "big"))

    def go(self, client, steps):
        """Receives and sends so many packets, in turn."""
        for step in range(0, steps, 2):
            reply = self.answer(*client.receive())
            if step + 1 < steps:
                client.send(reply)

    def finish(self, client):
        """Goes on until nothing more comes; returns the PUBLISH packets."""
        published = []
        count = 1
        while count > 0:
            count = 0
            client.send(packet(0xC0, b""))
            while (taken := client.receive()) != (0xD0, b""):
                count += 1
                client.send(self.answer(*taken))
                if taken[0] >> 4 == PUBLISH:
                    published.append(Message(*taken))
        return published


def qos_2_is_resumed_at_every_boundary():
    """Two messages are four packets each way; the subscriber is cut after each of the eight."""
    for steps in range(9):
        with Broker() as broker, broker.client("p") as sender:
            subscriber = Subscriber()
            with broker.client("s", clean=False) as client:
                client.subscribe(("t", 2))
                sender.publish("t", "one", 2)
                sender.publish("t", "two", 2)
                subscriber.go(client, steps)
                client.socket.shutdown(socket.SHUT_WR)  # what was sent will be read
                broker.logs("s: closed")
            answered = min(2, steps // 2)  # the first two answers are PUBRECs
            with broker.client("s", clean=False, present=True) as client:
                again = subscriber.finish(client)
                equal([m.payload for m in again], [b"one", b"two"][answered:], f"after {steps}")
                equal({m.dup for m in again} - {1}, set(), "[MQTT-3.3.1-1] DUP")
                client.leave()
            # [MQTT-4.3.3-1] [MQTT-4.4.0-1]
            equal(subscriber.taken, [b"one", b"two"], f"messages, cut after {steps}")
            with broker.client("s", clean=False, present=True) as client:
                client.nothing()


def pubrels_keep_their_order():
    with Broker() as broker, broker.client("p") as sender:
        client = broker.client("s", clean=False)
        client.subscribe(("t", 2))
        for i in range(6):
            sender.publish("t", str(i), 2)
        ids = [client.message(answer=False).id for _ in range(6)]
        wanted = [ids[i] for i in (4, 1, 3)]
        for _ in range(2):
            client.send(*(ack(PUBREC, i) for i in wanted))
            for i in wanted:
                client.expect(PUBREL, i)  # [MQTT-4.6.0-4]
        client.cut()
        broker.logs("s: closed")
        with broker.client("s", clean=False, present=True) as client:
            for i in wanted:
                client.expect(PUBREL, i)  # again [MQTT-4.4.0-1], in this order [MQTT-4.6.0-4]
            got = [client.message(answer=False).id for _ in range(3)]
            equal(got, [ids[i] for i in (0, 2, 5)], "[MQTT-4.6.0-1] the PUBLISH packets")
            client.nothing()


def packet_ids_wrap_around():
    """65,700 messages; ids come again, but not the two that are in use [MQTT-2.3.1-4]."""
    with Broker("--max-queue", "2000") as broker, broker.client("p") as sender:
        with broker.client("s", clean=False) as client:
            client.subscribe(("t", 2))
            held = []
            for qos in (1, 2):
                sender.publish("t", "held", qos)
                held.append(client.message(answer=False).id)
            seen = []
            while len(seen) < 65700:
                sender.send(*(publish("t", "m", 1, 1) for _ in range(900)))
                for _ in range(900):
                    sender.receive()
                got = []
                for _ in range(900):
                    got.append(int.from_bytes(client.receive()[1][3:5], "big"))
                    if len(got) % 30 == 0:
                        client.send(*(ack(PUBACK, i) for i in got[-30:]))
                seen += got
            check(0 not in seen and not set(held) & set(seen), "an id in use, or 0")
            check(len(set(seen)) == 65533, f"{len(set(seen))} ids of 65,535, but two")
            client.nothing()


def qos_1_is_resent_in_order():
    with Broker() as broker, broker.client("p") as sender:
        client = broker.client("s", clean=False)
        client.subscribe(("t", 1))
        for i in range(100):
            sender.publish("t", str(i), 1)
        first = [client.message(answer=False) for _ in range(64)]  # the window
        client.nothing()
        equal({m.dup for m in first}, {0}, "[MQTT-4.3.2-1] DUP")
        equal(len({m.id for m in first}), 64, "[MQTT-4.3.2-1] ids in use")
        client.send(ack(PUBACK, first[0].id), ack(PUBACK, first[5].id), ack(PUBACK, 9999))
        first += [client.message(answer=False) for _ in range(2)]
        client.cut()
        broker.logs("s: closed")
        with broker.client("s", clean=False, present=True) as client:
            got = [client.message(answer=False) for _ in range(64)]
            wanted = [m for i, m in enumerate(first) if i not in (0, 5)]
            # Those without a PUBACK [MQTT-4.3.2-1], with their ids [MQTT-4.4.0-1].
            equal([(m.id, m.payload) for m in got], [(m.id, m.payload) for m in wanted],
                  "[MQTT-4.6.0-1] again")  # fmt: skip
            equal({m.dup for m in got}, {1}, "[MQTT-3.3.1-1] DUP")
            for m in got:
                client.send(ack(PUBACK, m.id))
            rest = [client.message() for _ in range(34)]
            equal([m.payload for m in rest], [str(i).encode() for i in range(66, 100)], "the rest")
            equal({m.dup for m in rest}, {0}, "DUP")
            client.nothing()


def acknowledgements_of_the_wrong_type():
    """They end the connection [MQTT-4.8.0-1]; the message comes again on the next one."""
    kinds = {PUBACK: "PUBACK", PUBREC: "PUBREC", PUBCOMP: "PUBCOMP"}
    cases = [(1, None, PUBREC), (1, None, PUBCOMP), (2, None, PUBACK), (2, None, PUBCOMP),
             (2, PUBREC, PUBACK)]  # fmt: skip
    with Broker() as broker, broker.client("p") as sender:
        for i, (qos, right, wrong) in enumerate(cases):
            with broker.client(f"s{i}", clean=False) as client:
                client.subscribe((f"t{i}", qos))
                sender.publish(f"t{i}", "m", qos)
                got = client.message(answer=False)
                if right:
                    client.send(ack(right, got.id))
                    client.expect(PUBREL, got.id)
                client.send(ack(wrong, got.id))
                client.is_closed()
            broker.logs(f"s{i}: the message with packet id {got.id} does not wait for a "
                        f"{kinds[wrong]} [MQTT-4.8.0-1]")
            again = publish(f"t{i}", "m", qos, got.id, dup=True)
            if right:
                again = ack(PUBREL, got.id)
            with broker.client(f"s{i}", clean=False, present=True) as client:
                equal(packet(*client.receive()), again, "nothing is lost")


def acknowledgements_of_an_unknown_id():
    """They are no violation: the client may have a session that the server has lost."""
    with Broker() as broker, broker.client("s") as client:
        client.send(ack(PUBACK, 5), ack(PUBCOMP, 5))
        client.nothing()
        for unknown, answer in (PUBREC, PUBREL), (PUBREL, PUBCOMP):
            client.send(ack(unknown, 5))
            client.expect(answer, 5)
        client.subscribe(("t", 2))
        client.send(publish("t", "m", 2, 7))
        got = client.message(answer=False)
        client.expect(PUBREC, 7)
        client.send(ack(PUBREC, got.id), ack(PUBREC, got.id))  # twice is no violation either
        client.expect(PUBREL, got.id)
        client.expect(PUBREL, got.id)
        client.send(ack(PUBCOMP, got.id), ack(PUBCOMP, got.id))
        client.nothing()


def a_full_queue_stops_its_publishers():
    """A message is acknowledged when there is room for it."""
    numbers = [str(i).encode() for i in range(1, 301)]
    with Broker("--max-queue", "100", verbose=False) as broker:
        for qos, answer in (1, PUBACK), (2, PUBREC):
            with broker.client("p") as sender, broker.client("s") as client:
                client.subscribe(("t", qos))
                sender.send(*(publish("t", n, qos, int(n)) for n in numbers))
                for i in range(1, 101):
                    sender.expect(answer, i)
                sender.nothing()  # but a PINGREQ is answered
                got = [client.message() for _ in range(10)]
                for i in range(101, 111):
                    sender.expect(answer, i)
                sender.nothing()
                got += [client.message() for _ in range(290)]
                equal([m.payload for m in got], numbers, "[MQTT-4.6.0-6] in order, each once")
                for i in range(111, 301):
                    sender.expect(answer, i)
                client.nothing()


def what_waits_is_handled_after_the_end():
    """A publisher whose messages wait says DISCONNECT: all of them count, its will does not."""
    numbers = [str(i).encode() for i in range(1, 301)]
    with Broker("--max-queue", "100") as broker, broker.client("s") as client:
        client.subscribe(("t", 1), ("will", 1))
        with broker.client("p", will=("will", "gone", 1, 0)) as sender:
            sender.send(*(publish("t", n, 1, int(n)) for n in numbers), packet(0xE0, b""))
            sender.socket.shutdown(socket.SHUT_WR)
            for i in range(1, 101):
                sender.expect(PUBACK, i)
            equal([client.message().payload for _ in range(300)], numbers, "[MQTT-4.5.0-1]")
            broker.logs("p: closed")
        client.nothing()


def a_stalled_subscriber():
    """It delays others by --max-stall, once; what it misses is counted."""
    with Broker("--max-queue", "100", "--max-stall", "1") as broker, broker.client("p") as sender:
        with broker.client("s") as stalled, broker.client("g") as good:
            stalled.subscribe(("t", 1))
            good.subscribe(("t", 2))
            times = []
            for i in range(300):
                times.append(time.monotonic())
                sender.publish("t", str(i), 1 + i % 2)
                equal(good.message().payload, str(i).encode(), "to the other one")
            # The 100th message fills the queue, the next one waits.
            waited = times[101] - times[99]
            check(0.99 < waited < 1.5 + SLACK, f"the one that waits: {waited} seconds")
            others = times[99] - times[0] + time.monotonic() - times[101]
            check(others < SLACK, f"the others: {others} seconds")
            broker.logs("s: the queue is full, messages are dropped: the client does not keep up")
            got = [stalled.message().payload for _ in range(100)]
            equal(got, [str(i).encode() for i in range(100)], "the oldest")
            stalled.nothing()
            sender.publish("t", "now", 1)
            equal(stalled.message().payload, b"now", "it has room again")
            broker.logs("s: 200 messages were dropped")


class Talker:
    """A client that publishes without waiting, answers what comes, and counts it."""

    def __init__(self, client, topic, qos, payloads):
        self.client, self.qos = client, qos
        self.left = b"".join(publish(topic, p, qos, i) for i, p in enumerate(payloads, 1))
        self.got, self.acknowledged = [], 0
        client.socket.setblocking(False)

    def fileno(self):
        return self.client.socket.fileno()

    def answer(self, first, body):
        kind, packet_id = first >> 4, int.from_bytes(body[:2], "big")
        if kind == PUBLISH:
            message = Message(first, body)
            self.got.append(message.payload)
            return ack(PUBACK if self.qos == 1 else PUBREC, message.id)
        self.acknowledged += kind in (PUBACK, PUBCOMP)
        reply = {PUBREC: PUBREL, PUBREL: PUBCOMP}.get(kind)
        return ack(reply, packet_id) if reply else b""

    def receive(self):
        data = self.client.socket.recv(65536)
        check(data, "the server has closed the connection")
        self.client.bytes += data
        while (taken := self.client._take()) is not None:
            self.left += self.answer(*taken)

    def send(self):
        self.left = self.left[self.client.socket.send(self.left[:65536]) :]


def talk(talkers, is_done):
    limit = time.monotonic() + 2 * SECONDS
    while not is_done():
        check(time.monotonic() < limit, f"stuck: {[len(t.got) for t in talkers]}")
        readable, writable, _ = select.select(talkers, [t for t in talkers if t.left], [], 1)
        for talker in readable:
            talker.receive()
        for talker in writable:
            talker.send()


def clients_that_publish_to_each_other():
    """At full speed: none waits for ever, and no message is lost. The first two send all of theirs
    before their first acknowledgement; the last one publishes to itself."""
    payloads = [b"%d " % i + b"x" * (i % 100) for i in range(5000)]
    with Broker("--max-queue", "50", verbose=False) as broker:
        for qos in (1, 2):
            for names in ("ab", "a"):
                with contextlib.ExitStack() as stack:
                    talkers = []
                    for name in names:
                        client = stack.enter_context(broker.client(name))
                        client.subscribe((name, qos))
                        others = names.replace(name, "") or name
                        talkers.append(Talker(client, others, qos, payloads))
                    talk(talkers, lambda: all(t.acknowledged == len(t.got) == len(payloads)
                                              for t in talkers))  # fmt: skip
                    equal([t.got == payloads for t in talkers], [True] * len(talkers), "in order")


def a_publisher_that_is_not_read():
    """When many of its packets wait, the server stops reading. No message is lost."""
    payloads = [b"%d " % i + b"x" * 900 for i in range(30000)]
    options = ["--max-queue", "50", "--max-packet", "1000", "--max-stall", "3600"]
    with Broker(*options, verbose=False) as broker:
        with broker.client("s") as client, broker.client("p", small=True) as sender:
            client.subscribe(("t", 1))
            talkers = [Talker(sender, "t", 1, payloads), Talker(client, "none", 1, [])]
            limit = time.monotonic() + SECONDS
            while select.select([], [sender.socket], [], 0.5)[1]:
                check(time.monotonic() < limit, "the server reads for ever")
                talkers[0].send()
            check(len(talkers[0].left) > 1000000, "the server reads all")
            talk(talkers, lambda: talkers[0].acknowledged == len(talkers[1].got) == len(payloads))
            equal(talkers[1].got == payloads, True, "all, in order")


def a_publisher_that_waits_for_itself():
    """Its acknowledgements are behind so many messages to itself that the server does not read
    them. After --max-stall messages are dropped, and it goes on."""
    payloads = [b"%d " % i + b"x" * 900 for i in range(30000)]
    options = ["--max-queue", "50", "--max-packet", "1000", "--max-stall", "1"]
    with Broker(*options, verbose=False) as broker, broker.client("p", small=True) as client:
        client.subscribe(("t", 1))
        talker = Talker(client, "t", 1, payloads)
        talk([talker], lambda: talker.acknowledged == len(payloads))
        broker.logs("p: the queue is full, messages are dropped: the client does not keep up")
        numbers = [int(payload.split()[0]) for payload in talker.got]
        equal(numbers[:50], list(range(50)), "the first ones")
        equal(numbers, sorted(set(numbers)), "the others that come, in order")


def processor_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ten_thousand_subscriptions():
    """Of one client, which is what a controller of many devices has; in linear time."""
    filters = [f"house/{i}/+/state" if i % 10 == 0 else f"house/{i}/state" for i in range(10000)]
    with Broker(verbose=False) as broker, broker.client("s") as client:
        for i in range(0, 10000, 50):
            equal(client.subscribe(*((f, 1) for f in filters[i : i + 50])), [1] * 50, "granted")
        equal(client.subscribe(("one more", 1)), [128], "the limit")
        client.send(publish("house/9999/state", "m", 0), publish("house/10/x/state", "n", 0))
        equal([client.message().topic for _ in range(2)], ["house/9999/state", "house/10/x/state"],
              "delivered")  # fmt: skip
        for i in range(9950, -1, -50):
            client.unsubscribe(*filters[i : i + 50])
        client.send(publish("house/9999/state", "m", 0))
        client.nothing()
        if os.path.exists(f"/proc/{broker.process.pid}/stat") and not TAP:
            seconds = processor_seconds(broker.process)
            check(seconds < 1, f"{seconds} seconds of the processor")


def qos_0_makes_room():
    with Broker("--max-queue", "70") as broker, broker.client("p") as sender:
        with broker.client("s") as client:
            client.subscribe(("t", 1))
            for i in range(65):  # one more than may be in flight
                sender.publish("t", str(i), 1)
            for i in range(65, 72):  # five find room
                sender.publish("t", str(i), 0)
            for i in range(72, 74):  # these take the room of the oldest two
                sender.publish("t", str(i), 1)
            got = [client.message(answer=False) for _ in range(64)]
            client.nothing()
            client.send(*(ack(PUBACK, m.id) for m in got))
            rest = [int(client.message().payload) for _ in range(6)]
            equal(rest, [64, 67, 68, 69, 72, 73], "what is left")
            client.nothing()
        with broker.client("k", clean=False) as client:
            client.subscribe(("t", 1))
            for i in range(70):  # QoS 0 is not kept
                sender.publish("t", str(i), 1 if i < 65 else 0)
            sender.nothing()
        broker.logs("k: closed")
        with broker.client("k", clean=False, present=True) as client:
            equal([int(client.message().payload) for _ in range(65)], list(range(65)), "QoS 1")
            client.nothing()
            client.leave()
        for i in range(80):
            sender.publish("t", str(i), 1)
        broker.logs("k: the queue is full, messages are dropped: the client is away")
        with broker.client("k", clean=False, present=True) as client:
            broker.logs("k: 10 messages were dropped")
            equal([int(client.message().payload) for _ in range(70)], list(range(70)), "the oldest")
            client.nothing()


def a_client_that_never_reads():
    payload = b"x" * 20000
    options = ["--max-output", "50000", "--max-packet", "30000"]
    with Broker(*options) as broker, broker.client("p") as sender:
        lazy = broker.client("lazy", small=True, clean=False)
        lazy.subscribe(("t", 1))
        with broker.client("s") as client:
            client.subscribe(("t", 1))
            for i in range(500):
                qos = 1 if i % 2 else 0
                sender.publish("t", b"%4d" % i + payload, qos)
                equal(client.message().payload[:4], b"%4d" % i, "to the other")
        last, ones = -1, []
        while len(ones) < 250:
            got = lazy.message()
            index = int(got.payload[:4])
            check(index > last and len(got.payload) == 20004, "in order, and whole")
            last = index
            if got.qos:
                ones.append(index)
        equal(ones, list(range(1, 500, 2)), "QoS 1 waits")
        lazy.nothing()
        lazy.cut()


def a_client_that_reads_no_answers():
    """It is not read any more; others are."""
    options = ["--max-output", "50000", "--max-packet", "30000"]
    # Where it is cut, a packet may be half sent.
    with Broker(*options, verbose=False, malformed=(False, True)) as broker:
        with broker.client("p") as sender, broker.client("flood", small=True) as flood:
            flood.socket.setblocking(False)
            left = pings = packet(0xC0, b"") * 20000
            for _ in range(5000):
                if not select.select([], [flood.socket], [], 0.5)[1]:
                    break
                with contextlib.suppress(BlockingIOError):
                    left = left[flood.socket.send(left) :] or pings
                sender.nothing()
            else:
                check(False, "the server reads for ever")
            sender.nothing()
            flood.cut()
            sender.nothing()


def what_the_log_says():
    """With -v each packet, and how a connection ended; the lines of a connection begin with its id."""
    cases = [
        (packet(0xE0, b""), ["DISCONNECT", "closed after its DISCONNECT"]),
        (b"", ["closed by the client, without DISCONNECT"]),
        (packet(0xC0, b"") + b"\xc0", ["PINGREQ", "closed by the client, without DISCONNECT"]),
        (b"\xc1\0", ["byte 0 of a packet: The fixed header flags are not valid for this packet type. "
                     "[MQTT-2.2.2-1]", "closed by the server"]),
        (connect("id"), ["a second CONNECT [MQTT-3.1.0-2]", "closed by the server"]),
        (publish("a/b", "12345", 1, 7) + publish("a\x1bb", ""),
         ["PUBLISH at QoS 1, 5 bytes of payload, topic a/b",
          "PUBLISH at QoS 0, 0 bytes of payload, topic a?b",
          "closed by the client, without DISCONNECT"]),
        (subscribe(1, ("#", 0)), ["SUBSCRIBE", "closed by the client, without DISCONNECT"]),
    ]  # fmt: skip
    for data, wanted in cases:
        with Broker(malformed=(False, True)) as broker:
            with broker.client("id") as client:
                client.send(data)
                client.socket.shutdown(socket.SHUT_WR)
                broker.logs("id: closed ")
            equal(logged(broker), ["CONNECT, client id id", *(f"id: {line}" for line in wanted)],
                  "the log")  # fmt: skip
    with Broker() as broker, broker.client("id") as client:
        client.send(publish("t" * 600, "1"))
        client.nothing()
        check(re.fullmatch("id: PUBLISH at QoS 0, 1 bytes of payload, topic t{350,500}",
                           logged(broker)[1]), "a long line")  # fmt: skip
    with Broker("--no-anonymous", "--users", os.devnull) as broker:
        with broker.client() as client:
            client.send(connect("x" * 100))
            equal(client.receive(), (0x20, b"\0\5"), "CONNACK")
            client.is_closed()
            client.cut()
            broker.logs("closed")
        equal(logged(broker), ["CONNECT, client id " + "x" * 100, "refused with return code 5",
                               "closed by the server"], "a refused client")  # fmt: skip
    with Broker() as broker, broker.client("id", keep_alive=1) as client:
        client.is_closed()
        broker.logs("closed")
        equal(logged(broker)[1:], [
            "id: nothing came in one and a half times the keep alive [MQTT-3.1.2-24]",
            "id: closed by the server"], "keep alive")  # fmt: skip
    with Broker() as broker, broker.client("id") as old, broker.client("id"):
        old.is_closed()
        broker.logs("closed")
        equal(logged(broker)[2:], ["id: another connection takes its client id over",
                                   "closed by the server"], "takeover")  # fmt: skip


def logged(broker):
    """The lines of the log without the address of the client."""
    start = re.compile(r"mqtt_broker: 127\.0\.0\.1:\d+: ")
    lines = broker.text().splitlines()
    check(all(start.match(line) for line in lines), lines)
    return [start.sub("", line, count=1) for line in lines]


def a_log_that_nobody_reads():
    reader, writer = os.pipe()
    with Broker(log=writer) as broker, broker.client("a" * 2000) as client:
        os.close(writer)
        for _ in range(50):
            client.send(packet(0xC0, b"") * 1000)  # each is a line
            for _ in range(1000):
                equal(client.receive(), (0xD0, b""), "PINGRESP")
        lines = os.read(reader, 65536).splitlines(keepends=True)
        check(len(lines) > 5, "what the pipe had room for")
        whole = re.compile(rb"mqtt_broker: 127\.0\.0\.1:\d+: a{64}: PINGREQ\n")
        check(all(whole.fullmatch(line) for line in lines[1:]), "whole lines")
        os.close(reader)
        client.nothing()


def a_closed_standard_file():
    """What is opened next does not take its place: a client would get the log."""
    with Broker(closed=(0, 2)) as broker:
        clients = [broker.client() for _ in range(3)]
        for i, client in enumerate(clients):
            client.send(connect(str(i)))
            equal(client.receive(), (0x20, b"\0\0"), "CONNACK")
            client.nothing()
        for client in clients:
            client.cut()
    result = subprocess.run([sys.argv[1], "-p", "0"], stdin=subprocess.DEVNULL, check=False,
                            stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1),
                            timeout=SECONDS)  # fmt: skip
    equal(result.returncode, 1, "exit status without standard output")
    check(b"standard output: " in result.stderr, f"{result.stderr!r}")


def a_long_client_id_in_the_log():
    """It hides neither why a connection ends nor that a queue is full."""
    with Broker("--max-queue", "1", malformed=(True,)) as broker, broker.client("p") as sender:
        with broker.client("i" * 600, clean=False) as client:
            client.subscribe(("t", 1))
            client.send(b"\xf0\0")
            client.is_closed()
        broker.logs("i: closed")
        sender.publish("t", "fits", 1)
        sender.publish("t", "does not", 1)
        broker.logs(f": {'i' * 64}: byte 0 of a packet: ")
        broker.logs(f": {'i' * 64}: the queue is full")


def random_bytes():
    seeds = [
        connect("r", clean=False), connect("r", will=("w", "m", 1, 1), user="u", password="p"),
        publish("t/x", "m" * 50, 1, 1), publish("t/x", "m", 2, 2), publish("t", "", retain=True),
        subscribe(3, ("#", 2), ("t/+", 1)), unsubscribe(4, "#", "t/+"), ack(PUBACK, 1),
        ack(PUBREC, 1), ack(PUBREL, 2), ack(PUBCOMP, 1), packet(0xC0, b""), packet(0xE0, b""),
    ]  # fmt: skip
    chance = random.Random(SEED)

    def stream():
        kind = chance.randrange(3)
        if kind == 0:
            return chance.randbytes(chance.randrange(1, 300))
        data = connect(f"r{chance.randrange(5)}", clean=chance.random() < 0.5)
        data += b"".join(chance.choice(seeds[2:]) for _ in range(chance.randrange(1, 30)))
        if kind == 2:
            data = bytearray(data)
            for _ in range(chance.randrange(1, 4)):
                data[chance.randrange(len(data))] = chance.randrange(256)
        return bytes(data)

    with Broker("--max-packet", "5000", malformed=(True,)) as broker:
        with broker.client("p") as sender, broker.client("s") as receiver:
            receiver.subscribe(("safe", 2))
            for i in range(60):
                clients = [broker.client() for _ in range(20)]
                for client in clients:
                    with contextlib.suppress(ConnectionError):
                        client.send(stream())
                sender.publish("safe", str(i), i % 3)
                equal(receiver.message().payload, str(i).encode(), "the others' message")
                for client in clients:
                    client.cut()
            receiver.nothing()


def many_clients():
    with Broker() as broker, broker.client("p") as sender:
        clients = [broker.client(f"c{i}") for i in range(200)]
        for client in clients:
            client.subscribe(("all", 1))
        sender.publish("all", "m" * 1000, 2)
        for client in clients:
            equal(client.message().payload, b"m" * 1000, "message")
        for client in clients:
            client.cut()


TESTS = [
    mosquitto_clients_at_each_qos, mosquitto_session_and_retained, every_pair_of_qos,
    order_of_messages, the_senders_dup_and_ids, byte_by_byte_and_all_at_once, retained_messages,
    more_is_retained_than_the_queue_holds, retained_messages_of_one_bucket, wills, sessions,
    unsubscribing, takeover, takeover_of_a_connection_with_unread_input,
    takeover_of_a_connection_that_sends_on, what_was_sent_before_the_end, overlapping_subscriptions,
    topics_that_begin_with_a_dollar, keep_alive, violations, a_fixed_header_is_enough, users, options, limits,
    more_sessions_than_there_may_be, limits_of_what_a_publish_costs, qos_2_is_taken_once,
    qos_2_is_resumed_at_every_boundary, pubrels_keep_their_order, packet_ids_wrap_around,
    qos_1_is_resent_in_order, acknowledgements_of_the_wrong_type, acknowledgements_of_an_unknown_id,
    a_full_queue_stops_its_publishers, what_waits_is_handled_after_the_end, a_stalled_subscriber,
    clients_that_publish_to_each_other, a_publisher_that_is_not_read,
    a_publisher_that_waits_for_itself, ten_thousand_subscriptions, qos_0_makes_room,
    a_client_that_never_reads, a_client_that_reads_no_answers, what_the_log_says, a_log_that_nobody_reads, a_closed_standard_file,
    a_long_client_id_in_the_log, random_bytes, many_clients,
]  # fmt: skip

# What cannot be shown through the tap, and why.
NOT_THROUGH_TAP = {
    a_fixed_header_is_enough: "it passes on whole packets",
}


def main():
    missing = [program for program in ("mosquitto_pub", "mosquitto_sub")
               if shutil.which(program) is None]
    if missing:
        print(f"skipped: needs {', '.join(missing)}")
        return SKIPPED
    chosen = [test for test in TESTS if not sys.argv[2:] or test.__name__ in sys.argv[2:]]
    failures = 0
    for test in [test for test in chosen if TAP and test in NOT_THROUGH_TAP]:
        print(f"{test.__name__}: left out, not through the tap: {NOT_THROUGH_TAP[test]}")
        chosen.remove(test)
    for test in chosen:
        start = time.monotonic()
        try:
            test()
            result = "ok"
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            result = f"FAILED: {type(error).__name__}: {error}"
            failures += 1
        print(f"{test.__name__}: {result} ({time.monotonic() - start:.1f} s)", flush=True)
    print(f"{len(chosen) - failures} of {len(chosen)} tests passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
