#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests examples/complete/mqtt_inspect.c: inspect_test.py PATH_TO_BINARY PATH_TO_PROJECT_ROOT

Runs the binary on streams made here and compares standard output, standard error and the exit
status exactly.
"""

import glob
import json
import os
import pty
import re
import resource
import select
import shutil
import subprocess
import sys
import tempfile
import unittest

BINARY = ""
ROOT = ""
SECONDS = 20  # what takes longer has hung

WELL, MALFORMED, TRUNCATED, FAILED = 0, 1, 2, 3


# ------------------------------------------------------------------------------------------------
# Streams
# ------------------------------------------------------------------------------------------------


def packet(first_byte, *parts):
    """A packet with the remaining length of its parts: bytes, or text as a string of 1.5.3."""
    body = b"".join(part if isinstance(part, bytes) else field(part.encode()) for part in parts)
    header, length = bytes([first_byte]), len(body)
    while length >= 128:
        header, length = header + bytes([length % 128 + 128]), length // 128
    return header + bytes([length]) + body


def field(data):
    return len(data).to_bytes(2, "big") + data


def connect(flags, *payload):
    return packet(0x10, "MQTT", bytes([4, flags, 0, 60]), *payload)


def publish(topic, payload):
    return packet(0x30, topic, payload)


def binary(data):
    """Binary data in JSON."""
    value = {"length": len(data), "hex": data.hex()}
    try:
        value["text"] = data.decode()
    except UnicodeDecodeError:
        pass
    return value


PINGREQ = packet(0xC0)
PINGREQ_LINE = "       0  PINGREQ          2 bytes\n"

# What is sent, the line of text but for its offset and size, the JSON but for those and the type.
PACKETS = [
    (
        connect(0x02, ""),
        'CONNECT      ClientId ""  Keep Alive 60  Clean Session 1',
        {"client_id": "", "keep_alive": 60, "clean_session": True, "will": None, "user_name": None,
         "password": None},
    ),
    (
        connect(0xEC, "abc", "w/t", field(b"\x01\xff\n"), "J\u00f6rg", field(b"s3cret")),
        'CONNECT      ClientId "abc"  Keep Alive 60  Clean Session 0  Will Topic "w/t"'
        '  Will Message 3 bytes "\\u0001\\xff\\n"  Will QoS 1  Will Retain 1'
        '  User Name "J\u00f6rg"  Password 6 bytes "s3cret"',
        {"client_id": "abc", "keep_alive": 60, "clean_session": False,
         "will": {"topic": "w/t", "message": binary(b"\x01\xff\n"), "qos": 1, "retain": True},
         "user_name": "J\u00f6rg", "password": binary(b"s3cret")},
    ),
    (
        packet(0x20, b"\x01\x00"),
        "CONNACK      Session Present 1  Return Code 0 (Connection Accepted)",
        {"session_present": True, "return_code": 0},
    ),
    *(
        (
            packet(0x20, bytes([0, code])),
            f"CONNACK      Session Present 0  Return Code {code} (Connection Refused, {meaning})",
            {"session_present": False, "return_code": code},
        )
        for code, meaning in [
            (1, "unacceptable protocol version"),
            (2, "identifier rejected"),
            (3, "Server unavailable"),
            (4, "bad user name or password"),
            (5, "not authorized"),
        ]
    ),
    (
        publish("a/b", b""),
        'PUBLISH      Topic Name "a/b"  QoS 0  DUP 0  RETAIN 0  Payload 0 bytes ""',
        {"topic": "a/b", "packet_id": None, "qos": 0, "dup": False, "retain": False,
         "payload": binary(b"")},
    ),
    (
        packet(0x3D, "\u03b1/\U0001f600", b"\xff\xfe", b"!"),
        'PUBLISH      Topic Name "\u03b1/\U0001f600"  Packet Identifier 65534  QoS 2  DUP 1'
        '  RETAIN 1  Payload 1 byte "!"',
        {"topic": "\u03b1/\U0001f600", "packet_id": 65534, "qos": 2, "dup": True, "retain": True,
         "payload": binary(b"!")},
    ),
    *(
        (
            packet(first_byte, b"\x01\x02"),
            f"{name:<11}  Packet Identifier 258",
            {"packet_id": 258},
        )
        for first_byte, name in [
            (0x40, "PUBACK"),
            (0x50, "PUBREC"),
            (0x62, "PUBREL"),
            (0x70, "PUBCOMP"),
            (0xB0, "UNSUBACK"),
        ]
    ),
    (
        packet(0x82, b"\x00\x07", "a/#", b"\x01", "+", b"\x00", "$SYS/\u00e9", b"\x02"),
        'SUBSCRIBE    Packet Identifier 7  Topic Filter "a/#"  Requested QoS 1'
        '  Topic Filter "+"  Requested QoS 0  Topic Filter "$SYS/\u00e9"  Requested QoS 2',
        {"packet_id": 7, "subscriptions": [{"filter": "a/#", "qos": 1}, {"filter": "+", "qos": 0},
                                           {"filter": "$SYS/\u00e9", "qos": 2}]},
    ),
    (
        packet(0x90, b"\x00\x07\x00\x01\x02\x80"),
        "SUBACK       Packet Identifier 7  Return Code 0 (Success - Maximum QoS 0)"
        "  Return Code 1 (Success - Maximum QoS 1)  Return Code 2 (Success - Maximum QoS 2)"
        "  Return Code 128 (Failure)",
        {"packet_id": 7, "return_codes": [0, 1, 2, 128]},
    ),
    (
        packet(0xA2, b"\x00\x08", "a/#", "b"),
        'UNSUBSCRIBE  Packet Identifier 8  Topic Filter "a/#"  Topic Filter "b"',
        {"packet_id": 8, "filters": ["a/#", "b"]},
    ),
    (PINGREQ, "PINGREQ    ", {}),
    (packet(0xD0), "PINGRESP   ", {}),
    (packet(0xE0), "DISCONNECT ", {}),
]


def text_line(offset, size, shown):
    return f"{offset:8}  {shown[:11]}  {size:5} bytes{shown[11:]}\n"


# ------------------------------------------------------------------------------------------------
# Runs
# ------------------------------------------------------------------------------------------------


def environment(**changes):
    """The caller's, but for what decides about colours."""
    result = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
    result.update(changes)
    return result


