#!/usr/bin/env python3
"""mosquitto_clients_test.py SCRIPTED_SERVER VERSION: the codec serves mosquitto's clients.

The packets of the server come from our encoders, those of mosquitto_pub and mosquitto_sub go
through mqtt_decode_from_client, or mqtt_v5_decode_from_client for the VERSION 5.0. The clients end with status 0, the subscriber prints what the server
sent, and the server reads what the clients' options say, field by field. There is no exception.
"""

import collections
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import peers

SECONDS = 30

Outcome = collections.namedtuple("Outcome", "status output errors packets")


def hexadecimal(text):
    return (text if isinstance(text, bytes) else text.encode("utf-8")).hex()


# Table 3.1; Table 3-1 of MQTT 5.0
REFUSALS = {
    "3.1.1": {
        1: "unacceptable protocol version", 2: "identifier rejected", 3: "broker unavailable",
        4: "bad user name or password", 5: "not authorised",
    },
    "5.0": {
        0x80: "Unspecified error", 0x81: "Malformed Packet", 0x82: "Protocol Error",
        0x83: "Implementation specific error", 0x84: "Unsupported Protocol Version",
        0x85: "Client Identifier not valid", 0x86: "Bad User Name or Password",
        0x87: "Not authorized", 0x88: "Server unavailable", 0x89: "Server busy", 0x8A: "Banned",
        0x8C: "Bad authentication method", 0x90: "Topic Name invalid", 0x95: "Packet too large",
        0x97: "Quota exceeded", 0x99: "Payload format invalid", 0x9A: "Retain not supported",
        0x9B: "QoS not supported", 0x9C: "Use another server", 0x9D: "Server moved",
        0x9F: "Connection rate exceeded",
    },
}  # fmt: skip

# Properties of MQTT 5.0 as options of the clients, and as fields.c prints them
PUBLISH_PROPERTIES = (
    ["payload-format-indicator 1", "user-property k v", "message-expiry-interval 9",
     "content-type text/plain", "response-topic answers/σ", "correlation-data c-1",
     "user-property k w"],
    [[0x01, 1], [0x26, ["6b", "76"]], [0x02, 9], [0x03, hexadecimal("text/plain")],
     [0x08, hexadecimal("answers/σ")], [0x09, hexadecimal("c-1")], [0x26, ["6b", "77"]]],
)  # fmt: skip
WILL_PROPERTIES = (
    PUBLISH_PROPERTIES[0] + ["will-delay-interval 5"], PUBLISH_PROPERTIES[1] + [[0x18, 5]]
)  # fmt: skip
CONNECT_PROPERTIES = (
    ["maximum-packet-size 100000", "topic-alias-maximum 3", "request-response-information 1",
     "request-problem-information 0", "user-property k v", "authentication-method m",
     "authentication-data d"],
    [[0x27, 100000], [0x22, 3], [0x19, 1], [0x17, 0], [0x26, ["6b", "76"]], [0x15, "6d"],
     [0x16, "64"]],
)  # fmt: skip
# The clients add these two themselves.
PUBLISHER = (["receive-maximum 7", "session-expiry-interval 70"], [[0x21, 7], [0x11, 70]])
SUBSCRIBER = [[0x11, 4294967295], [0x21, 6]]
DISCONNECT_PROPERTIES = (
    ["session-expiry-interval 80", "user-property k v", "reason-string bye"],
    [[0x11, 80], [0x26, ["6b", "76"]], [0x1F, hexadecimal("bye")]],
)
SUBSCRIBE_PROPERTIES = (
    ["subscription-identifier 268435455", "user-property k v"],
    [[0x0B, 268435455], [0x26, ["6b", "76"]]],
)
UNSUBSCRIBE_PROPERTIES = (["user-property k v"], [[0x26, ["6b", "76"]]])


@contextlib.contextmanager
def ended_at_last(process):
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def session(server, client, work):
    """Starts the server and lets the client talk to it."""
    environment = os.environ | {"HOME": work, "XDG_CONFIG_HOME": work}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    with contextlib.ExitStack() as stack:
        serving = stack.enter_context(ended_at_last(subprocess.Popen(server, **pipes)))
        port = serving.stdout.readline().decode().removeprefix("port ").strip()
        protocol = {"3.1.1": "mqttv311", "5.0": "mqttv5"}[server[1]]
        command = [client[0], "-h", "127.0.0.1", "-p", port, "-V", protocol, *client[1:]]
        # A file, as its output is not read before the server's has come to its end.
        pipes["stdout"] = stack.enter_context(tempfile.TemporaryFile())
        running = stack.enter_context(
            ended_at_last(subprocess.Popen(command, env=environment, **pipes))
        )
        try:
            printed, complaints = serving.communicate(timeout=SECONDS)
            errors = running.communicate(timeout=SECONDS)[1]
        except subprocess.TimeoutExpired:
            peers.fail(f"after {SECONDS} seconds it has not ended: {' '.join(command)}")
        pipes["stdout"].seek(0)
        output = pipes["stdout"].read()
        if serving.returncode != 0:
            peers.fail(
                f"{' '.join(command)}: the server ended with {serving.returncode}:"
                f" {complaints.decode()}"
            )
    packets = [json.loads(line) for line in printed.decode().splitlines()]
    return Outcome(running.returncode, output.decode(), errors.decode(), packets)


