#!/usr/bin/env python3
"""make_seeds.py FOLDER [MADE DEPFILE]: makes the seed corpora of the fuzz targets, FOLDER/TARGET/*.

From tests/conformance/packets.txt and packets_v5.txt, examples/captures/*.bin and the examples of the standard. Each
file is named for what it holds. What is larger than 2 KB is left out: a fuzzer gets little done
with it. The same inputs give the same files; a folder of a target is made anew. MADE and DEPFILE are
for ninja: a file that says when this was, and the rule that names what was read.
"""

import pathlib
import re
import shutil
import struct
import sys

PROJECT = pathlib.Path(__file__).resolve().parent.parent
PACKETS = PROJECT / "tests/conformance/packets.txt"
V5_PACKETS = PROJECT / "tests/conformance/packets_v5.txt"
CAPTURES = sorted((PROJECT / "examples/captures").glob("*.bin"))
LARGEST = 2048
PREFIX_LARGEST = 256  # what fuzz_prefix looks at
TYPES = ["", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE",
         "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT"]

# 4.7: filters and names of the examples there, and what lies beside them
TOPICS = [
    ("sport/tennis/player1/#", "sport/tennis/player1"),
    ("sport/tennis/player1/#", "sport/tennis/player1/ranking"),
    ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"),
    ("sport/#", "sport"), ("#", "sport/tennis"), ("sport/tennis#", "sport/tennis"),
    ("sport/tennis/#/ranking", "sport/tennis/ranking"),
    ("sport/tennis/+", "sport/tennis/player1"), ("sport/tennis/+", "sport/tennis/player1/ranking"),
    ("sport/+", "sport"), ("sport/+", "sport/"), ("+", "sport"), ("+/tennis/#", "sport/tennis"),
    ("sport+", "sport"), ("sport/+/player1", "sport/tennis/player1"), ("+/+", "/finance"),
    ("/+", "/finance"), ("+", "/finance"), ("#", "$SYS/a"), ("+/monitor/Clients",
    "$SYS/monitor/Clients"), ("$SYS/#", "$SYS/a"), ("$SYS/monitor/+", "$SYS/monitor/Clients"),
    ("ACCOUNTS", "Accounts"), ("a//b", "a//b"), ("a/+/b", "a//b"), ("/", "/"), ("//#", "/"),
    ("+/#", "a"), ("+/+/#", "a"), ("a/#", "ab"), ("a", "a/"), ("$/+", "$/a"),
]

# fuzz_session: pairs of an action and what it takes; see act() there
CONNECTED = [5, 255, 4, 255]
SESSIONS = {
    "publish at each QoS": CONNECTED + [0, 0, 0, 1, 0, 2, 1, 0, 1, 1, 1, 130],
    "a byte at a time": CONNECTED + [0, 2] + [5, 1, 4, 1] * 40,
    "subscribe, unsubscribe, ping": CONNECTED + [10, 138, 12, 5, 255, 4, 255],
    "connection lost between PUBREC and PUBREL": CONNECTED + [0, 2, 5, 255, 4, 255, 14, 8] + CONNECTED,
    "connection lost before PUBACK": CONNECTED + [0, 1, 1, 129, 5, 255, 14, 8] + CONNECTED,
    "a changed byte of a PUBLISH": CONNECTED + [0, 2, 207, 2, 1, 5, 255],
}


def parse_bytes(text):
    """The notation of packets.txt: pairs of digits, 'characters', XX*N."""
    result = b""
    for quoted, pair, count in re.findall(r"'([^']*)'|([0-9A-Fa-f]{2})(?:\*(\d+))?", text):
        result += bytes.fromhex(pair) * int(count or 1) if pair else quoted.encode()
    return result


def read_cases(packets=PACKETS):
    """Of each case a dictionary of its lines."""
    for group in re.split(r"\n\s*\n", re.sub(r"(?m)^#.*\n", "", packets.read_text())):
        case = dict(line.split(None, 1) for line in group.splitlines() if " " in line.strip())
        if case:
            yield case