def run(*arguments, stdin=b"", **keywords):
    """What the binary prints and exits with: (stdout, stderr, status)."""
    done = subprocess.run([BINARY, *arguments], input=stdin, capture_output=True, check=False,
                          timeout=SECONDS, env=environment(), **keywords)
    return done.stdout.decode(), done.stderr.decode(), done.returncode


def run_on_terminal(*arguments, stdin=b"", **variables):
    """What reaches a terminal, which has to be less than its buffer holds."""
    ours, theirs = pty.openpty()
    try:
        subprocess.run([BINARY, *arguments], input=stdin, stdout=theirs, stderr=theirs,
                       check=False, timeout=SECONDS, env=environment(**variables))
        os.write(theirs, b"\0")
        shown = b""
        while not shown.endswith(b"\0"):
            shown += os.read(ours, 65536)
        return shown[:-1].replace(b"\r\n", b"\n").decode()
    finally:
        os.close(ours)
        os.close(theirs)


def read_line(pipe):
    """The next line, which has to come without more input; None if it does not."""
    line = b""
    while not line.endswith(b"\n"):
        if not select.select([pipe], [], [], SECONDS)[0]:
            return None
        byte = os.read(pipe.fileno(), 1)
        if not byte:
            return None
        line += byte
    return line.decode()


