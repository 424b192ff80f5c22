#!/usr/bin/env python3
"""paho_v5_test.py PACKETS_READER: Eclipse Paho's Python client and the codec agree on MQTT 5.0.

Paho's client, over a pair of sockets, reads the server's packets of packets_v5.txt with the fields
that our decoder gives. What it writes, with random properties, our decoder reads with the fields that
were set, and mqtt_v5_encode writes the same bytes again. Paho keeps the properties by their identifiers;
so of their order only that of properties with the same identifier is compared.
"""

import os
import random
import re
import socket
import subprocess
import sys

import peers

SYSTEM_PYTHON = "/usr/bin/python3"  # where distributions install python3-paho-mqtt
ROUNDS = 60

try:
    import paho.mqtt.client as mqtt
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCodes
    from paho.mqtt.subscribeoptions import SubscribeOptions
except ImportError:
    mqtt = None

# Where Paho departs from the standard: the clause, and whether that is all that differs between the
# fields of a packet and what it reads.
EXCEPTIONS = {
    "3.15: Paho does not know AUTH":
        lambda ours, theirs: ours["type"] == "AUTH" and "refused" in theirs,
    "3.6.2.1: Paho wants a PUBREL to be of two bytes":
        lambda ours, theirs: ours["type"] == "PUBREL" and refused(theirs, "a buffer of 2 bytes"),
    "3.14.2.2.1: Paho passes over the Reason Code of a DISCONNECT without properties":
        lambda ours, theirs: ours["type"] == "DISCONNECT" and ours["properties"] == []
        and theirs == ours | {"reason_code": 0},
    "MQTT-1.5.4-3: U+FEFF is a character as others, but Paho refuses it in a property":
        lambda ours, theirs: refused(theirs, "[MQTT-1.5.4-3] U+FEFF"),
    "3.2.2.2: Paho does not know 0x99 in a CONNACK":
        lambda ours, theirs: ours["type"] == "CONNACK" and ours["reason_code"] == 0x99
        and theirs == {"refused": "AssertionError()"},
    "3.2.2.3.6: Paho takes no Maximum Packet Size above 268,435,455":
        lambda ours, theirs: refused(theirs, "MaximumPacketSize property value must be in"),
}  # fmt: skip


def refused(theirs, text):
    return text in theirs.get("refused", "")


def hexadecimal(value):
    return (value.encode("utf-8") if isinstance(value, str) else bytes(value)).hex()


def value_of(value):
    """As fields.c prints it."""
    if isinstance(value, int):
        return value
    if isinstance(value, (tuple, list)):
        return [hexadecimal(text) for text in value]
    return hexadecimal(value)


def properties_of(properties):
    """As fields.c prints them, by their identifiers."""
    result = []
    for name, identifier in properties.names.items() if properties else ():
        value = getattr(properties, name.replace(" ", ""), None)
        values = value if isinstance(value, list) else [] if value is None else [value]
        result += [[identifier, value_of(one)] for one in values]
    return by_identifier(result)


def by_identifier(properties):
    return sorted(properties, key=lambda one: one[0])


def comparable(fields):
    places = ("properties", "will_properties")
    return fields | {p: by_identifier(fields[p]) for p in places if fields.get(p)}


