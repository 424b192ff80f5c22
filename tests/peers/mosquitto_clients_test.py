#!/usr/bin/env python3
"""mosquitto_clients_test.py SCRIPTED_SERVER: the codec serves mosquitto's clients.

The packets of the server come from our encoders, those of mosquitto_pub and mosquitto_sub go
through mqtt_decode_from_client. The clients end with status 0, the subscriber prints what the server
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


def connect(**fields):
    """The CONNECT of mosquitto's clients; their keep alive is 60 where none is asked for."""
    return {
        "type": "CONNECT", "keep_alive": 60, "clean_session": True, "client_id": "",
        "will_qos": None, "will_retain": None, "will_topic": None, "will_message": None,
        "user_name": None, "password": None,
    } | fields  # fmt: skip


def publish(qos, retain, topic, payload):
    return {
        "type": "PUBLISH", "qos": qos, "dup": False, "retain": retain,
        "packet_id": 1 if qos else None, "topic": hexadecimal(topic),
        "payload": hexadecimal(payload),
    }  # fmt: skip


def ack(kind, packet_id):
    return {"type": kind, "packet_id": packet_id}


DISCONNECT = {"type": "DISCONNECT"}


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
        command = [client[0], "-h", "127.0.0.1", "-p", port, "-V", "mqttv311", *client[1:]]
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
    def __init__(self, server, work):
        self.server = server
        self.work = work
        self.sessions = 0

    def publisher(self, name, options, expected, qos):
        """mosquitto_pub ends with 0, when its message has gone through the whole protocol."""
        outcome = session([self.server, "0", "-"], ["mosquitto_pub", *options], self.work)
        check_equal(name, "status and errors", (0, ""), (outcome.status, outcome.errors))
        rest = [ack("PUBREL", 1)] if qos == 2 else []
        check_packets(name, expected + rest + [DISCONNECT], outcome.packets)
        self.done(name)

    def subscriber(self, name, options, expected, messages, when="SUBSCRIBE"):
        """mosquitto_sub prints the messages, and acknowledges them each as its QoS demands."""
        arguments = [
            word for qos, retain, topic, payload in messages
            for word in (str(qos), str(int(retain)), topic, payload)
        ]  # fmt: skip
        outcome = session(
            [self.server, "0", when, *arguments],
            ["mosquitto_sub", "-d", *options, "-C", str(len(messages)), "-W", "20",
             "-F", "message %q %r %t %x"],
            self.work,
        )  # fmt: skip
        check_equal(name, "status and errors", (0, ""), (outcome.status, outcome.errors))
        lines = [
            f"message {qos} {int(retain)} {topic} {hexadecimal(payload)}"
            for qos, retain, topic, payload in messages
        ]
        printed = [line for line in outcome.output.splitlines() if line.startswith("message ")]
        # A message at QoS 2 is printed at its PUBREL, when later ones of a lower QoS may have been.
        in_order = {"key": lambda line: line.split()[1]}
        check_equal(name, "what it prints", sorted(lines, **in_order), sorted(printed, **in_order))
        self.check_received(name, outcome, expected, messages)
        acks = ("PUBACK", "PUBREC", "PUBCOMP")
        check_packets(
            name, expected + [DISCONNECT],
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
        codes = [str(qos) for packet in expected for _, qos in packet.get("subscriptions", [])]
        granted = re.findall(r"^Subscribed \(mid: 1\): (.*)$", outcome.output, re.MULTILINE)
        check_equal(name, "what it was granted", [", ".join(codes)], granted)

    def refused(self, code, says):
        """Both take the code of a CONNACK for what it is."""
        for client in (["mosquitto_pub", "-n", "-t", "a"], ["mosquitto_sub", "-t", "a"]):
            name = f"{client[0]} refused with {code}"
            outcome = session([self.server, str(code), "-"], client, self.work)
            check_equal(name, "its status", code, outcome.status)
            if says not in outcome.errors:
                peers.fail(f"{name}: it says {outcome.errors!r}, not {says!r}")
            check_packets(name, [connect()], outcome.packets)
            self.done(name)

    def done(self, name):
        self.sessions += 1
        print(f"ok: {name}")


def publishers(clients):
    for qos in (0, 1, 2):
        clients.publisher(
            f"mosquitto_pub at QoS {qos}",
            ["-q", str(qos), "-t", "peers/one", "-m", "21.5", "-i", "publisher"],
            [connect(client_id=hexadecimal("publisher")), publish(qos, False, "peers/one", "21.5")],
            qos,
        )
        clients.publisher(
            f"mosquitto_pub at QoS {qos}, every option",
            ["-q", str(qos), "-r", "-t", "θερμοκρασία/🌡", "-m", "31 °C", "-i", "κλήση", "-k", "65",
             "-u", "μαρία", "-P", "κωδικός", "--will-topic", "διαθήκη", "--will-payload", "🙂",
             "--will-qos", str(2 - qos), "--will-retain"],
            [connect(keep_alive=65, client_id=hexadecimal("κλήση"), will_qos=2 - qos,
                     will_retain=True, will_topic=hexadecimal("διαθήκη"),
                     will_message=hexadecimal("🙂"), user_name=hexadecimal("μαρία"),
                     password=hexadecimal("κωδικός")),
             publish(qos, True, "θερμοκρασία/🌡", "31 °C")],
            qos,
        )  # fmt: skip
        # Remaining lengths of one, two, three and four bytes.
        for size in (0, 300, 30000, 2097152):
            payload = bytes(i * 7 % 256 for i in range(size))
            file = pathlib.Path(clients.work, "payload")
            file.write_bytes(payload)
            clients.publisher(
                f"mosquitto_pub at QoS {qos}, {size} bytes",
                ["-q", str(qos), "-t", "t", *(["-f", str(file)] if size else ["-n"])],
                [connect(), publish(qos, False, "t", payload)],
                qos,
            )


def subscribers(clients):
    subscribe = {"type": "SUBSCRIBE", "packet_id": 1}
    for qos in (0, 1, 2):
        clients.subscriber(
            f"mosquitto_sub, a message at QoS {qos}",
            ["-q", str(qos), "-t", "peers/#"],
            [connect(), subscribe | {"subscriptions": [[hexadecimal("peers/#"), qos]]}],
            [(qos, qos == 1, "peers/one", "21.5")],
        )
    filters = ["+/🌡", "$SYS/+", "#"]
    clients.subscriber(
        "mosquitto_sub, several filters, a session that is kept, UNSUBSCRIBE, messages at each QoS",
        ["-c", "-i", "sub", "-q", "2", *(word for name in filters for word in ("-t", name)),
         "-U", "never/had"],
        [connect(clean_session=False, client_id=hexadecimal("sub")),
         subscribe | {"subscriptions": [[hexadecimal(name), 2] for name in filters]},
         {"type": "UNSUBSCRIBE", "packet_id": 2, "filters": [hexadecimal("never/had")]}],
        [(0, False, "θ/🌡", "31 °C"), (1, True, "one", "x" * 200), (2, False, "two", "y" * 20000),
         (2, True, "/", "z"), (1, False, "empty", ""), (0, True, "zero", "last")],
    )  # fmt: skip
    clients.subscriber(
        "mosquitto_sub, served after its PINGREQ",
        ["-k", "5", "-t", "silence"],
        [connect(keep_alive=5), subscribe | {"subscriptions": [[hexadecimal("silence"), 0]]},
         {"type": "PINGREQ"}],
        [(0, False, "silence", "broken")],
        when="PINGREQ",
    )  # fmt: skip


def main():
    peers.need("mosquitto_pub", "mosquitto_sub")
    peers.end_on_signals()
    with tempfile.TemporaryDirectory() as work:
        clients = Clients(sys.argv[1], work)
        publishers(clients)
        subscribers(clients)
        # Table 3.1
        clients.refused(1, "unacceptable protocol version")
        clients.refused(2, "identifier rejected")
        clients.refused(3, "broker unavailable")
        clients.refused(4, "bad user name or password")
        clients.refused(5, "not authorised")
    print(f"{clients.sessions} sessions")


if __name__ == "__main__":
    main()