class Packets(unittest.TestCase):
    maxDiff = None

    def test_each_as_text(self):
        for wire, shown, _ in PACKETS:
            with self.subTest(shown):
                self.assertEqual(run(stdin=wire), (text_line(0, len(wire), shown), "", WELL))

    def test_each_as_json(self):
        for wire, shown, fields in PACKETS:
            with self.subTest(shown):
                out, err, status = run("--json", stdin=wire)
                self.assertEqual((err, status, out.count("\n")), ("", WELL, 1))
                self.assertEqual(json.loads(out), {"offset": 0, "size": len(wire),
                                                   "type": shown.split()[0], **fields})

    def test_all_back_to_back(self):
        expected, offset = "", 0
        for wire, shown, _ in PACKETS:
            expected += text_line(offset, len(wire), shown)
            offset += len(wire)
        stream = b"".join(wire for wire, _, _ in PACKETS)
        self.assertEqual(run(stdin=stream), (expected, "", WELL))

    def test_more_packets_than_a_buffer_holds(self):
        wire = publish("a/b", b"hello")
        out, err, status = run("--json", stdin=wire * 20000)
        packets = [json.loads(line) for line in out.splitlines()]
        self.assertEqual((err, status, len(packets)), ("", WELL, 20000))
        self.assertEqual([p["offset"] for p in packets], [len(wire) * i for i in range(20000)])
        self.assertTrue(all(p["payload"] == binary(b"hello") for p in packets))

    def test_large_payload(self):
        payload = b"0123456789abcdef" * (3 << 16)
        wire = PINGREQ + publish("a", payload) + PINGREQ
        preview = '"' + payload[:64].decode() + '"...'
        self.assertEqual(
            run(stdin=wire),
            (PINGREQ_LINE +
             '       2  PUBLISH      3145736 bytes  Topic Name "a"  QoS 0  DUP 0  RETAIN 0'
             f"  Payload 3145728 bytes {preview}\n" +
             " 3145738  PINGREQ          2 bytes\n", "", WELL))
        out, err, status = run("--json", stdin=wire)
        self.assertEqual((err, status), ("", WELL))
        self.assertEqual(json.loads(out.splitlines()[1])["payload"], binary(payload))

    def test_preview_ends_with_a_character(self):
        for payload, shown in [
            (b"x" * 64, "x" * 64),
            (b"x" * 65, "x" * 64),
            (b"x" * 63 + "\u00e9".encode(), "x" * 63),
            (b"x" * 61 + "\U0001f600".encode(), "x" * 61),
            (b"x" * 60 + "\U0001f600".encode() + b"y", "x" * 60 + "\U0001f600"),
            (b"\x80" * 70, "\\x80" * 61),
        ]:
            with self.subTest(payload):
                rest = "" if len(payload) == 64 else "..."
                out = run(stdin=publish("a", payload))[0]
                self.assertTrue(out.endswith(f' {len(payload)} bytes "{shown}"{rest}\n'), out)


class Escapes(unittest.TestCase):
    CASES = [  # payload, as text shows it; JSON writes the same if it is UTF-8
        (b"plain ASCII ~", "plain ASCII ~"),
        ("\u00a0\u00e9\u4e2d\U0001f600\U0010fffd".encode(), "\u00a0\u00e9\u4e2d\U0001f600\U0010fffd"),
        (b'\n\t"\\', '\\n\\t\\"\\\\'),
        (b"\x00\x01\x1f\x7f\r\x1b[2J", "\\u0000\\u0001\\u001f\\u007f\\u000d\\u001b[2J"),
        ("\u0080\u009b31m\u009f".encode(), "\\u0080\\u009b31m\\u009f"),
        ("\u061c\u200e\u200f".encode(), "\\u061c\\u200e\\u200f"),
        ("\u2027\u2028\u2029\u202a\u202e\u202f".encode(),
         "\u2027\\u2028\\u2029\\u202a\\u202e\u202f"),
        ("\u2065\u2066\u2069\u206a".encode(), "\u2065\\u2066\\u2069\u206a"),
        (b"\x80a\xbf", "\\x80a\\xbf"),
        (b"\xc0\x80\xc1\xbf", "\\xc0\\x80\\xc1\\xbf"),
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
        (b"\xe0\x9f\xbf\xf0\x8f\xbf\xbf", "\\xe0\\x9f\\xbf\\xf0\\x8f\\xbf\\xbf"),
        (b"\xf4\x90\x80\x80\xff", "\\xf4\\x90\\x80\\x80\\xff"),
        (b"a\xc3", "a\\xc3"),
        (b"\xe2\x82a\xf0\x9f\x98\xc3\xa9", "\\xe2\\x82a\\xf0\\x9f\\x98\u00e9"),
    ]

    def test_payload_as_text(self):
        for payload, shown in self.CASES:
            with self.subTest(payload):
                out = run(stdin=publish("a", payload))[0]
                self.assertEqual(out.split(" bytes ", 2)[2], f'"{shown}"\n')

    def test_a_character_ends_with_its_field(self):
        suback = packet(0x90, b"\x00\x01\x00")  # 0x90 would continue the character
        self.assertIn(' bytes "a\\xc3"\n', run(stdin=publish("a", b"a\xc3") + suback)[0])

    def test_payload_as_json(self):
        for payload, shown in self.CASES:
            with self.subTest(payload):
                out = run("--json", stdin=publish("a", payload))[0]
                self.assertEqual(json.loads(out)["payload"], binary(payload))
                self.assertEqual(f'"text":"{shown}"' in out, "text" in binary(payload))

    def test_topic(self):
        wire = publish("\x1b]0;\u202e\"\x07", b"")
        self.assertIn('Topic Name "\\u001b]0;\\u202e\\"\\u0007"', run(stdin=wire)[0])
        out = run("--json", stdin=wire)[0]
        self.assertTrue(out.isascii())
        self.assertEqual(json.loads(out)["topic"], "\x1b]0;\u202e\"\x07")


