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
import struct
import subprocess
import sys
import tempfile
import textwrap
import unittest

BINARY = ""
ROOT = ""
CAPTURES = []  # the paths of the recorded streams
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
    try:
        ours, theirs = pty.openpty()
    except OSError as error:
        raise unittest.SkipTest("there is no pseudo-terminal") from error
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
        for options, code in [([], bytes), (["--hex"], lambda b: b.hex().encode() + b"\n")]:
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


# ------------------------------------------------------------------------------------------------
# Hexadecimal text
# ------------------------------------------------------------------------------------------------


def rows(data, width=16):
    return [(at, data[at:at + width]) for at in range(0, len(data), width)]


def characters(row):
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)


def starred(data, offset, line, tail):
    """Lines as hexdump and od write them: `*` stands for those that are like the one before."""
    lines, last, number = [], None, 0
    for at, row in rows(data):
        if row == last:
            lines.append("*")
        else:
            lines.append(offset(at) + line(row))
        last = row
    shown = [text for number, text in enumerate(lines) if text != "*" or lines[number - 1] != "*"]
    return "\n".join([*shown, *tail]) + "\n"


def xxd(data, width=16):
    lines = []
    for at, row in rows(data, width):
        pairs = " ".join(row[i:i + 2].hex() for i in range(0, len(row), 2))
        lines.append(f"{at:08x}: {pairs:<{width // 2 * 5 - 1}}  {characters(row)}\n")
    return "".join(lines)


def hexdump(data):
    def line(row):
        return f"  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  |{characters(row)}|"
    return starred(data, "{:08x}".format, line, [f"{len(data):08x}"])


def od(data):
    return "".join(f" {row.hex(' ')}\n" for _, row in rows(data))


def od_with_offsets(data):
    return starred(data, lambda at: f"{at:07o}", lambda row: " " + row.hex(" "),
                   [f"{len(data):07o}"])


def wireshark(data):
    return "".join(f"{at:04x}  {row.hex(' '):<47}   {characters(row)}\n" for at, row in rows(data))


def follow(data):
    """The hex dump of a followed stream of tshark."""
    return "".join(f"{at:08X}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  "
                   f"{characters(row[:8])} {characters(row[8:])}\n" for at, row in rows(data))


def xxd_i(data):
    lines = [", ".join(f"0x{byte:02x}" for byte in row) for _, row in rows(data, 12)]
    return ("unsigned char a_bin[] = {\n  " + ",\n  ".join(lines)
            + "\n};\nunsigned int a_bin_len = " + str(len(data)) + ";\n")


def c_array(data):
    """With numbers of each kind, and what stands around them in a program."""
    def element(at, byte):
        if at % 3 == 0 and 0x20 < byte < 0x7F and chr(byte) not in "'\\":
            return f"'{chr(byte)}'"
        return f"0x{byte:X}" if at % 3 == 1 else str(byte)
    elements = ", ".join(element(at, byte) for at, byte in enumerate(data))
    return (f"#include <stdint.h>\n\n/* 0x99\n * 98 */\nstatic const uint8_t p[{len(data)}] = "
            f"{{ // 97\n    /* 96, */ {elements},\n}};\n\nint beef(void);\n")


FORMS = {
    "one line": lambda data: data.hex(),
    "pairs": lambda data: data.hex(" ").upper(),
    "groups": lambda data: data.hex(" ", -4),
    "colons": lambda data: data.hex(":"),
    "lines": lambda data: "\r\n".join(f"{byte:02x}" for byte in data),
    "prefixes": lambda data: ", ".join(f"0x{byte:x}" for byte in data),
    "long numbers": lambda data: " ".join("0x" + row.hex() for _, row in rows(data, 4)),
    "escapes": lambda data: "".join(f"\\x{byte:02x}" for byte in data),
    "escapes in quotes": lambda data: '"' + "".join(f"\\x{byte:02X}" for byte in data) + '"',
    "bytes of Python": repr,
    "digits in quotes": lambda data: f'"{data.hex()}"',
    "xxd": xxd,
    "xxd -c 8": lambda data: xxd(data, 8),
    "hexdump -C": hexdump,
    "od -An -tx1": od,
    "wireshark": wireshark,
    "follow": follow,
    "xxd -i": xxd_i,
    "array of C": c_array,
}

# The same with the programs of which FORMS has the output.
TOOLS = {
    "xxd": ["xxd"],
    "xxd -c 8": ["xxd", "-c", "8"],
    "xxd -i": ["xxd", "-i", "a.bin"],
    "hexdump -C": ["hexdump", "-C"],
    "od -An -tx1": ["od", "-v", "-An", "-tx1"],
}

# Text columns that look like bytes, lines that repeat, every byte.
HEX_STREAM = (
    connect(0x02, "c") + publish("a/b", b"ab cd ef 01 |# 0x11  22 '{}\"\\ 33 44 \\x55")
    + publish("zeros", bytes(100)) + publish("all", bytes(range(256)) * 2)
    + publish("pairs", b"12 34 56 78 9a bc" * 3) + PINGREQ
)