def words(text):
    """KEY=VALUE pairs of a line that describes a packet, in their order."""
    return [(key, value) for key, value in re.findall(r"(\w+)=((?:'[^']*'|[^ '])*)", text)]


def slug(name):
    special = {"#": " hash ", "+": " plus ", "$": " dollar "}
    text = "".join(special.get(c, c) for c in name.replace("U+", "U"))
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-")[:80]


def encode_field(value):
    """A field as make_bytes() of fuzz_encode.c reads it; None if it is too long for that."""
    if len(value) == 65536:
        return b"\xFC"  # its letters stand for it
    if len(value) == 65535:
        return b"\xF8"
    return bytes([len(value)]) + value if len(value) < 48 else None


def encode_qos(value):
    return bytes([value]) if value < 3 else bytes([min(value + 190, 255)])


def encode_input(text):
    """A line that describes a packet, as make_packet() of fuzz_encode.c reads it."""
    kind, pairs = text.split(None, 1)[0], words(text)
    keys = dict(pairs)

    def number(key):
        return int(keys.get(key, 0))

    def field(key):
        return encode_field(parse_bytes(keys.get(key, "")))

    packet_id = struct.pack(">H", number("packet_id"))
    if kind == "CONNECT":
        flags = (number("clean_session") * 2 + ("will_topic" in keys or "will_message" in keys) * 4 +
                 number("will_retain") * 0x20 + ("password" in keys) * 0x40 +
                 ("user_name" in keys) * 0x80)
        parts = [bytes([flags]), encode_qos(number("will_qos")),
                 struct.pack(">H", number("keep_alive")), field("client_id"), field("will_topic"),
                 field("will_message"), field("user_name"), field("password")]
    elif kind == "CONNACK":
        parts = [bytes([number("session_present"), number("return_code")])]
    elif kind == "PUBLISH":
        parts = [bytes([number("retain") + number("dup") * 8]), encode_qos(number("qos")), packet_id,
                 field("topic"), field("payload"), b"\x0B"]  # a payload too large by one
    elif kind in ("SUBSCRIBE", "UNSUBSCRIBE") and "encoded" in keys:
        parts = [b"\xC0", packet_id, field("encoded")]
    elif kind == "SUBSCRIBE":
        parts = [bytes([sum(key == "filter" for key, _ in pairs)]), packet_id]
        for i, (key, value) in enumerate(pairs):
            if key == "filter":
                qos = pairs[i + 1][1] if pairs[i + 1:] and pairs[i + 1][0] == "qos" else "0"
                parts += [encode_field(parse_bytes(value)), encode_qos(int(qos))]
    elif kind == "SUBACK":
        parts = [packet_id, field("return_codes")]
    elif kind == "UNSUBSCRIBE":
        parts = [bytes([len(pairs) - ("packet_id" in keys)]), packet_id]
        parts += [encode_field(parse_bytes(value)) for key, value in pairs if key == "filter"]
    else:
        parts = [packet_id]
    if kind not in TYPES or None in parts:
        return None
    return bytes([TYPES.index(kind)]) + b"".join(parts)


def strings_of(text):
    for key, value in words(text):
        if key in ("client_id", "topic", "filter", "user_name", "will_topic"):
            yield parse_bytes(value)


def utf8_boundaries():
    """The first and last sequence of each row of Table 3-7, and those beside it."""
    for point in (1, 0x1F, 0x20, 0x7E, 0x7F, 0x80, 0x9F, 0xA0, 0x7FF, 0x800, 0xFFF, 0x1000, 0xCFFF,
                  0xD000, 0xD7FF, 0xE000, 0xFDD0, 0xFDEF, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x1FFFE,
                  0x3FFFF, 0x40000, 0xFFFFF, 0x100000, 0x10FFFF):
        yield f"U+{point:04X}", chr(point).encode()
    for name, text in {"overlong of 2": "C0AF", "overlong of 3": "E09FBF", "overlong of 4": "F08FBFBF",
                       "surrogate": "EDA080", "above U+10FFFF": "F4908080", "lead F5": "F5808080",
                       "continuation alone": "80", "cut of 2": "C3", "cut of 3": "E697",
                       "cut of 4": "F09F98", "FF": "FF", "null": "00"}.items():
        yield name, bytes.fromhex(text)