class Arrival(unittest.TestCase):
    def start(self, *arguments):
        process = subprocess.Popen([BINARY, *arguments], stdin=subprocess.PIPE, bufsize=0,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=environment())
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def finish(self, process):
        out, err = process.communicate(timeout=SECONDS)
        return out.decode(), err.decode(), process.returncode

    def assert_silent(self, process):
        self.assertEqual(select.select([process.stdout], [], [], 0.05)[0], [])

    def test_a_packet_is_shown_before_the_next_arrives(self):
        for options, code in [([], bytes), (["--hex"], lambda b: b.hex().encode())]:
            with self.subTest(options):
                process = self.start(*options)
                offset = 0
                for wire, shown, _ in PACKETS[:4]:
                    text = code(wire)
                    process.stdin.write(text[:3])
                    self.assert_silent(process)
                    process.stdin.write(text[3:-1])
                    self.assert_silent(process)
                    process.stdin.write(text[-1:])
                    self.assertEqual(read_line(process.stdout),
                                     text_line(offset, len(wire), shown))
                    offset += len(wire)
                self.assertEqual(self.finish(process), ("", "", WELL))

    def test_one_and_a_half(self):
        (first, shown, _), (second, shown_next, _) = PACKETS[1], PACKETS[9]
        process = self.start()
        process.stdin.write(first + second[:5])
        self.assertEqual(read_line(process.stdout), text_line(0, len(first), shown))
        self.assert_silent(process)
        process.stdin.write(second[5:])
        self.assertEqual(read_line(process.stdout),
                         text_line(len(first), len(second), shown_next))
        self.assertEqual(self.finish(process), ("", "", WELL))

    def test_an_error_of_the_fixed_header_waits_for_nothing(self):
        process = self.start("--json")
        process.stdin.write(b"\x30" + b"\xff" * 4)
        self.assertIn('"malformed"', read_line(process.stdout))
        self.assertEqual(self.finish(process)[2], MALFORMED)

    def test_byte_by_byte(self):
        stream = b"".join(wire for wire, _, _ in PACKETS)
        process = self.start("--json")
        for i in range(len(stream)):
            process.stdin.write(stream[i:i + 1])
        self.assertEqual(self.finish(process), run("--json", stdin=stream))


