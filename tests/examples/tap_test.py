#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests examples/complete/mqtt_tap.c between mosquitto's clients and mosquitto:
tap_test.py PATH_TO_MQTT_TAP PATH_TO_MQTT_INSPECT

What mosquitto would not do, such as sending malformed packets, a few lines here do.
"""

import contextlib
import datetime
import glob
import json
import os
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from embedded_test import (CONNACK, HOST, SECONDS, accept, free_port, listener, missing_tools,
                           mosquitto, publish, send_message, stop)

BINARY = ""
INSPECT = ""
CAPTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../examples/captures")

WELL, MALFORMED, FAILED = 0, 1, 3

CONNECT = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c"
PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"
LARGE = random.Random(2).randbytes(1 << 20)


# What a line begins with: when, in which connection, from which side, of which client.
LABEL = re.compile(r'(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (\d+) (client|server) '
                   r'("(?:[^"\\]|\\.)*"(?:\.\.\.)?|-) ')


def unlabelled(lines, number, side):
    """What stands after the labels of this side's lines; and the client ids."""
    found = [(LABEL.match(line), line) for line in lines]
    own = [(label, line) for label, line in found if label.group(2, 3) == (str(number), side)]
    return [line[label.end():] for label, line in own], [label[4] for label, _ in own]


def wait_until(condition, what):
    end = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("waited in vain: " + what)
        time.sleep(0.01)


