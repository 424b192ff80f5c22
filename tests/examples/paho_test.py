#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""paho_test.py MQTT_BROKER: Eclipse Paho's Python client and the example server.

With the path of mqtt_tap in the environment variable MQTT_TAP, a tap stands between them and sends
what the encoder makes of each packet, both ways.
"""

import contextlib
import os
import queue
import re
import socket
import subprocess
import sys
import tempfile
import time
import unittest

SYSTEM_PYTHON = "/usr/bin/python3"  # where distributions install python3-paho-mqtt
SKIPPED = 77
SECONDS = 30  # what takes longer has hung
HOST = "127.0.0.1"
MAX_PACKET = 1048576  # of the example server
BINARY = ""

try:
    import paho.mqtt.client as mqtt
except ImportError:
    mqtt = None


# ------------------------------------------------------------------------------------------------
# The server, and what stands before it
# ------------------------------------------------------------------------------------------------


def start(pattern, stream, command):
    """A process, and the port that it tells in a line on that stream; the log goes to a file."""
    with tempfile.NamedTemporaryFile("r+", errors="replace") as out:
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: out}
        # pylint: disable-next=consider-using-with
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **streams)
        end = time.monotonic() + SECONDS
        while True:
            out.seek(0)
            found = re.search(pattern, out.read())
            if found:
                return process, int(found[1])
            if process.poll() is not None or time.monotonic() > end:
                stop(process)
                raise AssertionError(f"{command[0]} does not start")
            time.sleep(0.01)


def stop(process):
    """The exit status."""
    process.terminate()
    try:
        return process.wait(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


class Test(unittest.TestCase):
    """Each has a server of its own. Sanitizers' findings change its status."""

    options = []

    def setUp(self):
        self.port = self.start("mqtt_broker", r"listening on \S+:(\d+)\n", "stdout",
                               [BINARY, "-p", "0", *self.options])
        if os.environ.get("MQTT_TAP"):
            self.port = self.start("mqtt_tap", r"port (\d+)\n", "stderr",
                                   [os.environ["MQTT_TAP"], "--listen", f"{HOST}:0",
                                    "--to", f"{HOST}:{self.port}", "--reencode"])

    def start(self, name, *arguments):
        process, port = start(*arguments)
        self.addCleanup(lambda: self.assertEqual(stop(process), 0, f"exit status of {name}"))
        return port

    @contextlib.contextmanager
    def client(self, *arguments, **options):
        client = Client(self, *arguments, **options)
        try:
            yield client
        finally:
            client.end()

    @contextlib.contextmanager
    def clients(self, *names, **options):
        with contextlib.ExitStack() as stack:
            yield [stack.enter_context(self.client(name, **options)) for name in names]


# ------------------------------------------------------------------------------------------------
# Paho's client
# ------------------------------------------------------------------------------------------------


class Client:
    """Paho's client with its thread. What it tells is in queues; every wait is bounded."""

    def __init__(self, test, name, *, clean=True, present=False, keepalive=60, threaded=True,
                 login=None, will=None, code=0):
        self.test, self.name = test, name
        self.told = {kind: queue.Queue() for kind in
                     ("connect", "disconnect", "message", "publish", "subscribe", "unsubscribe")}
        self.log = []
        self.cut_at = None  # cut the connection when the log has a line that begins so
        self.stays_away = True  # does not connect again when the connection is lost
        self.paho = mqtt.Client(name, clean_session=clean, protocol=mqtt.MQTTv311)
        self.paho.on_connect = lambda _c, _u, flags, result: self.told["connect"].put(
            (flags["session present"], result))
        self.paho.on_disconnect = self.on_disconnect
        self.paho.on_message = lambda _c, _u, message: self.told["message"].put(
            (message.topic, message.payload, message.qos, message.retain))
        self.paho.on_publish = lambda _c, _u, packet_id: self.told["publish"].put(packet_id)
        self.paho.on_subscribe = lambda _c, _u, _m, granted: self.told["subscribe"].put(granted)
        self.paho.on_unsubscribe = lambda *_: self.told["unsubscribe"].put(None)
        self.paho.on_log = self.on_log
        self.paho.reconnect_delay_set(1, 1)
        if login:
            self.paho.username_pw_set(*login)
        if will:
            self.paho.will_set(*will)
        self.paho.connect(HOST, test.port, keepalive)
        if threaded:
            self.paho.loop_start()
            test.assertEqual(self.next("connect"), (present, code), "CONNACK")

    def on_disconnect(self, _client, _userdata, result):
        self.told["disconnect"].put(result)
        if self.stays_away:
            self.paho.disconnect()  # ends the thread, too

    def on_log(self, _client, _userdata, _level, text):
        self.log.append(text)
        if self.cut_at and text.startswith(self.cut_at):
            self.cut_at = None
            self.paho.socket().shutdown(socket.SHUT_RDWR)

    def next(self, kind):
        try:
            return self.told[kind].get(timeout=SECONDS)
        except queue.Empty:
            raise AssertionError(f"{self.name} waits in vain: {kind}") from None

    def messages(self, count):
        return [self.next("message") for _ in range(count)]

    def subscribe(self, *filters):
        self.test.assertEqual(self.paho.subscribe(list(filters))[0], 0)
        self.test.assertEqual(self.next("subscribe"), tuple(qos for _, qos in filters))

    def unsubscribe(self, *filters):
        self.test.assertEqual(self.paho.unsubscribe(list(filters))[0], 0)
        self.next("unsubscribe")

    def begin(self, topic, payload, qos=0, retain=False):
        """Publishes, as soon as there is a connection; gives the packet id."""
        return self.paho.publish(topic, payload, qos, retain).mid

    def complete(self, packet_ids):
        """Waits for the last acknowledgement of each."""
        self.test.assertEqual(sorted(self.next("publish") for _ in packet_ids), packet_ids)

    def publish(self, *arguments):
        self.complete([self.begin(*arguments)])

    def check_nothing(self):
        """No message is due: one to itself is the next to come."""
        self.subscribe((f"check/{self.name}", 2))
        self.publish(f"check/{self.name}", self.name, 2)
        self.test.assertEqual(self.next("message")[:2], (f"check/{self.name}", self.name.encode()))

    def cut(self):
        """As if the network had failed."""
        self.paho.loop_stop()
        self.paho.socket().shutdown(socket.SHUT_RDWR)

    def end(self):
        self.stays_away = True
        self.paho.disconnect()
        self.paho.loop_stop()