class Hex(unittest.TestCase):
    def test_text(self):
        for text in [
            b"c000",
            b"C0 00\n",
            b"c 0\n0\t0\r\n\v\f",
            b"# c1 zz \xff\nc0# the rest\n# d0\n00 # end",
            b" " * 70000 + b"c" + b"#" * 70000 + b"\n000",
        ]:
            with self.subTest(text[:20]):
                self.assertEqual(run("--hex", stdin=text), (PINGREQ_LINE, "", WELL))

    def test_errors(self):
        odd = "The second digit of a byte is missing."
        other = "This is not a hexadecimal digit."
        for text, line, column, message in [
            (b"c000g", 1, 5, other),
            (b"c0 00\n# x\n  0x", 3, 4, other),
            (b"c000\r\n\xc3\xa9", 2, 1, other),
            (b"c000\0", 1, 5, other),
            (b"c000 c", 1, 7, odd),
            (b"c000\nd # d0\n", 3, 1, odd),
            (b"c000" + b"#" * 70000 + b"\n0", 2, 2, odd),
        ]:
            with self.subTest(text):
                err = f"mqtt_inspect: standard input: line {line}, column {column}: {message}\n"
                self.assertEqual(run("--hex", stdin=text), (PINGREQ_LINE, err, FAILED))

    def test_large(self):
        wire = publish("a", bytes(range(256)) * 1000)
        text = wire.hex(" ", 1).encode()
        self.assertEqual(run("--hex", "--json", stdin=text), run("--json", stdin=wire))