class Hex(unittest.TestCase):
    maxDiff = None

    def test_plain(self):
        for text in [
            b"c000",
            b"C0 00\n",
            b"c0\n00\t\r\n\v\f",
            b"# c1 zz \xff\nc0# the rest\n# d0\n00 # end",
            b"// d0\n c0 /* d0\n d0 */00 // d0",
            b" " * 70000 + b"c0" + b"#" * 70000 + b"\n00",
            b"c0:00", b"0xc0, 0x00", b"0xC0 0X0,", b"0xc000", b"\\xc0\\x00", b"b'\\xc0\\x00'",
            b'"\\xc0\\0"', b"{192,0}", b"x = {0xc0, 0};", b"\"c0\" '00'",
            b'"\\xc0" \\\n"\\x00"',
        ]:
            with self.subTest(text[:20]):
                self.assertEqual(run("--hex", stdin=text), (PINGREQ_LINE, "", WELL))

    def test_each_form(self):
        expected = run("--json", stdin=HEX_STREAM)
        self.assertEqual((expected[0].count("\n"), *expected[1:]), (6, "", WELL))
        for name, form in FORMS.items():
            with self.subTest(name):
                self.assertEqual(run("--hex", "--json", stdin=form(HEX_STREAM).encode()), expected)

    def test_each_capture_in_each_form(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, form in FORMS.items():
                for path in CAPTURES:
                    with open(path, "rb") as file:
                        text = form(file.read())
                    with open(os.path.join(folder, os.path.basename(path)), "w",
                              encoding="utf-8") as file:
                        file.write(text)
                with self.subTest(name):
                    self.assertEqual(run("--hex", "--json", *map(os.path.basename, CAPTURES),
                                         cwd=folder),
                                     run("--json", *map(os.path.basename, CAPTURES),
                                         cwd=os.path.dirname(CAPTURES[0])))

    def test_forms_are_those_of_the_tools(self):
        for name, command in TOOLS.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                if shutil.which(command[0]) is None:
                    self.skipTest(f"needs {command[0]}")
                with open(f"{folder}/a.bin", "wb") as file:
                    file.write(HEX_STREAM)
                with open(f"{folder}/a.bin", "rb") as file:
                    done = subprocess.run(command, stdin=file, cwd=folder, capture_output=True,
                                          check=True, timeout=SECONDS)
                self.assertEqual(done.stdout.decode(), FORMS[name](HEX_STREAM))

    def test_offsets(self):
        for text in [
            b"00000020  c0 00                                             |..|\n00000022\n",
            b"01000000  c0 00                                             |..|\n",
            b"0000 c0 00", b"0000000 c0 00\n0000002\n", b"000020 c0 00  >..<",
            b"ffff: c000  ..", b"  00000000  c0 00", b"# a dump\n0000  c0\n# next\n0001  00",
            b"00000000  c0 00 |..|",
        ]:
            with self.subTest(text):
                self.assertEqual(run("--hex", stdin=text), (PINGREQ_LINE, "", WELL))

    def test_repeated_lines(self):
        """`*` stands for as many lines as the offsets say."""
        data = publish("a", bytes(16 * 1000 - 4))
        text = ("00000000  30 ff 7c 00 01 61 00 00  00 00 00 00 00 00 00 00  |0.}..a..........|\n"
                "00000010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n"
                "*\n00003e80  00 00                 |..|\n00003e82\n")
        self.assertEqual((len(data), data[:6].hex()), (0x3e82, "30ff7c000161"))
        self.assertEqual(run("--hex", "--json", stdin=text.encode()), run("--json", stdin=data))

    def test_its_own_dumps(self):
        """The dump below an error, and what --bytes prints, give the bytes that they show."""
        stream = publish("a", b"0123456789") + packet(0x82, b"\x00\x01", "sensors/#/x", b"\x01")
        dump = run(stdin=stream)[1].split("\n", 2)[2]
        self.assertIn(" ^^\n", dump)
        self.assertEqual(run("--hex", "--json", stdin=dump.encode())[0],
                         run("--json", stdin=stream[15:])[0])
        for path in CAPTURES:
            with self.subTest(path):
                shown, err, status = run("--bytes", path)
                self.assertEqual((err, status), ("", WELL))
                self.assertEqual(run("--hex", "--json", stdin=shown.encode()), run("--json", path))

    def test_errors(self):
        odd = "The second digit of a byte is missing."
        other = "This is not a hexadecimal digit."
        large = "This number is larger than 255."
        offset = "This offset does not fit the lines before it."
        star = "Lines are left out here; make the dump with the option -v."
        line = "00000000  c0 00" + " " * 45 + "|..|\n"
        for text, shown, line_number, column, message in [
            ("c000\nc0g", True, 2, 3, other),
            ("c000\nc000g", True, 2, 5, other),
            ("c0 00\n# x\n  0x", True, 3, 5, other),
            ("c000\r\n\u00e9", True, 2, 1, other),
            ("c000\0", False, 1, 5, other),
            ("c000 c", False, 1, 7, odd),
            ("c000\nd # d0\n", True, 2, 2, odd),
            ("c0 0 00", False, 1, 5, odd),
            ("c000" + "#" * 70000 + "\n0", True, 2, 2, odd),
            ("0xc0, 0x000", False, 1, 12, odd),
            ("\\xc0\\x0", False, 1, 5, other),
            ("\\xc0\\n", False, 1, 5, other),
            ("'\\xc0\\q'", False, 1, 6, other),
            ("'\\xc0\\", False, 1, 6, other),
            ("c000\n{", True, 2, 1, other),
            ("{0xc0, 256}", False, 1, 8, large),
            ("{0xc0, 0x100}", False, 1, 8, large),
            ("{0xc0, c}", False, 1, 8, other),
            ("{0xc0, 0x00u}", False, 1, 12, other),
            (line + "00000003\n", True, 2, 1, offset),
            (line + "*\n00000003\n", True, 3, 1, offset),
            (line + "c0 00\n", True, 2, 1, offset),
            (line + "*\n00000001  00\n", True, 3, 1, offset),
            (line + "*\nffffffff  00\n", True, 3, 1, offset),
            ("c000\n*\nc000\n", True, 2, 1, other),
            ("00000000: c000 0g  ..\n", False, 1, 16, other),
            ("0000  c0 0\n", False, 1, 10, other),
        ]:
            with self.subTest(text[:40]):
                err = f"mqtt_inspect: standard input: line {line_number}, column {column}: {message}\n"
                self.assertEqual(run("--hex", stdin=text.encode()),
                                 (PINGREQ_LINE if shown else "", err, FAILED))

    def test_other_text_is_refused(self):
        """Text that is not hexadecimal is never taken for packets."""
        for text in [
            "hello world", "EAwABE1RVFQEAgA8AAA=", "<html>", '{"hex": "c000"}', "c0 00 PINGREQ",
            "2024-01-01 12:00:00 c0 00", "0000000 10c0 0000", "MQTT", "c0 00 |..|",
            "[192, 0]", "c000;", "c0-00", "PINGREQ c000",
            "\ufeffc000", "\x10\x0c\x00\x04MQTT", "0000000    c000\n0000002\n",
        ]:
            with self.subTest(text):
                out, err, status = run("--hex", stdin=text.encode())
                self.assertEqual((out, status), ("", FAILED))
                self.assertRegex(err, r"^mqtt_inspect: standard input: line 1, column \d+: .+\.\n$")

    def test_large(self):
        wire = publish("a", bytes(range(256)) * 1000)
        for text in wire.hex(" ", 1), xxd(wire), hexdump(wire):
            self.assertEqual(run("--hex", "--json", stdin=text.encode()),
                             run("--json", stdin=wire))


# ------------------------------------------------------------------------------------------------
# The bytes of packets
# ------------------------------------------------------------------------------------------------

# What is sent, and for each line of --bytes but the first: bytes in hexadecimal, name and value,
# section. A line without a name goes on with the bytes of the field.
FIELDS = [
    (
        connect(0xEC, "abc", "w/t", field(b"\x01\xff\n"), "J\u00f6rg", field(b"s3cret")),
        [
            ("10", "Control Packet Type 1 (CONNECT)  Flags 0", "3.1.1"),
            ("28", "Remaining Length 40", "2.2.3"),
            ("00 04 4d 51 54 54", 'Protocol Name "MQTT"', "3.1.2.1"),
            ("04", "Protocol Level 4", "3.1.2.2"),
            ("ec", "User Name Flag 1  Password Flag 1  Will Retain 1  Will QoS 1  Will Flag 1"
                   "  Clean Session 0", "3.1.2.3"),
            ("00 3c", "Keep Alive 60", "3.1.2.10"),
            ("00 03 61 62 63", 'ClientId "abc"', "3.1.3.1"),
            ("00 03 77 2f 74", 'Will Topic "w/t"', "3.1.3.2"),
            ("00 03 01 ff 0a", 'Will Message 3 bytes "\\u0001\\xff\\n"', "3.1.3.3"),
            ("00 05 4a c3 b6 72 67", 'User Name "J\u00f6rg"', "3.1.3.4"),
            ("00 06 73 33 63 72 65 74", 'Password 6 bytes "s3cret"', "3.1.3.5"),
        ],
    ),
    (
        packet(0x20, b"\x00\x05"),
        [
            ("20", "Control Packet Type 2 (CONNACK)  Flags 0", "3.2.1"),
            ("02", "Remaining Length 2", "2.2.3"),
            ("00", "Session Present 0", "3.2.2.2"),
            ("05", "Return Code 5 (Connection Refused, not authorized)", "3.2.2.3"),
        ],
    ),
    (
        packet(0x3D, "a/b", b"\x00\x07", b"0123456789" * 7 + b"#\n"),
        [
            ("3d", "Control Packet Type 3 (PUBLISH)  DUP 1  QoS 2  RETAIN 1", "3.3.1"),
            ("4f", "Remaining Length 79", "2.2.3"),
            ("00 03 61 2f 62", 'Topic Name "a/b"', "3.3.2.1"),
            ("00 07", "Packet Identifier 7", "3.3.2.2"),
            ("30 31 32 33 34 35 36 37 38 39 30 31 32 33 34 35",
             'Payload 72 bytes "' + "0123456789" * 6 + '0123"...', "3.3.3"),
            ("36 37 38 39 30 31 32 33 34 35 36 37 38 39 30 31", None, None),
            ("32 33 34 35 36 37 38 39 30 31 32 33 34 35 36 37", None, None),
            ("38 39 30 31 32 33 34 35 36 37 38 39 30 31 32 33", None, None),
            ("34 35 36 37 38 39 23 0a", None, None),
        ],
    ),
    (
        publish("a", b""),
        [
            ("30", "Control Packet Type 3 (PUBLISH)  DUP 0  QoS 0  RETAIN 0", "3.3.1"),
            ("03", "Remaining Length 3", "2.2.3"),
            ("00 01 61", 'Topic Name "a"', "3.3.2.1"),
        ],
    ),
    *(
        (
            packet(first_byte, b"\x01\x02"),
            [
                (f"{first_byte:02x}", f"Control Packet Type {first_byte // 16} ({name})"
                                      f"  Flags {first_byte % 16}", f"3.{first_byte // 16}.1"),
                ("02", "Remaining Length 2", "2.2.3"),
                ("01 02", "Packet Identifier 258", f"3.{first_byte // 16}.2"),
            ],
        )
        for first_byte, name in [
            (0x40, "PUBACK"), (0x50, "PUBREC"), (0x62, "PUBREL"), (0x70, "PUBCOMP"),
            (0xB0, "UNSUBACK"),
        ]
    ),
    (
        packet(0x82, b"\x00\x07", "a/#", b"\x01", "+", b"\x02"),
        [
            ("82", "Control Packet Type 8 (SUBSCRIBE)  Flags 2", "3.8.1"),
            ("0c", "Remaining Length 12", "2.2.3"),
            ("00 07", "Packet Identifier 7", "3.8.2"),
            ("00 03 61 2f 23", 'Topic Filter "a/#"', "3.8.3"),
            ("01", "Requested QoS 1", "3.8.3"),
            ("00 01 2b", 'Topic Filter "+"', "3.8.3"),
            ("02", "Requested QoS 2", "3.8.3"),
        ],
    ),
    (
        b"\x90\x84\x80\x00\x00\x07\x02\x80",
        [
            ("90", "Control Packet Type 9 (SUBACK)  Flags 0", "3.9.1"),
            ("84 80 00", "Remaining Length 4", "2.2.3"),
            ("00 07", "Packet Identifier 7", "3.9.2"),
            ("02", "Return Code 2 (Success - Maximum QoS 2)", "3.9.3"),
            ("80", "Return Code 128 (Failure)", "3.9.3"),
        ],
    ),
    (
        packet(0xA2, b"\x00\x08", "t" * 70),
        [
            ("a2", "Control Packet Type 10 (UNSUBSCRIBE)  Flags 2", "3.10.1"),
            ("4a", "Remaining Length 74", "2.2.3"),
            ("00 08", "Packet Identifier 8", "3.10.2"),
            ("00 46" + " 74" * 14, 'Topic Filter "' + "t" * 64 + '"...', "3.10.3"),
            ("74" + " 74" * 15, None, None),
            ("74" + " 74" * 15, None, None),
            ("74" + " 74" * 15, None, None),
            ("74" + " 74" * 7, None, None),
        ],
    ),
    *(
        (
            packet(first_byte),
            [
                (f"{first_byte:02x}", f"Control Packet Type {first_byte // 16} ({name})  Flags 0",
                 f"3.{first_byte // 16}.1"),
                ("00", "Remaining Length 0", "2.2.3"),
            ],
        )
        for first_byte, name in [(0xC0, "PINGREQ"), (0xD0, "PINGRESP"), (0xE0, "DISCONNECT")]
    ),
]


class Bytes(unittest.TestCase):
    maxDiff = None

    def shown(self, offset, wire, fields):
        name = re.search(r"\((\w+)\)", fields[0][1])[1]
        text, at = f"# {name}, {len(wire)} bytes from byte {offset} on\n", offset
        for shown, value, section in fields:
            text += (f"{at:08x}  {shown:<47}  #  {value}  [{section}]\n" if value else
                     f"{at:08x}  {shown}\n")
            at += (len(shown) + 1) // 3
        self.assertEqual(at, offset + len(wire))
        return text

    def test_each_packet(self):
        for wire, fields in FIELDS:
            with self.subTest(fields[0][1]):
                self.assertEqual(run("--bytes", stdin=wire), (self.shown(0, wire, fields), "", WELL))

    def test_stream(self):
        text, offset = "", 0
        for wire, fields in FIELDS:
            text += self.shown(offset, wire, fields)
            offset += len(wire)
        stream = b"".join(wire for wire, _ in FIELDS)
        self.assertEqual(run("--bytes", stdin=stream), (text, "", WELL))
        self.assertEqual(run("--hex", "--bytes", stdin=text.encode()), (text, "", WELL))

    def test_captures(self):
        """Every byte is shown, once and at its offset, and every line has a section or goes on."""
        for path in CAPTURES:
            with self.subTest(path), open(path, "rb") as file:
                data, shown = file.read(), b""
                for line in run("--bytes", path)[0].splitlines():
                    if not line.startswith("# "):
                        self.assertRegex(line, r"^[0-9a-f]{8}  [0-9a-f ]{2,47}$|  \[\d\.\d+\.[\d.]+\]$")
                        self.assertEqual(int(line[:8], 16), len(shown))
                        shown += bytes.fromhex(line[10:57])
                self.assertEqual(shown, data)

    def test_malformed(self):
        out, err, status = run("--bytes", stdin=PINGREQ + b"\xc1\x00")
        self.assertEqual((out, status), (self.shown(0, PINGREQ, FIELDS[-3][1]), MALFORMED))
        self.assertEqual(err, run(stdin=PINGREQ + b"\xc1\x00")[1])

    def test_page(self):
        """docs/mqtt_inspect.md shows what is printed."""
        with open(os.path.join(ROOT, "docs/mqtt_inspect.md"), encoding="utf-8") as file:
            wire, shown = re.search(r"(?m)^    \$ (printf '.*') \| ./mqtt_inspect --bytes\n"
                                    r"((?:    .*\n)+)", file.read()).groups()
        sent = subprocess.run(["sh", "-c", wire], capture_output=True, check=True).stdout
        self.assertEqual(run("--bytes", stdin=sent), (textwrap.dedent(shown), "", WELL))

    def test_colours(self):
        self.assertIn("(\033[1;36mPINGREQ\033[0m)", run("--bytes", "--color", stdin=PINGREQ)[0])


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

    def test_versions(self):
        """The message for a CONNECT of another version names it, wherever it is."""
        level = "The protocol level is not 4, which is MQTT 3.1.1."
        name = "The protocol name is not MQTT."
        for wire, place, message, clause, version in [
            (packet(0x10, "MQIsdp", b"\x03\x02\x00\x3c", "c"), 2,
             name, "MQTT-3.1.2-1", "MQTT 3.1"),
            (packet(0x10, "MQTT", b"\x84\x02\x00\x3c", "c"), 8,
             level, "MQTT-3.1.2-2", "MQTT 3.1.1 of a bridge"),
            (packet(0x10, "MQIsdp", b"\x83\x02\x00\x3c", "c"), 2,
             name, "MQTT-3.1.2-1", "MQTT 3.1 of a bridge"),
            (packet(0x10, "MQTT", b"\x06\x02\x00\x3c", "c"), 8, level, "MQTT-3.1.2-2", None),
            (packet(0x10, "MQTT", b"\x03\x02\x00\x3c", "c"), 8, level, "MQTT-3.1.2-2", None),
            (packet(0x10, "MQIsdp", b"\x04\x02\x00\x3c", "c"), 2, name, "MQTT-3.1.2-1", None),
            (packet(0x10, "mqtt", b"\x05\x02\x00\x3c", "c"), 2, name, "MQTT-3.1.2-1", None),
            (packet(0x10, "MQIs", bytes(6)), 2, name, "MQTT-3.1.2-1", None),
        ]:
            with self.subTest(wire):
                out, err, status = run("--json", stdin=PINGREQ + wire)
                self.assertEqual(json.loads(out.splitlines()[1]), {
                    "offset": 2, "type": "CONNECT", "error": "malformed",
                    "error_offset": 2 + place, "clause": clause, "message": message,
                    **({"version": version} if version else {})})
                if version:
                    message += f" This is {version}."
                self.assertEqual(err.splitlines()[0], "mqtt_inspect: standard input: "
                                 f"byte {2 + place} (0x{2 + place:x}): {message} [{clause}]")
                self.assertEqual(status, MALFORMED)


class Continue(unittest.TestCase):
    maxDiff = None

    # What is malformed, but has an end; its type, where its error is, its clause.
    REFUSED = [
        (b"\xc1\x00", "PINGREQ", 0, "MQTT-2.2.2-1"),
        (packet(0x82, b"\x00\x01", "a/#/b", b"\x00"), "SUBSCRIBE", 4, "MQTT-4.7.1-2"),
        (b"\xf0\x03\x01\x02\x03", "Reserved", 0, "2.2.1"),
        (packet(0x40, b"\x00\x01\x00"), "PUBACK", 1, "2.2.3"),
        (b"\x80\x80\x00", "SUBSCRIBE", 0, "MQTT-2.2.2-1"),
        (packet(0x10, "MQIsdp", b"\x03\x02\x00\x3c", "c"), "CONNECT", 2, "MQTT-3.1.2-1"),
        (packet(0x30, field(b"a\xff") + bytes(200000)), "PUBLISH", 4, "MQTT-1.5.3-1"),
    ]

    def stream(self):
        """Each of them between two that are well-formed; the JSON that shows it."""
        wire, lines = PINGREQ, [{"offset": 0, "type": "PINGREQ", "size": 2}]
        for bad, kind, place, clause in self.REFUSED:
            at = len(wire)
            lines.append({"offset": at, "type": kind, "error": "malformed",
                          "error_offset": at + place, "clause": clause})
            lines.append({"offset": at + len(bad), "type": "PINGREQ", "size": 2})
            wire += bad + PINGREQ
        return wire, lines

    def lines(self, out):
        lines = [json.loads(line) for line in out.splitlines()]
        for line in lines:
            for name in "message", "version", "well_formed_in":
                line.pop(name, None)
        return lines

    def test_goes_on(self):
        wire, expected = self.stream()
        out, err, status = run("--json", "--continue", stdin=wire)
        self.assertEqual((self.lines(out), status), (expected, MALFORMED))
        self.assertEqual(len(re.findall(r"(?m)^mqtt_inspect: standard input: byte \d+ ", err)),
                         len(self.REFUSED))
        out, err_of_text, status = run("--continue", stdin=wire)
        self.assertEqual((out.count("PINGREQ"), err_of_text, status), (8, err, MALFORMED))
        out, err, status = run("--json", stdin=wire)
        self.assertEqual((self.lines(out), status), (expected[:2], MALFORMED))

    def test_in_pieces(self):
        """A refused packet whose end has not come is reported when it has."""
        for wire, _, _, _ in self.REFUSED[:-1]:
            whole = run("--json", "--continue", stdin=wire + PINGREQ)
            with subprocess.Popen([BINARY, "--json", "--continue"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
                                  env=environment()) as process:
                for i in range(len(wire)):
                    self.assertEqual(select.select([process.stdout], [], [], 0)[0], [])
                    process.stdin.write(wire[i:i + 1])
                    select.select([process.stdout], [], [], 0.02)
                process.stdin.write(PINGREQ)
                out, err = process.communicate(timeout=SECONDS)
            self.assertEqual((out.decode(), err.decode(), process.returncode), whole)

    def test_where_it_ends(self):
        long = b"\x30\xff\xff\xff\xff"
        malformed = {"offset": 2, "type": "PUBLISH", "error": "malformed"}
        for wire, last, expected in [
            (long + PINGREQ, {**malformed, "error_offset": 3, "clause": "2.2.3"}, MALFORMED),
            (packet(0x36, "a", b"\x00\x01")[:-1],
             {**malformed, "error_offset": 2, "clause": "MQTT-3.3.1-4"}, MALFORMED),
            (b"\xc1\x00\x40\x02\x00", {"offset": 4, "type": "PUBACK", "error": "truncated",
                                       "received": 3, "size": 4, "clause": ""}, TRUNCATED),
            (packet(0x10, "MQTT", b"\x06\x02\x00\x3c\x00", "c") + PINGREQ,
             {"offset": 18, "type": "PINGREQ", "size": 2}, MALFORMED),
        ]:
            with self.subTest(wire):
                out, _, status = run("--json", "--continue", stdin=PINGREQ + wire)
                self.assertEqual((self.lines(out)[-1], status), (last, expected))


def network(packets, port=1883):
    """The Ethernet frames of TCP segments: (port of the client, whether it sends, bytes)."""
    sequence, frames = {}, []
    for client, is_sent, data in packets:
        numbers = sequence.setdefault(client, {True: 1, False: 1})
        ports = (client, port) if is_sent else (port, client)
        tcp = struct.pack("!HHIIBBHHH", *ports, numbers[is_sent], numbers[not is_sent], 5 << 4,
                          0x18, 65535, 0, 0)
        addresses = (10, 0, 0, 1, 10, 0, 0, 2) if is_sent else (10, 0, 0, 2, 10, 0, 0, 1)
        ip = struct.pack("!BBHHHBBH8B", 0x45, 0, 40 + len(data), 0, 0, 64, 6, 0, *addresses)
        frames.append(bytes(12) + b"\x08\x00" + ip + tcp + data)
        numbers[is_sent] += len(data)
    return frames


def pcap(frames, order="<", magic=0xA1B2C3D4):
    result = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 0x40000, 1)
    for time, frame in enumerate(frames):
        result += struct.pack(order + "IIII", time, 0, len(frame), len(frame)) + frame
    return result


def pcapng(frames):
    def block(kind, body):
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
    result = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    result += block(1, struct.pack("<HHI", 1, 0, 0x40000))
    for frame in frames:
        result += block(6, struct.pack("<IIIII", 0, 0, 0, len(frame), len(frame)) + frame)
    return result


def listed(data):
    """Properties with their length, which is below 128."""
    return bytes([len(data)]) + data


# Packets of MQTT 5.0, with what is shown: as text; as JSON, besides offset, type and size; and with
# --bytes the fields after the fixed header: their sizes and their sections.
SENT_ALONG = (b"\x01\x01" b"\x02\0\0\0\x09" b"\x03" + field(b"text") + b"\x08" + field(b"r/t")
              + b"\x09" + field(b"c\xff") + b"\x26" + field(b"k") + field(b"v\x1b") + b"\x26"
              + field(b"k") + field(b""))
V5_PACKETS = [
    (packet(0x10, "MQTT", b"\5\xce\0\x3c" + listed(b"\x21\0\x14"), "me",
            listed(b"\x18\0\0\0\5"), "w", "x", "u", "p"),
     'CONNECT  Client Identifier "me"  Keep Alive 60  Clean Start 1  Receive Maximum 20  '
     'Will Delay Interval 5  Will Topic "w"  Will Payload 1 byte "x"  Will QoS 1  Will Retain 0  '
     'User Name "u"  Password 1 byte "p"',
     {"client_id": "me", "keep_alive": 60, "clean_start": True,
      "properties": [{"name": "Receive Maximum", "value": 20}],
      "will": {"properties": [{"name": "Will Delay Interval", "value": 5}], "topic": "w",
               "payload": {"length": 1, "hex": "78", "text": "x"}, "qos": 1, "retain": False},
      "user_name": "u", "password": {"length": 1, "hex": "70", "text": "p"}},
     [(6, "3.1.2.1"), (1, "3.1.2.2"), (1, "3.1.2.3"), (2, "3.1.2.10"), (1, "3.1.2.11.1"),
      (3, "2.2.2.2"), (4, "3.1.3.1"), (1, "3.1.3.2.1"), (5, "2.2.2.2"), (3, "3.1.3.3"),
      (3, "3.1.3.4"), (3, "3.1.3.5"), (3, "3.1.3.6")]),
    (packet(0x10, "MQTT", b"\5\0\0\0\0", ""),
     'CONNECT  Client Identifier ""  Keep Alive 0  Clean Start 0',
     {"client_id": "", "keep_alive": 0, "clean_start": False, "properties": [], "will": None,
      "user_name": None, "password": None},
     [(6, "3.1.2.1"), (1, "3.1.2.2"), (1, "3.1.2.3"), (2, "3.1.2.10"), (1, "3.1.2.11.1"),
      (2, "3.1.3.1")]),
    (packet(0x20, b"\1\0" + listed(b"\x24\1\x12" + field(b"id"))),
     'CONNACK  Session Present 1  Reason Code 0 (Success)  Maximum QoS 1  '
     'Assigned Client Identifier "id"',
     {"session_present": True, "reason_code": 0, "properties": [
         {"name": "Maximum QoS", "value": 1},
         {"name": "Assigned Client Identifier", "value": "id"}]},
     [(1, "3.2.2.1.1"), (1, "3.2.2.2"), (1, "3.2.2.3.1"), (2, "2.2.2.2"), (5, "2.2.2.2")]),
    (packet(0x32, "a/b", b"\0\1" + listed(SENT_ALONG) + b"21.5"),
     'PUBLISH  Topic Name "a/b"  Packet Identifier 1  QoS 1  DUP 0  RETAIN 0  '
     'Payload Format Indicator 1  Message Expiry Interval 9  Content Type "text"  '
     'Response Topic "r/t"  Correlation Data 2 bytes "c\\xff"  User Property "k" = "v\\u001b"  '
     'User Property "k" = ""  Payload 4 bytes "21.5"',
     {"topic": "a/b", "packet_id": 1, "qos": 1, "dup": False, "retain": False, "properties": [
         {"name": "Payload Format Indicator", "value": 1},
         {"name": "Message Expiry Interval", "value": 9},
         {"name": "Content Type", "value": "text"}, {"name": "Response Topic", "value": "r/t"},
         {"name": "Correlation Data", "value": {"length": 2, "hex": "63ff"}},
         {"name": "User Property", "key": "k", "value": "v\x1b"},
         {"name": "User Property", "key": "k", "value": ""}],
      "payload": {"length": 4, "hex": "32312e35", "text": "21.5"}},
     [(5, "3.3.2.1"), (2, "3.3.2.2"), (1, "3.3.2.3.1"), (2, "2.2.2.2"), (5, "2.2.2.2"),
      (7, "2.2.2.2"), (6, "2.2.2.2"), (5, "2.2.2.2"), (8, "2.2.2.2"), (6, "2.2.2.2"), (4, "3.3.3")]),
    (packet(0x30, "", listed(b"\x23\0\7")),
     'PUBLISH  Topic Name ""  QoS 0  DUP 0  RETAIN 0  Topic Alias 7  Payload 0 bytes ""',
     {"topic": "", "packet_id": None, "qos": 0, "dup": False, "retain": False,
      "properties": [{"name": "Topic Alias", "value": 7}],
      "payload": {"length": 0, "hex": "", "text": ""}},
     [(2, "3.3.2.1"), (1, "3.3.2.3.1"), (3, "2.2.2.2")]),
    (packet(0x40, b"\0\4"), "PUBACK  Packet Identifier 4  Reason Code 0 (Success)",
     {"packet_id": 4, "reason_code": 0, "properties": []}, [(2, "3.4.2")]),
    (packet(0x50, b"\0\4\x97"), "PUBREC  Packet Identifier 4  Reason Code 151 (Quota exceeded)",
     {"packet_id": 4, "reason_code": 151, "properties": []}, [(2, "3.5.2"), (1, "3.5.2.1")]),
    (packet(0x62, b"\0\4\x92" + listed(b"\x1f" + field(b"why"))),
     'PUBREL  Packet Identifier 4  Reason Code 146 (Packet Identifier not found)  '
     'Reason String "why"',
     {"packet_id": 4, "reason_code": 146, "properties": [{"name": "Reason String", "value": "why"}]},
     [(2, "3.6.2"), (1, "3.6.2.1"), (1, "3.6.2.2.1"), (6, "2.2.2.2")]),
    (packet(0x82, b"\0\2" + listed(b"\x0b\x7f"), "#", b"\x2d", "a", b"\0"),
     'SUBSCRIBE  Packet Identifier 2  Subscription Identifier 127  Topic Filter "#"  Maximum QoS 1  '
     'No Local 1  Retain As Published 1  Retain Handling 2  Topic Filter "a"  Maximum QoS 0  '
     'No Local 0  Retain As Published 0  Retain Handling 0',
     {"packet_id": 2, "properties": [{"name": "Subscription Identifier", "value": 127}],
      "subscriptions": [
          {"filter": "#", "qos": 1, "no_local": True, "retain_as_published": True,
           "retain_handling": 2},
          {"filter": "a", "qos": 0, "no_local": False, "retain_as_published": False,
           "retain_handling": 0}]},
     [(2, "3.8.2"), (1, "3.8.2.1.1"), (2, "2.2.2.2"), (3, "3.8.3"), (1, "3.8.3.1"), (3, "3.8.3"),
      (1, "3.8.3.1")]),
    (packet(0x90, b"\0\2\0\1\x87"),
     "SUBACK  Packet Identifier 2  Reason Code 1 (Granted QoS 1)  Reason Code 135 (Not authorized)",
     {"packet_id": 2, "properties": [], "reason_codes": [1, 135]},
     [(2, "3.9.2"), (1, "3.9.2.1.1"), (1, "3.9.3"), (1, "3.9.3")]),
    (packet(0xA2, b"\0\3\0", "#"), 'UNSUBSCRIBE  Packet Identifier 3  Topic Filter "#"',
     {"packet_id": 3, "properties": [], "filters": ["#"]},
     [(2, "3.10.2"), (1, "3.10.2.1.1"), (3, "3.10.3")]),
    (packet(0xB0, b"\0\3\0\x11"),
     "UNSUBACK  Packet Identifier 3  Reason Code 17 (No subscription existed)",
     {"packet_id": 3, "properties": [], "reason_codes": [17]},
     [(2, "3.11.2"), (1, "3.11.2.1.1"), (1, "3.11.3")]),
    (packet(0xE0), "DISCONNECT  Reason Code 0 (Normal disconnection)",
     {"reason_code": 0, "properties": []}, []),
    (packet(0xE0, b"\x8e"), "DISCONNECT  Reason Code 142 (Session taken over)",
     {"reason_code": 142, "properties": []}, [(1, "3.14.2.1")]),
    (packet(0xF0, b"\x19" + listed(b"\x15" + field(b"SCRAM") + b"\x16" + field(b"d"))),
     'AUTH  Reason Code 25 (Re-authenticate)  Authentication Method "SCRAM"  '
     'Authentication Data 1 byte "d"',
     {"reason_code": 25, "properties": [
         {"name": "Authentication Method", "value": "SCRAM"},
         {"name": "Authentication Data", "value": {"length": 1, "hex": "64", "text": "d"}}]},
     [(1, "3.15.2.1"), (1, "3.15.2.2.1"), (8, "2.2.2.2"), (4, "2.2.2.2")]),
    (packet(0xC0), "PINGREQ", {}, []), (packet(0xD0), "PINGRESP", {}, []),
]


class Version5(unittest.TestCase):
    """MQTT 5.0: by its first packet, or by --v5."""
    maxDiff = None

    def test_each(self):
        for wire, text, members, fields in V5_PACKETS:
            kind, _, shown = text.partition("  ")
            with self.subTest(text):
                line = f"{0:8}  {kind:<11}  {len(wire):5} bytes" + (shown and "  " + shown) + "\n"
                self.assertEqual(run("--v5", stdin=wire), (line, "", WELL))
                out, err, status = run("--v5", "--json", stdin=wire)
                self.assertEqual((json.loads(out), err, status), (
                    {"offset": 0, "type": kind, "size": len(wire), **members}, "", WELL))
                out, _, status = run("--v5", "--bytes", stdin=wire)
                got = [(len(bytes.fromhex(line[10:57])), line.rpartition("  [")[2][:-1])
                       for line in out.splitlines()[3:]]
                self.assertEqual((got, status), (fields, WELL))
                self.assertIn(f"  #  Control Packet Type {wire[0] // 16} ({kind})  ", out)
                self.assertIn(f"  #  Remaining Length {len(wire) - 2}  [2.1.4]\n", out)
                self.assertEqual(run("--v5", "--hex", stdin=out.encode())[0].split(), line.split())

    def test_the_first_packet_decides(self):
        """A CONNECT, wherever it is; a CONNACK or an AUTH at the beginning."""
        connect_5, connect_3 = V5_PACKETS[1][0], packet(0x10, "MQTT", b"\4\2\0\0", "")
        suback_5, suback_3 = packet(0x90, b"\0\1\0\1"), packet(0x90, b"\0\1\1")
        named, unnamed = "Reason Code 1 (Granted QoS 1)", "Return Code 1 (Success - Maximum QoS 1)"
        for stream, shown in (
            (connect_5 + suback_5, [named]), (connect_3 + suback_3, [unnamed]),
            (connect_3 + suback_3 + connect_5 + suback_5, [unnamed, named]),
            (connect_5 + suback_5 + connect_3 + suback_3, [named, unnamed]),
            (V5_PACKETS[2][0] + suback_5, [named]), (b"\x20\2\0\0" + suback_3, [unnamed]),
            (b"\x20\x82\0\0\0" + suback_3, [unnamed]),
            (V5_PACKETS[-3][0] + V5_PACKETS[2][0] + suback_5, [named]),  # AUTH and CONNACK
            (suback_3, [unnamed]),
        ):
            with self.subTest(stream):
                out, err, status = run(stdin=stream)
                lines = [line for line in out.splitlines() if "SUBACK" in line]
                self.assertEqual([line.rpartition("  ")[2] for line in lines], shown)
                self.assertEqual((err, status), ("", WELL))

    def test_as_the_older_version(self):
        """With --v311 a CONNECT and a CONNACK of 5.0 are malformed."""
        for stream, message in (
            (packet(0x10, "MQTT", b"\5\0\0\0\0", ""), "The protocol level is not 4, which is MQTT 3.1.1."),
            (b"\x20\3\0\0\0", "The remaining length has more than four bytes, or is not possible for "
             "this packet."),
        ):
            with self.subTest(stream):
                self.assertEqual(run(stdin=stream)[1:], ("", WELL))
                _, err, status = run("--v311", stdin=stream)
                self.assertIn(message, err)
                self.assertEqual(status, MALFORMED)

    def test_malformed(self):
        """Messages and clauses of 5.0, and offsets in the stream; by its side, too."""
        ping = len(PINGREQ)
        for options, wire, place, message in (
            ([], packet(0x30, "a", listed(b"\x23\0\0")), 6, "The topic alias is 0. [MQTT-3.3.2-8]"),
            ([], packet(0x30, "a", listed(b"\2\0\0\0\1\2\0\0\0\1")), 11,
             "A property is there twice that is allowed only once. [3.3.2.3]"),
            (["--from-client"], packet(0x30, "a", listed(b"\x0b\1")), 6,
             "A property is not allowed from this side. [MQTT-3.3.4-6]"),
            (["--from-server"], packet(0xE0, b"\4"), 2, "The reason code is not one of this packet "
             "from this side. [MQTT-3.14.2-1]"),
            ([], b"\x00\x00", 0, "The packet type is not one of 1 to 15; 0 is "
             "reserved. [2.1.2]"),
        ):
            with self.subTest(wire):
                out, err, status = run("--v5", *options, stdin=PINGREQ * (not options) + wire)
                at = place + ping * (not options)
                self.assertEqual(err.splitlines()[0], "mqtt_inspect: standard input: byte "
                                 f"{at} (0x{at:x}): {message}")
                self.assertEqual((out.count("\n"), status), (int(not options), MALFORMED))

    def test_what_else_is_said_of_a_malformed_packet(self):
        """The reason code for it; the other version, if it is well-formed there."""
        connack, connack_5 = packet(0x20, b"\0\0"), packet(0x20, b"\0\0\0")
        for options, wire, members, more, code in (
            ([], connack_5 + packet(0x30, "a", listed(b"\x23\0\0")), {"reason_code": 148}, "",
             "; the reason code for it is 148 (Topic Alias invalid)"),
            ([], connack_5 + packet(0x90, b"\0\1\1"), {"well_formed_in": "MQTT 3.1.1", "reason_code": 129},
             " It is well-formed in MQTT 3.1.1.", "; the reason code for it is 129 (Malformed Packet)"),
            ([], connack_5 + packet(0x30, "a"), {"reason_code": 129}, "",
             "; the reason code for it is 129 (Malformed Packet)"),
            (["--v5"], packet(0x10, "mqtt", b"\5\0\0\0\0", ""), {"reason_code": 132}, "",
             "; the reason code for it is 132 (Unsupported Protocol Version)"),
            ([], connack_5 + connack, {"well_formed_in": "MQTT 3.1.1", "reason_code": 130},
             " It is well-formed in MQTT 3.1.1.", "; the reason code for it is 130 (Protocol Error)"),
            ([], connack + packet(0xE0, b"\x8b"), {"well_formed_in": "MQTT 5.0"},
             " It is well-formed in MQTT 5.0.", ""),
            (["--v311"], V5_PACKETS[1][0], {"well_formed_in": "MQTT 5.0"}, " It is well-formed in MQTT 5.0.", ""),
            ([], connack + packet(0x40, b"\0\1\x7f"), {}, "", ""),
            (["--from-client"], packet(0xD0), {}, "", ""),
        ):
            with self.subTest(wire):
                out, err, status = run("--json", *options, stdin=wire)
                shown = json.loads(out.splitlines()[-1])
                at, place = shown.pop("offset"), shown.pop("error_offset")
                message, clause = shown.pop("message"), shown.pop("clause")
                self.assertEqual((shown.pop("error"), status), ("malformed", MALFORMED))
                kind = shown.pop("type")
                self.assertEqual(shown, members)
                self.assertEqual(err.splitlines()[:2], [
                    f"mqtt_inspect: standard input: byte {place} (0x{place:x}): {message}{more} [{clause}]",
                    f"The packet: {kind}, from byte {at} (0x{at:x}) on{code}"])

    def test_continue(self):
        out, _, status = run("--v5", "--continue", stdin=packet(0x40, b"\0\1\x7f") + PINGREQ)
        self.assertEqual((out.count("PINGREQ"), status), (1, MALFORMED))


class Recognition(unittest.TestCase):
    """Streams of another kind are answered with one line."""
    maxDiff = None

    CONNECT_3_1 = packet(0x10, "MQIsdp", b"\x03\x02\x00\x3c", "c")
    UPGRADE = (b"GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
               b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n")
    UPGRADED = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
    WEBSOCKET = ("This is the beginning of a WebSocket connection. If its frames are in a capture"
                 " file, this shows what the client sent: tshark -r FILE -Y 'websocket.mask == 1'"
                 " -T fields -e data.data | mqtt_inspect --hex")
    CAPTURE = ("This is a capture file. What the client of its TCP connection 0 sent: tshark -r %s"
               " -q -z follow,tcp,raw,0 | grep -x '[0-9a-f]*' | mqtt_inspect --hex")
    HTTP = "This is HTTP. Perhaps one side expects a web server, or MQTT over WebSocket."
    TLS = "This is TLS: the packets are encrypted. Record them before encryption, or without."
    HEX = "This is hexadecimal text. It can be read with --hex."

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_hints(self):
        frames = network([(40000, True, PINGREQ)])
        for wire, hint in [
            (self.CONNECT_3_1, "This is MQTT 3.1, with the protocol name MQIsdp, and not 3.1.1"
                               " [MQTT-3.1.2-1]. The packets after its CONNECT can be seen with"
                               " --continue."),
            (packet(0x10, "MQTT", b"\x84\x02\x00\x3c", "c"),
             "This is a bridge of mosquitto, which sets the bit 0x80 of the protocol level"
             " [MQTT-3.1.2-2]. With its option try_private false it does not."),
            (pcap(frames), self.CAPTURE % "-"),
            (pcap(frames, ">"), self.CAPTURE % "-"),
            (pcap(frames, "<", 0xA1B23C4D), self.CAPTURE % "-"),
            (pcap(frames, ">", 0xA1B23C4D), self.CAPTURE % "-"),
            (pcapng(frames), self.CAPTURE % "-"),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", self.TLS),
            (b"\x15\x03\x03\x00\x02\x02\x46", self.TLS),
            *((method + b" / HTTP/1.1\r\nHost: a\r\n\r\n", self.HTTP)
              for method in [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS"]),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", self.HTTP),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", self.HTTP),
            (self.UPGRADE, self.WEBSOCKET),
            (self.UPGRADED, self.WEBSOCKET),
            (b"c000\n", self.HEX), (b"100d00044d5154540402003c0001", self.HEX),
            (b"00000000: 100d 0004", self.HEX), (b"0x10, 0x0d", self.HEX), (b"\\x10\\x0d", self.HEX),
        ]:
            with self.subTest(wire[:20]):
                out, err, status = run(stdin=wire)
                self.assertEqual((out, err), ("", f"mqtt_inspect: standard input: {hint}\n"))
                self.assertIn(status, (MALFORMED, TRUNCATED))
                out, err_of_json, status_of_json = run("--json", stdin=wire)
                self.assertEqual((err_of_json, status_of_json), (err, status))
                shown = json.loads(out)
                self.assertEqual((shown["offset"], shown["hint"]), (0, hint))
                self.assertEqual(shown["error"], "malformed" if status == MALFORMED else "truncated")

    def test_no_hints(self):
        """Not for other bytes, and not after the first packet."""
        for wire in [b"GE", b"\x16\x02", b"\x20\x03\x00\x00\x01", b"GETX / HTTP/1.1\r\n", b"c00"]:
            with self.subTest(wire):
                self.assertNotIn("This is ", run(stdin=wire)[1])
        for wire in [self.UPGRADE, b"\x16\x03\x01", b"c000", pcap([])]:
            with self.subTest(wire):
                out, err, _ = run("--json", stdin=PINGREQ + wire)
                self.assertNotIn("hint", json.loads(out.splitlines()[1]))
                self.assertNotIn("This is ", err)
        self.assertNotIn("--hex", run("--hex", stdin=b"63303030")[1])

    def test_continue(self):
        """Only packets of MQTT 3.1 can be shown after such a line."""
        for wire, count in [(self.CONNECT_3_1, 1), (b"GET /", 0), (b"\x16\x03\x00", 0)]:
            with self.subTest(wire):
                out, _, status = run("--continue", stdin=wire + PINGREQ)
                self.assertEqual((out.count("PINGREQ"), status), (count, MALFORMED))

    def command(self, err, shown_as="FILE", path=None):
        """What the command in an answer prints."""
        command = err.rstrip("\n").partition(" sent: " if " sent: " in err else " it: ")[2]
        self.assertIn(shown_as, command)
        if path is not None:
            command = command.replace(shown_as, path)
        os.symlink(BINARY, os.path.join(self.folder, "mqtt_inspect"))
        done = subprocess.run(
            ["sh", "-c", command], cwd=self.folder, capture_output=True, check=True,
            timeout=2 * SECONDS,
            env=environment(PATH=self.folder + ":" + os.environ["PATH"], HOME=self.folder))
        os.remove(os.path.join(self.folder, "mqtt_inspect"))
        return done.stdout.decode()

    def captured(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return run(path)[1], path

    def need_tshark(self):
        if shutil.which("tshark") is None:
            self.skipTest("needs tshark")

    def test_commands_for_captures(self):
        """A packet over segments, two packets in one, a segment sent twice, another connection."""
        self.need_tshark()
        stream = b"".join(wire for wire, shown, _ in PACKETS if shown[:7] not in ("CONNACK", "SUBACK "))
        sent = [(40000, True, stream[:20]), (40000, False, packet(0x20, b"\x00\x00")),
                (40001, True, PACKETS[0][0]), (40000, True, stream[20:])]
        frames = network(sent)
        frames.append(frames[-1])
        expected = run(stdin=stream)[0]
        for name, shown, content in [
            ("a.pcap", None, pcap(frames)),
            ("b c.pcapng", "'%s'", pcapng(frames)),
            ("it's.pcap", "FILE", pcap(frames, ">")),
        ]:
            with self.subTest(name):
                err, path = self.captured(name, content)
                shown = (shown or "%s").replace("%s", path)
                self.assertEqual(err, f"mqtt_inspect: {path}: {self.CAPTURE % shown}\n")
                self.assertEqual(self.command(err, shown, f'"{path}"'), expected)
        self.assertEqual(run("a.pcap", cwd=self.folder)[1],
                         f"mqtt_inspect: a.pcap: {self.CAPTURE % 'a.pcap'}\n")

    def test_command_for_websocket(self):
        self.need_tshark()
        mask, sent = b"\x01\x02\x03\x04", PACKETS[1][0]
        frame = (b"\x82" + bytes([0x80 + len(sent)]) + mask
                 + bytes(byte ^ mask[i % 4] for i, byte in enumerate(sent)))
        packets = [(40000, True, self.UPGRADE), (40000, False, self.UPGRADED),
                   (40000, True, frame), (40000, False, b"\x82\x04\x20\x02\x00\x00")]
        _, path = self.captured("ws.pcap", pcap(network(packets, 80)))
        self.assertEqual(self.command(self.WEBSOCKET, path=path), run(stdin=sent)[0])


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

    def several(self):
        """The paths of three files, and the lines of text for each."""
        paths = [os.path.join(self.folder, name) for name in ("one", "two \x1b\u00e9", "three")]
        for path, wire in zip(paths, [PINGREQ + b"\x40", PINGREQ + b"\xc1\x00", b""]):
            with open(path, "wb") as file:
                file.write(wire)
        shown = [f"==> {path} <==\n".replace("\x1b", "\\u001b") for path in paths]
        return paths, [shown[0] + PINGREQ_LINE, shown[1] + PINGREQ_LINE, shown[2]]

    def test_several(self):
        paths, lines = self.several()
        missing = os.path.join(self.folder, "missing")
        out, err, status = run(*paths)
        self.assertEqual((out, status), ("".join(lines), TRUNCATED))
        self.assertIn(f"mqtt_inspect: {paths[0]}: The stream ends within", err)
        self.assertIn(f"mqtt_inspect: {paths[1]}: byte 2 (0x2): ", err)
        for chosen, expected in [([1, 2], MALFORMED), ([2, 1], MALFORMED), ([1, 0], TRUNCATED),
                                 ([2, 2], WELL)]:
            self.assertEqual(run(*(paths[i] for i in chosen))[::2],
                             ("".join(lines[i] for i in chosen), expected))
        out, err, status = run(missing, paths[2])
        self.assertEqual((out, err, status),
                         (f"==> {missing} <==\n" + lines[2],
                          f"mqtt_inspect: {missing}: No such file or directory.\n", FAILED))

    def test_several_in_json(self):
        paths, _ = self.several()
        paths = [*map(os.fsencode, paths), os.fsencode(self.folder) + b"/\xff"]
        with open(paths[3], "wb") as file:
            file.write(PINGREQ)
        out = [json.loads(line) for line in run("--json", *paths)[0].splitlines()]
        self.assertEqual([line.pop("file") for line in out], [
            *[path.decode() for path in paths[:2] for _ in range(2)],
            {"length": len(paths[3]), "hex": paths[3].hex()}])
        self.assertEqual([line.get("error", line["offset"]) for line in out],
                         [0, "truncated", 0, "malformed", 0])
        self.assertNotIn("file", json.loads(run("--json", paths[3])[0]))

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
        for option in ["--hex", "--json", "--bytes", "--continue", "--from-client",
                       "--from-server", "--color", "--no-color", "-h, --help", "--version"]:
            self.assertIn(f"  {option} ", out)
        self.assertEqual(run("-h"), (out, "", WELL))

    def test_version(self):
        self.assertEqual(run("--version"), ("mqtt_inspect 0.3.0\n", "", WELL))

    def test_wrong(self):
        for arguments, error in [
            (["--jsn"], "There is no option --jsn here; --help lists them."),
            (["-x"], "There is no option -x here; --help lists them."),
            (["--from-client", "--from-server"],
             "--from-client and --from-server exclude each other."),
            (["--json", "--bytes"], "--json and --bytes exclude each other."),
        ]:
            with self.subTest(arguments):
                self.assertEqual(run(*arguments), ("", f"mqtt_inspect: {error}\n", FAILED))

    HEADING = "  offset  type          size        fields\n"
    COLOURED = "       0  \033[1;36mPINGREQ    \033[0m      2 bytes\n"

    def test_heading(self):
        """Only on a terminal, and only above lines of text; once for all files."""
        self.assertEqual(run_on_terminal("--no-color", stdin=PINGREQ), self.HEADING + PINGREQ_LINE)
        self.assertEqual(run_on_terminal("--no-color", "-", "-", stdin=PINGREQ),
                         self.HEADING + "==> - <==\n" + PINGREQ_LINE + "==> - <==\n")
        self.assertEqual(run_on_terminal("--no-color", "--bytes", stdin=PINGREQ),
                         run("--bytes", stdin=PINGREQ)[0])
        self.assertEqual(self.HEADING.index("type"), PINGREQ_LINE.index("PINGREQ"))
        self.assertEqual(self.HEADING.index("size"), PINGREQ_LINE.index("bytes") - 5)

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
                                 self.HEADING + (self.COLOURED if coloured else PINGREQ_LINE))

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
    CAPTURES += sorted(glob.glob(os.path.join(ROOT, "examples/captures/*.bin")))
    if len(CAPTURES) != 100:
        sys.exit(f"there are {len(CAPTURES)} captures, not 100")
    RESULT = unittest.main(argv=[sys.argv[0], *sys.argv[3:]], exit=False).result
    for SKIPPED, REASON in RESULT.skipped:
        NAME = "" if REASON.startswith("needs ") else SKIPPED.id().rpartition(".")[2] + ": "
        print(f"skipped: {NAME}{REASON}")
    sys.exit(not RESULT.wasSuccessful())
