"""What the peers' tests share: running programs within bounds, packets and their comparison.

A packet is (bytes, fields); fields are the object that fields.c prints. The standard's sections are
those of MQTT 3.1.1; where it says v5 those of MQTT 5.0.
"""

import collections
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[2] / "fuzz"))
import make_seeds  # noqa: E402 pylint: disable=wrong-import-position

SEED = 20141029
ROUNDS = 110
V5_ROUNDS = 40  # of properties the second round has all, and no packet has more reason codes
SKIPPED = 77
SHOWN = 10

Packet = collections.namedtuple("Packet", "data fields")

# Of each packet type whether a client and whether a server may send it.
TABLE_2_1 = {
    name: (client == "true", server == "true")
    for name, client, server in re.findall(
        r'\{"([A-Z]+)", (\w+), (\w+)\}',
        (pathlib.Path(__file__).resolve().parents[1] / "support/table_2_1.h").read_text("utf-8"),
    )
}
TYPES = list(TABLE_2_1)
V5_TYPES = TYPES + ["AUTH"]


def in_ci():
    return os.environ.get("CI") == "true"


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def fail(message):
    print(f"FAILED: {message}")
    sys.exit(1)


def need(*programs):
    """Skips the test unless all of the programs are installed."""
    os.environ["PATH"] += ":/usr/sbin:/usr/local/sbin"
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        skip(f"needs {', '.join(missing)}")


def end_on_signals():
    """Lets what stands after `finally` and `with` run when the test is told to end."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))


def run(command, *, seconds=60, **options):
    """The output of a command that has to succeed."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    if "input" not in options:
        options["stdin"] = subprocess.DEVNULL
    try:
        done = subprocess.run(command, timeout=seconds, check=False, **options)
    except subprocess.TimeoutExpired:
        fail(f"{command[0]} has not ended after {seconds} seconds")
    if done.returncode != 0:
        errors = (done.stderr or b"").decode(errors="replace")[-2000:]
        fail(f"{command[0]} ended with {done.returncode}: {errors}")
    return done.stdout


def packets(text):
    """The packets of lines as packets_writer writes them."""
    result = []
    for line in text.splitlines():
        digits, _, fields = line.partition(" ")
        result.append(Packet(bytes.fromhex(digits), json.loads(fields)))
    return result


def hex_lines(blocks):
    return "".join(data.hex() + "\n" for data in blocks).encode("ascii")


def read_packets(reader, blocks, *version):
    """What packets_reader makes of packets: what our encoder writes, and the fields."""
    lines = run([reader, *version], input=hex_lines(blocks)).decode("ascii").splitlines()
    for number, (data, line) in enumerate(zip(blocks, lines), 1):
        if not line.endswith("}"):
            fail(f"packet {number}, {shorten(data.hex())}: {line}")
    if len(blocks) != len(lines):
        fail(f"{len(blocks)} packets were given, {len(lines)} were read by our decoder")
    return packets("\n".join(lines))


def cases_v5():
    """Of each case of packets_v5.txt that has bytes: the bytes, and its lines."""
    for case in make_seeds.read_cases(make_seeds.V5_PACKETS):
        if "bytes" in case:
            yield make_seeds.parse_bytes(case["bytes"]), case


def corpus_v5(reader):
    """The valid packets of packets_v5.txt, with the fields that our decoder gives: as they stand
    there, and as our encoder writes them, where that is shorter."""
    given = [data for data, case in cases_v5() if "accept" in case]
    result = []
    for data, packet in zip(given, read_packets(reader, given, "5.0")):
        result.append(Packet(data, packet.fields))
        if packet.data != data:
            result.append(packet)
    print(f"{len(result)} packets of packets_v5.txt")
    return result


def v5_kinds(packet):
    """The properties and reason codes that a packet of MQTT 5.0 has, in words."""
    fields = packet.fields
    for place in ("properties", "will_properties"):
        for identifier, _ in fields.get(place) or []:
            yield f"{fields['type']}, {place} {identifier}"
    for code in fields.get("reason_codes", [fields.get("reason_code")]):
        yield f"{fields['type']}, reason code {code}"


def check_v5_kinds(made, maker, corpus):
    """Fails unless random packets have every property and reason code in each packet that can have
    it, as the corpus does."""
    missing = {kind for packet in corpus for kind in v5_kinds(packet)}
    missing -= {kind for packet in made for kind in v5_kinds(packet)}
    if missing:
        fail(f"among the packets of {maker} there is none with: {', '.join(sorted(missing))}")


def random_packets(writer):
    """Packets of packets_writer, of which no kind is missing."""
    result = packets(run([writer, str(SEED), str(ROUNDS)]).decode("ascii"))
    check_kinds(result, "our encoders", {"PUBLISH with a remaining length of 4 bytes"})
    print(f"seed {SEED}: {len(result)} packets of our encoders, {ROUNDS} of each type")
    return result


def is_ascii(digits):
    return bytes.fromhex(digits).isascii()


def kinds(packet):
    """What a packet shows, in words."""
    kind = packet.fields["type"]
    fields = packet.fields
    yield kind
    yield f"{kind} with a remaining length of {remaining_length(packet)[1]} bytes"
    for name, value in fields.items():
        countless = name in ("packet_id", "keep_alive")
        if value is None or isinstance(value, (bool, int)) and not countless:
            yield f"{kind} {name} {value}"
        elif isinstance(value, str) and name != "type":
            size = len(value) // 2
            yield f"{kind} {name} " + {0: "empty", 1: "of one byte", 65535: "longest"}.get(size, "")
            if name not in ("payload", "will_message", "password") and not is_ascii(value):
                yield f"{kind} {name} not ASCII"
        elif isinstance(value, list):
            yield f"{kind} {name} " + ("several" if len(value) > 1 else "one")
    if kind == "PUBLISH":
        yield "PUBLISH QoS {qos}, dup {dup}, retain {retain}".format(**fields)
    for code in fields.get("return_codes", []):
        yield f"SUBACK code {code}"
    for topic_filter, qos in fields.get("subscriptions", []):
        yield f"SUBSCRIBE requested QoS {qos}"
        yield from filter_kinds(kind, topic_filter)
    for topic_filter in fields.get("filters", []):
        yield from filter_kinds(kind, topic_filter)