class Errors(unittest.TestCase):
    maxDiff = None

    # arguments, what follows the PINGREQ at 0, type, error_offset, clause, message
    CASES = [
        ([], b"\x00\x00", "Reserved", 0, "2.2.1",
         "The packet type is not one of 1 to 14; the others are reserved."),
        ([], b"\xc1\x00", "PINGREQ", 0, "MQTT-2.2.2-1",
         "The fixed header flags are not valid for this packet type."),
        ([], b"\x30\x80\x80\x80\x80\x01", "PUBLISH", 1, "2.2.3",
         "The remaining length has more than four bytes, or is not possible for this packet."),
        ([], packet(0x82, b"\x00\x00", "a", b"\x00"), "SUBSCRIBE", 2, "MQTT-2.3.1-1",
         "The packet identifier is 0."),
        ([], packet(0x82, b"\x00\x01", "a"), "SUBSCRIBE", 7, "3.8.3",
         "The requested QoS after a topic filter is missing."),
        ([], packet(0x32, "a/b"), "PUBLISH", 7, "MQTT-2.3.1-1",
         "The packet identifier is missing."),
        ([], packet(0x30, field(b"a\xff")), "PUBLISH", 2, "MQTT-1.5.3-1",
         "A string is not well-formed UTF-8."),
        ([], connect(0x02, "", b"!"), "CONNECT", 14, "3.1.3",
         "Bytes follow the last field that the connect flags announce."),
        ([], connect(0x42, "", field(b"s")), "CONNECT", 9, "MQTT-3.1.2-22",
         "There is a password without a user name."),
        ([], packet(0x90, b"\x00\x01" + b"\x00" * 100 + b"\x03" + b"\x01" * 100), "SUBACK", 105,
         "MQTT-3.9.3-2", "The SUBACK return code is not 0, 1, 2 or 128."),
        (["--from-client"], packet(0xD0), "PINGRESP", 0, "2.2.1",
         "This side may not send packets of this type."),
    ]

    def test_malformed(self):
        for arguments, wire, kind, error_offset, clause, message in self.CASES:
            with self.subTest(message):
                place = 2 + error_offset
                out, err, status = run(*arguments, stdin=PINGREQ + wire)
                self.assertEqual((out, status), (PINGREQ_LINE, MALFORMED))
                first, second, dump = err.split("\n", 2)
                self.assertEqual(first, "mqtt_inspect: standard input: "
                                        f"byte {place} (0x{place:x}): {message} [{clause}]")
                self.assertEqual(second, f"The packet: {kind}, from byte 2 (0x2) on")
                self.check_dump(dump, PINGREQ + wire, 2, place)

                out, err_of_json, status = run("--json", *arguments, stdin=PINGREQ + wire)
                self.assertEqual((err_of_json, status), (err, MALFORMED))
                self.assertEqual(
                    [json.loads(line) for line in out.splitlines()],
                    [{"offset": 0, "type": "PINGREQ", "size": 2},
                     {"offset": 2, "type": kind, "error": "malformed",
                      "error_offset": place, "clause": clause, "message": message}])

    def check_dump(self, dump, stream, start, mark):
        """Each line shows the stream's own bytes, at most four lines do, the mark is at `mark`."""
        lines = dump.splitlines()
        marks = [i for i, line in enumerate(lines) if line.strip() == "^^"]
        self.assertEqual(len(marks), 1)
        below = lines[marks[0] - 1]
        column = lines.pop(marks[0]).index("^^")
        self.assertEqual(int(below[:8], 16) + (column - 10) // 3, mark)
        self.assertEqual((column - 10) % 3, 0)
        self.assertLessEqual(len(lines), 4)
        for line in lines:
            at = int(line[:8], 16)
            shown = {at + i: line[10 + 3 * i:12 + 3 * i] for i in range(16)}
            self.assertEqual(shown, {i: f"{stream[i]:02x}" if start <= i < len(stream) else "  "
                                     for i in range(at, at + 16)})

    def test_whole_report(self):
        subscribe = packet(0x82, b"\x00\x01", "sensors/#/x", b"\x01")
        stream = publish("a", b"0123456789") + subscribe + PINGREQ
        self.assertEqual(run(stdin=stream)[1], (
            "mqtt_inspect: standard input: byte 19 (0x13): The wildcard # is not a whole level, or"
            " not the last level. [MQTT-4.7.1-2]\n"
            "The packet: SUBSCRIBE, from byte 15 (0xf) on\n"
            "00000000                                               82  |               .|\n"
            "00000010  10 00 01 00 0b 73 65 6e 73 6f 72 73 2f 23 2f 78  |.....sensors/#/x|\n"
            "                   ^^\n"
            "00000020  01                                               |.               |\n"))

    def test_a_packet_that_fills_its_line(self):
        self.assertEqual(run(stdin=packet(0x32, "0123456789ab") + PINGREQ)[1].splitlines()[2:], [
            "00000000  32 0e 00 0c 30 31 32 33 34 35 36 37 38 39 61 62  |2...0123456789ab|",
            "00000010                                                   |                |",
            "          ^^"])
        self.assertEqual(run(stdin=packet(0x30, "0123456789a+") + PINGREQ)[1].splitlines()[2:], [
            "00000000  30 0e 00 0c 30 31 32 33 34 35 36 37 38 39 61 2b  |0...0123456789a+|",
            "                ^^"])

    def test_lines_around_the_mark(self):
        wire = packet(0x90, b"\x00\x01" + bytes(50) + b"\x03" + bytes(100))
        lines = run(stdin=wire)[1].splitlines()[2:]
        self.assertEqual([line[:8] for line in lines],
                         ["00000010", "00000020", "00000030", " " * 8, "00000040"])

    def test_truncated(self):
        for wire, kind, size in [
            (b"\x30", "PUBLISH", None),
            (b"\x82\x80\x80", "SUBSCRIBE", None),
            (b"\x30\x05", "PUBLISH", 7),
            (b"\x40\x02\x00", "PUBACK", 4),
            (b"\x30\xff\xff\xff\x7f\x00", "PUBLISH", 268435460),
            (publish("a", b"x" * 200000)[:-1], "PUBLISH", 200007),
        ]:
            with self.subTest(wire[:6]):
                needed = size if size else "unknown, the fixed header is incomplete"
                error = ("mqtt_inspect: standard input: The stream ends within the "
                         f"{kind} packet that starts at byte 2 (0x2); "
                         f"bytes received: {len(wire)}, bytes needed: {needed}.\n")
                self.assertEqual(run(stdin=PINGREQ + wire), (PINGREQ_LINE, error, TRUNCATED))
                out, err, status = run("--json", stdin=PINGREQ + wire)
                self.assertEqual((err, status), (error, TRUNCATED))
                self.assertEqual(json.loads(out.splitlines()[1]), {
                    "offset": 2, "type": kind, "error": "truncated", "received": len(wire),
                    "size": size, "clause": "", "message": "The stream ends within the packet."})

    def test_direction(self):
        client = {"CONNECT", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE",
                  "UNSUBSCRIBE", "PINGREQ", "DISCONNECT"}
        server = {"CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBACK",
                  "UNSUBACK", "PINGRESP"}
        for option, allowed in [("--from-client", client), ("--from-server", server)]:
            for wire, shown, _ in PACKETS:
                with self.subTest((option, shown)):
                    out, err, status = run(option, stdin=wire)
                    if shown.split()[0] in allowed:
                        self.assertEqual((out, err, status), run(stdin=wire))
                    else:
                        self.assertEqual((out, status), ("", MALFORMED))
                        self.assertIn("This side may not send packets of this type. [2.2.1]", err)


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, content):
        path = os.path.join(self.folder, "capture")
        with open(path, "wb") as handle:
            handle.write(content)
        return path

    def test_file(self):
        path = self.file(PINGREQ)
        self.assertEqual(run(path), (PINGREQ_LINE, "", WELL))
        self.assertEqual(run("-", stdin=PINGREQ), (PINGREQ_LINE, "", WELL))
        self.assertIn(f"mqtt_inspect: {path}: line 1, column 1: ", run("--hex", path)[1])

    def test_empty(self):
        for arguments in [], ["--json"], ["--hex"], [self.file(b"")]:
            with self.subTest(arguments):
                self.assertEqual(run(*arguments), ("", "", WELL))

    def test_unreadable(self):
        missing = os.path.join(self.folder, "missing")
        for path, why in [(missing, "No such file or directory"),
                          (self.folder, "Reading stopped after 0 bytes: Is a directory")]:
            with self.subTest(path):
                self.assertEqual(run(path), ("", f"mqtt_inspect: {path}: {why}.\n", FAILED))

    def test_unwritable(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("there is no /dev/full")
        error = "mqtt_inspect: standard output: No space left on device.\n"
        for arguments, stream in [
            ([], PINGREQ),
            ([], PINGREQ + b"\x00"),
            (["--json"], publish("a", b"x" * 100000)),
            (["--json"], b"\x00"),
            (["--help"], b""),
        ]:
            with self.subTest(arguments), open("/dev/full", "wb") as full:
                done = subprocess.run([BINARY, *arguments], input=stream, stdout=full,
                                      stderr=subprocess.PIPE, check=False, timeout=SECONDS)
                self.assertTrue(done.stderr.decode().endswith(error), done.stderr)
                self.assertEqual(done.returncode, FAILED)

    def test_memory(self):
        """A fixed header does not make it allocate; bytes that it cannot keep are an error."""
        if sys.platform != "linux":
            self.skipTest("RLIMIT_AS may not be enforced")
        with open(BINARY, "rb") as handle:
            if b"__asan_init" in handle.read():
                self.skipTest("the address sanitizer needs more memory than the limit")

        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (32 << 20, 32 << 20))

        start = b"\x30\xff\xff\xff\x7f\x00\x01a"
        for count in [0, 4 << 20]:
            done = run(stdin=start + bytes(count), preexec_fn=limit)
            self.assertEqual((done[0], done[2]), ("", TRUNCATED))
        out, err, status = run(stdin=PINGREQ + start + bytes(40 << 20), preexec_fn=limit)
        self.assertEqual((out, status), (PINGREQ_LINE, FAILED))
        self.assertRegex(err, r"^mqtt_inspect: standard input: Reading stopped after \d+ bytes: "
                              r"Cannot allocate memory\.\n$")