class Client(mqtt.Client if mqtt else object):
    """A client whose server is this test. It notes what it unpacks, since not all goes to a callback."""

    def __init__(self, **options):
        super().__init__(protocol=mqtt.MQTTv5, **options)
        self.server, self.pair = socket.socketpair()
        self.server.settimeout(10)
        self.read = {}
        self.on_connect = lambda _, __, flags, *___: self.read.update(flags)
        self.on_message = lambda _, __, message: self.read.update(message=message)
        self.on_subscribe = lambda _, __, packet_id, *___: self.read.update(packet_id=packet_id)
        self.on_log = self.note_log

    def _create_socket_connection(self):
        return self.pair

    def note_log(self, _, __, ___, text):
        found = re.match(r"Received ([A-Z]+)(?: \(Mid: (\d+)\))?", text)
        if found:
            self.read["type"] = found[1]
            if found[2]:
                self.read["packet_id"] = int(found[2])

    def give(self, data):
        """Lets the client read these bytes."""
        for start in range(0, len(data), 16384):
            self.server.sendall(data[start : start + 16384])
            status = self.loop_read(1)
            if status != mqtt.MQTT_ERR_SUCCESS:
                return status
        return mqtt.MQTT_ERR_SUCCESS

    def taken(self):
        """What the client has written; nothing more comes."""
        self.server.setblocking(False)
        result = b""
        try:
            while data := self.server.recv(1 << 20):
                result += data
        except BlockingIOError:
            pass
        return result

    def close(self):
        self.server.close()
        self.pair.close()


# ---- Paho reads our packets


def note_unpacked(unpacked):
    """Makes Paho's client keep the reason codes and properties that it unpacks."""

    class NotedProperties(Properties):
        def unpack(self, buffer):
            result = super().unpack(buffer)
            unpacked["properties"] = properties_of(self)
            return result

    class NotedCodes(ReasonCodes):
        def __init__(self, packetType, aName="Success", identifier=-1):
            super().__init__(packetType, aName, identifier)
            if identifier >= 0:
                unpacked["codes"].append(self.value)

        def unpack(self, buffer):
            super().unpack(buffer)
            unpacked["codes"].append(self.value)

    mqtt.Properties, mqtt.ReasonCodes = NotedProperties, NotedCodes


def message_fields(message):
    return {
        "qos": message.qos, "dup": bool(message.dup), "retain": bool(message.retain),
        "packet_id": message.mid if message.qos else None, "topic": hexadecimal(message.topic),
        "payload": message.payload.hex(),
    }  # fmt: skip


def paho_reads(packet, unpacked):
    """The fields that Paho finds."""
    unpacked |= {"properties": [], "codes": []}
    kind = packet.fields["type"]
    client = Client()
    try:
        client.connect("paired", 1, 60)
        status = client.give(packet.data)
        if kind == "PUBLISH" and packet.fields["qos"] == 2:  # it waits for the PUBREL
            client.give(b"\x62\x02" + packet.fields["packet_id"].to_bytes(2, "big"))
            client.read["type"] = kind
    except Exception as error:  # pylint: disable=broad-except
        return {"refused": repr(error)}
    finally:
        client.close()
    if "type" not in client.read:
        return {"refused": f"status {status}"}
    result = {"type": client.read["type"]}
    if kind != "PINGRESP":
        result["properties"] = unpacked["properties"]
    if "packet_id" in client.read and kind != "PUBLISH":
        result["packet_id"] = client.read["packet_id"]
    if kind in ("SUBACK", "UNSUBACK"):
        result["reason_codes"] = unpacked["codes"]
    elif kind not in ("PUBLISH", "PINGRESP"):
        result["reason_code"] = (unpacked["codes"] + [0])[0]
    if "session present" in client.read:
        result["session_present"] = bool(client.read["session present"])
    if "message" in client.read:
        result |= message_fields(client.read["message"])
    return result


def server_may_send(kind):
    return peers.TABLE_2_1.get(kind, (True, True))[1] or kind == "DISCONNECT"


def judge_ours(reader):
    unpacked = {}
    note_unpacked(unpacked)
    sent = [
        peers.Packet(packet.data, comparable(packet.fields))
        for packet in peers.corpus_v5(reader)
        if server_may_send(packet.fields["type"])
    ]
    read, used = [], set()
    for packet in sent:
        theirs = paho_reads(packet, unpacked)
        for text, is_all in EXCEPTIONS.items():
            if theirs != packet.fields and is_all(packet.fields, theirs):
                used.add(text)
                theirs = packet.fields
        read.append(theirs)
    mqtt.Properties, mqtt.ReasonCodes = Properties, ReasonCodes
    peers.compare(sent, read, "Paho")
    for text in EXCEPTIONS:
        if text not in used:
            peers.fail(f"there is no need for the exception: {text}")
        print("exception:", text)