# ------------------------------------------------------------------------------------------------
# Tests
# ------------------------------------------------------------------------------------------------


class Login(Test):
    def setUp(self):
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as users:
            users.write("μαρία:κωδικός\n")
            users.flush()
            self.options = ["--users", users.name, "--no-anonymous"]
            super().setUp()

    def test_login(self):
        with self.client("right", login=("μαρία", "κωδικός")) as client:
            client.check_nothing()
        for login, code in ((("μαρία", "wrong"), 5), (("other", "κωδικός"), 5), (("μαρία", None), 5),
                            (None, 5)):
            with self.subTest(login), self.client("wrong", login=login, code=code) as client:
                self.assertNotEqual(client.next("disconnect"), 0)  # [MQTT-3.2.2-5]


class Messages(Test):
    PAYLOADS = [b"", b"\0", b"21.5", bytes(range(256)), "κουζίνα".encode(), b"\xff" * 200000]

    def test_every_pair_of_qos(self):
        with self.clients("sender", "receiver") as (sender, receiver):
            for granted in range(3):
                receiver.subscribe((f"at/{granted}", granted))
                for published in range(3):
                    for payload in self.PAYLOADS:
                        sender.publish(f"at/{granted}", payload, published)
                        self.assertEqual(
                            receiver.next("message"),  # [MQTT-3.8.4-6]
                            (f"at/{granted}", payload, min(granted, published), False))
            receiver.check_nothing()

    def test_many_in_flight(self):
        """In order at each QoS [MQTT-4.6.0-6]; of all three together, too: they have one queue."""
        with self.clients("sender", "receiver") as (sender, receiver):
            receiver.subscribe(("many", 2))
            sender.complete([sender.begin("many", str(i), i % 3) for i in range(600)])
            got = receiver.messages(600)
            for qos in range(3):
                self.assertEqual([int(m[1]) for m in got if m[2] == qos], list(range(qos, 600, 3)))
            receiver.check_nothing()

    def test_largest_packet(self):
        """The largest that is taken goes both ways; one more byte, and the connection is closed."""
        with self.clients("sender", "receiver") as (sender, receiver):
            receiver.subscribe(("large", 2))
            for qos in range(3):
                # The fixed header has 4 bytes, a length 2, a packet id 2.
                payload = os.urandom(MAX_PACKET - 4 - 2 - len("large") - (2 if qos else 0))
                sender.publish("large", payload, qos)
                self.assertEqual(receiver.next("message"), ("large", payload, qos, False))
            sender.begin("large", payload + b"x", 2)
            self.assertNotEqual(sender.next("disconnect"), 0)
            receiver.check_nothing()

    def test_retained(self):
        with self.client("sender") as sender:
            for qos in range(3):
                sender.publish(f"kept/{qos}", "old", qos, True)
                sender.publish(f"kept/{qos}", f"value {qos}", qos, True)  # [MQTT-3.3.1-7]
                sender.publish(f"kept/{qos}", "not kept", qos)  # [MQTT-3.3.1-12]
            wanted = [(f"kept/{qos}", f"value {qos}".encode(), qos, True) for qos in range(3)]
            with self.client("late") as late:
                late.subscribe(("kept/+", 2))
                self.assertEqual(sorted(late.messages(3)), wanted)  # [MQTT-3.3.1-6] [MQTT-3.3.1-8]
                sender.publish("kept/1", "now", 1, True)
                self.assertEqual(late.next("message"), ("kept/1", b"now", 1, False))  # [MQTT-3.3.1-9]
                sender.publish("kept/1", b"", 1, True)
                self.assertEqual(late.next("message"), ("kept/1", b"", 1, False))
                late.check_nothing()
            with self.client("later") as later:
                later.subscribe(("kept/+", 2))
                del wanted[1]  # [MQTT-3.3.1-10]
                self.assertEqual(sorted(later.messages(2)), wanted)
                later.check_nothing()

    def test_wildcards(self):
        topics = ["a", "a/b", "a/b/c", "a//c", "/a", "b/b", "$own/a"]
        with self.client("sender") as sender:
            for pattern, matched in {
                "a/#": ["a", "a/b", "a/b/c", "a//c"], "a/+": ["a/b"], "+/+": ["a/b", "/a", "b/b"],
                "a/+/c": ["a/b/c", "a//c"], "#": topics[:-1], "+": ["a"], "$own/#": ["$own/a"],
            }.items():  # [MQTT-4.7.1-2] [MQTT-4.7.1-3] [MQTT-4.7.2-1]
                with self.subTest(pattern), self.client("receiver") as receiver:
                    receiver.subscribe((pattern, 1))
                    if pattern == "#":
                        receiver.unsubscribe("+")  # there is none, and it is answered all the same
                    for topic in topics:
                        sender.publish(topic, topic, 1)
                    self.assertEqual([m[0] for m in receiver.messages(len(matched))], matched)
                    receiver.unsubscribe(pattern)
                    sender.publish(matched[0], "not for it", 1)  # [MQTT-3.10.4-2]
                    receiver.check_nothing()