def check_equal(name, what, expected, actual):
    if expected != actual:
        peers.fail(
            f"{name}: {what}: expected {peers.shorten(expected)}, not {peers.shorten(actual)}"
        )


def check_packets(name, expected, actual):
    check_equal(
        name, "the packets", [packet["type"] for packet in expected],
        [packet["type"] for packet in actual],
    )  # fmt: skip
    for ours, theirs in zip(expected, actual):
        for difference in peers.differences(ours, theirs):
            peers.fail(f"{name}: {ours['type']}: {difference}")


class Clients:
    def __init__(self, server, version, work):
        self.server = [server, version]
        self.is_v5 = version == "5.0"
        self.work = work
        self.sessions = 0

    def v5(self, fields):
        """These fields are there only in MQTT 5.0."""
        return fields if self.is_v5 else {}

    def options(self, packet, properties):
        """The options of mosquitto's clients for these properties."""
        words = [["-D", packet, *option.split()] for option in properties[0]]
        return sum(words, []) if self.is_v5 else []

    def properties(self, properties):
        return self.v5({"properties": properties[1]})

    def connect(self, receive_maximum=20, **fields):
        """The CONNECT of mosquitto's clients; their keep alive is 60 where none is asked for."""
        result = {
            "type": "CONNECT", "keep_alive": 60, "clean_session": True, "client_id": "",
            "will_qos": None, "will_retain": None, "will_topic": None, "will_message": None,
            "user_name": None, "password": None,
        }  # fmt: skip
        result |= self.v5({"properties": [[0x21, receive_maximum]], "will_properties": None})
        result |= fields
        if self.is_v5:
            result["clean_start"] = result.pop("clean_session")
            result["will_payload"] = result.pop("will_message")
        return result

    def publish(self, qos, retain, topic, payload):
        return {
            "type": "PUBLISH", "qos": qos, "dup": False, "retain": retain,
            "packet_id": 1 if qos else None, "topic": hexadecimal(topic),
            "payload": hexadecimal(payload),
        } | self.v5({"properties": []})  # fmt: skip

    def ack(self, kind, packet_id):
        result = {"type": kind, "packet_id": packet_id}
        return result | self.v5({"reason_code": 0, "properties": []})

    def subscribe(self, filters, qos):
        rest = [False, False, 0] if self.is_v5 else []
        result = {"type": "SUBSCRIBE", "packet_id": 1}
        result["subscriptions"] = [[hexadecimal(name), qos, *rest] for name in filters]
        return result | self.v5({"properties": []})

    def disconnect(self):
        return {"type": "DISCONNECT"} | self.v5({"reason_code": 0, "properties": []})

    def publisher(self, name, options, expected, qos, disconnect=None):
        """mosquitto_pub ends with 0, when its message has gone through the whole protocol."""
        outcome = session([*self.server, "0", "-"], ["mosquitto_pub", *options], self.work)
        check_equal(name, "status and errors", (0, ""), (outcome.status, outcome.errors))
        rest = [self.ack("PUBREL", 1)] if qos == 2 else []
        rest.append(self.disconnect() | (disconnect or {}))
        check_packets(name, expected + rest, outcome.packets)
        self.done(name)

    def subscriber(self, name, options, expected, messages, when="SUBSCRIBE", disconnect=None):
        """mosquitto_sub prints the messages, and acknowledges them each as its QoS demands."""
        # What follows are the properties that scripted_server sends.
        shown, properties = ("", "") if not self.is_v5 else (
            "|%F|%E|%C|%R|%S|%P|%D",
            "|1|70000|text/plain|answers/σ|268435455|name:one name:δύο|c-1",
        )  # fmt: skip
        arguments = [
            word for qos, retain, topic, payload in messages
            for word in (str(qos), str(int(retain)), topic, payload)
        ]  # fmt: skip
        outcome = session(
            [*self.server, "0", when, *arguments],
            ["mosquitto_sub", "-d", *options, "-C", str(len(messages)), "-W", "20",
             "-F", f"message %q %r %t %x{shown}"],
            self.work,
        )  # fmt: skip
        check_equal(name, "status and errors", (0, ""), (outcome.status, outcome.errors))
        lines = [
            f"message {qos} {int(retain)} {topic} {hexadecimal(payload)}{properties}"
            for qos, retain, topic, payload in messages
        ]
        printed = [line for line in outcome.output.splitlines() if line.startswith("message ")]
        # A message at QoS 2 is printed at its PUBREL, when later ones of a lower QoS may have been.
        in_order = {"key": lambda line: line.split()[1]}
        check_equal(name, "what it prints", sorted(lines, **in_order), sorted(printed, **in_order))
        self.check_received(name, outcome, expected, messages)
        acks = ("PUBACK", "PUBREC", "PUBCOMP")
        check_packets(
            name, expected + [self.disconnect() | (disconnect or {})],
            [packet for packet in outcome.packets if packet["type"] not in acks],
        )  # fmt: skip
        # Of which id each is, the server has checked.
        due = [["PUBACK"] if m[0] == 1 else ["PUBREC", "PUBCOMP"] for m in messages if m[0] > 0]
        sent = [packet["type"] for packet in outcome.packets if packet["type"] in acks]
        check_equal(name, "what it acknowledges", sorted(sum(due, [])), sorted(sent))
        self.done(name)

    def check_received(self, name, outcome, expected, messages):
        """What mosquitto_sub says to have received: the answers to its packets, and the messages."""
        answers = {"CONNECT": "CONNACK", "SUBSCRIBE": "SUBACK", "UNSUBSCRIBE": "UNSUBACK",
                   "PINGREQ": "PINGRESP"}  # fmt: skip
        due = [answers[packet["type"]] for packet in expected]
        for message in messages:
            due += ["PUBLISH", "PUBREL"] if message[0] == 2 else ["PUBLISH"]
        said = re.findall(r"^Client .* received ([A-Z]+)", outcome.output, re.MULTILINE)
        check_equal(name, "what it received", sorted(due), sorted(said))
        codes = [str(s[1]) for packet in expected for s in packet.get("subscriptions", [])]
        granted = re.findall(r"^Subscribed \(mid: 1\): (.*)$", outcome.output, re.MULTILINE)
        check_equal(name, "what it was granted", [", ".join(codes)], granted)

    def refused(self, code, says):
        """Both take the code of a CONNACK for what it is."""
        for client in (["mosquitto_pub", "-n", "-t", "a"], ["mosquitto_sub", "-t", "a"]):
            name = f"{client[0]} refused with {code}"
            outcome = session([*self.server, str(code), "-"], client, self.work)
            check_equal(name, "its status", code, outcome.status)
            if says not in outcome.errors:
                peers.fail(f"{name}: it says {outcome.errors!r}, not {says!r}")
            check_packets(name, [self.connect()], outcome.packets)
            self.done(name)

    def done(self, name):
        self.sessions += 1
        print(f"ok: {name}")