# ---- We read Paho's packets


def random_text(minimum=0):
    length = random.choice((minimum, random.randint(minimum, 25), random.randint(60, 400)))
    edges = "\x01\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"
    letters = (random.choice(edges) if random.random() < 0.1 else chr(random.randint(32, 126))
               for _ in range(length))  # fmt: skip
    return "".join(letters)


def random_topic():
    return re.sub("[#+$]", "-", random_text(1))


def random_value(identifier, kind):
    name = Properties(PacketTypes.PUBLISH).types[kind]
    largest = {"Byte": 1, "Two Byte Integer": 0xFFFF}.get(name, 0xFFFFFFF)
    if name.endswith("Integer") or name == "Byte":
        return random.choice((int(largest > 1), largest, random.randint(1, largest)))
    if name == "Binary Data":
        return random.randbytes(random.choice((0, 1, 300)))
    if name == "UTF-8 String Pair":
        return [(random_text(), random_text()) for _ in range(random.randint(1, 12))]
    return random_topic() if identifier == 0x08 else random_text()


def random_properties(packet_type, round_number, leave_out=()):
    """None in the first round, in the second all."""
    if round_number == 0:
        return None
    result = Properties(packet_type)
    for name, identifier in result.names.items():
        kind, packets = result.properties[identifier]
        if packet_type in packets and identifier not in leave_out:
            if round_number == 1 or random.random() < 0.5:
                setattr(result, name, random_value(identifier, kind))
    return result


def connect(round_number):
    """A client, and the fields of its CONNECT."""
    properties = random_properties(PacketTypes.CONNECT, round_number)
    if properties and not hasattr(properties, "AuthenticationMethod"):
        if hasattr(properties, "AuthenticationData"):  # 3.1.2.11.10
            del properties.AuthenticationData
    fields = {
        "type": "CONNECT", "keep_alive": random.choice((1, 65535, 60)),
        "clean_start": random.random() < 0.5, "properties": properties_of(properties),
        "client_id": random_text(), "will_qos": None, "will_retain": None, "will_properties": None,
        "will_topic": None, "will_payload": None, "user_name": None, "password": None,
    }  # fmt: skip
    client = Client(client_id=fields["client_id"])
    fields["client_id"] = hexadecimal(fields["client_id"])
    client.max_inflight_messages_set(0)
    if round_number % 2:
        will = random_properties(PacketTypes.WILLMESSAGE, round_number)
        topic, payload, qos = random_topic(), random.randbytes(20), random.randint(0, 2)
        client.will_set(topic, payload, qos, qos == 1, properties=will)
        fields |= {
            "will_qos": qos, "will_retain": qos == 1, "will_properties": properties_of(will),
            "will_topic": hexadecimal(topic), "will_payload": payload.hex(),
        }  # fmt: skip
    if round_number % 3:
        user, password = random_text(1), random_text(1)
        client.username_pw_set(user, password)
        fields |= {"user_name": hexadecimal(user), "password": hexadecimal(password)}
    client.connect(
        "paired", 1, fields["keep_alive"], clean_start=fields["clean_start"], properties=properties
    )
    return client, fields


def publish(client, round_number):
    properties = random_properties(PacketTypes.PUBLISH, round_number, {0x0B})  # a server's
    topic, payload, qos = random_topic(), random.randbytes(random.randint(0, 300)), round_number % 3
    if hasattr(properties, "TopicAlias") and random.random() < 0.5:
        topic = ""
    info = client.publish(topic, payload, qos, retain=qos == 1, properties=properties)
    return {
        "type": "PUBLISH", "qos": qos, "dup": False, "retain": qos == 1,
        "packet_id": info.mid if qos else None, "topic": hexadecimal(topic),
        "properties": properties_of(properties), "payload": payload.hex(),
    }  # fmt: skip