class Sessions(Test):
    def test_resumed(self):
        with self.client("box", clean=False) as box:
            box.subscribe(("post/+", 2))
        with self.client("sender") as sender:
            for i in range(60):
                sender.publish(f"post/{i}", str(i), 1 + i % 2)
            sender.publish("post/0", "not kept", 0)
        with self.client("box", clean=False, present=True) as box:  # [MQTT-3.2.2-2]
            self.assertEqual(sorted(box.messages(60)), sorted(
                (f"post/{i}", str(i).encode(), 1 + i % 2, False) for i in range(60)))
            box.unsubscribe("post/+")
            box.check_nothing()
        with self.client("box", present=False) as box:  # a clean session ends it [MQTT-3.1.2-6]
            box.publish("post/1", "gone", 1)
            box.check_nothing()
        with self.client("box", clean=False, present=False):  # [MQTT-3.2.2-3]
            pass

    def test_will(self):
        with self.client("heir") as heir:
            heir.subscribe(("will/#", 2))
            for qos in range(3):
                with self.client("short", will=(f"will/{qos}", "cut", qos, True)) as short:
                    short.cut()  # [MQTT-3.1.2-8]
                self.assertEqual(heir.next("message"), (f"will/{qos}", b"cut", qos, False))
            with self.client("polite", will=("will/none", "not sent", 1, False)):
                pass  # [MQTT-3.1.2-10]
            heir.check_nothing()
            heir.subscribe(("will/1", 2))
            self.assertEqual(heir.next("message"), ("will/1", b"cut", 1, True))  # [MQTT-3.1.2-17]

    def test_takeover(self):
        with self.client("one", clean=False, will=("late/will", "taken over", 1, False)) as first:
            first.subscribe(("late/#", 1))
            with self.client("one", clean=False, present=True) as second:
                self.assertNotEqual(first.next("disconnect"), 0)  # [MQTT-3.1.4-2]
                self.assertEqual(second.next("message"), ("late/will", b"taken over", 1, False))
                second.publish("late/x", "to the second", 1)
                self.assertEqual(second.next("message"), ("late/x", b"to the second", 1, False))
                second.check_nothing()
            self.assertTrue(first.told["message"].empty())

    def test_keep_alive(self):
        """Paho's thread looks at the time once a second; without it a busy machine has time to spare."""
        with self.client("alive", keepalive=3, threaded=False) as alive:
            end = time.monotonic() + 7
            while time.monotonic() < end:
                self.assertEqual(alive.paho.loop(0.05), 0)
            self.assertGreaterEqual(alive.log.count("Received PINGRESP"), 2)
            self.assertTrue(alive.told["disconnect"].empty())

    def test_keep_alive_missed(self):
        with self.client("heir") as heir:
            heir.subscribe(("will", 1))
            begin = time.monotonic()
            with self.client("dead", keepalive=1, will=("will", "late", 1, False)) as dead:
                dead.paho.loop_stop()
                self.assertEqual(heir.next("message"), ("will", b"late", 1, False))
                # One and a half seconds; the server may take the time a little earlier.
                self.assertGreater(time.monotonic() - begin, 1.4)  # [MQTT-3.1.2-24]