class Options(unittest.TestCase):
    def test_help(self):
        out, err, status = run("--help")
        self.assertEqual((err, status), ("", WELL))
        for option in ["--hex", "--json", "--from-client", "--from-server", "--color",
                       "--no-color", "-h, --help", "--version"]:
            self.assertIn(f"  {option} ", out)
        self.assertEqual(run("-h"), (out, "", WELL))

    def test_version(self):
        self.assertEqual(run("--version"), ("mqtt_inspect 0.2.0\n", "", WELL))

    def test_wrong(self):
        for arguments, error in [
            (["--jsn"], "There is no option --jsn here; --help lists them."),
            (["-x"], "There is no option -x here; --help lists them."),
            (["a", "b"], "b is one argument too many; --help says more."),
            (["-", "-"], "- is one argument too many; --help says more."),
            (["--from-client", "--from-server"],
             "--from-client and --from-server exclude each other."),
        ]:
            with self.subTest(arguments):
                self.assertEqual(run(*arguments), ("", f"mqtt_inspect: {error}\n", FAILED))

    COLOURED = "       0  \033[1;36mPINGREQ    \033[0m      2 bytes\n"

    def test_colour(self):
        for arguments, variables, coloured in [
            ([], {}, True),
            ([], {"TERM": "xterm"}, True),
            ([], {"NO_COLOR": ""}, True),
            ([], {"NO_COLOR": "1"}, False),
            ([], {"TERM": "dumb"}, False),
            (["--no-color"], {}, False),
            (["--color"], {"NO_COLOR": "1", "TERM": "dumb"}, True),
        ]:
            with self.subTest((arguments, variables)):
                self.assertEqual(run_on_terminal(*arguments, stdin=PINGREQ, **variables),
                                 self.COLOURED if coloured else PINGREQ_LINE)

    def test_no_terminal(self):
        self.assertEqual(run(stdin=PINGREQ)[0], PINGREQ_LINE)
        self.assertEqual(run("--color", stdin=PINGREQ)[0], self.COLOURED)

    def test_coloured_fields_and_errors(self):
        shown = run_on_terminal(stdin=packet(0x90, b"\x00\x01\x80") + packet(0x82, b"\x00\x00"))
        self.assertIn("Return Code 128 (\033[1;31mFailure\033[0m)\n", shown)
        for code, style in [(0, 0), (1, "1;31"), (5, "1;31")]:
            self.assertIn(f"Return Code {code} (\033[{style}mConnection ",
                          run_on_terminal(stdin=packet(0x20, bytes([0, code]))))
        self.assertIn(" 82 02\033[1;31m 00\033[0m 00 ", shown)
        self.assertIn(" \033[1;31m^^\033[0m\n", shown)
        self.assertIn('Topic Name \033[32m"a"\033[0m', run_on_terminal(stdin=publish("a", b"")))

    def test_json_has_no_colour(self):
        expected = '{"offset":0,"type":"PINGREQ","size":2}\n'
        self.assertEqual(run_on_terminal("--json", stdin=PINGREQ), expected)
        self.assertEqual(run_on_terminal("--json", "--color", stdin=PINGREQ), expected)


