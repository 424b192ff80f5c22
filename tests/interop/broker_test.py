#!/usr/bin/env python3
"""broker_test.py MQTT_BROKER: the example server keeps its promises.

Talks to it with mosquitto's clients and with sockets of its own, on 127.0.0.1. Each test has a server
of its own, which has to end with status 0 when it is told to: a sanitizer's findings change that.
"""

import contextlib
import os
import pathlib
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

SECONDS = 15  # for anything that should come at once
SEED = 20141029
SKIPPED = 77

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
            equal(self.receive(), (0x20, bytes([present, 0])), "CONNACK")

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
        equal(self.receive(), (first, number(packet_id)), f"acknowledgement {kind}")

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
        equal((first, body[:2]), (0x90, number(self.last_id)), "SUBACK")
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
        equal(self.receive(), (0xD0, b""), "PINGRESP")

    def is_closed(self):
        """That the server closes the connection, and sends nothing more before."""
        with contextlib.suppress(ConnectionError):
            equal(self.bytes + self.socket.recv(65536), b"", "after the end")


class Broker:
    def __init__(self, *options):
        self.work = tempfile.TemporaryDirectory()
        self.log = pathlib.Path(self.work.name) / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.argv[1], "-p", "0", "-v", *options],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        line = self.process.stdout.readline().decode()
        check(line.startswith("listening on 127.0.0.1:"), f"{line!r} {self.text()}")
        self.port = int(line.rpartition(":")[2])

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self.process.stdout.close()
        text = self.text()
        self.work.cleanup()
        if kind or status:
            print("\n".join(text.splitlines()[-40:]))
        if not kind:
            equal(status, 0, "exit status")

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
                equal(output().decode().splitlines(), wanted, "mosquitto_sub")
        lines = "".join(f"{i}\n" for i in range(300))
        with broker.mosquitto_sub("lines", "-q", "2", "-t", "lines", "-C", "300") as output:
            broker.logs("lines: SUBSCRIBE")
            equal(broker.mosquitto_pub("-q", "2", "-t", "lines", "-l", data=lines.encode()), 0, "-l")
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
        status = broker.mosquitto_pub("-t", "$SYS/broker/version", "-q", "1", "-r", "-m", "mine")
        equal(status, 0, "a PUBLISH to $SYS")
        with broker.mosquitto_sub("v", "-t", "$SYS/broker/version", "-C", "1") as output:
            check(output().startswith(b"mqtt_broker "), "the version")


def every_pair_of_qos():
    with Broker() as broker, broker.client("p") as sender:
        for published in range(3):
            for granted in range(3):
                with broker.client("s") as receiver:
                    equal(receiver.subscribe(("t/#", granted)), [granted], "granted")
                    sender.publish("t", "m", published)
                    got = receiver.message()
                    equal((got.qos, got.dup, got.retain), (min(published, granted), 0, 0), "QoS")
                    receiver.nothing()
                    receiver.leave()


def byte_by_byte_and_all_at_once():
    with Broker() as broker, broker.client() as client:
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
    with Broker() as broker, broker.client("p") as sender, broker.client("s") as receiver:
        equal(receiver.subscribe(("r/#", 2)), [2], "granted")
        sender.publish("r/1", "first", 2, retain=True)
        got = receiver.message()
        equal((got.payload, got.retain), (b"first", 0), "to an established subscription")
        sender.publish("r/1", "second", 1, retain=True)
        sender.publish("r/1", "passing", 1)
        sender.publish("r/2", "other", 0, retain=True)
        equal([receiver.message().payload for _ in range(3)], [b"second", b"passing", b"other"], "")
        with broker.client("late") as late:
            for granted in (2, 0):  # the second time in place of the first subscription
                equal(late.subscribe(("r/+", granted)), [granted], "granted")
                got = sorted((m.topic, m.payload, m.qos, m.retain)
                             for m in (late.message(), late.message()))  # fmt: skip
                equal(got, [("r/1", b"second", min(1, granted), 1), ("r/2", b"other", 0, 1)], "")
            sender.publish("r/1", "", 1, retain=True)
            got = late.message()
            equal((got.payload, got.retain, got.qos), (b"", 0, 0), "the removal is passed on")
            equal(late.subscribe(("r/1", 1)), [1], "granted")
            late.nothing()