def filter_kinds(kind, digits):
    data = bytes.fromhex(digits)
    for wildcard in (b"#", b"+"):
        if wildcard in data:
            yield f"{kind} filter with {wildcard.decode()}"
    if not data.isascii():
        yield f"{kind} filter not ASCII"
    if len(data) == 65535:
        yield f"{kind} filter longest"


def expected_kinds():
    yield from TYPES
    for kind in TYPES:
        lengths = {"CONNECT": 3, "PUBLISH": 3, "SUBSCRIBE": 3, "SUBACK": 3, "UNSUBSCRIBE": 3}
        for length in range(1, lengths.get(kind, 1) + 1):
            yield f"{kind} with a remaining length of {length} bytes"
    for name in ("client_id", "will_topic", "will_message", "user_name", "password"):
        yield f"CONNECT {name} longest"
        yield f"CONNECT {name} " + ("of one byte" if name == "will_topic" else "empty")
        if name not in ("will_message", "password"):
            yield f"CONNECT {name} not ASCII"
    for name in ("will_qos", "user_name", "password"):
        yield f"CONNECT {name} None"
    for value in (False, True):
        yield f"CONNECT clean_session {value}"
        yield f"CONNECT will_retain {value}"
        yield f"CONNACK session_present {value}"
    for code in range(6):
        yield f"CONNACK return_code {code}"
    for qos in (0, 1, 2):
        yield f"CONNECT will_qos {qos}"
        yield f"SUBSCRIBE requested QoS {qos}"
        for dup in (False, True) if qos else (False,):
            for retain in (False, True):
                yield f"PUBLISH QoS {qos}, dup {dup}, retain {retain}"
    for kind in ("topic of one byte", "topic longest", "topic not ASCII", "payload empty"):
        yield f"PUBLISH {kind}"
    for code in (0, 1, 2, 128):
        yield f"SUBACK code {code}"
    for kind, name in (("SUBSCRIBE", "subscriptions"), ("UNSUBSCRIBE", "filters")):
        for what in ("with #", "with +", "not ASCII", "longest"):
            yield f"{kind} filter {what}"
        yield f"{kind} {name} one"
        yield f"{kind} {name} several"
    yield "SUBACK return_codes one"
    yield "SUBACK return_codes several"


def check_kinds(made, maker, more=frozenset()):
    """Fails unless the random packets show all that they are meant to."""
    found = {kind for packet in made for kind in kinds(packet)}
    missing = (set(expected_kinds()) | more) - found
    if missing:
        fail(f"among the packets of {maker} there is none with: {', '.join(sorted(missing))}")


def remaining_length(packet):
    """2.2.3: the value and the number of its bytes, of a packet that is whole."""
    for size in range(1, 5):
        if packet.data[size] < 128:
            return len(packet.data) - 1 - size, size
    return fail(f"no remaining length: {packet.data[:5].hex()}")


def shorten(value):
    text = str(value)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text)} characters)"


def differences(expected, actual):
    """What differs between two objects of fields, in words."""
    for name in list(expected) + [name for name in actual if name not in expected]:
        ours = expected.get(name, "(no such field)")
        theirs = actual.get(name, "(no such field)")
        if ours != theirs:
            yield f"{name}: {shorten(ours)} was put in, {shorten(theirs)} was read"


def compare(expected, actual, reader):
    """Fails unless each of the packets was read with its fields."""
    faults = []
    for number, (packet, fields) in enumerate(zip(expected, actual), 1):
        for difference in differences(packet.fields, fields):
            faults.append(f"packet {number}, {shorten(packet.data.hex())}: {difference}")
    if len(expected) != len(actual):
        faults.append(f"{len(expected)} packets were given, {len(actual)} were read")
    if faults:
        print("\n".join(faults[:SHOWN]))
        fail(f"{len(faults)} differences between what was put in and what {reader} read")
    print(f"{len(expected)} packets read by {reader}, with the same fields")


def shortest(packet):
    """v5 3.4.2.1, 3.4.2.2.1, 3.14.2.1, 3.14.2.2.1: the bytes without an empty list of properties and a
    Reason Code of 0x00 that can be left out."""
    kind = packet.fields["type"]
    if packet.fields.get("properties") != [] or kind not in (
        "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "DISCONNECT"
    ):  # fmt: skip
        return packet.data
    packet_id = packet.data[2:4] if kind != "DISCONNECT" else b""
    code = packet.fields["reason_code"]
    body = packet_id + (bytes([code]) if code else b"")
    return packet.data[:1] + bytes([len(body)]) + body


def we_read(reader, made, *version):
    """Our decoder reads the packets with their fields, and our encoder writes the same bytes again."""
    read = read_packets(reader, [packet.data for packet in made], *version)
    for number, (packet, again) in enumerate(zip(made, read), 1):
        if again.data != (shortest(packet) if version else packet.data):
            fail(
                f"packet {number}, {shorten(packet.data.hex())}: mqtt_encode writes"
                f" {shorten(again.data.hex())}"
            )
    compare(made, [again.fields for again in read], "mqtt_decode")
    print("of each, mqtt_encode writes the same bytes again")
    return read