def publishers(clients):
    for qos in (0, 1, 2):
        clients.publisher(
            f"mosquitto_pub at QoS {qos}",
            ["-q", str(qos), "-t", "peers/one", "-m", "21.5", "-i", "publisher"],
            [clients.connect(client_id=hexadecimal("publisher")),
             clients.publish(qos, False, "peers/one", "21.5")],
            qos,
        )  # fmt: skip
        clients.publisher(
            f"mosquitto_pub at QoS {qos}, every option",
            ["-q", str(qos), "-r", "-t", "θερμοκρασία/🌡", "-m", "31 °C", "-i", "κλήση", "-k", "65",
             "-u", "μαρία", "-P", "κωδικός", "--will-topic", "διαθήκη", "--will-payload", "🙂",
             "--will-qos", str(2 - qos), "--will-retain",
             *clients.options("connect", PUBLISHER),
             *clients.options("connect", CONNECT_PROPERTIES),
             *clients.options("will", WILL_PROPERTIES),
             *clients.options("publish", PUBLISH_PROPERTIES),
             *clients.options("disconnect", DISCONNECT_PROPERTIES)],
            [clients.connect(keep_alive=65, client_id=hexadecimal("κλήση"), will_qos=2 - qos,
                     will_retain=True, will_topic=hexadecimal("διαθήκη"),
                     will_message=hexadecimal("🙂"), user_name=hexadecimal("μαρία"),
                     password=hexadecimal("κωδικός"),
                     **clients.v5({"properties": PUBLISHER[1] + CONNECT_PROPERTIES[1],
                                   "will_properties": WILL_PROPERTIES[1]})),
             clients.publish(qos, True, "θερμοκρασία/🌡", "31 °C")
             | clients.properties(PUBLISH_PROPERTIES)],
            qos, clients.properties(DISCONNECT_PROPERTIES),
        )  # fmt: skip
        # Remaining lengths of one, two, three and four bytes.
        for size in (0, 300, 30000, 2097152):
            payload = bytes(i * 7 % 256 for i in range(size))
            file = pathlib.Path(clients.work, "payload")
            file.write_bytes(payload)
            clients.publisher(
                f"mosquitto_pub at QoS {qos}, {size} bytes",
                ["-q", str(qos), "-t", "t", *(["-f", str(file)] if size else ["-n"])],
                [clients.connect(), clients.publish(qos, False, "t", payload)],
                qos,
            )