def wills():
    with Broker() as broker, broker.client("w") as watcher:
        watcher.subscribe(("w/#", 2))

        def dying(name, qos=1, retain=0, **options):
            will = (f"w/{name}", f"{name} is gone", qos, retain)
            return broker.client(name, will=will, **options)

        def gone(name, qos=1):
            got = watcher.message()
            equal((got.topic, got.payload.decode(), got.qos, got.retain),
                  (f"w/{name}", f"{name} is gone", qos, 0), "will")  # fmt: skip

        dying("cut", 2).cut()
        gone("cut", 2)
        dying("polite").leave()
        watcher.nothing()
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
        dying("remembered", retain=1).cut()
        gone("remembered")
        watcher.nothing()
        watcher.subscribe(("w/remembered", 0))
        got = watcher.message()
        equal((got.payload, got.retain), (b"remembered is gone", 1), "a retained will")
        will = ("$SYS/x", "x", 1, 0)
        watcher.subscribe(("$SYS/x", 1))
        broker.client("sys", will=will).cut()
        broker.logs("sys: closed")
        watcher.nothing()


def sessions():
    with Broker() as broker, broker.client("p") as sender:
        client = broker.client("s", clean=False)
        client.subscribe(("q/#", 2), ("away", 1), ("gone", 1))
        client.unsubscribe("gone", "never there")
        sender.publish("gone", "1", 1)
        client.nothing()
        client.leave()
        wanted = []
        for i in range(60):
            sender.publish(f"q/{i % 3}", str(i), i % 3)
            if i % 3:
                wanted.append((f"q/{i % 3}", str(i).encode(), i % 3, 0, 0))
        with broker.client("s", clean=False, present=True) as client:
            got = [client.message() for _ in wanted]
            equal([(m.topic, m.payload, m.qos, m.dup, m.retain) for m in got], wanted, "the queue")
            client.nothing()
            sender.publish("away", "now", 1)
            equal(client.message().payload, b"now", "the subscriptions")
            client.leave()
        with broker.client("s", clean=True) as client:  # forgets it
            sender.publish("away", "now", 1)
            client.nothing()
            client.leave()
        with broker.client("s", clean=False, present=False) as client:
            sender.publish("away", "now", 1)
            client.nothing()
        with broker.client("") as one, broker.client("") as two:  # assigned ids are different
            one.nothing()
            two.nothing()


def takeover():
    with Broker() as broker, broker.client("p") as sender:
        first = broker.client("s", clean=False)
        first.subscribe(("t", 1))
        sender.publish("t", "unanswered", 1)
        equal(first.message(answer=False).dup, 0, "DUP")
        with broker.client("s", clean=False, present=True) as second:
            first.is_closed()
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


def overlapping_subscriptions():
    with Broker() as broker, broker.client("s") as client:
        client.subscribe(("o/#", 0), ("o/+", 2), ("o/x", 1), ("#", 1))
        with broker.client("p") as sender:
            for qos in range(3):
                sender.publish("o/x", "once", qos)
                equal(client.message().qos, qos, "the highest QoS")
                client.nothing()


def sys_topics():
    with Broker("--sys-interval", "1") as broker, broker.client("s") as client:
        client.subscribe(("#", 2), ("+/broker/#", 2))
        client.nothing()
        client.subscribe(("$SYS/broker/clients/connected", 2))
        with broker.client("another"):
            while client.message().payload != b"2":
                pass
        client.subscribe(("$SYS/broker/version", 0))
        while (got := client.message()).topic != "$SYS/broker/version":
            pass
        check(got.payload.startswith(b"mqtt_broker") and got.retain, "version")
        client.subscribe(("$other/#", 0))
        client.send(publish("$SYS/mine", "m", 2, 1, retain=True), publish("$other/x", "m"))
        while (taken := client.receive())[0] >> 4 != PUBREC:
            pass
        while not (taken[0] >> 4 == PUBLISH and Message(*taken).topic == "$other/x"):
            taken = client.receive()
    with Broker("--sys-interval", "0") as broker, broker.client("s") as client:
        client.subscribe(("$SYS/#", 0))
        client.nothing()


