#!/usr/bin/env python3
"""tshark_test.py PACKETS_WRITER PACKETS_READER: Wireshark's dissector reads the packets of our encoders.

Of MQTT 3.1.1 they are random, of 5.0 those of packets_v5.txt. The packets are put into a capture as TCP streams, each begun by a CONNECT, from which the dissector
takes the version; tshark has to find each, without any complaint in any frame, and the same fields.
"""

import json
import os
import pathlib
import random
import struct
import sys
import tempfile

import peers

PORT = 1883

# Where tshark departs from the standard, with the clause, and what is done about it.
EXCEPTIONS = [
    "3.1.3.5: a password is binary data, but tshark shows it as text; so that of a CONNECT's"
    " password, and of no other field, the bytes that tshark marks are compared, not what it shows",
    "3.1.3.5: a password may hold zero bytes, but tshark warns of stray characters after one; this"
    " warning, at a CONNECT's password that has a zero byte and others after it, is passed over",
]
V5_EXCEPTIONS = [
    "3.1.2.11.10, 3.3.2.3.6: so is Authentication Data, and Correlation Data",
    "3.3.2.3.4: a topic may be empty where there is a Topic Alias; as tshark does not see the PUBLISH"
    " that set the alias, it warns of an unknown one; this warning is passed over at an empty topic",
]
STRAY = "Trailing stray characters"
UNKNOWN_ALIAS = "Unknown topic alias"
BINARY = {0x09, 0x16}  # v5 Table 2-4
NUMBERS = ("mqtt.prop_number", "mqtt.property.max_qos", "mqtt.property.topic_alias")
TEXTS = ("mqtt.prop_string", "mqtt.property.content_type")


def streams(packets):
    """Lists of (from the client, packet), each with a CONNECT first."""
    random.seed(peers.SEED)
    connects = [packet for packet in packets if packet.fields["type"] == "CONNECT"]
    # Where an alias stands for the topic, no other packet may have set it.
    alone = [packet for packet in packets if packet.fields.get("topic") == ""]
    others = [packet for packet in packets if packet not in connects + alone]
    for packet in alone:
        yield [(True, connects[0]), (True, packet)]
    for number, connect in enumerate(connects):
        yield [(True, connect)] + [
            (from_client(packet.fields["type"]), packet)
            for packet in others[number :: len(connects)]
        ]


def from_client(kind):
    client, server = peers.TABLE_2_1.get(kind, (True, True))  # AUTH is of both
    return client and (not server or random.random() < 0.5)


def segments(stream):
    """What goes one way before something goes the other, in pieces: several packets in a segment,
    and packets that no segment holds."""
    size = 1400 if sum(len(packet.data) for _, packet in stream) < 20000 else 60000
    run, direction = b"", True
    for client, packet in stream + [(None, None)]:
        if client != direction:
            for start in range(0, len(run), size):
                yield direction, run[start : start + size]
            run, direction = b"", client
        if packet is not None:
            run += packet.data


def ip_packet(client_port, client, sequence, data):
    source, target = (1, 2) if client else (2, 1)
    ports = (client_port, PORT) if client else (PORT, client_port)
    tcp = struct.pack(
        "!HHIIBBHHH", *ports, sequence[client], sequence[not client], 5 << 4, 0x18, 65535, 0, 0
    )
    addresses = (127, 0, 0, source, 127, 0, 0, target)
    ip = struct.pack("!BBHHHBBH8B", 0x45, 0, 40 + len(data), 0, 0, 64, 6, 0, *addresses)
    return ip + tcp + data