def packet_seeds(packets=PACKETS):
    for case in read_cases(packets):
        data = parse_bytes(case.get("bytes", ""))
        if data:
            yield case["packet"], data


def capture_seeds(is_v5=False):
    """The recorded sessions of one version."""
    for path in CAPTURES:
        if path.name.startswith("v5-") == is_v5:
            yield "capture " + path.stem, path.read_bytes()


def encode_seeds():
    for case in read_cases():
        for line in ("accept", "encode"):
            data = encode_input(case[line]) if line in case else None
            if data:
                yield f"{case['packet']} {line}", data


def v5_encode_seeds():
    """Of each type one without and one with a property of the packet; see make_packet() there."""
    for packet_type in range(16):
        yield f"type {packet_type}", bytes([packet_type, 0])
        for place, identifier in enumerate([1, 0x11, 0x15, 0x1F, 0x23, 0x26]):
            data = bytes([packet_type, 1, 1, place * 4]) + b"\x02\x00\x01a/b" * 4
            yield f"type {packet_type}, property {identifier}", data


def v5_packet(first_byte, before, properties, after=b""):
    body = before + bytes([len(properties)]) + properties + after
    return bytes([first_byte, len(body)]) + body


def v5_session_seeds():
    """What each side of a connection sends: the captures, and sessions with more properties."""
    yield from capture_seeds(is_v5=True)
    user = b"\x26\0\1n\0\1v"
    connect = v5_packet(0x10, b"\0\4MQTT\5\2\0\x3C", b"\x21\0\x0A" + user, b"\0\1c")
    subscribe = v5_packet(0x82, b"\0\1", b"\x0B\1" + user, b"\0\1#\1")
    publish = v5_packet(0x32, b"\0\1a\0\2", b"\x08\0\1r\x09\0\1d" + user, b"payload")
    unsubscribe = v5_packet(0xA2, b"\0\3", user, b"\0\1#")
    disconnect = v5_packet(0xE0, b"\4", user)
    yield "session client", connect + subscribe + publish + unsubscribe + b"\xC0\0" + disconnect
    yield "session client subscribes", connect + subscribe
    yield "session client disconnects", connect + disconnect
    connack = v5_packet(0x20, b"\0\0", b"\x22\0\x0A" + user)
    suback = v5_packet(0x90, b"\0\1", b"\x1F\0\1s" + user, b"\1")
    unsuback = v5_packet(0xB0, b"\0\3", user, b"\0")
    yield "session server", (connack + suback + b"\x40\2\0\2" + publish + unsuback + b"\xD0\0" +
                             v5_packet(0xE0, b"\x8B", user))


def read_integer(data, at):
    """A variable byte integer, and what comes after it; whatever its form, up to 4 bytes."""
    value = 0
    for i, byte in enumerate(data[at:at + 4]):
        value += byte % 128 << 7 * i
        if byte < 128:
            return value, at + i + 1
    return None, len(data)


def v5_property_seeds():
    """The property lists of packets_v5.txt, with the number that fuzz_v5_properties.c gives their place."""
    places = {0x10: 0, 0x20: 2, 0x30: 3, 0x40: 5, 0x50: 6, 0x60: 7, 0x70: 8, 0x80: 9, 0x90: 10, 0xA0: 11,
              0xB0: 12, 0xE0: 13, 0xF0: 14}
    before = {0x10: 10, 0x20: 2, 0x40: 3, 0x50: 3, 0x60: 3, 0x70: 3, 0xE0: 1, 0xF0: 1}
    for name, data in packet_seeds(V5_PACKETS):
        kind = data[0] & 0xF0
        _, body = read_integer(data, 1)
        if kind not in places:
            continue
        if kind == 0x30:
            topic = int.from_bytes(data[body:body + 2], "big")
            at, place = body + 2 + topic + 2 * (data[0] & 6 != 0), 3 if topic else 4
        else:
            at, place = body + before.get(kind, 2), places[kind]
        length, start = read_integer(data, at)
        if length:
            yield name, bytes([place, len(data) % 5]) + data[start:start + length]
        if kind == 0x10 and data[body + 7:body + 8] == b"\x06" and length == 0:
            length, start = read_integer(data, start + 2)  # after an empty client id
            if length:
                yield name + " will", bytes([1, len(data) % 5]) + data[start:start + length]


