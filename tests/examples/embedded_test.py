#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests examples/complete/embedded_client.c against mosquitto: embedded_test.py PATH_TO_EMBEDDED_CLIENT

Where a broker does not do what is to be tested, a few lines here play the server. With
MQTT_TAP=PATH_OF_MQTT_TAP in the environment, mqtt_tap --reencode stands before the broker.
"""

import contextlib
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zlib

BINARY = ""
SECONDS = 30  # what takes longer has hung
HOST = "127.0.0.1"
TOOLS = ["mosquitto", "mosquitto_pub", "mosquitto_sub"]

NOT_TAPPED = {"WithoutBroker": "a script is the server"}  # so nothing passes through a tap

CONNACK = b"\x20\x02\x00\x00"
CONNACK_SESSION_PRESENT = b"\x20\x02\x01\x00"


# ------------------------------------------------------------------------------------------------
# The broker and its clients; tap_test.py uses these too
# ------------------------------------------------------------------------------------------------


def missing_tools():
    """Debian has the broker in /usr/sbin, which is not in everybody's PATH."""
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def stop(process):
    process.terminate()
    try:
        process.wait(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in process.stdin, process.stdout, process.stderr:
        if pipe is not None:
            pipe.close()


@contextlib.contextmanager
def mosquitto():
    """A broker that keeps messages of every QoS for a client that is away; gives its port, or that
    of the tap before it."""
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(5):  # somebody else may take the port
            port = free_port()
            path = os.path.join(folder, "conf")
            with open(path, "w", encoding="ascii") as conf:
                conf.write(f"listener {port} {HOST}\nallow_anonymous true\n"
                           "queue_qos0_messages true\nlog_dest none\n")
            with subprocess.Popen(["mosquitto", "-c", path], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as broker:
                if listens(port, broker):
                    try:
                        with tapped(port) as front:
                            yield front
                    finally:
                        stop(broker)
                    return
        raise RuntimeError("mosquitto does not start")


@contextlib.contextmanager
def tapped(port):
    if "MQTT_TAP" not in os.environ:
        yield port
        return
    with tempfile.TemporaryFile() as log, subprocess.Popen(
            [os.environ["MQTT_TAP"], "--reencode", "--listen", "0", "--to", f"{HOST}:{port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log) as tap:
        try:
            end, line = time.monotonic() + SECONDS, None
            while line is None and time.monotonic() < end:
                time.sleep(0.01)
                line = re.search(rb"port (\d+)\n", os.pread(log.fileno(), 4096, 0))
            yield int(line[1])
        finally:
            stop(tap)


def listens(port, process):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection((HOST, port), timeout=SECONDS).close()
            return True
        except OSError:
            time.sleep(0.02)
    return False


def tool(name, port, *arguments, stdin=b""):
    done = subprocess.run([name, "-V", "mqttv311", "-h", HOST, "-p", str(port), *arguments],
                          input=stdin, capture_output=True, check=False, timeout=SECONDS)
    if done.returncode != 0:
        raise AssertionError(f"{name} {arguments}: {done.returncode}, {done.stderr.decode()}")
    return done.stdout


def send_message(port, topic, payload, qos):
    source = "-s" if payload else "-n"  # -s refuses an empty payload
    tool("mosquitto_pub", port, "-t", topic, "-q", str(qos), source, stdin=payload)


def open_mailbox(port, name, topic):
    """A session that gets what is published from now on, whoever is connected."""
    tool("mosquitto_sub", port, "-i", name, "-c", "-q", "2", "-t", topic, "-E")


def fetch(port, name, topic, count=1):
    return tool("mosquitto_sub", port, "-i", name, "-c", "-q", "2", "-t", topic, "-N",
                "-C", str(count), "-W", str(SECONDS))


# ------------------------------------------------------------------------------------------------
# The client, and servers that misbehave
# ------------------------------------------------------------------------------------------------


class Client:
    """The program, running; its lines are read as they come."""

    def __init__(self, port, *arguments):
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(
            [BINARY, HOST, str(port), "--seconds", str(SECONDS), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def wait_for(self, wanted):
        """The program ends by itself after SECONDS, and so does this."""
        lines = []
        for line in self.process.stdout:
            lines.append(line.decode().rstrip("\n"))
            if lines[-1].startswith(wanted):
                return lines[-1]
        raise AssertionError(f"no {wanted} in {lines}")

    def finish(self):
        """All further output, and the exit status."""
        out, err = self.process.communicate(timeout=2 * SECONDS)
        return out.decode().splitlines(), err.decode(), self.process.returncode


@contextlib.contextmanager
def client(port, *arguments):
    running = Client(port, *arguments)
    try:
        yield running
    finally:
        stop(running.process)


@contextlib.contextmanager
def listener():
    with socket.create_server((HOST, 0)) as server:
        server.settimeout(SECONDS)
        yield server, server.getsockname()[1]


def accept(server):
    connection, _ = server.accept()
    connection.settimeout(SECONDS)
    return connection


def read_packet(connection, first=b""):
    """One packet, whole, of which the first byte may have been read; b"" if there is none."""
    data = bytearray(first or connection.recv(1))
    if not data:
        return b""
    length, shift = 0, 0
    while True:
        byte = connection.recv(1)
        data += byte
        length |= (byte[0] & 127) << shift
        shift += 7
        if byte[0] < 128:
            break
    end = len(data) + length
    while len(data) < end:
        more = connection.recv(end - len(data))
        if not more:
            raise AssertionError("the stream ends within a packet")
        data += more
    return bytes(data)


def publish(first_byte, topic, packet_id, payload):
    body = len(topic).to_bytes(2, "big") + topic.encode()
    body += (packet_id.to_bytes(2, "big") if first_byte & 6 else b"") + payload
    header, length = bytes([first_byte]), len(body)
    while length >= 128:
        header, length = header + bytes([length % 128 + 128]), length // 128
    return header + bytes([length]) + body


NO_LIMIT = 1 << 30


def copy(source, target, limit):
    """At most `limit` bytes, then both connections end."""
    try:
        while limit > 0:
            data = source.recv(min(limit, 65536))
            if not data:
                break
            target.sendall(data)
            limit -= len(data)
    except OSError:
        pass
    for end in source, target:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def cutting_proxy(server, port, limits):
    """Serves a connection for each of `limits`: the bytes from the client and from the broker."""
    for client_limit, broker_limit in limits:
        with accept(server) as near, socket.create_connection((HOST, port)) as far:
            far.settimeout(SECONDS)
            upward = threading.Thread(target=copy, args=(near, far, client_limit))
            upward.start()
            copy(far, near, broker_limit)
            upward.join(timeout=SECONDS)


def pattern(size):
    """What --size publishes."""
    return (b"abcdefghijklmnopqrstuvwxyz" * (size // 26 + 1))[:size]


def message_line(qos, payload):
    return f"message: QoS {qos}, {len(payload)} bytes, CRC-32 {zlib.crc32(payload):08x}, "


class WithBroker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.large = random.Random(1).randbytes(1 << 20)
        cls.port = cls.enterClassContext(mosquitto())

    def test_receive(self):
        """Below, at and above what the buffer of 256 bytes holds."""
        for qos in 0, 1, 2:
            payloads = [self.large[:size] for size in (0, 1, 246, 247, 248, 249, 250, 5000)]
            payloads.append(self.large)
            arguments = ["--id", f"r{qos}", "--subscribe", "receive/+", "--messages",
                         str(len(payloads))]
            with self.subTest(qos), client(self.port, *arguments) as device:
                device.wait_for("subscribed")
                for payload in payloads:
                    send_message(self.port, "receive/x", payload, qos)
                lines, err, status = device.finish()
                self.assertEqual((err, status), ("", 0))
                messages = [line for line in lines if line.startswith("message")]
                self.assertEqual(len(messages), len(payloads))
                for line, payload in zip(messages, payloads):
                    self.assertTrue(line.startswith(message_line(qos, payload)), line)

    def test_many_in_flight(self):
        """More than the device keeps ids of: it may leave and come back, and each comes once."""
        with client(self.port, "--id", "m", "--subscribe", "many", "--messages", "60") as device:
            device.wait_for("subscribed")
            lines = "".join(f"{i}\n" for i in range(60)).encode()
            tool("mosquitto_pub", self.port, "-t", "many", "-q", "2", "-l", stdin=lines)
            out, err, status = device.finish()
        self.assertEqual((err, status), ("", 0))
        messages = [line.split(", ")[-1] for line in out if line.startswith("message")]
        self.assertEqual(messages, [str(i) for i in range(60)])

    def test_publish(self):
        large = pattern(1 << 20)
        for qos in "0", "1", "2":
            for arguments, payload in [(["--message", "hello"], b"hello"),
                                       (["--message", ""], b""),
                                       (["--message", "x" * 500], b"x" * 500),
                                       (["--size", str(len(large))], large)]:
                with self.subTest((qos, len(payload))):
                    open_mailbox(self.port, "box", "publish/#")
                    with client(self.port, "--topic", "publish/a", "--qos", qos,
                                *arguments) as device:
                        self.assertEqual(device.finish(),
                                         (["connected", "closed: disconnected (0)"], "", 0))
                    self.assertEqual(fetch(self.port, "box", "publish/#"), payload)

    def test_both_at_once(self):
        """Its own message comes back while it is still being sent, and is answered after it."""
        with client(self.port, "--id", "both", "--subscribe", "both", "--messages", "6", "--topic",
                    "both", "--size", str(1 << 20)) as device:
            device.wait_for("subscribed")
            for i in range(5):
                send_message(self.port, "both", self.large[:300 + i], 2)
            lines, err, status = device.finish()
        self.assertEqual((err, status), ("", 0))
        self.assertEqual(len([line for line in lines if line.startswith("message")]), 6)

    def test_cut_while_receiving(self):
        """A message of QoS 2 that is cut twice comes whole, and once."""
        with listener() as (server, port), client(
                port, "--id", "cut", "--subscribe", "cut", "--messages", "1") as device:
            limits = [(NO_LIMIT, 300000), (NO_LIMIT, 500000), (NO_LIMIT, NO_LIMIT)]
            proxy = threading.Thread(target=cutting_proxy, args=(server, self.port, limits))
            proxy.start()
            device.wait_for("subscribed")
            send_message(self.port, "cut", self.large, 2)
            lines, err, status = device.finish()
            proxy.join(timeout=SECONDS)
        self.assertEqual((err, status), ("", 0))
        self.assertEqual(lines.count("closed: the connection is gone (0)"), 2)
        messages = [line for line in lines if line.startswith("message")]
        self.assertEqual(len(messages), 1)
        self.assertTrue(messages[0].startswith(message_line(2, self.large)), messages)


    def test_cut_while_publishing(self):
        """At QoS 2 a message arrives once, wherever its first connection is cut."""
        connect, message = 22, 2 + 2 + 3 + 2 + 4  # bytes; all other packets have 4
        for limits in [(NO_LIMIT, 3), (NO_LIMIT, 4), (NO_LIMIT, 6), (NO_LIMIT, 8), (NO_LIMIT, 10),
                       (connect, NO_LIMIT), (connect + 8, NO_LIMIT), (connect + message, NO_LIMIT),
                       (connect + message + 2, NO_LIMIT)]:
            with self.subTest(limits), listener() as (server, port):
                open_mailbox(self.port, "once", "one")
                proxy = threading.Thread(target=cutting_proxy, args=(
                    server, self.port, [limits, (NO_LIMIT, NO_LIMIT)]))
                proxy.start()
                with client(port, "--topic", "one", "--qos", "2", "--message", "text") as device:
                    lines, err, status = device.finish()
                proxy.join(timeout=SECONDS)
                self.assertEqual((err, status), ("", 0))
                self.assertEqual(lines.count("closed: the connection is gone (0)"), 1)
                send_message(self.port, "one", b"|", 2)
                self.assertEqual(fetch(self.port, "once", "one", 2), b"text|")


@unittest.skipIf("MQTT_TAP" in os.environ, NOT_TAPPED["WithoutBroker"])
class WithoutBroker(unittest.TestCase):
    def test_resend(self):
        """A PUBLISH that is not acknowledged goes out again: same id, DUP, all else the same."""
        for size in 5, 100000:
            with self.subTest(size), listener() as (server, port), client(
                    port, "--topic", "t", "--size", str(size)) as device:
                seen = []
                for connack in CONNACK, CONNACK_SESSION_PRESENT:
                    with accept(server) as connection:
                        self.assertEqual(read_packet(connection)[0], 0x10)
                        connection.sendall(connack)
                        seen.append(read_packet(connection))
                        if connack == CONNACK_SESSION_PRESENT:
                            connection.sendall(b"\x40\x02" + seen[0][-size - 2:-size])
                            self.assertEqual(read_packet(connection), b"\xe0\x00")
                            self.assertEqual(connection.recv(1), b"")
                self.assertEqual((seen[0][0], seen[1][0]), (0x32, 0x3A))
                self.assertEqual(seen[0][1:], seen[1][1:])
                self.assertEqual(device.finish()[2], 0)

    def test_resend_at_qos_0(self):
        """A message that was cut before its end is sent from its beginning."""
        size = 16 << 20
        with listener() as (server, port), client(port, "--topic", "t", "--qos", "0", "--size",
                                                  str(size)) as device:
            with accept(server) as connection:
                self.assertEqual(read_packet(connection)[0], 0x10)
                connection.sendall(CONNACK)
                connection.recv(1000)
            with accept(server) as connection:
                self.assertEqual(read_packet(connection)[0], 0x10)
                connection.sendall(CONNACK)
                self.assertEqual(read_packet(connection), publish(0x30, "t", 0, pattern(size)))
                self.assertEqual(read_packet(connection), b"\xe0\x00")
            self.assertEqual(device.finish()[2], 0)

    def test_resend_at_qos_2(self):
        """PUBLISH until the PUBREC comes, then PUBREL until the PUBCOMP comes."""
        for last in CONNACK_SESSION_PRESENT, CONNACK:
            with self.subTest(last), listener() as (server, port), client(
                    port, "--topic", "t", "--qos", "2", "--message", "x") as device:
                def accept_session(connack):
                    connection = accept(server)
                    self.assertEqual(read_packet(connection)[0], 0x10)
                    connection.sendall(connack)
                    return connection

                with accept_session(CONNACK) as connection:
                    message = read_packet(connection)
                    packet_id = message[5:7]
                    self.assertEqual(message, publish(0x34, "t", int.from_bytes(packet_id, "big"),
                                                      b"x"))
                with accept_session(CONNACK_SESSION_PRESENT) as connection:
                    self.assertEqual(read_packet(connection), b"\x3c" + message[1:])
                    connection.sendall(b"\x50\x02" + packet_id)
                    self.assertEqual(read_packet(connection), b"\x62\x02" + packet_id)
                with accept_session(last) as connection:
                    if last == CONNACK:  # the session is lost, the message a new one
                        self.assertEqual(read_packet(connection), message)
                        connection.sendall(b"\x50\x02" + packet_id)
                    self.assertEqual(read_packet(connection), b"\x62\x02" + packet_id)
                    connection.sendall(b"\x50\x02" + packet_id)  # asks once more
                    self.assertEqual(read_packet(connection), b"\x62\x02" + packet_id)
                    connection.sendall(b"\x70\x02" + packet_id)
                    self.assertEqual(read_packet(connection), b"\xe0\x00")
                self.assertEqual(device.finish()[2], 0)

    def test_options(self):
        for arguments, status, text in [
            (["--help"], 0, "Usage: embedded_client HOST PORT"),
            (["-h"], 0, "Usage: embedded_client HOST PORT"),
            (["--version"], 0, "embedded_client 0.3.0\n"),
            ([], 3, "HOST and PORT"), ([HOST], 3, "HOST and PORT"),
            ([HOST, "1", "2"], 3, "2 is one argument too many"),
            ([HOST, "1", "--x", "1"], 3, "There is no option --x here"),
            ([HOST, "1", "--topic"], 3, "--topic needs a value"),
            ([HOST, "1", "--qos", "3"], 3, "--qos 3: The value must be a number from 0 to 2."),
            ([HOST, "1", "--messages", "-1"], 3, "--messages -1: "),
            ([HOST, "1", "--keep-alive", "65536"], 3, "--keep-alive 65536: "),
            ([HOST, "1", "--seconds", " 1"], 3, "--seconds  1: "),
            ([HOST, "1", "--size", "1x"], 3, "--size 1x: "),
            ([HOST, "1", "--topic", "a/#"], 3, "wildcard"),
            (["x" * 64 + ".invalid", "1"], 3, ".invalid, port 1: "),  # too long to be looked up
            ([HOST, "no-service"], 3, f"{HOST}, port no-service: "),
        ]:
            with self.subTest(arguments):
                done = subprocess.run([BINARY, *arguments], capture_output=True, check=False,
                                      timeout=SECONDS)
                self.assertEqual(done.returncode, status)
                shown, empty = (done.stdout, done.stderr)[::1 if status == 0 else -1]
                self.assertIn(text, shown.decode())
                self.assertEqual(empty, b"")
                self.assertEqual(shown.count(b"\n") == 1, not shown.startswith(b"Usage"))

    def test_closed_standard_output(self):
        """What is printed is not sent to the server, and that it fails is told."""
        with listener() as (server, port):
            command = ["sh", "-c", 'exec "$@" >&-', "sh", BINARY, HOST, str(port), "--topic", "t",
                       "--qos", "0", "--message", "x"]
            with subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE) as process:
                try:
                    with accept(server) as connection:
                        self.assertEqual(read_packet(connection)[0], 0x10)
                        connection.sendall(CONNACK)
                        self.assertEqual(read_packet(connection), publish(0x30, "t", 0, b"x"))
                        self.assertEqual(read_packet(connection), b"\xe0\x00")
                        self.assertEqual(connection.recv(1), b"")
                    self.assertEqual(process.stderr.read(),
                                     b"embedded_client: standard output: Bad file descriptor.\n")
                    self.assertEqual(process.wait(timeout=SECONDS), 3)
                finally:
                    stop(process)

    def test_exactly_once(self):
        """The same QoS 2 message before its PUBREL, after a reconnect too, is answered alone."""
        small = publish(0x34, "t", 7, b"small")
        large = publish(0x34, "t", 8, b"x" * 1000)
        with listener() as (server, port), client(port, "--subscribe", "t", "--messages",
                                                  "3") as device:
            with accept(server) as connection:
                self.open_session(connection)
                for wire in small, large, b"\x3c" + small[1:], b"\x3c" + large[1:]:
                    connection.sendall(wire)
                    packet_id = b"\x00\x07" if len(wire) == len(small) else b"\x00\x08"
                    self.assertEqual(read_packet(connection), b"\x50\x02" + packet_id)
            with accept(server) as connection:
                read_packet(connection)
                connection.sendall(CONNACK_SESSION_PRESENT + b"\x3c" + large[1:])
                self.assertEqual(read_packet(connection), b"\x50\x02\x00\x08")
                for packet_id in b"\x00\x07", b"\x00\x08", b"\x00\x09":  # never heard of 9
                    connection.sendall(b"\x62\x02" + packet_id)
                    self.assertEqual(read_packet(connection), b"\x70\x02" + packet_id)
                connection.sendall(small)
                self.assertEqual(read_packet(connection), b"\x50\x02\x00\x07")
                self.assertEqual(read_packet(connection), b"\xe0\x00")
            lines, err, status = device.finish()
            self.assertEqual((err, status), ("", 0))
            self.assertEqual([line.split(",")[1] for line in lines if line.startswith("message")],
                             [" 5 bytes", " 1000 bytes", " 5 bytes"])

    def test_session_that_is_lost(self):
        """The server knows nothing any more: the client subscribes again, an id is new again."""
        with listener() as (server, port), client(port, "--subscribe", "t", "--messages",
                                                  "2") as device:
            for is_last in False, True:
                with accept(server) as connection:
                    self.open_session(connection)
                    connection.sendall(publish(0x34, "t", 7, b"small"))
                    self.assertEqual(read_packet(connection), b"\x50\x02\x00\x07")
                    if is_last:
                        self.assertEqual(read_packet(connection), b"\xe0\x00")
            self.assertEqual(device.finish()[2], 0)

    def test_answer_after_the_payload(self):
        """A message that comes while a long one is being sent is answered when that is done."""
        size = 16 << 20
        with listener() as (server, port), client(port, "--topic", "t", "--size",
                                                  str(size)) as device:
            with accept(server) as connection:
                self.assertEqual(read_packet(connection)[0], 0x10)
                connection.sendall(CONNACK)
                start = connection.recv(1)
                connection.sendall(publish(0x32, "t", 7, b"small"))
                device.wait_for("message")
                wire = read_packet(connection, start)
                self.assertEqual(read_packet(connection), b"\x40\x02\x00\x07")
                connection.sendall(b"\x40\x02" + wire[-size - 2:-size])
                self.assertEqual(read_packet(connection), b"\xe0\x00")
            self.assertEqual(device.finish()[2], 0)
            self.assertEqual(wire[-size:], pattern(size))

    def open_session(self, connection):
        self.assertEqual(read_packet(connection)[0], 0x10)
        connection.sendall(CONNACK)
        subscribe = read_packet(connection)
        self.assertEqual(subscribe[0], 0x82)
        connection.sendall(b"\x90\x03" + subscribe[2:4] + b"\x02")

    def test_server_that_breaks_the_rules(self):
        for wire, reason in [
            (b"\x20\x02\x00\x05", "the server refuses, return code (5)"),
            (b"\xd0\x00", "not expected, type (13)"),
            (publish(0x30, "t", 0, b"x" * 1000), "too large, type (3)"),
            (b"\x20\x02\x00\x06", "malformed, status (-30)"),
            (CONNACK + CONNACK, "not expected, type (2)"),
            (CONNACK + b"\xc0\x00", "malformed, status (-6)"),
            (CONNACK + b"\xb0\x02\x00\x01", "not expected, type (11)"),
            (CONNACK + b"\x90\x03\x77\x77\x00", "not expected, type (9)"),
            (CONNACK + b"\x90\x83\x02\x00\x01", "too large, type (9)"),
            (CONNACK + publish(0x30, "t" * 251, 0, b"x"), "too large, type (3)"),
            (CONNACK + publish(0x30, "t" * 252, 0, b""), "too large, type (3)"),
            (CONNACK + publish(0x30, "t/#", 0, b"x" * 1000), "malformed, status (-40)"),
            (CONNACK + b"".join(publish(0x34, "t", i, b"") for i in range(1, 34)),
             "too many messages of QoS 2 in flight (0)"),
        ]:
            with self.subTest(reason), listener() as (server, port), client(
                    port, "--subscribe", "t", "--messages", "99") as device:
                with accept(server) as connection:
                    read_packet(connection)
                    connection.sendall(wire)
                    self.assertEqual(device.wait_for("closed"), "closed: " + reason)

    def test_acknowledgements_of_the_wrong_type(self):
        """They end the connection [MQTT-4.8.0-1]; on the next one the message is continued."""
        puback, pubrec, pubrel, pubcomp = b"\x40\x02", b"\x50\x02", b"\x62\x02", b"\x70\x02"
        for qos, received, wrong, rest in [
            (1, [], pubrec, [puback]),
            (1, [], pubcomp, [puback]),
            (2, [], puback, [pubrec, pubcomp]),
            (2, [], pubcomp, [pubrec, pubcomp]),
            (2, [pubrec], puback, [pubcomp]),
        ]:
            with self.subTest((qos, received, wrong)), listener() as (server, port), client(
                    port, "--topic", "t", "--qos", str(qos), "--message", "x") as device:
                with accept(server) as connection:
                    read_packet(connection)
                    connection.sendall(CONNACK)
                    message = read_packet(connection)
                    packet_id = message[5:7]
                    for right in received:
                        connection.sendall(right + packet_id)
                        self.assertEqual(read_packet(connection), pubrel + packet_id)
                    # Nobody waits for another packet id, which is no violation.
                    other = bytes([packet_id[0] ^ 1, packet_id[1]])
                    connection.sendall(wrong + other + wrong + packet_id)
                    self.assertEqual(connection.recv(1), b"")
                self.assertEqual(device.wait_for("closed"),
                                 f"closed: not expected, type ({wrong[0] >> 4})")
                with accept(server) as connection:
                    read_packet(connection)
                    connection.sendall(CONNACK_SESSION_PRESENT)
                    again = bytes([message[0] | 8]) + message[1:]
                    for right in rest:
                        self.assertEqual(read_packet(connection),
                                         pubrel + packet_id if right == pubcomp else again)
                        connection.sendall(right + packet_id)
                    self.assertEqual(read_packet(connection), b"\xe0\x00")
                self.assertEqual(device.finish()[2], 0)

    def test_keep_alive(self):
        """PINGREQ goes out in time, and a server that does not answer it is left."""
        with listener() as (server, port), client(port, "--keep-alive", "1", "--subscribe",
                                                  "t") as device:
            with accept(server) as connection:
                self.open_session(connection)
                for _ in range(2):
                    self.assertEqual(read_packet(connection), b"\xc0\x00")
                    connection.sendall(b"\xd0\x00")
                self.assertEqual(read_packet(connection), b"\xc0\x00")
                self.assertEqual(connection.recv(1), b"")
            self.assertEqual(device.wait_for("closed"), "closed: the server is silent (0)")

    def test_one_byte_at_a_time(self):
        """The last topic leaves one byte of the buffer to the payload."""
        wire = CONNACK + publish(0x32, "t", 1, b"hello") + publish(0x32, "t", 2, b"y" * 600)
        wire += publish(0x30, "t" * 250, 0, b"z" * 300)
        with listener() as (server, port), client(port, "--subscribe", "t", "--messages",
                                                  "3") as device:
            with accept(server) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for i in range(len(wire)):
                    connection.sendall(wire[i:i + 1])
                    time.sleep(0.0005)
                lines, err, status = device.finish()
            self.assertEqual((err, status), ("", 0))
            messages = [line for line in lines if line.startswith("message")]
            self.assertEqual(len(messages), 3)
            self.assertEqual(messages[2], message_line(0, b"z" * 300) + "z" * 40)
            self.assertEqual(messages[0], message_line(1, b"hello") + "hello")
            self.assertTrue(messages[1].startswith(message_line(1, b"y" * 600)), messages)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: embedded_test.py PATH_TO_EMBEDDED_CLIENT [UNITTEST_OPTION]...")
    BINARY = os.path.abspath(sys.argv[1])
    MISSING = missing_tools()
    if MISSING:
        print("skipped: needs " + ", ".join(MISSING))
        sys.exit(77)
    if "MQTT_TAP" in os.environ:
        for NAME, REASON in NOT_TAPPED.items():
            print(f"{NAME}: left out with a tap, {REASON}", flush=True)
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