def capture(all_streams):
    """A file for tshark: the format of libpcap with IP packets."""
    result = [struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, 101)]
    time = 0
    for number, stream in enumerate(all_streams):
        sequence = {True: 1, False: 1}
        for client, data in segments(stream):
            frame = ip_packet(20000 + number, client, sequence, data)
            size = len(frame)
            result.append(struct.pack("=IIII", time // 1000, time % 1000 * 1000, size, size))
            result.append(frame)
            sequence[client] += len(data)
            time += 1
    return b"".join(result)


def tshark(file, *arguments):
    """The output of tshark, with no one's preferences but its own."""
    home = os.path.dirname(file)
    environment = os.environ | {"HOME": home, "XDG_CONFIG_HOME": home, "WIRESHARK_CONFIG_DIR": home}
    command = ["tshark", "-n", "-r", file, "-d", f"tcp.port=={PORT},mqtt", *arguments]
    return peers.run(command, env=environment).decode("utf-8")


def complaints(file):
    """By frame, all that Wireshark would mark as odd, at any severity and in any protocol."""
    lines = tshark(
        file, "-Y", "_ws.malformed || _ws.expert", "-T", "fields", "-E", "aggregator=|",
        "-e", "frame.number", "-e", "_ws.expert.message", "-e", "_ws.malformed",
    ).splitlines()  # fmt: skip
    result = {}
    for line in lines:
        frame, messages, malformed = line.split("\t")
        result[int(frame)] = messages.split("|") + ([malformed] if malformed else [])
    return result


def hexadecimal(text):
    return text.encode("utf-8").hex()


class Dissected:
    """The fields that tshark shows of one packet, in their order; names come more than once."""

    def __init__(self, pairs):
        self.fields = []
        self.marked = {}
        self.complaints = []
        self.properties = {"properties": [], "will_properties": None}
        self.collect(pairs, "mqtt")
        self.kind = peers.V5_TYPES[self.number("msgtype") - 1]

    def collect(self, pairs, parent):
        for name, value in pairs:
            if name == "_ws.expert":
                self.complain(parent, self.marked.get(parent, ""), [(name, value)])
            elif name in ("mqtt.properties", "mqtt.will_properties"):
                self.properties[name.removeprefix("mqtt.")] = list(self.read_properties(value))
            elif name.endswith("_tree"):
                self.collect(value, name.removesuffix("_tree"))
            elif name.endswith("_raw"):
                self.marked[name.removesuffix("_raw")] = value[0]
            else:
                self.fields.append((name, value))

    def read_properties(self, pairs):
        """As fields.c prints them. What tshark shows of one is its identifier, then its value."""
        identifier, name, marked = None, None, ""
        for field, value in pairs:
            if field == "mqtt.property_id":
                identifier, marked = int(value, 16), ""
            elif field == "mqtt.prop_string_raw":
                marked = value[0]
            elif field == "mqtt.prop_key":
                name = hexadecimal(value)
            elif field == "mqtt.prop_value":
                yield [identifier, [name, hexadecimal(value)]]
            elif field in TEXTS:
                yield [identifier, marked if identifier in BINARY else hexadecimal(value)]
            elif field in NUMBERS:
                yield [identifier, int(value)]
            elif field.endswith("_tree"):
                self.complain(identifier, marked, value)

    def complain(self, place, marked, pairs):
        for name, value in pairs:
            if name == "_ws.expert":
                data = bytes.fromhex(marked)
                self.complaints.append((place, data, dict(value).get("_ws.expert.message")))

    def excused(self):
        """The complaints for which there is an exception."""
        for place, data, message in self.complaints:
            if place in {"mqtt.passwd"} | BINARY and b"\0" in data.rstrip(b"\0"):
                if message == STRAY:
                    yield message
            elif (place, data, message) == ("mqtt.topic", b"", UNKNOWN_ALIAS):
                yield message

    def all(self, name):
        return [value for found, value in self.fields if found == f"mqtt.{name}"]

    def one(self, name):
        found = self.all(name)
        return found[0] if len(found) == 1 else None

    def number(self, name):
        value = self.one(name)
        return None if value is None else int(value)

    def flag(self, name):
        value = self.number(name)
        return None if value is None else {0: False, 1: True}[value]

    def text(self, name):
        value = self.one(name)
        return None if value is None else hexadecimal(value)

    def binary(self, name):
        value = self.one(name)
        return None if value is None else value.replace(":", "")

    def bytes_marked(self, name):
        return None if self.one(name) is None else self.marked.get(f"mqtt.{name}", "")


def connect_fields(of):
    will = of.flag("conflag.willflag")
    return {
        "keep_alive": of.number("kalive"),
        "clean_session": of.flag("conflag.cleansess"),
        "client_id": of.text("clientid"),
        "will_qos": of.number("conflag.qos") if will else None,
        "will_retain": of.flag("conflag.retain") if will else None,
        "will_topic": of.text("willtopic"),
        # An empty message has a length and no bytes to show.
        "will_message": "" if of.number("willmsg_len") == 0 else of.binary("willmsg"),
        "user_name": of.text("username"),
        "password": of.bytes_marked("passwd"),
        "protocol_name": of.one("protoname"),
        "protocol_level": of.number("ver"),
        "user_name_flag": of.flag("conflag.uname"),
        "password_flag": of.flag("conflag.passwd"),
        "reserved_flag": of.flag("conflag.reserved"),
    }


def connack_fields(of):
    return {
        "session_present": of.flag("conack.flags.sp"),
        "return_code": of.number("conack.val"),
        "acknowledge_flags": int(of.one("conack.flags"), 16),
    }


def publish_fields(of):
    return {
        "qos": of.number("qos"),
        "dup": of.flag("dupflag"),
        "retain": of.flag("retain"),
        "packet_id": of.number("msgid"),
        "topic": of.text("topic"),
        "payload": of.binary("msg") or "",
    }


def id_fields(of):
    return {"packet_id": of.number("msgid")}


def filters(of):
    return [hexadecimal(text) for text in of.all("topic")]


def subscribe_fields(of):
    return id_fields(of) | {
        "subscriptions": [list(pair) for pair in zip(filters(of), map(int, of.all("sub.qos")))]
    }


def suback_fields(of):
    return id_fields(of) | {"return_codes": list(map(int, of.all("suback.qos")))}


def unsubscribe_fields(of):
    return id_fields(of) | {"filters": filters(of)}


READERS = {
    "CONNECT": connect_fields, "CONNACK": connack_fields, "PUBLISH": publish_fields,
    "SUBSCRIBE": subscribe_fields, "SUBACK": suback_fields, "UNSUBSCRIBE": unsubscribe_fields,
    "PUBACK": id_fields, "PUBREC": id_fields, "PUBREL": id_fields, "PUBCOMP": id_fields,
    "UNSUBACK": id_fields,
}  # fmt: skip


def v5_connect_fields(of):
    result = connect_fields(of)
    return result | {
        "clean_start": result.pop("clean_session"), "will_payload": result.pop("will_message"),
        "will_properties": of.properties["will_properties"],
    }  # fmt: skip


def v5_subscribe_fields(of):
    names = ("qos", "nl", "rap", "retain")
    options = zip(*(of.all(f"subscription_options_{name}") for name in names))
    return id_fields(of) | {
        "subscriptions": [
            [topic_filter, int(qos), no_local == "1", as_published == "1", int(handling)]
            for topic_filter, (qos, no_local, as_published, handling) in zip(
                filters(of), options, strict=True
            )
        ]
    }


def v5_code_fields(of):
    """A Reason Code that is not there is 0x00 (3.4.2.1, 3.14.2.1, 3.15.2.1)."""
    return {"reason_code": of.number(f"{of.kind.lower()}.reason_code") or 0}


def v5_ack_fields(of):
    return id_fields(of) | v5_code_fields(of)


def v5_suback_fields(of):
    codes = of.all(f"{of.kind.lower()}.reason_code")
    return id_fields(of) | {"reason_codes": list(map(int, codes))}


def v5_connack_fields(of):
    return {
        "session_present": of.flag("conack.flags.sp"),
        "acknowledge_flags": int(of.one("conack.flags"), 16),
    } | v5_code_fields(of)


V5_READERS = {
    "CONNECT": v5_connect_fields, "CONNACK": v5_connack_fields, "PUBLISH": publish_fields,
    "SUBSCRIBE": v5_subscribe_fields, "SUBACK": v5_suback_fields,
    "UNSUBSCRIBE": unsubscribe_fields, "UNSUBACK": v5_suback_fields, "PUBACK": v5_ack_fields,
    "PUBREC": v5_ack_fields, "PUBREL": v5_ack_fields, "PUBCOMP": v5_ack_fields,
    "DISCONNECT": v5_code_fields, "AUTH": v5_code_fields,
}  # fmt: skip


def fields(of, readers):
    """As those of fields.c, and beyond them what the standard fixes."""
    result = {
        "type": of.kind,
        "remaining_length": of.number("len"),
        "reserved_bits": None if of.kind == "PUBLISH" else of.number("hdr_reserved"),
    }
    if of.kind in readers:
        result |= readers[of.kind](of)
        if readers is V5_READERS:
            result["properties"] = of.properties["properties"]
    return result


def expected_fields(packet, level):
    kind = packet.fields["type"]
    result = packet.fields | {"remaining_length": peers.remaining_length(packet)[0]}
    # 2.2.2, Table 2.2
    result["reserved_bits"] = {
        "PUBLISH": None, "PUBREL": 2, "SUBSCRIBE": 2, "UNSUBSCRIBE": 2
    }.get(kind, 0)  # fmt: skip
    if kind == "CONNACK":
        result["acknowledge_flags"] = int(packet.fields["session_present"])
    if kind == "CONNECT":
        result |= {
            "protocol_name": "MQTT",
            "protocol_level": level,
            "user_name_flag": packet.fields["user_name"] is not None,
            "password_flag": packet.fields["password"] is not None,
            "reserved_flag": False,
        }
    return result


def dissected(file):
    """The MQTT packets that tshark finds, in the order of the capture, and the complaints for which
    there is no exception."""
    found, unexcused = [], []
    frames = json.loads(
        tshark(file, "-T", "json", "-x", "-J", "mqtt"), object_pairs_hook=lambda pairs: pairs
    )
    complained = complaints(file)
    for number, frame in enumerate(frames, 1):
        layers = dict(dict(frame)["_source"])["layers"]
        packets = [Dissected(layer) for name, layer in layers if name == "mqtt"]
        messages = complained.pop(number, [])
        for message in (message for packet in packets for message in packet.excused()):
            messages.remove(message)
        unexcused += [f"frame {number}: {message}" for message in messages]
        found += packets
    return found, unexcused + list(complained.values())


def judge(packets, level, readers, exceptions):
    all_streams = list(streams(packets))
    sent = [packet for stream in all_streams for _, packet in stream]
    with tempfile.TemporaryDirectory() as work:
        file = pathlib.Path(work, "packets.pcap")
        file.write_bytes(capture(all_streams))
        found, unexcused = dissected(str(file))
    for exception in exceptions:
        print("exception:", exception)
    print("passed over:", sum(len(list(packet.excused())) for packet in found), "warnings")
    if unexcused:
        print("\n".join(map(peers.shorten, unexcused[: peers.SHOWN])))
        peers.fail(f"tshark complains {len(unexcused)} times")
    expected = [peers.Packet(packet.data, expected_fields(packet, level)) for packet in sent]
    peers.compare(expected, [fields(packet, readers) for packet in found], "tshark")


def main():
    writer, reader = sys.argv[1:]
    peers.need("tshark")
    peers.end_on_signals()
    print(peers.run(["tshark", "--version"]).decode().splitlines()[0])
    judge(peers.random_packets(writer), 4, READERS, EXCEPTIONS)
    judge(peers.corpus_v5(reader), 5, V5_READERS, V5_EXCEPTIONS)


if __name__ == "__main__":
    main()