def utf8_seeds():
    for name, data in utf8_boundaries():
        yield name, bytes([0, 0]) + data
        yield name + " after 15 letters", bytes([15, 1]) + data
        yield name + " among others", bytes([0, 0]) + "日本語".encode() * 3 + data + "日本語".encode() * 3
    yield "the longest string", bytes([255, 0]) + b"a"
    yield "too long by one", bytes([255, 1]) + b"a"
    for case in read_cases():
        for line in ("accept", "encode"):
            for i, string in enumerate(strings_of(case.get(line, ""))):
                if not string.isascii():
                    yield f"{case['packet']} {i}", bytes([0, 0]) + string


def topic_seeds():
    for topic_filter, name in TOPICS:
        data = topic_filter.encode()
        yield f"filter {topic_filter} on {name}".replace("/", "."), bytes([len(data)]) + data + name.encode()
    characters = "/+#$ab"  # the upper bit of the first byte: see topic_of() in fuzz_topics.c
    for topic_filter, name in [("a/+/#", "a/b"), ("#", "$a"), ("+/+", "/")]:
        simple = bytes(characters.index(c) for c in topic_filter + name)
        yield f"simple {topic_filter} on {name}".replace("/", "."), bytes([0x80 + len(topic_filter)]) + simple


SEEDS = {
    "fuzz_decode": lambda: [*packet_seeds(), *capture_seeds()],
    "fuzz_prefix": lambda: [(n, d) for n, d in [*packet_seeds(), *packet_seeds(V5_PACKETS)]
                            if len(d) <= PREFIX_LARGEST],
    "fuzz_stream": lambda: [(n, b"\x01\x02" + d) for n, d in capture_seeds()] +
                           [(n, b"\x07\x00" + d) for n, d in packet_seeds() if d[0] // 16 == 3],
    "fuzz_encode": encode_seeds,
    "fuzz_utf8": utf8_seeds,
    "fuzz_topics": topic_seeds,
    "fuzz_v5_decode": lambda: [*packet_seeds(V5_PACKETS), *v5_session_seeds()],
    "fuzz_v5_encode": v5_encode_seeds,
    "fuzz_v5_stream": lambda: [(n, b"\x01\x02" + d) for n, d in v5_session_seeds()] +
                              [(n, b"\x07\x00" + d) for n, d in packet_seeds(V5_PACKETS)
                               if d[0] // 16 == 3],
    "fuzz_v5_properties": v5_property_seeds,
    "fuzz_session": lambda: [(name, bytes(data)) for name, data in SESSIONS.items()],
}


def main():
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__.split("\n")[0])
    folder = pathlib.Path(sys.argv[1])
    for target, seeds in SEEDS.items():
        shutil.rmtree(folder / target, ignore_errors=True)
        (folder / target).mkdir(parents=True)
        seen, names = set(), {}
        for name, data in seeds():
            if len(data) > LARGEST or data in seen:
                continue
            seen.add(data)
            base = slug(name) or "empty"
            names[base] = names.get(base, 0) + 1
            file = base if names[base] == 1 else f"{base}-{names[base]}"
            (folder / target / file).write_bytes(data)
        if not seen:
            sys.exit(f"make_seeds.py: {target}: no inputs")
        print(f"{target}: {len(seen)} inputs, {sum(map(len, seen))} bytes")
    if len(sys.argv) == 4:
        made, depfile = sys.argv[2:]
        read = [str(path).replace(" ", "\\ ") for path in (__file__, PACKETS, V5_PACKETS, *CAPTURES)]
        pathlib.Path(depfile).write_text(f"{made}: {' '.join(read)}\n")
        pathlib.Path(made).touch()


if __name__ == "__main__":
    main()