def alias(clients):
    """3.3.2.3.4: the second message has no topic."""
    first = clients.publish(1, False, "alias", "x") | {"properties": [[0x23, 5]]}
    clients.publisher(
        "mosquitto_pub, a topic alias",
        ["-q", "1", "-t", "alias", "-m", "x", "--repeat", "2", "-D", "publish", "topic-alias", "5"],
        [clients.connect(), first, first | {"topic": "", "packet_id": 2}],
        1,
    )


def subscribers(clients):
    for qos in (0, 1, 2):
        clients.subscriber(
            f"mosquitto_sub, a message at QoS {qos}",
            ["-q", str(qos), "-t", "peers/#"],
            [clients.connect(1), clients.subscribe(["peers/#"], qos)],
            [(qos, qos == 1, "peers/one", "21.5")],
        )
    filters = ["+/🌡", "$SYS/+", "$share/group/#" if clients.is_v5 else "#"]
    clients.subscriber(
        "mosquitto_sub, several filters, a session that is kept, UNSUBSCRIBE, messages at each QoS",
        ["-c", "-i", "sub", "-q", "2", *(word for name in filters for word in ("-t", name)),
         "-U", "never/had",
         *clients.options("connect", CONNECT_PROPERTIES),
         *clients.options("subscribe", SUBSCRIBE_PROPERTIES),
         *clients.options("unsubscribe", UNSUBSCRIBE_PROPERTIES),
         *clients.options("disconnect", DISCONNECT_PROPERTIES)],
        [clients.connect(clean_session=False, client_id=hexadecimal("sub"),
                         **clients.v5({"properties": CONNECT_PROPERTIES[1] + SUBSCRIBER})),
         clients.subscribe(filters, 2) | clients.properties(SUBSCRIBE_PROPERTIES),
         {"type": "UNSUBSCRIBE", "packet_id": 2, "filters": [hexadecimal("never/had")]}
         | clients.properties(UNSUBSCRIBE_PROPERTIES)],
        [(0, False, "θ/🌡", "31 °C"), (1, True, "one", "x" * 200), (2, False, "two", "y" * 20000),
         (2, True, "/", "z"), (1, False, "empty", ""), (0, True, "zero", "last")],
        disconnect=clients.properties(DISCONNECT_PROPERTIES),
    )  # fmt: skip


def keep_alive(clients):
    clients.subscriber(
        "mosquitto_sub, served after its PINGREQ",
        ["-k", "5", "-t", "silence"],
        [clients.connect(1, keep_alive=5), clients.subscribe(["silence"], 0), {"type": "PINGREQ"}],
        [(0, False, "silence", "broken")],
        when="PINGREQ",
    )


def retain_as_published(clients):
    subscribe = clients.subscribe(["a"], 1)
    subscribe["subscriptions"][0][3] = True
    clients.subscriber(
        "mosquitto_sub --retain-as-published",
        ["-q", "1", "-t", "a", "--retain-as-published"],
        [clients.connect(1), subscribe],
        [(1, True, "a", "b")],
    )


def main():
    server, version = sys.argv[1:]
    peers.need("mosquitto_pub", "mosquitto_sub")
    peers.end_on_signals()
    with tempfile.TemporaryDirectory() as work:
        clients = Clients(server, version, work)
        publishers(clients)
        subscribers(clients)
        if clients.is_v5:
            alias(clients)
            retain_as_published(clients)
        else:
            keep_alive(clients)  # takes five seconds, and 5.0 has the same packets
        for code, says in REFUSALS[version].items():
            clients.refused(code, says)
    print(f"{clients.sessions} sessions")


if __name__ == "__main__":
    main()