def keep_alive():
    with Broker("--connect-timeout", "1") as broker:
        silent = broker.client()
        with broker.client("pings", keep_alive=1) as client, broker.client("for ever") as still:
            start = time.monotonic()
            while time.monotonic() < start + 2:
                client.nothing()
                time.sleep(0.2)
            start = time.monotonic()
            client.is_closed()
            took = time.monotonic() - start
            check(1 < took < 6, f"{took} seconds after a keep alive of 1")
            still.nothing()
        silent.is_closed()
        silent.cut()


def violations():
    cases = {
        "PINGREQ first": packet(0xC0, b""),
        "PUBLISH first": b"\x30\xff\xff\xff\x7f",  # its fixed header is enough
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
    with Broker() as broker, broker.client("other") as other:
        for name, data in cases.items():
            with broker.client() as client:
                client.send(data)
                if data.startswith(connect("a")):
                    equal(client.receive(), (0x20, b"\0\0"), name)
                client.is_closed()
            other.nothing()
        for code, data in ((1, connect("a", level=5)), (2, connect("", clean=False))):
            with broker.client() as client:  # nothing behind it is processed
                client.send(data, publish("t", "m", 1, 1), packet(0xC0, b""))
                equal(client.receive(), (0x20, bytes([0, code])), "CONNACK")
                client.is_closed()
        check("[MQTT-3.1.0-1]" in broker.text(), "the log has the clause")


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
                        equal(client.receive(), (0x20, b"\0\4"), f"{user} {password}")
                        client.is_closed()
                with broker.client() as client:
                    client.send(connect("a"))
                    equal(client.receive(), (0x20, bytes([0, code])), "anonymous")
                    if code:
                        client.is_closed()
        pathlib.Path(path).write_text("no colon\n", encoding="utf-8")
        for options in (["--users", path], ["--users", path + "x"], ["--no-anonymous"], ["-p", "x"],
                        ["--max-queue"], ["--nonsense"]):  # fmt: skip
            status = subprocess.run([sys.argv[1], *options], stderr=subprocess.DEVNULL,
                                    timeout=SECONDS, check=False).returncode  # fmt: skip
            equal(status, 1, f"status with {options}")
        text = subprocess.run([sys.argv[1], "--help"], stdout=subprocess.PIPE, timeout=SECONDS,
                              check=True).stdout  # fmt: skip
        check(b"--max-output" in text, "help")


def limits():
    options = ["--max-packet", "1000", "--max-subscriptions", "3", "--max-connections", "4",
               "--max-queue", "5", "--max-sessions", "4", "--max-retained", "3",
               "--sys-interval", "0"]  # fmt: skip
    with Broker(*options) as broker, broker.client("p") as sender:
        with broker.client("large") as client:
            size = 1000 - 3 - 3
            client.publish("t", "x" * (size - 2), 1)
            client.send(publish("t", "x" * (size + 1)))
            client.is_closed()
        with broker.client("s") as client:
            wanted = [("1", 1), ("2", 2), ("1", 0), ("3", 1)]
            equal(client.subscribe(*wanted), [1, 2, 0, 128], "in one packet")
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
        with broker.client() as client:
            client.send(connect("k4"))
            equal(client.receive(), (0x20, b"\0\3"), "no place for a session")
            client.is_closed()
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
        sender.is_closed()


def qos_2_is_taken_once():
    with Broker() as broker, broker.client("s") as receiver:
        receiver.subscribe(("t", 2))
        sender = broker.client("p", clean=False)
        sender.send(publish("t", "once", 2, 5))
        sender.expect(PUBREC, 5)
        equal(receiver.message().payload, b"once", "message")
        for _ in range(2):
            sender.cut()
            broker.logs("p: closed")
            sender = broker.client("p", clean=False, present=True)
            sender.send(publish("t", "once", 2, 5, dup=True))
            sender.expect(PUBREC, 5)
        sender.send(publish("t", "twice", 2, 6), ack(PUBREL, 5), ack(PUBREL, 5))
        sender.expect(PUBREC, 6)
        sender.expect(PUBCOMP, 5)
        sender.expect(PUBCOMP, 5)
        equal(receiver.message().payload, b"twice", "message")
        sender.send(publish("t", "a new one", 2, 5))
        equal(receiver.message().payload, b"a new one", "message")
        receiver.send(ack(PUBREC, 77))
        receiver.expect(PUBREL, 77)
        receiver.nothing()
        sender.cut()


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
                equal({m.dup for m in again} - {1}, set(), "DUP")
                client.leave()
            equal(subscriber.taken, [b"one", b"two"], f"messages, cut after {steps}")
            with broker.client("s", clean=False, present=True) as client:
                client.nothing()


def qos_1_is_resent_in_order():
    with Broker() as broker, broker.client("p") as sender:
        client = broker.client("s", clean=False)
        client.subscribe(("t", 1))
        for i in range(100):
            sender.publish("t", str(i), 1)
        first = [client.message(answer=False) for _ in range(64)]  # the window
        client.nothing()
        equal(len({m.id for m in first}), 64, "ids in use")
        client.send(ack(PUBACK, first[0].id), ack(PUBACK, first[5].id), ack(PUBACK, 9999))
        first += [client.message(answer=False) for _ in range(2)]
        client.cut()
        broker.logs("s: closed")
        with broker.client("s", clean=False, present=True) as client:
            got = [client.message(answer=False) for _ in range(64)]
            wanted = [m for i, m in enumerate(first) if i not in (0, 5)]
            equal([(m.id, m.payload) for m in got], [(m.id, m.payload) for m in wanted], "again")
            equal({m.dup for m in got}, {1}, "DUP")
            for m in got:
                client.send(ack(PUBACK, m.id))
            rest = [client.message() for _ in range(34)]
            equal([m.payload for m in rest], [str(i).encode() for i in range(66, 100)], "the rest")
            equal({m.dup for m in rest}, {0}, "DUP")
            client.nothing()


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
        broker.logs("k: closed")
        with broker.client("k", clean=False, present=True) as client:
            equal([int(client.message().payload) for _ in range(65)], list(range(65)), "QoS 1")
            client.nothing()
            client.leave()
        for i in range(80):
            sender.publish("t", str(i), 1)
        broker.logs("k: the queue is full")
        with broker.client("k", clean=False, present=True) as client:
            equal([int(client.message().payload) for _ in range(70)], list(range(70)), "the oldest")
            client.nothing()


def a_client_that_never_reads():
    payload = b"x" * 20000
    with Broker("--max-output", "50000") as broker, broker.client("p") as sender:
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
        # One that asks and asks, and never reads the answers, is not read any more.
        flood = broker.client("flood", small=True)
        flood.socket.setblocking(False)
        for _ in range(1000):
            if not select.select([], [flood.socket], [], 0.5)[1]:
                break
            with contextlib.suppress(BlockingIOError):
                flood.socket.send(packet(0xC0, b"") * 10000)
            sender.nothing()
        else:
            check(False, "the server reads for ever")
        sender.nothing()
        flood.cut()
        broker.logs("flood: closed")


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

    with Broker("--max-packet", "5000", "--sys-interval", "1") as broker:
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
    with Broker("--max-connections", "400") as broker, broker.client("p") as sender:
        clients = [broker.client(f"c{i}") for i in range(300)]
        for client in clients:
            client.subscribe(("all", 1))
        sender.publish("all", "m" * 1000, 2)
        for client in clients:
            equal(client.message().payload, b"m" * 1000, "message")
        for client in clients:
            client.cut()


TESTS = [
    mosquitto_clients_at_each_qos, mosquitto_session_and_retained, every_pair_of_qos,
    byte_by_byte_and_all_at_once,
    retained_messages, wills, sessions, takeover, overlapping_subscriptions, sys_topics, keep_alive,
    violations, users, limits, qos_2_is_taken_once, qos_2_is_resumed_at_every_boundary,
    qos_1_is_resent_in_order, qos_0_makes_room, a_client_that_never_reads, random_bytes, many_clients,
]  # fmt: skip


def main():
    for program in ("mosquitto_pub", "mosquitto_sub"):
        if shutil.which(program) is None:
            print(f"skipped: {program} is not installed")
            return SKIPPED
    chosen = [test for test in TESTS if not sys.argv[2:] or test.__name__ in sys.argv[2:]]
    failures = 0
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
