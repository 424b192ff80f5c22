#!/usr/bin/env python3
"""tshark_test.py PACKETS_WRITER: Wireshark's dissector reads the packets of our encoders.

The packets are put into a capture as TCP streams, each begun by a CONNECT, from which the dissector
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
STRAY = "Trailing stray characters"


def streams(packets):
    """Lists of (from the client, packet), each with a CONNECT first."""
    random.seed(peers.SEED)
    connects = [packet for packet in packets if packet.fields["type"] == "CONNECT"]
    others = [packet for packet in packets if packet.fields["type"] != "CONNECT"]
    for number, connect in enumerate(connects):
        yield [(True, connect)] + [
            (from_client(packet.fields["type"]), packet)
            for packet in others[number :: len(connects)]
        ]


def from_client(kind):
    client, server = peers.TABLE_2_1[kind]
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


class Dissected:
    """The fields that tshark shows of one packet, in their order; names come more than once."""

    def __init__(self, pairs):
        self.fields = []
        self.marked = {}
        self.complaints = []
        self.collect(pairs, "mqtt")

    def collect(self, pairs, parent):
        for name, value in pairs:
            if name == "_ws.expert":
                self.complaints.append((parent, dict(value).get("_ws.expert.message")))
            elif name.endswith("_tree"):
                self.collect(value, name.removesuffix("_tree"))
            elif name.endswith("_raw"):
                self.marked[name.removesuffix("_raw")] = value[0]
            else:
                self.fields.append((name, value))

    def excused(self):
        """The complaints for which there is an exception."""
        password = bytes.fromhex(self.marked.get("mqtt.passwd", ""))
        if b"\0" in password.rstrip(b"\0"):
            return [message for place, message in self.complaints
                    if (place, message) == ("mqtt.passwd", STRAY)]  # fmt: skip
        return []

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
        return None if value is None else value.encode("utf-8").hex()

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


def subscribe_fields(of):
    filters = [text.encode("utf-8").hex() for text in of.all("topic")]
    return id_fields(of) | {
        "subscriptions": [list(pair) for pair in zip(filters, map(int, of.all("sub.qos")))]
    }


def suback_fields(of):
    return id_fields(of) | {"return_codes": list(map(int, of.all("suback.qos")))}


def unsubscribe_fields(of):
    return id_fields(of) | {"filters": [text.encode("utf-8").hex() for text in of.all("topic")]}


READERS = {
    "CONNECT": connect_fields, "CONNACK": connack_fields, "PUBLISH": publish_fields,
    "SUBSCRIBE": subscribe_fields, "SUBACK": suback_fields, "UNSUBSCRIBE": unsubscribe_fields,
    "PUBACK": id_fields, "PUBREC": id_fields, "PUBREL": id_fields, "PUBCOMP": id_fields,
    "UNSUBACK": id_fields,
}  # fmt: skip


def fields(of):
    """As those of fields.c, and beyond them what the standard fixes."""
    kind = peers.TYPES[of.number("msgtype") - 1]
    common = {
        "type": kind,
        "remaining_length": of.number("len"),
        "reserved_bits": None if kind == "PUBLISH" else of.number("hdr_reserved"),
    }
    return common | READERS.get(kind, lambda _: {})(of)


def expected_fields(packet):
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
            "protocol_level": 4,
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


def main():
    peers.need("tshark")
    peers.end_on_signals()
    print(peers.run(["tshark", "--version"]).decode().splitlines()[0])
    all_streams = list(streams(peers.random_packets(sys.argv[1])))
    sent = [packet for stream in all_streams for _, packet in stream]
    with tempfile.TemporaryDirectory() as work:
        file = pathlib.Path(work, "packets.pcap")
        file.write_bytes(capture(all_streams))
        found, unexcused = dissected(str(file))
    for exception in EXCEPTIONS:
        print("exception:", exception)
    print("passed over:", sum(len(packet.excused()) for packet in found), "warnings at passwords")
    if unexcused:
        print("\n".join(map(peers.shorten, unexcused[: peers.SHOWN])))
        peers.fail(f"tshark complains {len(unexcused)} times")
    expected = [peers.Packet(packet.data, expected_fields(packet)) for packet in sent]
    peers.compare(expected, [fields(packet) for packet in found], "tshark")


if __name__ == "__main__":
    main()