class Tap:
    """The program, running; its output goes to files, so that it never waits for a reader."""

    def __init__(self, folder, to, *arguments, prefix=()):
        self.folder = folder
        with open(self.path("out"), "wb") as out, open(self.path("err"), "wb") as err:
            # pylint: disable-next=consider-using-with
            self.process = subprocess.Popen(
                [*prefix, BINARY, "--listen", f"{HOST}:0", "--to", f"{HOST}:{to}", "--record",
                 folder, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        try:
            wait_until(lambda: self.err().count("\n") > 0 or self.process.poll() is not None,
                       "a port to listen at")
            self.port = int(re.match(r"mqtt_tap: listening at 127\.0\.0\.1, port (\d+)\n",
                                     self.err())[1])
        except BaseException:
            stop(self.process)
            raise

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def err(self):
        return self.read("err").decode()

    def explanations(self):
        return self.err().split("\n", 1)[1]

    def lines(self):
        return self.read("out").decode().splitlines()

    def recordings(self):
        """(1, "client") and so on, with what was recorded."""
        result = {}
        for path in glob.glob(self.path("*.bin")):
            number, side, _ = os.path.basename(path).split(".")
            result[int(number), side] = self.read(path)
        return result

    def end(self, count, tail=DISCONNECT):
        """Once it has seen the last packet of all clients; gives the exit status."""
        def is_complete():
            made = self.recordings()
            return all(made.get((i, "client"), b"").endswith(tail) for i in range(1, count + 1))

        wait_until(is_complete, f"the end of {count} clients")
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=SECONDS)


@contextlib.contextmanager
def tap(to, *arguments, prefix=()):
    with tempfile.TemporaryDirectory() as folder:
        running = Tap(folder, to, *arguments, prefix=prefix)
        try:
            yield running
        finally:
            stop(running.process)


CONNECT_5 = b"\x10\x0e\0\4MQTT\5\2\0\x3c\0\0\1c"
CONNACK_5 = b"\x20\3\0\0\0"

# Packets of MQTT 5.0 at which other programs have failed, with public reports: the issues and pull
# requests on GitHub. Each is the report; who sends the packet; the version of the connection; the bytes;
# what is shown, without offset and size; what --reencode sends, if it is shorter.
LONG_VALUE = b"v" * 122
TAKEN = [
    ("MQTT.js 1176: the reason code is the last byte", "server", 5, "E0 01 94",
     ["DISCONNECT  Reason Code 148 (Topic Alias invalid)"], None),
    ("mqtt5_client 143: shown as a normal disconnection", "server", 5, "E0 01 8E",
     ["DISCONNECT  Reason Code 142 (Session taken over)"], None),
    ("mqtt-packet 162: the reason code read from the next packet", "client", 5, "E0 00 C0 00",
     ["DISCONNECT  Reason Code 0 (Normal disconnection)", "PINGREQ"], None),
    ("wolfMQTT 220: a reason code without a property length", "server", 5, "40 03 0001 10",
     ["PUBACK  Packet Identifier 1  Reason Code 16 (No matching subscribers)"], None),
    ("mqtt-packet 142: every field, though the packet identifier is enough", "server", 5, "40 04 0001 00 00",
     ["PUBACK  Packet Identifier 1  Reason Code 0 (Success)"], "40 02 0001"),
    ("mqtt5_client 59: properties and no payload", "server", 5, "31 06 0001 61 02 01 01",
     ['PUBLISH  Topic Name "a"  QoS 0  DUP 0  RETAIN 1  Payload Format Indicator 1  Payload 0 bytes ""'],
     None),
    ("netty 17096: the last property taken for payload", "server", 5,
     "30 89 01 0001 61 82 01 26 0001 6E 007A" + LONG_VALUE.hex() + "01 01 01 01",
     [f'PUBLISH  Topic Name "a"  QoS 0  DUP 0  RETAIN 0  User Property "n" = "{LONG_VALUE.decode()}"'
      '  Payload Format Indicator 1  Payload 2 bytes "\\u0001\\u0001"'], None),
    ("CocoaMQTT 544, zMQTT 80: several identifiers, of more than one byte", "server", 5,
     "30 0E 0001 61 0A 0B 8001 0B 01 0B FFFFFF7F",
     ['PUBLISH  Topic Name "a"  QoS 0  DUP 0  RETAIN 0  Subscription Identifier 128  Subscription Identifier 1'
      '  Subscription Identifier 268435455  Payload 0 bytes ""'], None),
    ("paho.mqtt.java 479, emqx 1888: a topic alias for an empty topic", "client", 5, "30 06 0000 03 23 0007",
     ['PUBLISH  Topic Name ""  QoS 0  DUP 0  RETAIN 0  Topic Alias 7  Payload 0 bytes ""'], None),
    ("mqtt_cpp 888: correlation data taken for text", "client", 5, "30 0A 0001 61 06 09 0003 00FF00",
     ['PUBLISH  Topic Name "a"  QoS 0  DUP 0  RETAIN 0  Correlation Data 3 bytes "\\u0000\\xff\\u0000"'
      '  Payload 0 bytes ""'], None),
    ("paho.mqtt.c 474: a payload that is not the UTF-8 that it is said to be", "client", 5,
     "30 07 0001 61 02 01 01 FF",
     ['PUBLISH  Topic Name "a"  QoS 0  DUP 0  RETAIN 0  Payload Format Indicator 1  Payload 1 byte "\\xff"'],
     None),
    ("mosquitto 1274: a password without a user name", "client", 0,
     "10 10 0004 4D515454 05 42 003C 00 0000 0001 70",
     ['CONNECT  Client Identifier ""  Keep Alive 60  Clean Start 1  Password 1 byte "p"'], None),
    ("paho.mqtt.cpp 498: the longest expiry is above that of an int32_t", "client", 0,
     "10 12 0004 4D515454 05 02 003C 05 11 FFFFFFFF 0000",
     ['CONNECT  Client Identifier ""  Keep Alive 60  Clean Start 1  Session Expiry Interval 4294967295'], None),
    ("esp-mqtt 272: reason codes of refused subscriptions", "server", 5, "90 07 0001 00 80 87 8F 9E",
     ["SUBACK  Packet Identifier 1  Reason Code 128 (Unspecified error)  Reason Code 135 (Not authorized)"
      "  Reason Code 143 (Topic Filter invalid)  Reason Code 158 (Shared Subscriptions not supported)"], None),
    ("mosquitto 1167: the reason codes of an UNSUBACK", "server", 5, "B0 04 0001 00 11",
     ["UNSUBACK  Packet Identifier 1  Reason Code 17 (No subscription existed)"], None),
    ("mqtt-packet 161: a name that stands twice, first with an empty value", "client", 5,
     "30 11 0001 61 0D 26 0001 62 0000 26 0001 62 0001 63",
     ['PUBLISH  Topic Name "a"  QoS 0  DUP 0  RETAIN 0  User Property "b" = ""  User Property "b" = "c"'
      '  Payload 0 bytes ""'], None),
    ("hivemq-mqtt-client 375: a server of 3.1.1 answers in its version", "server", 5, "20 02 00 01",
     ["CONNACK  Session Present 0  Return Code 1 (Connection Refused, unacceptable protocol version)"], None),
    ("MQTTnet 2029: an AUTH before the CONNACK", "server", 5, "F0 07 18 05 15 0002 6162",
     ['AUTH  Reason Code 24 (Continue authentication)  Authentication Method "ab"'], None),
]  # fmt: skip

# The same for packets that are refused: instead of what is sent, the offset of the error in the packet
# and the type with its reason code.
REFUSED = [
    ("async_mqtt 379: U+0000 in a topic", "client", 5, "32 11 000C 696E76616C6964 00 75746638 0035 00",
     2, "A string contains the null character U+0000. [MQTT-1.5.4-2]", "PUBLISH", "129 (Malformed Packet)"),
    ("NanoNNG 1624: a property of a will in a PUBLISH", "server", 5, "30 09 0001 61 05 18 00000005",
     6, "A property is unknown, or not allowed in this packet. [2.2.2.2]",
     "PUBLISH", "129 (Malformed Packet)"),
    ("rabbitmq-server 17035: a property of another packet", "client", 5, "82 0C 0001 05 02 00000001 0001 61 00",
     5, "A property is unknown, or not allowed in this packet. [2.2.2.2]",
     "SUBSCRIBE", "129 (Malformed Packet)"),
    ("mqtt-packet 90: an integer of five bytes", "client", 5, "82 0D 0001 06 0B FFFFFFFF7F 0001 61 00",
     5, "A variable byte integer has more than four bytes. [1.5.5]", "SUBSCRIBE", "129 (Malformed Packet)"),
    ("paho.mqtt.java 977: No Local in a shared subscription", "client", 5, "82 10 0001 00 000A 2473686172652F672F61 04",
     17, "The no local option of a shared subscription is 1. [MQTT-3.8.3-4]",
     "SUBSCRIBE", "130 (Protocol Error)"),
    ("FlashMQ 104: a property that stands twice", "client", 5, "30 08 0001 61 04 01 00 01 00",
     8, "A property is there twice that is allowed only once. [3.3.2.3]", "PUBLISH", "130 (Protocol Error)"),
    ("moquette 859: the topic alias 0", "client", 5, "30 07 0001 61 03 23 0000",
     6, "The topic alias is 0. [MQTT-3.3.2-8]", "PUBLISH", "148 (Topic Alias invalid)"),
    ("paho.mqtt.java 980: flags of an AUTH", "client", 5, "F1 00",
     0, "The fixed header flags are not those of this type. [MQTT-3.15.1-1]",
     "AUTH", "129 (Malformed Packet)"),
    ("mosquitto 1167: the UNSUBACK of 3.1.1", "server", 5, "B0 02 0001",
     1, "The remaining length is not possible for this packet."
     " It is well-formed in MQTT 3.1.1. [2.1.4]", "UNSUBACK", "129 (Malformed Packet)"),
    ("mosquitto 3578: 0x84 as a return code of 3.1.1", "server", 5, "20 02 00 84",
     3, "The connect return code is above 5; those codes are reserved. [3.2.2.3]", "CONNACK", None),
    ("mochi-mqtt 140: a CONNACK of 5.0 for a client of 3.1.1", "server", 3, "20 03 00 84 00",
     1, "The remaining length has more than four bytes, or is not possible for this packet."
     " It is well-formed in MQTT 5.0. [2.2.3]", "CONNACK", None),
    ("hivemq-mqtt-client 139: a reason code for a client of 3.1.1", "server", 3, "40 03 0001 10",
     1, "The remaining length has more than four bytes, or is not possible for this packet."
     " It is well-formed in MQTT 5.0. [2.2.3]", "PUBACK", None),
    ("wolfMQTT 580: an AUTH for a client of 3.1.1", "server", 3, "F0 00",
     0, "The packet type is not one of 1 to 14; the others are reserved."
     " It is well-formed in MQTT 5.0. [2.2.1]", "Reserved", None),
]  # fmt: skip


def connect(port):
    return socket.create_connection((HOST, port), timeout=SECONDS)


def connect_when_listening(port):
    end = time.monotonic() + SECONDS
    while True:
        try:
            return connect(port)
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


def read_exactly(connection, count):
    data = bytearray()
    while len(data) < count:
        more = connection.recv(min(count - len(data), 1 << 20))
        if not more:
            raise AssertionError(f"the stream ends after {len(data)} of {count} bytes")
        data += more
    return bytes(data)


def read_to_end(connection):
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while more := connection.recv(65536):
            data += more
    return data


def inspect(side, data, *arguments):
    done = subprocess.run([INSPECT, f"--from-{side}", *arguments], input=data,
                          capture_output=True, check=False, timeout=SECONDS)
    return done.stdout.decode().splitlines(), done.stderr.decode()


class WithBroker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.port = cls.enterClassContext(mosquitto())

    def session(self, running, qos):
        """Three messages through the tap and back; six connections. A subscriber that is there
        before the message has nothing unread when it ends, so that its DISCONNECT is not lost."""
        for number, payload in (1, b"hello"), (3, bytes(range(256))), (5, LARGE):
            command = ["mosquitto_sub", "-V", "mqttv311", "-h", HOST, "-p", str(running.port),
                       "-t", "tap/#", "-q", "2", "-C", "1", "-N", "-W", str(SECONDS)]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as subscriber:
                wait_until(lambda n=number: len(running.recordings().get((n, "server"), b"")) == 9,
                           "CONNACK and SUBACK")
                send_message(running.port, "tap/\u20ac", payload, qos)
                self.assertEqual(subscriber.communicate(timeout=2 * SECONDS)[0], payload)

    def check_lines(self, running, *arguments):
        """What was printed is what mqtt_inspect prints of the recordings, all of it."""
        lines = running.lines()
        times = [json.loads(line)["time"] if arguments else LABEL.match(line)[1] for line in lines]
        self.assertEqual(times, sorted(times))
        expected = 0
        for (number, side), data in running.recordings().items():
            shown, err = inspect(side, data, *arguments)
            self.assertEqual(err, "")
            client_id = json.loads(inspect("client", running.recordings()[number, "client"],
                                           "--json")[0][0])["client_id"]
            if arguments:
                start = re.compile(r'\{"time":"[^"]*",' + re.escape(
                    f'"connection":{number},"from":"{side}",'
                    f'"client":{json.dumps(client_id)},'))
                own = [start.sub("{", line, 1) for line in lines if start.match(line)]
            else:
                own, ids = unlabelled(lines, number, side)
                self.assertEqual(set(ids), {f'"{client_id}"'})
            self.assertEqual(own, shown)
            expected += len(shown)
        self.assertEqual(len(lines), expected)

    def test_mosquitto(self):
        """Through two taps: what the second one receives is what the first one has sent."""
        for arguments in [], ["--reencode"], ["--json"], ["--json", "--reencode"]:
            for qos in 0, 1, 2:
                with self.subTest((arguments, qos)), tap(self.port) as second, tap(
                        second.port, *arguments) as first:
                    self.session(first, qos)
                    self.assertEqual((first.end(6), second.end(6)), (WELL, WELL))
                    self.assertEqual(first.recordings(), second.recordings())
                    self.assertEqual(len(first.recordings()), 12)
                    self.assertEqual((first.explanations(), second.explanations()), ("", ""))
                    self.check_lines(first, *[a for a in arguments if a == "--json"])


    def test_mosquitto_5(self):
        """The same in MQTT 5.0, with properties."""
        given = ["user-property", "k", "v", "response-topic", "r", "correlation-data", "17"]
        words = [word for i, given_word in enumerate(given)
                 for word in (["-D", "publish"] if i in (0, 3, 5) else []) + [given_word]]
        for arguments in [], ["--reencode"], ["--json"]:
            with self.subTest(arguments), tap(self.port, *arguments) as running:
                command = ["mosquitto_sub", "-V", "mqttv5", "-h", HOST, "-p", str(running.port), "-t",
                           "tap/#", "-q", "2", "-C", "3", "-W", str(SECONDS), "-F", "%p %P %R %D"]
                with subprocess.Popen(command, stdout=subprocess.PIPE) as subscriber:
                    wait_until(lambda r=running: "SUBACK" in r.read("out").decode(), "SUBACK")
                    for qos in "012":
                        subprocess.run(["mosquitto_pub", "-V", "mqttv5", "-h", HOST, "-p",
                                        str(running.port), "-t", "tap/5", "-q", qos, "-m", qos, *words],
                                       check=True, timeout=SECONDS)
                    self.assertEqual(subscriber.communicate(timeout=SECONDS)[0],
                                     b"0 k:v r 17\n1 k:v r 17\n2 k:v r 17\n")
                self.assertEqual(running.end(4, b""), WELL)
                self.assertEqual(running.explanations(), "")
                shown = running.read("out").decode()
                self.assertEqual(shown.count('User Property"' if arguments[:1] == ["--json"] else
                                             'User Property "k" = "v"'), 6)
                self.check_lines(running, *[a for a in arguments if a == "--json"])


class Failures(unittest.TestCase):
    """The packets of TAKEN and REFUSED: what the inspector prints, what the tap prints and passes on."""
    maxDiff = None

    def play(self, row, running, server):
        """Sends the packet after CONNECT and CONNACK. Returns what its sender sent before, and what arrived."""
        _, side, version, wire = row[:4]
        up = {0: b"", 3: CONNECT, 5: CONNECT_5}[version]
        down = b"" if wire.startswith(("20", "F0")) else {3: CONNACK, 5: CONNACK_5}.get(version, b"")
        with connect(running.port) as near, accept(server) as far:
            near.sendall(up)
            self.assertEqual(read_exactly(far, len(up)), up)
            source, target = (near, far) if side == "client" else (far, near)
            source.sendall((down if side == "server" else b"") + bytes.fromhex(wire))
            source.shutdown(socket.SHUT_WR)
            arrived = read_to_end(target)
        return (down, arrived) if side == "server" else (up, up + arrived)

    def check(self, rows, arguments, passed_on, status):
        """Returns of each row how many bytes are before the packet, and what the inspector prints."""
        results = []
        with listener() as (server, port), tap(port, *arguments) as running:
            for number, row in enumerate(rows, 1):
                before, arrived = self.play(row, running, server)
                self.assertEqual(arrived, before + bytes.fromhex(passed_on(row)), row)
                done = subprocess.run(
                    [INSPECT, f"--from-{row[1]}", *(["--v311"] if row[2] == 3 else [])],
                    input=before + bytes.fromhex(row[3]), capture_output=True, check=False, timeout=SECONDS)
                self.assertEqual(done.returncode, status, row)
                results.append((len(before), done.stdout.decode().splitlines(), done.stderr.decode()))
            self.assertEqual(running.end(0), status)
            for number, (row, (_, lines, err)) in enumerate(zip(rows, results), 1):
                err = err.removeprefix("mqtt_inspect: standard input: ").splitlines()
                self.assertEqual(unlabelled(running.lines(), number, row[1])[0], lines + err, row)
            self.assertEqual(running.explanations(), "")
        return results

    def test_taken(self):
        self.check(TAKEN, ["--reencode"], lambda row: row[5] or row[3], WELL)
        results = self.check(TAKEN, [], lambda row: row[3], WELL)
        for (report, _, _, wire, texts, _), (at, lines, _) in zip(TAKEN, results):
            expected = []
            for text in texts:
                kind, _, fields = text.partition("  ")
                size = len(bytes.fromhex(wire)) // len(texts)
                expected.append(f"{at:8}  {kind:<11}  {size:5} bytes" + (fields and "  " + fields))
                at += size
            with self.subTest(report):
                self.assertEqual(lines[-len(texts):], expected)

    def test_refused(self):
        self.check(REFUSED, ["--malformed", "forward"], lambda row: row[3], MALFORMED)
        results = self.check(REFUSED, [], lambda row: "", MALFORMED)
        for (report, _, _, _, offset, message, kind, code), (at, lines, err) in zip(REFUSED, results):
            place = at + offset
            code = f"; the reason code for it is {code}" if code else ""
            with self.subTest(report):
                self.assertEqual(len(lines), int(at > 0))
                self.assertEqual(err.splitlines()[:2], [
                    f"mqtt_inspect: standard input: byte {place} (0x{place:x}): {message}",
                    f"The packet: {kind}, from byte {at} (0x{at:x}) on{code}"])


class WithoutBroker(unittest.TestCase):
    def test_captures(self):
        """Recorded sessions, played from both sides, arrive and are recorded as they were."""
        names = sorted(glob.glob(os.path.join(CAPTURES, "*.client.bin")))
        self.assertGreater(len(names), 30)
        for arguments in [], ["--reencode"]:
            with self.subTest(arguments), listener() as (server, port), tap(
                    port, *arguments) as running:
                for number, name in enumerate(names, 1):
                    with open(name, "rb") as file:
                        client = file.read()
                    with open(name.replace(".client.", ".server."), "rb") as file:
                        answer = file.read()
                    with connect(running.port) as near, accept(server) as far:
                        near.sendall(client)
                        far.sendall(answer)
                        near.shutdown(socket.SHUT_WR)
                        far.shutdown(socket.SHUT_WR)
                        self.assertEqual(read_to_end(far), client)
                        self.assertEqual(read_to_end(near), answer)
                    made = running.recordings()
                    self.assertEqual(made[number, "client"], client)
                    self.assertEqual(made[number, "server"], answer)
                self.assertEqual(running.end(0), WELL)

    def test_versions(self):
        """The client's first packet decides; a server of 3.1.1 answers in its version."""
        alias = b"\x30\x06\0\0\x03\x23\0\7"
        for up, down, last, status in (
            (CONNECT_5, b"\x20\3\0\x87\0", "Reason Code 135 (Not authorized)", WELL),
            (CONNECT_5, b"\x20\2\0\1", "Return Code 1 (Connection Refused, unacceptable protocol "
             "version)", WELL),
            (CONNECT_5 + alias, b"\x20\3\0\0\0\xe0\1\x8e", "Reason Code 142 (Session taken over)",
             WELL),
            (CONNECT, b"\x20\2\0\0\xd0\0", "PINGRESP         2 bytes", WELL),
            (CONNECT_5, b"\x20\3\0\0\0\xe0\1\4", "byte 7 (0x7): The reason code is not one of "
             "this packet from this side. [MQTT-3.14.2-1]", MALFORMED),
            (CONNECT, b"\x20\3\0\0\0", "", MALFORMED),
        ):
            with self.subTest((up, down)), listener() as (server, port), tap(port) as running:
                with connect(running.port) as near, accept(server) as far:
                    near.sendall(up)
                    self.assertEqual(read_exactly(far, len(up)), up)
                    far.sendall(down)
                    if status == WELL:
                        self.assertEqual(read_exactly(near, len(down)), down)
                    else:
                        read_to_end(near)
                self.assertEqual(running.end(0), status)
                lines = [line for line in running.lines() if " server " in line]
                self.assertIn(last, "\n".join(lines))

    def test_filters_of_5(self):
        """--type AUTH, and --topic, which does not know what an alias stands for."""
        sent = (CONNECT_5 + b"\x30\5\0\1a\0x" + b"\x30\6\0\0\3\x23\0\7"
                + b"\xf0\7\x19\5\x15\0\2ab")
        for arguments, shown in ((["--type", "auth"], ["AUTH"]), (["--topic", "a"], ["PUBLISH"]),
                                 (["--topic", "b"], [])):
            with self.subTest(arguments), listener() as (server, port), tap(
                    port, *arguments) as running:
                with connect(running.port) as near, accept(server) as far:
                    near.sendall(sent)
                    self.assertEqual(read_exactly(far, len(sent)), sent)
                self.assertEqual(running.end(0), WELL)
                self.assertEqual([line.split()[5] for line in running.lines()], shown)

    def test_malformed(self):
        bad = b"\x32\x04\x00\x02a#"
        for side in "client", "server":
            good = {"client": CONNECT, "server": CONNACK}[side]
            stream = good + bad + b"\xff" * 10
            for policy in "refuse", "forward":
                with self.subTest((side, policy)), listener() as (server, port), tap(
                        port, "--malformed", policy) as running:
                    with connect(running.port) as near, accept(server) as far:
                        source, target = (near, far) if side == "client" else (far, near)
                        source.sendall(stream)
                        if policy == "refuse":
                            self.assertEqual(read_to_end(target), good)
                            self.assertEqual(read_to_end(source), b"")
                        else:
                            self.assertEqual(read_exactly(target, len(stream)), stream)
                            source.sendall(b"anything")  # blindly from now on
                            self.assertEqual(read_exactly(target, 8), b"anything")
                            answer = PINGREQ if side == "server" else b"\xd0\x00"
                            target.sendall(answer)  # and the other direction as before
                            self.assertEqual(read_exactly(source, 2), answer)
                    self.assertEqual(running.end(0), MALFORMED)
                    self.check_explanation(running, side, stream)

    def check_explanation(self, running, side, stream):
        """It comes after the packets, on standard output, and each of its lines has the label."""
        lines, err = inspect(side, stream)
        shown, _ = unlabelled(running.lines(), 1, side)
        self.assertEqual(shown, lines + err.removeprefix("mqtt_inspect: standard input: ")
                         .splitlines())
        self.assertEqual(running.explanations(), "")

    def test_malformed_in_json(self):
        stream = CONNECT + b"\xf0\x00"
        with listener() as (server, port), tap(port, "--json", "--once") as running:
            with connect(running.port) as near, accept(server) as far:
                near.sendall(stream)
                self.assertEqual(read_to_end(far), CONNECT)
            self.assertEqual(running.process.wait(timeout=SECONDS), MALFORMED)
            shown = [json.loads(line) for line in running.lines()]
            self.assertEqual(running.explanations(), "")
        for line in shown:
            self.assertTrue(LABEL.match(line.pop("time") + " 1 client - "))
            self.assertEqual((line.pop("connection"), line.pop("from"), line.pop("client")),
                             (1, "client", "c"))
        self.assertEqual(shown, [json.loads(line) for line in inspect("client", stream,
                                                                      "--json")[0]])

    def test_wrong_direction(self):
        with listener() as (server, port), tap(port) as running:
            with connect(running.port) as near, accept(server) as far:
                far.sendall(PINGREQ)
                self.assertEqual(read_to_end(near), b"")
            self.assertEqual(running.end(0), MALFORMED)
            self.check_explanation(running, "server", PINGREQ)

    def test_end_within_a_packet(self):
        stream = CONNECT + b"\x30\x05\x00"
        for policy, expected in ("refuse", CONNECT), ("forward", stream):
            with self.subTest(policy), listener() as (server, port), tap(
                    port, "--malformed", policy) as running:
                with connect(running.port) as near, accept(server) as far:
                    near.sendall(stream)
                    near.shutdown(socket.SHUT_WR)
                    self.assertEqual(read_to_end(far), expected)
                    far.sendall(CONNACK)  # half the connection is still there
                    self.assertEqual(read_exactly(near, 4), CONNACK)
                self.assertEqual(running.end(0), WELL)
                self.check_explanation(running, "client", stream)

    def test_end_of_the_server(self):
        """The client receives all, late and though it goes on sending; it need not close."""
        wire = CONNACK + publish(0x30, "t", 0, LARGE[:30000])
        with listener() as (server, port), tap(port, "--once") as running:
            with socket.socket() as near:
                near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                near.settimeout(SECONDS)
                near.connect((HOST, running.port))
                with accept(server) as far:
                    near.sendall(CONNECT)
                    self.assertEqual(read_exactly(far, len(CONNECT)), CONNECT)
                    far.sendall(wire)
                for _ in range(10):
                    time.sleep(0.05)
                    near.sendall(PINGREQ)
                self.assertEqual(read_exactly(near, len(wire)), wire)
                self.assertEqual(near.recv(1), b"")
                self.assertEqual(running.process.wait(timeout=SECONDS), WELL)

    def test_max_packet(self):
        fits, too_large = publish(0x30, "t", 0, b"x" * 993), publish(0x30, "t", 0, b"x" * 994)
        self.assertEqual((len(fits), len(too_large)), (999, 1000))
        for wire in too_large, too_large[:3], b"\x30\xff\xff\xff\x7f":
            with self.subTest(len(wire)), listener() as (server, port), tap(
                    port, "--max-packet", "999") as running:
                with connect(running.port) as near, accept(server) as far:
                    near.sendall(CONNECT + fits + wire)
                    self.assertEqual(read_to_end(far), CONNECT + fits)
                self.assertEqual(running.end(0), MALFORMED)
                shown, ids = unlabelled(running.lines(), 1, "client")
                self.assertRegex(shown[2], r"^The PUBLISH packet that starts at byte 1014 has \d+ "
                                           r"bytes, more than --max-packet\.$")
                self.assertEqual((len(shown), ids), (3, ['"c"'] * 3))
                self.assertEqual(running.explanations(), "")

    def test_max_packet_in_json(self):
        with listener() as (server, port), tap(port, "--max-packet", "50", "--json",
                                               "--once") as running:
            with connect(running.port) as near, accept(server) as far:
                near.sendall(CONNECT + publish(0x30, "t", 0, b"x" * 94))
                self.assertEqual(read_to_end(far), CONNECT)
            self.assertEqual(running.process.wait(timeout=SECONDS), MALFORMED)
            lines = running.lines()
        self.assertEqual(len(lines), 2)
        shown = json.loads(lines[1])
        del shown["time"]
        self.assertEqual(shown, {
            "connection": 1, "from": "client", "client": "c", "offset": len(CONNECT), "type": "PUBLISH",
            "error": "too large", "size": 99, "clause": "",
            "message": "The packet is larger than --max-packet."})

    def test_time(self):
        """Of the arrival of a packet's last byte."""
        for arguments in [], ["--json"]:
            with listener() as (server, port), tap(port, *arguments) as running:
                with connect(running.port) as near, accept(server) as far:
                    times = [time.time()]
                    for part in CONNECT[:5], CONNECT[5:], PINGREQ:
                        near.sendall(part)
                        time.sleep(0.3)
                        times.append(time.time())
                    read_exactly(far, len(CONNECT + PINGREQ))
                self.assertEqual(running.end(1, PINGREQ), WELL)
                shown = [re.search(r"\d{4}-[0-9T:.-]+Z", line)[0] for line in running.lines()]
            shown = [datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
                     for text in shown]
            self.assertEqual(len(shown), 2)
            for i in range(2):
                self.assertLessEqual(times[i + 1], shown[i] + 0.001)
                self.assertLessEqual(shown[i], times[i + 2])

    def test_client_id(self):
        """Unknown before the first CONNECT that is well-formed; it is that of each connection."""
        def connect_as(name):
            return (bytes([0x10, 12 + len(name.encode())]) + b"\0\4MQTT\4\2\0\x3c"
                    + len(name.encode()).to_bytes(2, "big") + name.encode())

        names = ["", "\u00e9 \n", "x" * 70]
        texts = ['""', '"\u00e9 \\n"', '"' + "x" * 64 + '"...']
        for arguments in [], ["--json"]:
            with self.subTest(arguments), listener() as (server, port), tap(
                    port, *arguments) as running:
                for number, name in enumerate(names, 1):
                    with connect(running.port) as near, accept(server) as far:
                        near.sendall(PINGREQ)
                        read_exactly(far, 2)
                        far.sendall(CONNACK)
                        read_exactly(near, 4)
                        near.sendall(connect_as(name))
                        read_exactly(far, len(connect_as(name)))
                        far.sendall(CONNACK)
                        read_exactly(near, 4)
                self.assertEqual(running.end(0), WELL)
                lines = running.lines()
            for number, (name, text) in enumerate(zip(names, texts), 1):
                own = lines[number * 4 - 4:number * 4]
                if arguments:
                    self.assertEqual([json.loads(line)["client"] for line in own],
                                     [None, None, name, name])
                else:
                    self.assertEqual([LABEL.match(line).group(2, 4) for line in own],
                                     [(str(number), shown) for shown in ["-", "-", text, text]])

    def test_filters(self):
        """What is not printed is passed on and recorded; what is malformed is printed always."""
        topics = ["a/b", "a", "b/c", "$SYS/x"]
        packets = [PINGREQ, *(publish(0x30, topic, 0, b"x") for topic in topics)]
        stream = CONNECT + b"".join(packets) + b"\xc1\x00"
        for arguments, expected in [
            ([], ["CONNECT", "PINGREQ", *topics]),
            (["--type", "PUBLISH"], topics),
            (["--type", "pingreq", "--type", "CONNECT"], ["CONNECT", "PINGREQ"]),
            (["--type", "SUBACK"], []),
            (["--topic", "a/#"], ["a/b", "a"]),
            (["--topic", "#"], ["a/b", "a", "b/c"]),
            (["--topic", "b/+", "--topic", "$SYS/#"], ["b/c", "$SYS/x"]),
            (["--type", "CONNECT", "--topic", "#"], []),
            (["--type", "CONNECT", "--type", "PUBLISH", "--topic", "+"], ["a"]),
        ]:
            with self.subTest(arguments), listener() as (server, port), tap(
                    port, "--json", *arguments) as running:
                with connect(running.port) as near, accept(server) as far:
                    near.sendall(stream)
                    self.assertEqual(read_to_end(far), stream[:-2])
                self.assertEqual(running.end(1, stream), MALFORMED)
                shown = [json.loads(line) for line in running.lines()]
                self.assertEqual(shown.pop()["error"], "malformed")
                self.assertEqual([line.get("topic", line["type"]) for line in shown], expected)
                self.assertEqual({line["client"] for line in shown} - {"c"}, set())

    def test_byte_by_byte(self):
        stream = CONNECT + publish(0x30, "t", 0, b"x" * 150) + PINGREQ
        with listener() as (server, port), tap(port, "--once", "--reencode") as running:
            with connect(running.port) as near, accept(server) as far:
                near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for i in range(len(stream)):
                    near.sendall(stream[i:i + 1])
                    time.sleep(0.0005)
                near.shutdown(socket.SHUT_WR)
                self.assertEqual(read_to_end(far), stream)
            self.assertEqual(running.process.wait(timeout=SECONDS), WELL)

    def test_one_that_does_not_read(self):
        """Its server is held up; another connection is served meanwhile; nothing is lost."""
        packets = publish(0x30, "t", 0, LARGE) * 48
        sent = []

        def send(far):
            for i in range(0, len(packets), 65536):
                far.sendall(packets[i:i + 65536])
                sent.append(i)

        with listener() as (server, port), tap(port) as running:
            with connect(running.port) as near, accept(server) as far:
                sender = threading.Thread(target=send, args=(far,), daemon=True)
                sender.start()
                count = -1
                while len(sent) > count:  # until it is held up
                    count = len(sent)
                    time.sleep(1)
                self.assertLess(count, len(packets) / 65536 - 16)
                with connect(running.port) as other, accept(server) as other_far:
                    other.sendall(CONNECT)
                    self.assertEqual(read_exactly(other_far, len(CONNECT)), CONNECT)
                    other_far.sendall(publish(0x30, "t", 0, LARGE))
                    other_far.sendall(CONNACK)
                    read_exactly(other, len(publish(0x30, "t", 0, LARGE)))
                    self.assertEqual(read_exactly(other, 4), CONNACK)
                self.check_memory(running.process.pid)
                self.assertEqual(read_exactly(near, len(packets)), packets)
                sender.join(timeout=SECONDS)
            self.assertEqual(running.end(0), WELL)

    def test_memory(self):
        """What a large packet has taken is given back once it is passed on."""
        packet = publish(0x30, "t", 0, bytes(50_000_000))
        with listener() as (server, port), tap(port) as running:
            with connect(running.port) as near, accept(server) as far:
                sender = threading.Thread(target=near.sendall, args=(packet + PINGREQ,),
                                          daemon=True)
                sender.start()
                self.assertEqual(read_exactly(far, len(packet) + 2), packet + PINGREQ)
                sender.join(timeout=SECONDS)
                near.sendall(PINGREQ)
                read_exactly(far, 2)
                self.check_memory(running.process.pid)
            self.assertEqual(running.end(0), WELL)

    def check_memory(self, pid):
        """A few packets of 1 MB are held, not 48; the sanitizers need more."""
        with open(BINARY, "rb") as binary:
            if b"__asan_init" in binary.read() or not os.path.exists("/proc/self/status"):
                return
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            resident = int(re.search(r"VmRSS:\s*(\d+) kB", status.read())[1])
        self.assertLess(resident, 24 << 10)

    def test_many_connections(self):
        with listener() as (server, port), tap(port) as running, contextlib.ExitStack() as stack:
            pairs = []
            for _ in range(100):
                near = stack.enter_context(connect(running.port))
                pairs.append((near, stack.enter_context(accept(server))))
            for near, _ in pairs:
                near.sendall(CONNECT)
            for _, far in pairs:
                self.assertEqual(read_exactly(far, len(CONNECT)), CONNECT)
            running.process.send_signal(signal.SIGINT)
            self.assertEqual(running.process.wait(timeout=SECONDS), WELL)
            self.assertEqual(len(running.lines()), 100)

    def test_closed_standard_files(self):
        """Nothing else takes their place, so what is printed goes neither to a peer nor to the tap
        itself."""
        for closed, expected in ("<&- 2>&-", WELL), ("<&- >&-", FAILED):
            near_port = free_port()
            command = ["sh", "-c", f'exec "$@" {closed}', "sh", BINARY, "--listen", str(near_port),
                       "--to"]
            with self.subTest(closed), listener() as (server, port), subprocess.Popen(
                    [*command, f"{HOST}:{port}"], stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                try:
                    with connect_when_listening(near_port) as near, accept(server) as far:
                        near.sendall(CONNECT)
                        self.assertEqual(read_exactly(far, len(CONNECT)), CONNECT)
                        if expected == WELL:
                            far.sendall(CONNACK)
                            self.assertEqual(read_exactly(near, 4), CONNACK)
                            process.send_signal(signal.SIGTERM)
                        self.assertEqual((read_to_end(near), read_to_end(far)), (b"", b""))
                    self.assertEqual(process.wait(timeout=SECONDS), expected)
                finally:
                    stop(process)

    def test_no_descriptors(self):
        """Where none is left for a connection, the tap says so, and pauses."""
        with tap(free_port(), prefix=("sh", "-c", 'ulimit -n 6; exec "$@"', "sh")) as running:
            begin = time.monotonic()
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            with connect(running.port):
                wait_until(running.explanations, "the explanation")
                time.sleep(1.5)
                self.assertEqual(running.end(0), WELL)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            lines = running.explanations().splitlines()
            self.assertEqual(set(lines), {"mqtt_tap: accepting: Too many open files."})
            self.assertLess(len(lines), time.monotonic() - begin + 1)  # a second lies between them
        self.assertLess(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 0.3)

    def test_no_server(self):
        with tap(free_port()) as running:
            for _ in range(2):
                with connect(running.port) as near:
                    self.assertEqual(read_to_end(near), b"")
            self.assertEqual(running.end(0), WELL)
            self.assertIn("mqtt_tap: connection 2, server: connecting: Connection refused.\n",
                          running.explanations())

    def test_options(self):
        more = "; --help says more."
        to = ["--listen", "0", "--to"]
        for arguments, message in [
            (["--once"], "--listen and --to are needed" + more),
            (["--x"], "There is no option --x here; --help lists them."),
            (["--listen"], "The option --listen needs a value" + more),
            (["--max-packet", "1x"],
             "--max-packet 1x: The value must be a number from 2 to 268435460."),
            ([*to, "1", "--malformed", "x"],
             "--malformed x: The value must be refuse or forward."),
            ([*to, "1883"], "--to 1883: The value must be HOST:PORT."),
            ([*to, "a:1", "--type", "PUBLISHED"],
             "--type PUBLISHED: There is no such packet type."),
            ([*to, "a:1", "--type", "Reserved"], "--type Reserved: There is no such packet type."),
            ([*to, "a:1", "--topic", "#", "--topic", "a#"], "--topic a#: This is not a topic filter."),
            ([*to, "x" * 256 + ":1"], "x" * 256 + ":1: The host name is too long."),
        ]:
            with self.subTest(arguments):
                done = subprocess.run([BINARY, *arguments], capture_output=True, check=False,
                                      timeout=SECONDS)
                self.assertEqual((done.returncode, done.stdout, done.stderr.decode()),
                                 (FAILED, b"", f"mqtt_tap: {message}\n"))
        done = subprocess.run([BINARY, *to, f"{HOST}:x"], capture_output=True, check=False,
                              timeout=SECONDS)
        self.assertEqual(done.returncode, FAILED)
        self.assertRegex(done.stderr, rb"^mqtt_tap: 127.0.0.1, port x: .+\.\n$")
        for arguments, shown in (["--help"], "Usage: mqtt_tap "), (["-h"], "Usage: mqtt_tap "), (
                ["--version"], "mqtt_tap 0.3.0\n"):
            done = subprocess.run([BINARY, *arguments], capture_output=True, check=False,
                                  timeout=SECONDS)
            self.assertEqual((done.returncode, done.stderr), (WELL, b""))
            self.assertTrue(done.stdout.decode().startswith(shown), done.stdout)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: tap_test.py PATH_TO_MQTT_TAP PATH_TO_MQTT_INSPECT [UNITTEST_OPTION]...")
    BINARY, INSPECT = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    MISSING = missing_tools()
    if MISSING:
        print("skipped: needs " + ", ".join(MISSING))
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