class Build(unittest.TestCase):
    """What the first lines of each complete program say of it."""

    def compile(self, *arguments, **options):
        done = subprocess.run([*arguments], capture_output=True, check=False, timeout=SECONDS,
                              **options)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, b"", b""), arguments)

    def test_programs(self):
        if shutil.which("cc") is None:
            self.skipTest("there is no cc")
        sources = sorted(glob.glob(os.path.join(ROOT, "examples/complete/*.c")))
        self.assertEqual(len(sources), 5)
        for source in sources:
            name = os.path.basename(source)[:-2]
            with self.subTest(name), open(source, encoding="utf-8") as file:
                text = file.read()
                head = text.partition("*/")[0].replace("\n * ", " ")
                command = re.search(rf" (cc (?:-O2 )?-o {name} examples/complete/{name}\.c)\s", head)[1]
                listed = re.search(r"To copy it, take ([\w., ]+) too,", head)[1]
                headers = re.split(r", | and ", listed)
                self.assertEqual(headers[0], "mqtt_codec.h")
                with tempfile.TemporaryDirectory() as folder:
                    self.compile(*command.replace(f"-o {name}", f"-o {folder}/{name}").split(),
                                 cwd=ROOT)
                    os.remove(f"{folder}/{name}")
                    shutil.copy(os.path.join(ROOT, "mqtt_codec.h"), folder)
                    for header in headers[1:]:
                        shutil.copy(os.path.join(ROOT, "examples/complete", header), folder)
                    with open(f"{folder}/{name}.c", "w", encoding="utf-8") as copy:
                        copy.write(text.replace("../../mqtt_codec.h", "mqtt_codec.h"))
                    self.compile("cc", "-o", name, f"{name}.c", cwd=folder)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: inspect_test.py PATH_TO_BINARY PATH_TO_PROJECT_ROOT [UNITTEST_OPTION]...")
    BINARY, ROOT = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