class Resumed(Test):
    """The connection is cut at each step of the exchange of a QoS 2 message; it arrives once."""

    def exchange(self, cut_sender, cut_receiver):
        for name in "sender", "receiver":  # ends the session of the exchange before
            with self.client(name):
                pass
        with self.client("receiver", clean=False) as receiver, self.client(
                "sender", clean=False) as sender:
            sender.stays_away = receiver.stays_away = False
            receiver.subscribe(("once", 2))
            sender.publish("once", "before", 2)
            self.assertEqual(receiver.next("message")[1], b"before")
            sender.cut_at, receiver.cut_at = cut_sender, cut_receiver
            packet_ids = [sender.begin("once", str(i), 2) for i in range(3)]
            for client, cut in (sender, cut_sender), (receiver, cut_receiver):
                if cut:
                    client.next("disconnect")
                    self.assertEqual(client.next("connect"), (True, 0))
            self.assertEqual([receiver.next("message") for _ in range(3)],
                             [("once", str(i).encode(), 2, False) for i in range(3)])
            sender.complete(packet_ids)
            sender.check_nothing()
            receiver.check_nothing()

    def test_sender(self):
        for step in "Sending PUBLISH", "Received PUBREC", "Sending PUBREL", "Received PUBCOMP":
            with self.subTest(step):
                self.exchange(step, None)

    def test_receiver(self):
        for step in "Received PUBLISH", "Sending PUBREC", "Received PUBREL", "Sending PUBCOMP":
            with self.subTest(step):
                self.exchange(None, step)

    def test_published_again(self):
        """The server has the message, but the PUBREC gets lost."""
        with self.client("receiver") as receiver, self.client("sender", clean=False) as sender:
            receiver.subscribe(("once", 2))
            sender.paho.loop_stop()  # nothing is read from now on
            packet_id = sender.begin("once", "1", 2)
            self.assertEqual(receiver.next("message"), ("once", b"1", 2, False))
            sender.paho.reconnect()
            sender.paho.loop_start()
            self.assertEqual(sender.next("connect"), (True, 0))
            sender.complete([packet_id])
            self.assertEqual(len([line for line in sender.log if line.startswith(
                f"Sending PUBLISH (d1, q2, r0, m{packet_id})")]), 1)
            receiver.check_nothing()  # [MQTT-4.3.3-2]

    def test_both(self):
        self.exchange("Sending PUBREL", "Received PUBREL")


class Many(Test):
    def test_fifty(self):
        names = [f"client{i}" for i in range(50)]
        wanted = {(f"all/{name}", str(qos).encode(), qos, False) for name in names
                  for qos in range(3)}
        with self.clients(*names) as clients:
            for client in clients:
                client.subscribe(("all/+", 2))
            for client in clients:
                for qos in range(3):
                    client.begin(f"all/{client.name}", str(qos), qos)
            for client in clients:
                client.complete([2, 3, 4])  # 1 was that of the SUBSCRIBE
                got = client.messages(len(wanted))
                self.assertEqual(set(got), wanted)
                self.assertEqual(len(set(got)), len(got))
            for client in clients:
                client.check_nothing()


def main():
    global BINARY  # pylint: disable=global-statement
    if mqtt is None:
        test = [SYSTEM_PYTHON, "-c", "import paho.mqtt.client"]
        if os.path.exists(SYSTEM_PYTHON) and subprocess.run(
                test, check=False, stderr=subprocess.DEVNULL).returncode == 0:
            os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON, *sys.argv])
        print("skipped: needs python3-paho-mqtt")
        return SKIPPED
    if hasattr(mqtt, "CallbackAPIVersion"):
        print("skipped: paho-mqtt 2 is installed, and the test is for version 1")
        return SKIPPED
    if len(sys.argv) < 2:
        print(__doc__.partition("\n")[0], file=sys.stderr)
        return 1
    BINARY = sys.argv.pop(1)
    return 0 if unittest.main(verbosity=2, exit=False).result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