def subscribe(client, round_number):
    properties = random_properties(PacketTypes.SUBSCRIBE, round_number)
    filters = [random.choice(("", "+/", "$share/g/")) + random_topic() for _ in range(3)]
    options = [
        SubscribeOptions(random.randint(0, 2), random.random() < 0.5 and name[0] != "$",
                         random.random() < 0.5, random.randint(0, 2))
        for name in filters
    ]  # fmt: skip
    _, packet_id = client.subscribe(list(zip(filters, options)), properties=properties)
    return {
        "type": "SUBSCRIBE", "packet_id": packet_id, "properties": properties_of(properties),
        "subscriptions": [
            [hexadecimal(name), o.QoS, o.noLocal, o.retainAsPublished, o.retainHandling]
            for name, o in zip(filters, options)
        ],
    }  # fmt: skip


def unsubscribe(client, round_number):
    properties = random_properties(PacketTypes.UNSUBSCRIBE, round_number)
    filters = [random_topic() for _ in range(random.randint(1, 3))]
    _, packet_id = client.unsubscribe(filters, properties=properties)
    return {
        "type": "UNSUBSCRIBE", "packet_id": packet_id, "properties": properties_of(properties),
        "filters": list(map(hexadecimal, filters)),
    }  # fmt: skip


def acknowledge(client, kind, before, after=b""):
    """Gives it a packet for which it owes the acknowledgement."""
    packet_id = random.randint(1, 65535)
    client.give(before + packet_id.to_bytes(2, "big") + after)
    return {"type": kind, "packet_id": packet_id, "reason_code": 0, "properties": []}


def send_puback(client, _):
    return acknowledge(client, "PUBACK", b"\x32\x06\0\1a", b"\0")


def send_pubrec(client, _):
    return acknowledge(client, "PUBREC", b"\x34\x06\0\1a", b"\0")


def send_pubcomp(client, _):
    return acknowledge(client, "PUBCOMP", b"\x62\x02")


def disconnect(client, round_number):
    # Table 3-10, without what is a server's only
    code = (0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99)[
        round_number % 14
    ]
    properties = random_properties(PacketTypes.DISCONNECT, round_number)
    client.disconnect(ReasonCodes(PacketTypes.DISCONNECT, identifier=code), properties)
    return {"type": "DISCONNECT", "reason_code": code, "properties": properties_of(properties)}


def judge_theirs(reader):
    random.seed(peers.SEED)
    made = []
    for round_number in range(ROUNDS):
        client, fields = connect(round_number)
        made.append(peers.Packet(client.taken(), fields))
        client.give(b"\x20\x03\0\0\0")
        for act in (
            publish, subscribe, unsubscribe, send_puback, send_pubrec, send_pubcomp, disconnect
        ):  # fmt: skip
            fields = act(client, round_number)
            made.append(peers.Packet(client.taken(), fields))
        client.close()
    print(f"seed {peers.SEED}: {len(made)} packets of Paho")
    peers.we_read(reader, made, "5.0")


def main():
    if mqtt is None:
        test = [SYSTEM_PYTHON, "-c", "import paho.mqtt.client"]
        done = os.path.exists(SYSTEM_PYTHON) and subprocess.run(
            test, check=False, stderr=subprocess.DEVNULL
        )
        if done and done.returncode == 0:
            os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON, *sys.argv])
        peers.skip("needs python3-paho-mqtt")
    if hasattr(mqtt, "CallbackAPIVersion"):
        peers.skip("paho-mqtt 2 is installed, and the test is for version 1")
    judge_ours(sys.argv[1])
    judge_theirs(sys.argv[1])


if __name__ == "__main__":
    main()
