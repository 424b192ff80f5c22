#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""small_test.py PROJECT_ROOT SMALL_CLIENT SMALL_BROKER STREAM_PAYLOAD REWRITE_TOPICS REQUEST_RESPONSE
    [TEST]...

The small examples do what their first comments say: with mosquitto and its clients, and with peers
that a script plays. Compared are bytes, exit statuses and whole sentences. The tests run beside
each other, because they wait more than they compute.

Where mosquitto or one of its programs is missing, the tests without it run, and the exit status is
77 if they pass.
"""

import base64
import collections
import concurrent.futures
import contextlib
import glob
import hashlib
import json
import os
import pathlib
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from broker_test import (PUBACK, PUBCOMP, PUBREC, PUBREL, UNSUBACK, Client, ack, check,
                         connect, equal, field, number, packet, publish, subscribe, unsubscribe)
from client_test import Broker, find, skim

SECONDS = 15  # what takes longer has hung
SKIPPED = 77

PINGREQ, PINGRESP, DISCONNECT = b"\xc0\0", b"\xd0\0", b"\xe0\0"
ACCEPTED = b"\x20\x02\0\0"

ROOT = PROGRAMS = WORK = None
OPEN = GUARDED = FORBIDDING = None  # mosquittos: for all; with a password file; and with a rule


# ------------------------------------------------------------------------------------------------
# Programs
# ------------------------------------------------------------------------------------------------


def start(program, *arguments, **options):
    """A process with pipes, or with what `options` says."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # pylint: disable=consider-using-with
    return subprocess.Popen([PROGRAMS[program], *map(str, arguments)], **{**pipes, **options})


def result(process, data=None):
    """What a process that ends by itself exits with and prints: status, stdout, stderr. Its input
    ends after `data`; without data it stays open."""
    kept_open = None
    if data is None:
        kept_open, process.stdin = process.stdin, None
    try:
        out, err = process.communicate(data, SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    if kept_open:
        kept_open.close()
    return process.returncode, out, err.decode() if err is not None else None


def end(process):
    process.kill()
    process.wait()
    for stream in process.stdin, process.stdout, process.stderr:
        if stream and not stream.closed:
            with contextlib.suppress(OSError):
                stream.close()


def run(program, *arguments, data=None, **options):
    return result(start(program, *arguments, **options), data)


def read(stream, size):
    """The next bytes of a process, which have to come soon."""
    data = b""
    while len(data) < size:
        check(select.select([stream], [], [], SECONDS)[0], f"nothing comes after {data!r}")
        more = os.read(stream.fileno(), size - len(data))
        check(more, f"{data!r} is the end")
        data += more
    return data


def read_line(stream):
    line = b""
    while not line.endswith(b"\n"):
        line += read(stream, 1)
    return line


def mosquitto_pub(port, *arguments, data=None):
    done = subprocess.run([find("mosquitto_pub"), "-h", "127.0.0.1", "-p", str(port), *arguments],
                          input=data, capture_output=True, check=False, timeout=SECONDS)
    equal((done.returncode, done.stderr), (0, b""), f"mosquitto_pub {arguments}")


@contextlib.contextmanager
def mosquitto_sub(port, *arguments):
    process = subprocess.Popen(
        [find("mosquitto_sub"), "-h", "127.0.0.1", "-p", str(port), "-W", str(SECONDS), *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        end(process)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextlib.contextmanager
def listening():
    """A socket that a program connects to, and its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(SECONDS)
        yield listener, listener.getsockname()[1]


def accepted(listener):
    connection = listener.accept()[0]
    connection.settimeout(SECONDS)
    return connection


def expect(connection, expected, what="sent"):
    """That exactly these bytes come next."""
    equal(skim(connection, len(expected)), expected, what)


def is_silent(connection, seconds=0.2):
    connection.settimeout(seconds)
    with contextlib.suppress(TimeoutError):
        check(False, f"{connection.recv(100)!r} comes instead of nothing")
    connection.settimeout(SECONDS)


def is_closed(connection):
    with contextlib.suppress(ConnectionError):
        equal(connection.recv(100), b"", "at the end of the connection")


# ------------------------------------------------------------------------------------------------
# Packets of MQTT 5.0. Properties are bytes: identifier and value.
# ------------------------------------------------------------------------------------------------

EXPIRES, ALIAS, USER = b"\x02", b"\x23\0\x01", b"\x26" + field("k") + field("v")
SENT_ALONG = (b"\x01\x01" + b"\x03" + field("text/plain") + b"\x08" + field("answers")
              + b"\x09" + field("17") + USER + USER)
LIMITS = b"\x11\0\0\0\0" + b"\x24\x01" + b"\x27\0\0\x40\0" + b"\x29\0" + b"\x2a\0"
ACCEPTED_5 = packet(0x20, b"\0\0" + bytes([len(LIMITS)]) + LIMITS)
TAKEN_OVER, TIMEOUT = 0x8E, 0x8D


def properties(data):
    return bytes([len(data)]) + data


def connect_5(client_id, given=b"", *, will=None, keep_alive=0, level=5):
    """A will is (topic, message, QoS, retain, properties)."""
    body = field("MQTT") + bytes([level, 2 | (4 | will[2] << 3 | will[3] << 5 if will else 0)])
    body += number(keep_alive) + properties(given) + field(client_id)
    if will:
        body += properties(will[4]) + field(will[0]) + field(will[1])
    return packet(0x10, body)


def publish_5(topic, payload, qos=0, packet_id=0, given=b"", *, retain=False):
    head = field(topic) + (number(packet_id) if qos else b"") + properties(given)
    return packet(0x30 | qos << 1 | retain, head + payload.encode())


def subscribe_5(packet_id, *filters, given=b""):
    """A filter has its byte of options."""
    return packet(0x82, number(packet_id) + properties(given)
                  + b"".join(field(f) + bytes([options]) for f, options in filters))


def suback_5(packet_id, *codes, kind=0x90):
    return packet(kind, number(packet_id) + b"\0" + bytes(codes))


def disconnect_5(code):
    return packet(0xE0, bytes([code])) if code else DISCONNECT


# ------------------------------------------------------------------------------------------------
# small_client
# ------------------------------------------------------------------------------------------------

SENT_CONNECT = packet(0x10, field("MQTT") + b"\x04\xce\0\x06" + field("") + field("clients/small")
                      + field("lost") + field("ann") + field("s3cret"))
SENT_SUBSCRIBE = subscribe(1, ("rooms/+", 2), ("alerts/#", 2))
SENT_PUBLISH = publish("rooms/kitchen", "21.5", 1, 2)
GRANTED = packet(0x90, b"\0\x01\x02\x02")
PUBLISHED = "The server has the message.\n"


def client_arguments(port, *, password="s3cret", topic="rooms/kitchen",
                     filters=("rooms/+", "alerts/#")):
    return ["127.0.0.1", port, "ann", password, *filters, topic, "21.5"]


@contextlib.contextmanager
def client_of_a_script(*, connected=True, **options):
    """small_client, and the socket of the server that a script plays."""
    with listening() as (listener, port):
        process = start("small_client", *client_arguments(port), **options)
        try:
            with accepted(listener) as server:
                expect(server, SENT_CONNECT, "CONNECT")
                if connected:
                    server.sendall(ACCEPTED)
                    expect(server, SENT_SUBSCRIBE + SENT_PUBLISH, "SUBSCRIBE, PUBLISH")
                    server.sendall(GRANTED + ack(PUBACK, 2))
                yield process, server
        finally:
            end(process)


def client_acknowledges():
    """QoS 0, 1 and 2; a message of QoS 2 that is repeated is printed once."""
    with client_of_a_script() as (process, server):
        server.sendall(publish("rooms/a", "zero") + publish("rooms/b", "one", 1, 7))
        expect(server, ack(PUBACK, 7))
        server.sendall(publish("alerts/c", "two", 2, 65535)
                       + publish("alerts/c", "two", 2, 65535, dup=True))
        expect(server, ack(PUBREC, 65535) * 2)
        server.sendall(publish("alerts/d", "other", 2, 1) + ack(PUBREL, 65535))
        expect(server, ack(PUBREC, 1) + ack(PUBCOMP, 65535))
        server.sendall(publish("alerts/e", "again", 2, 65535) + ack(PUBREL, 9))
        expect(server, ack(PUBREC, 65535) + ack(PUBCOMP, 9))
        server.sendall(publish("a", b"", 1, 8, retain=True, dup=True) + publish("b", b"\0\xff\n")
                       + publish("c", "no QoS 2", 1, 65535))
        expect(server, ack(PUBACK, 8) + ack(PUBACK, 65535))
        process.stdin.write(b"\n")
        process.stdin.flush()
        expect(server, DISCONNECT)
        server.close()
        equal(result(process),
              (0, b"rooms/a: zero\nrooms/b: one\nalerts/c: two\nalerts/d: other\nalerts/e: again\n"
               b"a: \nb: \0\xff\n\nc: no QoS 2\n", PUBLISHED), "client")


def client_takes_packets_in_pieces():
    large, path = b"x" * 65000, os.path.join(WORK, "printed")
    stream = publish("rooms/a", large, 1, 3) * 3 + publish("rooms/b", "end", 1, 4)
    with open(path, "wb") as file, client_of_a_script(stdout=file) as (process, server):
        for i in range(0, 40):
            server.sendall(stream[i : i + 1])
            time.sleep(0.001)
        server.sendall(stream[40:])
        expect(server, ack(PUBACK, 3) * 3 + ack(PUBACK, 4))
        process.stdin.close()
        process.stdin = None
        expect(server, DISCONNECT)
        server.close()
        equal(result(process), (0, None, PUBLISHED), "client")
        check(pathlib.Path(path).read_bytes() == (b"rooms/a: " + large + b"\n") * 3
              + b"rooms/b: end\n", "the output")


def client_does_not_acknowledge_what_it_cannot_print():
    with open("/dev/full", "wb") as full, client_of_a_script(stdout=full) as (process, server):
        server.sendall(publish("rooms/b", "one", 1, 7))
        equal(skim(server, 1), None, "after the message")
        equal(result(process), (1, None, PUBLISHED + "small_client: The message cannot be printed:"
                                " No space left on device\n"), "client")


def client_says_why_it_is_refused():
    reasons = {1: "wrong version", 2: "bad client id", 3: "unavailable", 4: "bad user/password",
               5: "not authorized"}
    for code, reason in reasons.items():
        with client_of_a_script(connected=False) as (process, server):
            server.sendall(packet(0x20, bytes([0, code])))
            equal(result(process), (1, b"", "small_client: The server refused the connection: "
                                    f"{reason}\n"), f"code {code}")
    for codes in b"\x80\0", b"\x01\x80":
        with client_of_a_script(connected=False) as (process, server):
            server.sendall(ACCEPTED + packet(0x90, b"\0\x01" + codes))
            equal(result(process), (1, b"", "small_client: The server refused a subscription: "
                                    "Failure\n"), f"codes {codes}")


def client_ends_at_a_bad_server():
    """The sentence for what a server may not send, before and after CONNACK."""
    for connected, sent, sentence in (
        (False, publish("a", "b"), "CONNACK must come first, and only once. "
         "MQTT-3.2.0-1"),
        (True, ACCEPTED, "CONNACK must come first, and only once. MQTT-3.2.0-1"),
        (False, ACCEPTED + packet(0x90, b"\0\x01\0"), "SUBACK must have two return codes. "
         "MQTT-3.8.4-5"),
        (False, b"\x20\x02\0\x06", "The connect return code is above 5; those codes are reserved. "
         "3.2.2.3"),
        (True, publish("a/#", "b"), "A topic name contains a wildcard. MQTT-4.7.1-1"),
        (True, b"\x36", "The QoS is not 0, 1 or 2. MQTT-3.3.1-4"),
        (True, PINGREQ, "This side may not send packets of this type. 2.2.1"),
        (True, publish("a", bytes(65533)), "The server sent a packet of more than 64 KiB."),
        (True, b"", "The connection is lost: the server closed it."),
        (True, publish("a", "b")[:-1], "The connection is lost: the server closed it."),
    ):
        with client_of_a_script(connected=connected) as (process, server):
            with contextlib.suppress(OSError):  # it may have ended already
                server.sendall(sent)
                server.shutdown(socket.SHUT_WR)
            status, _, err = result(process)
            if connected:
                check(err.startswith(PUBLISHED), err)
            equal((status, err.splitlines()[-1]), (1, "small_client: " + sentence), repr(sent[:9]))


SENT_CONNECT_5 = packet(0x10, field("MQTT") + b"\x05\xce\0\x06\x05\x27\0\x01\0\0" + field("") + b"\0"
                        + field("clients/small") + field("lost") + field("ann") + field("s3cret"))


@contextlib.contextmanager
def client_of_a_script_5(given=b""):
    """small_client -5. The server's CONNACK has these properties."""
    with listening() as (listener, port):
        process = start("small_client", "-5", *client_arguments(port))
        try:
            with accepted(listener) as server:
                expect(server, SENT_CONNECT_5, "CONNECT")
                server.sendall(packet(0x20, b"\0\0" + properties(given)))
                yield process, server
        finally:
            end(process)


def client_speaks_5():
    """All of its packets, and the limits that the server tells it."""
    sent_subscribe = subscribe_5(1, ("rooms/+", 2), ("alerts/#", 2))
    with client_of_a_script_5(b"\x24\0" + b"\x13\0\x02") as (process, server):
        expect(server, sent_subscribe + publish_5("rooms/kitchen", "21.5"), "at Maximum QoS 0")
        begin = time.monotonic()
        expect(server, PINGREQ)
        check(time.monotonic() - begin < 2, "it does not use the Server Keep Alive")
    with client_of_a_script_5() as (process, server):
        expect(server, sent_subscribe + publish_5("rooms/kitchen", "21.5", 1, 2))
        server.sendall(suback_5(1, 2, 2) + packet(0x40, b"\0\2\x10\0")
                       + publish_5("rooms/a", "one", 1, 7, SENT_ALONG)
                       + publish_5("alerts/b", "two", 2, 8) * 2 + packet(0x62, b"\0\x08"))
        expect(server, ack(PUBACK, 7) + ack(PUBREC, 8) * 2 + ack(PUBCOMP, 8))
        process.stdin.write(b"\n")
        process.stdin.flush()
        expect(server, DISCONNECT)
        server.close()
        equal(result(process), (0, b"rooms/a: one\nalerts/b: two\n", PUBLISHED), "client")


def client_says_why_in_5():
    """Reason codes in words, limits, and a server that speaks only 3.1.1."""
    for answer, sentence in (
        (packet(0x20, b"\0\x87\0"), "The server refused the connection: Not authorized"),
        (packet(0x20, b"\0\x9d\0"), "The server refused the connection: Server moved"),
        (b"\x20\x02\0\x01", "The protocol version is not 5, which is MQTT 5.0. MQTT-3.1.2-2"),
        (packet(0x20, b"\0\0\x05\x27\0\0\0\x09"), "The packet is larger than the server accepts."),
        (packet(0x20, b"\0\0\0") + suback_5(1, 0, 0x97), "The server refused a subscription: "
         "Quota exceeded"),
        (packet(0x20, b"\0\0\0") + packet(0x40, b"\0\2\x97\0"), "The server refused the message: "
         "Quota exceeded"),
        (packet(0x20, b"\0\0\0") + disconnect_5(0x8B), "The server ends the connection: Server "
         "shutting down"),
        (packet(0x20, b"\0\0\0") + publish_5("a", "x", 0, 0, b"\x02\0"), "A property runs past the "
         "end of the properties. 2.2.2.2"),
    ):
        with listening() as (listener, port):
            process = start("small_client", "-5", *client_arguments(port))
            with accepted(listener) as server:
                expect(server, SENT_CONNECT_5, "CONNECT")
                server.sendall(answer)
                equal(result(process), (1, b"", f"small_client: {sentence}\n"), repr(answer))


def client_checks_its_arguments():
    equal(run("small_client", "127.0.0.1"),
          (1, b"", "small_client: The arguments are [-5] HOST PORT USER PASSWORD FILTER FILTER TOPIC "
           "TEXT.\n"), "arguments")
    equal(run("small_client", *client_arguments(free_port())),
          (1, b"", "small_client: No server answers at 127.0.0.1\n"), "no server")
    equal(run("small_client", *client_arguments("no port")),
          (1, b"", "small_client: No server answers at 127.0.0.1\n"), "no port")
    for options, sentence in (
        ({"topic": "rooms/+"}, "A topic name contains a wildcard. MQTT-4.7.1-1"),
        ({"filters": ("a", "b#")}, "The wildcard # is not a whole level, or not the last "
         "level. MQTT-4.7.1-2"),
        ({"topic": "x" * 1100}, "The buffer is smaller than the packet. "),
    ):
        with listening() as (listener, port):
            process = start("small_client", *client_arguments(port, **options))
            with accepted(listener) as server:
                expect(server, SENT_CONNECT)
                server.sendall(ACCEPTED)
                equal(result(process), (1, b"", f"small_client: {sentence}\n"), str(options)[:30])


def client_keeps_the_connection_alive():
    """PINGREQ after half the keep alive; at the second one the server has died."""
    with client_of_a_script() as (process, server):
        begin = time.monotonic()
        expect(server, PINGREQ)
        check(1.9 < time.monotonic() - begin < 5, f"PINGREQ after {time.monotonic() - begin} s")
        server.sendall(PINGRESP)
        begin = time.monotonic()
        expect(server, PINGREQ)
        check(1.9 < time.monotonic() - begin < 5, f"PINGREQ after {time.monotonic() - begin} s")
        equal(result(process), (1, b"", PUBLISHED + "small_client: The server does not answer what "
                                "was sent last.\n"), "client")
        check(time.monotonic() - begin < 10, "it waits too long for the PINGRESP")


def client_waits_for_connack_for_some_seconds():
    begin = time.monotonic()
    with client_of_a_script(connected=False) as (process, _):
        equal(result(process), (1, b"", "small_client: The server does not answer what was sent "
                                "last.\n"), "client")
    check(1.9 < time.monotonic() - begin < 5, "it gives up too early or too late")


@contextlib.contextmanager
def client_at_mosquitto(broker, **options):
    """small_client at a mosquitto that knows ann's password."""
    process = start("small_client", *client_arguments(broker.port, **options))
    try:
        equal(read_line(process.stderr), PUBLISHED.encode(), "after PUBACK")
        yield process
    finally:
        end(process)


def client_with_mosquitto():
    """The right password; every QoS; its message comes to another, and by its filter to itself."""
    guest = ("-u", "ann", "-P", "s3cret", "-q", "2")
    with mosquitto_sub(GUARDED.port, *guest, "-i", "other", "-t", "house/attic", "-C", "1",
                       "-F", "%q %r %t %p") as other:
        GUARDED.wait_for_log("Sending SUBACK to other")
        with client_at_mosquitto(GUARDED, filters=("house/+", "bells/#"),
                                 topic="house/attic") as process:
            equal(read_line(process.stdout), b"house/attic: 21.5\n", "its own message")
            for qos in "012":
                mosquitto_pub(GUARDED.port, *guest[:4], "-q", qos, "-t", "bells/" + qos, "-m", "r")
                equal(read_line(process.stdout), b"bells/%b: r\n" % qos.encode(), "printed")
            equal(result(process, b"\n"), (0, b"", ""), "client")
        equal(other.communicate()[0], b"1 0 house/attic 21.5\n", "published")


def client_of_5_with_mosquitto():
    process = start("small_client", "-5", *client_arguments(GUARDED.port, topic="rooms/own"))
    try:
        equal(read_line(process.stderr), PUBLISHED.encode(), "after PUBACK")
        equal(read_line(process.stdout), b"rooms/own: 21.5\n", "its own message")
        mosquitto_pub(GUARDED.port, "-V", "mqttv5", "-u", "ann", "-P", "s3cret", "-q", "2", "-t",
                      "alerts/2", "-m", "x", "-D", "publish", "user-property", "k", "v")
        equal(read_line(process.stdout), b"alerts/2: x\n", "printed")
        equal(result(process, b"\n"), (0, b"", ""), "client")
    finally:
        end(process)


def client_of_each_version_with_small_broker():
    with SmallBroker(log=[]) as broker:
        for arguments in ([], ["-5"]):
            process = start("small_client", *arguments, *client_arguments(broker.port))
            try:
                equal(read_line(process.stdout), b"rooms/kitchen: 21.5\n", "its own message")
                equal(result(process, b"\n")[:2], (0, b""), "client")
            finally:
                end(process)


def client_with_a_wrong_password():
    for arguments, words in ([], "not authorized"), (["-5"], "Not authorized"):
        equal(run("small_client", *arguments, *client_arguments(GUARDED.port, password="secret")),
              (1, b"", f"small_client: The server refused the connection: {words}\n"), "client")


def client_with_a_refused_subscription():
    equal(run("small_client", *client_arguments(FORBIDDING.port, filters=("rooms/+", "private/#"))),
          (1, b"", "small_client: The server refused a subscription: Failure\n"), "client")


def client_leaves_its_will():
    """When it is killed, but not when Enter ends it."""
    with mosquitto_sub(OPEN.port, "-i", "heir", "-q", "1", "-t", "clients/#", "-C", "2",
                       "-F", "%q %r %t %p") as heir:
        OPEN.wait_for_log("Sending SUBACK to heir")
        with client_at_mosquitto(OPEN) as process:
            equal(result(process, b"\n")[::2], (0, ""), "ended")
        mosquitto_pub(OPEN.port, "-t", "clients/between", "-m", "-")
        with client_at_mosquitto(OPEN):
            pass  # is killed
        equal(heir.communicate()[0], b"0 0 clients/between -\n1 0 clients/small lost\n", "wills")


# ------------------------------------------------------------------------------------------------
# small_broker
# ------------------------------------------------------------------------------------------------


class SmallBroker:
    """small_broker on a free port. It must run until it is told to end."""

    def __init__(self, *, log=True):
        """`log`: what it has to have logged when it ends; True is anything."""
        self.expected = log
        self.path = os.path.join(WORK, f"small_broker.{time.monotonic_ns()}.log")
        for _ in range(5):  # somebody else may have got the port
            self.port = free_port()
            with open(self.path, "wb") as file:
                self.process = start("small_broker", self.port, stderr=file)
            end = time.monotonic() + SECONDS
            while not self.text() and self.process.poll() is None:
                check(time.monotonic() < end, "it does not listen")
                time.sleep(0.005)
            if self.process.poll() is None:
                break
        equal(self.text(), f"small_broker: listening on 127.0.0.1, port {self.port}\n", "log")

    def text(self):
        return pathlib.Path(self.path).read_text(encoding="utf-8")

    def lines(self):
        """What it has said about its clients."""
        return [line.partition("small_broker: ")[2] for line in self.text().splitlines()[1:]]

    def logs(self, line):
        end = time.monotonic() + SECONDS
        while line not in self.lines():
            check(time.monotonic() < end, f"{line!r} is not in the log: {self.lines()}")
            time.sleep(0.005)

    def client(self, *arguments, **options):
        return Client(self.port, *arguments, **options)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        status = self.process.poll()
        self.process.terminate()
        self.process.communicate()
        if not kind:
            equal((status, self.process.returncode), (None, -signal.SIGTERM), self.text())
            check(self.expected is True or self.lines() == self.expected, f"log: {self.lines()}")


def broker_with_mosquitto_clients():
    """Eight subscribers and four publishers at once; what is granted is QoS 1 at most."""
    with SmallBroker(log=[]) as broker, contextlib.ExitStack() as stack:
        mosquitto_pub(broker.port, "-r", "-t", "all/0", "-m", "ready")
        subscribers = []
        for i in range(8):
            qos, topic = i % 3, ["all/#", "all/+"][i % 2]
            process = stack.enter_context(mosquitto_sub(
                broker.port, "-q", str(qos), "-t", topic, "-C", "401", "-F", "%q %r %t %p"))
            equal(read_line(process.stdout), b"0 1 all/0 ready\n", "retained")
            subscribers.append((min(qos, 1), process))

        def publish_hundred(name):
            lines = b"".join(b"%d\n" % i for i in range(100))
            mosquitto_pub(broker.port, "-q", str(name % 2), "-t", f"all/{name}", "-l", data=lines)

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(publish_hundred, range(4)))
        for granted, process in subscribers:
            got = collections.defaultdict(list)
            for line in process.communicate(timeout=SECONDS)[0].splitlines():
                got[line.rpartition(b" ")[0]].append(int(line.rpartition(b" ")[2]))
            wanted = {b"%d 0 all/%d" % (min(granted, name % 2), name): list(range(100))
                      for name in range(4)}
            equal(got, wanted, f"granted {granted}")


def broker_grants_and_delivers():
    """Exact bytes: QoS 1 at most, the lower of two; packet ids of its own, DUP and RETAIN 0."""
    with SmallBroker(log=[]) as broker, broker.client("s") as s, broker.client("p") as p:
        s.send(subscribe(10, ("a", 0), ("b", 1), ("c", 2), ("c/#", 0)))
        equal(s.receive(), (0x90, b"\0\x0a\0\x01\x01\0"), "SUBACK")
        p.send(publish("a", "0", 1, 700), publish("b", "1", 1, 701, dup=True, retain=True),
               publish("c", "2", 1, 702), publish("c", "3"), publish("d", "4"))
        for packet_id in (700, 701, 702):
            p.expect(PUBACK, packet_id)
        expect(s.socket, publish("a", "0") + publish("b", "1", 1, 1) + publish("c", "2", 1, 2)
               + publish("c", "3"), "forwarded")
        s.send(ack(PUBACK, 1), ack(PUBACK, 2), unsubscribe(11, "a", "c", "x"))
        s.expect(UNSUBACK, 11)
        s.send(subscribe(12, ("b", 0)))
        expect(s.socket, publish("b", "1", retain=True) + b"\x90\x03\0\x0c\0", "SUBACK")
        p.publish("a", "5")
        p.publish("c/d", "6", 1)
        p.publish("b", "7", 1)
        p.publish("c", "8", 1)
        expect(s.socket, publish("c/d", "6") + publish("b", "7") + publish("c", "8"), "forwarded")
        s.nothing()
        s.leave()
        p.leave()


def broker_retains():
    with SmallBroker(log=[]) as broker, broker.client("p") as p:
        with broker.client("old") as old:
            equal(old.subscribe(("r/#", 1)), [1], "granted")
            p.publish("r/1", "first", 1, retain=True)
            p.publish("r/2", "other", retain=True)
            p.publish("r/1", "second", 1, retain=True)
            p.publish("r/1", "not kept", 1)
            p.publish("r/2", b"", 1, retain=True)
            expect(old.socket, publish("r/1", "first", 1, 1) + publish("r/2", "other")
                   + publish("r/1", "second", 1, 2) + publish("r/1", "not kept", 1, 3)
                   + publish("r/2", b"", 1, 4), "forwarded")
            p.publish("r/3", "three", retain=True)
            expect(old.socket, publish("r/3", "three"))
            old.leave()
        with broker.client("new") as new:
            new.send(subscribe(1, ("r/1", 0), ("r/3", 1)))
            expect(new.socket, publish("r/1", "second", retain=True)
                   + publish("r/3", "three", retain=True) + b"\x90\x04\0\x01\0\x01", "retained")
            new.send(subscribe(2, ("r/1", 1)))  # again: the message comes again
            expect(new.socket, publish("r/1", "second", 1, 1, retain=True) + b"\x90\x03\0\x02\x01")
            new.nothing()
            new.leave()
        p.leave()


def broker_sends_all_that_is_retained():
    """A hundred messages of 16 KB; but not twice at once."""
    messages = [publish(f"r/{i:02}", bytes([i]) * 16000, retain=True) for i in range(100)]
    with SmallBroker(log=["client 2: It reads or acknowledges too slowly. "]) as broker, \
            broker.client("p") as p:
        p.send(*messages)
        p.nothing()
        with broker.client("once") as once:
            once.send(subscribe(1, ("r/#", 1)))
            got = skim(once.socket, len(b"".join(messages)))
            size = len(messages[0])
            equal({got[i : i + size] for i in range(0, len(got), size)}, set(messages), "retained")
            expect(once.socket, b"\x90\x03\0\x01\x01", "SUBACK")
            with broker.client("twice") as twice:
                twice.send(subscribe(1, ("r/#", 0), ("+/+", 0)))
                while twice.socket.recv(1 << 20):
                    pass
            once.leave()
        p.leave()


def broker_has_limits():
    """Of subscriptions, of retained messages, of the size of a packet, of clients."""
    with SmallBroker() as broker:
        with broker.client("s") as s:
            codes = s.subscribe(*((f"f/{i}", 2) for i in range(51)))
            equal(codes, [1] * 50 + [0x80], "SUBACK")
            equal(s.subscribe(("f/0", 0)), [0], "one that is there already")
            for i in range(100):
                s.publish(f"r/{i}", "x", 1, retain=True)
            equal(broker.lines(), [], "log")
            s.publish("r/none", b"", 1, retain=True)
            s.publish("r/100", "x", 1, retain=True)
            broker.logs("A message is not retained: there is no room.")
            s.publish("r/7", b"", 1, retain=True)
            s.publish("r/101", "x", 1, retain=True)
            equal(len(broker.lines()), 1, "lines in the log")
            s.unsubscribe(*(f"f/{i}" for i in range(50)))
            s.send(subscribe(9, ("r/7", 0), ("r/100", 0), ("r/101", 0)))
            expect(s.socket, publish("r/101", "x", retain=True) + b"\x90\x05\0\x09\0\0\0", "kept")
            s.leave()
        with broker.client("large", keep_alive=0) as large:
            body = publish("f", bytes(16384 - 6))
            equal(len(body), 16384, "bytes that fit")
            equal(large.subscribe(("f", 0)), [0], "SUBACK")
            large.send(body)
            expect(large.socket, body, "echo")
            large.send(body[:-1])
            is_silent(large.socket)
            large.send(body[-1:])
            expect(large.socket, body, "echo")
            large.send(publish("f", bytes(16384 - 5)))
            is_closed(large.socket)
            broker.logs("client 0: Its packet is larger than 16 KiB. ")
        clients = [broker.client(f"c{i}") for i in range(100)]
        with broker.client() as one_more:
            is_closed(one_more.socket)
        broker.logs("Another client cannot be accepted.")
        clients[50].leave()
        clients[50] = broker.client("c50")
        for client in clients:
            client.nothing()
            client.leave()


def broker_publishes_wills():
    """After a lost connection, an error, a takeover and silence, but not after DISCONNECT."""
    with SmallBroker(log=["client 1: The connection is lost. ",
                          "client 1: The packet identifier is 0. MQTT-2.3.1-1",
                          "client 1: Its client id connects again. MQTT-3.1.4-2",
                          "client 1: No packet came in time. MQTT-3.1.2-24"]) as broker:
        with broker.client("heir") as heir:
            heir.subscribe(("w/#", 1))
            broker.client("d", will=("w/0", "left", 1, False)).leave()
            broker.client("d", will=("w/1", "lost", 2, False)).cut()
            expect(heir.socket, publish("w/1", "lost", 1, 1), "after a lost connection")
            with broker.client("d", will=("w/2", "error", 0, True)) as d:
                d.send(publish("x", "y", 1, 0))
                is_closed(d.socket)
            expect(heir.socket, publish("w/2", "error"), "after an error")
            with broker.client("d", will=("w/3", b"", 1, False)) as d:
                broker.client("d").leave()
                is_closed(d.socket)
            expect(heir.socket, publish("w/3", b"", 1, 2), "after a takeover")
            with broker.client("d", will=("w/4", "silent", 1, False), keep_alive=1):
                expect(heir.socket, publish("w/4", "silent", 1, 3), "after silence")
            with broker.client("late") as late:
                late.send(subscribe(1, ("w/+", 1)))
                expect(late.socket, publish("w/2", "error", retain=True) + b"\x90\x03\0\x01\x01",
                       "the retained will")
                late.leave()
            heir.leave()


def broker_knows_clients_by_their_ids():
    """A second connection takes over; clients without an id do not disturb each other."""
    with SmallBroker(log=["client 0: Its client id connects again. MQTT-3.1.4-2"]) as broker:
        with broker.client("same") as first, broker.client("same2") as other:
            first.subscribe(("t", 0))
            with broker.client("same") as second:
                is_closed(first.socket)
                other.publish("t", "x", 1)
                second.nothing()  # the subscription is gone
                with broker.client("") as nameless, broker.client("") as another:
                    nameless.subscribe(("t", 0))
                    another.subscribe(("t", 0))
                    second.publish("t", "y")
                    for client in (nameless, another):
                        expect(client.socket, publish("t", "y"))
                        client.leave()
                second.leave()
            other.leave()


def broker_keeps_time():
    """One and a half times the keep alive; 0 is for ever; some seconds for the CONNECT."""
    with SmallBroker(log=["client 3: No packet came in time. MQTT-3.1.2-24",
                          "client 0: No packet came in time. MQTT-3.1.2-24"]) as broker:
        begin = time.monotonic()
        with broker.client() as mute, broker.client("0", keep_alive=0) as patient, \
                broker.client("2", keep_alive=2) as pinging:
            mute.send(connect("mute")[:-1])
            with broker.client("1", keep_alive=1) as silent:
                is_closed(silent.socket)
            check(1.5 < time.monotonic() - begin < 3, f"{time.monotonic() - begin} s")
            pinging.nothing()
            time.sleep(2)
            pinging.nothing()
            is_closed(mute.socket)
            check(5 < time.monotonic() - begin < 7, f"{time.monotonic() - begin} s")
            pinging.nothing()
            patient.nothing()
            pinging.leave()
            patient.leave()


def broker_refuses():
    """What comes back, and the log, for what is malformed or out of place."""
    first, place = "CONNECT must come first, and only once.", "Not a packet of QoS 0 or 1:"
    for before, sent, answer, line in (
        (b"", connect("a", level=3), b"\x20\x02\0\x01", "The protocol level is not 4, which is MQTT "
         "3.1.1. MQTT-3.1.2-2"),
        (b"", connect("", clean=False), b"\x20\x02\0\x02", "The client identifier is empty, but "
         "clean session is 0. MQTT-3.1.3-7"),
        (b"", connect("a").replace(b"MQTT", b"MQTS"), b"", "The protocol name is not MQTT. "
         "MQTT-3.1.2-1"),
        (b"", PINGREQ, b"", first + " MQTT-3.1.0-1"),
        (b"", DISCONNECT + connect("a"), b"", first + " MQTT-3.1.0-1"),
        (b"", b"\xf0", b"", "The packet type is not one of 1 to 14; the others are reserved. 2.2.1"),
        (connect("a"), connect("a"), b"", first + " MQTT-3.1.0-1"),
        (connect("a"), connect("a", level=5), b"", "The protocol level is not 4, which is MQTT "
         "3.1.1. MQTT-3.1.2-2"),
        (connect("a"), publish("+", "x"), b"", "A topic name contains a wildcard. MQTT-4.7.1-1"),
        (connect("a"), b"\x80\x06\0\x01\0\x01a\0", b"", "The fixed header flags are not valid "
         "for this packet type. MQTT-2.2.2-1"),
        (connect("a"), PINGRESP, b"", "This side may not send packets of this type. 2.2.1"),
        (connect("a"), publish("a", "x", 2, 5), b"", "Its message has QoS 2. 3.2.2.3.4"),
        (connect("a"), ack(PUBREC, 1), b"", place + " PUBREC"),
        (connect("a"), ack(PUBREL, 1), b"", place + " PUBREL"),
        (connect("a"), ack(PUBACK, 1), b"", place + " PUBACK"),
        (connect("a"), PINGREQ + b"\xc0\x01", PINGRESP, "The remaining length has more than four "
         "bytes, or is not possible for this packet. 2.2.3"),
    ):
        with SmallBroker(log=["client 0: " + line]) as broker, broker.client() as client:
            if before:
                client.send(before)
                expect(client.socket, ACCEPTED, "CONNACK")
            client.send(sent, PINGREQ)
            expect(client.socket, answer, f"answer to {sent!r}")
            is_closed(client.socket)
            broker.logs("client 0: " + line)


@contextlib.contextmanager
def client_5(broker, client_id, given=b"", **options):
    """A client of 5.0 that is connected."""
    with broker.client() as client:
        client.send(connect_5(client_id, given, **options))
        expect(client.socket, ACCEPTED_5, "CONNACK")
        yield client


def broker_speaks_5():
    """The limits in its CONNACK, an assigned client id, codes in SUBACK and UNSUBACK."""
    with SmallBroker(log=[]) as broker, broker.client() as nameless, broker.client() as another:
        ids = []
        for client in (nameless, another):
            client.send(connect_5(""))
            first, body = client.receive()
            equal((first, body[:2], body[3 : 3 + len(LIMITS)]), (0x20, b"\0\0", LIMITS), "CONNACK")
            equal(body[3 + len(LIMITS)], 0x12, "Assigned Client Identifier")
            ids.append(body[4 + len(LIMITS) :])
            equal(len(ids[-1]), 2 + int.from_bytes(ids[-1][:2], "big"), "its length")
        check(ids[0] != ids[1], "two clients have one id")
        nameless.send(subscribe_5(1, ("a", 0), ("b", 2), ("$share/n/c", 1)),
                      packet(0xA2, b"\0\2\0" + field("a") + field("x")), PINGREQ)
        expect(nameless.socket, suback_5(1, 0, 1, 0x9E) + suback_5(2, 0, 0x11, kind=0xB0)
               + PINGRESP, "answers")
        with broker.client("old") as old:  # for 3.1.1 it is an ordinary filter
            equal(old.subscribe(("$share/n/c", 1)), [1], "SUBACK")
            nameless.send(publish_5("$share/n/c", "x", 1, 9))
            expect(nameless.socket, ack(PUBACK, 9))
            expect(old.socket, publish("$share/n/c", "x", 1, 1))
            old.leave()
        for client in (nameless, another):
            client.send(disconnect_5(0))
            is_closed(client.socket)


def broker_forwards_properties():
    """To 5.0 with them, in their order; to 3.1.1 without. From 3.1.1 there are none."""
    with SmallBroker(log=[]) as broker, broker.client("old") as old, \
            client_5(broker, "new") as new:
        equal(old.subscribe(("t", 1)), [1], "SUBACK")
        new.send(subscribe_5(1, ("t", 1)))
        expect(new.socket, suback_5(1, 1))
        for given in (b"", SENT_ALONG, EXPIRES + b"\0\0\0\x09", EXPIRES + b"\0\0\0\0" + USER):
            new.send(publish_5("t", "from 5.0", 0, 0, given))
            expect(new.socket, publish_5("t", "from 5.0", 0, 0, given))
            expect(old.socket, publish("t", "from 5.0"))
        new.send(publish_5("t", "x", 1, 5, SENT_ALONG))
        expect(new.socket, publish_5("t", "x", 1, 1, SENT_ALONG) + ack(PUBACK, 5))
        expect(old.socket, publish("t", "x", 1, 1))
        old.send(publish("t", "from 3.1.1", 1, 6))
        expect(old.socket, publish("t", "from 3.1.1", 1, 2) + ack(PUBACK, 6))
        expect(new.socket, publish_5("t", "from 3.1.1", 1, 2))
        large = publish("t", "x" * (16384 - 6))  # 5.0 needs one byte more
        old.send(large)
        expect(old.socket, large)
        expect(new.socket, publish_5("t", "x" * (16384 - 6)))
        old.leave()
        new.send(disconnect_5(0))


def broker_follows_subscription_options():
    """No Local, Retain As Published, Retain Handling; retained messages grow old."""
    no_local, as_published, if_new, never = 4, 8, 16, 32
    with SmallBroker(log=[]) as broker, client_5(broker, "p") as p, client_5(broker, "s") as s:
        p.send(publish_5("r/kept", "k", 0, 0, SENT_ALONG + EXPIRES + b"\0\0\0\x64", retain=True),
               publish_5("r/short", "s", 0, 0, EXPIRES + b"\0\0\0\x01", retain=True), PINGREQ)
        expect(p.socket, PINGRESP)
        now = publish_5("r/kept", "k", 0, 0, SENT_ALONG + EXPIRES + b"\0\0\0\x64", retain=True)
        for options, gets in ((0, True), (0, True), (if_new, False), (never, False)):
            s.send(subscribe_5(1, ("r/kept", options)))
            expect(s.socket, (now if gets else b"") + suback_5(1, 0), f"options {options}")
        s.send(subscribe_5(2, ("r/+", if_new)))
        short = publish_5("r/short", "s", 0, 0, EXPIRES + b"\0\0\0\x01", retain=True)
        got = skim(s.socket, len(now + short))
        check(got in (now + short, short + now), f"retained: {got!r}")
        expect(s.socket, suback_5(2, 0))
        for client in (p, s):
            client.send(subscribe_5(3, ("n/own", no_local), ("n/flag", as_published | 1)))
            expect(client.socket, suback_5(3, 0, 1))
        p.send(publish_5("n/own", "1"), publish_5("n/flag", "2", 1, 4, retain=True),
               publish_5("n/flag", "3"))
        expect(p.socket, publish_5("n/flag", "2", 1, 1, retain=True) + ack(PUBACK, 4)
               + publish_5("n/flag", "3"))
        expect(s.socket, publish_5("n/own", "1") + publish_5("n/flag", "2", 1, 1, retain=True)
               + publish_5("n/flag", "3"))
        time.sleep(1.1)
        s.send(subscribe_5(4, ("r/#", 0)))
        older = publish_5("r/kept", "k", 0, 0, SENT_ALONG + EXPIRES + b"\0\0\0\x63", retain=True)
        expect(s.socket, older + suback_5(4, 0), "after a second")
        for client in (p, s):
            client.send(disconnect_5(0))
            is_closed(client.socket)


def broker_respects_the_clients_limits():
    """Receive Maximum: other messages wait, but not other packets. Maximum Packet Size."""
    with SmallBroker(log=[]) as broker, broker.client("p") as p, \
            client_5(broker, "s", b"\x21\0\x02" + b"\x27\0\0\0\x20") as s:
        s.send(subscribe_5(1, ("t", 1)))
        expect(s.socket, suback_5(1, 1))
        for i in range(5):
            p.publish("t", str(i), 1)
        p.publish("t", "x" * 40, 1)
        p.publish("t", "at QoS 0")
        expect(s.socket, publish_5("t", "0", 1, 1) + publish_5("t", "1", 1, 2)
               + publish_5("t", "at QoS 0"))
        s.send(PINGREQ)
        expect(s.socket, PINGRESP, "while messages wait")
        for i in range(5):
            is_silent(s.socket, 0.05)
            s.send(ack(PUBACK, i + 1))
            if i < 3:
                expect(s.socket, publish_5("t", str(i + 2), 1, i + 3))
        s.send(disconnect_5(0))
        is_closed(s.socket)
        p.leave()


def broker_publishes_wills_of_5():
    """With their properties, but the delay; not after DISCONNECT 0x00."""
    lost = "client 1: The connection is lost. "
    with SmallBroker(log=[lost]) as broker, client_5(broker, "heir") as heir:
        heir.send(subscribe_5(1, ("w/#", 1)))
        expect(heir.socket, suback_5(1, 1))
        will = ("w/1", "lost", 1, False, b"\x18\0\0\0\x09" + SENT_ALONG)
        with client_5(broker, "d", will=will) as d:
            d.send(disconnect_5(0))
            is_closed(d.socket)
        with client_5(broker, "d", will=will) as d:
            d.send(disconnect_5(4))
            is_closed(d.socket)
        expect(heir.socket, publish_5("w/1", "lost", 1, 1, SENT_ALONG), "after DISCONNECT 0x04")
        with client_5(broker, "d", will=will):
            pass
        expect(heir.socket, publish_5("w/1", "lost", 1, 2, SENT_ALONG), "after a lost connection")
        heir.send(disconnect_5(0))
        is_closed(heir.socket)


def broker_refuses_in_5():
    """The reason code, in a CONNACK or a DISCONNECT, and the log."""
    first, place = "CONNECT must come first, and only once.", "Not a packet of QoS 0 or 1:"
    connected = connect_5("a")
    for before, sent, code, line in (
        (b"", connect_5("a", level=6), 0x84, "The protocol version is not 5, which is MQTT 5.0. "
         "MQTT-3.1.2-2"),
        (b"", connect_5("a", b"\x21\0\0"), 0x82, "The number of a property is out of its "
         "range. 3.1.2.11"),
        (b"", connect_5("a", b"\x15" + field("SCRAM")), 0x8C, "It wants to authenticate. 4.12"),
        (b"", connect_5("a", will=("w", "x", 2, False, b"")), 0x9B, "Its will has QoS 2. "
         "MQTT-3.2.2-12"),
        (connected, connected, 0x82, first + " MQTT-3.1.0-1"),
        (connected, publish_5("a", "x", 0, 0, ALIAS), 0x94, "It uses a topic alias. MQTT-3.3.2-9"),
        (connected, publish_5("a", "x", 2, 5), 0x9B, "Its message has QoS 2. 3.2.2.3.4"),
        (connected, publish_5("+", "x"), 0x82, "A topic name contains a wildcard. MQTT-4.7.0-1"),
        (connected, b"\x36\0", 0x81, "The QoS is not 0, 1 or 2. MQTT-3.3.1-4"),
        (connected, packet(0xF0, b"\x19" + properties(b"\x15" + field("x"))), 0x82,
         place + " AUTH"),
        (connected, ack(PUBACK, 1), 0x82, place + " PUBACK"),
        (connected, publish_5("a", "x" * 20000), 0x95, "Its packet is larger than 16 KiB. "),
    ):
        with SmallBroker(log=["client 0: " + line]) as broker, broker.client() as client:
            if before:
                client.send(before)
                expect(client.socket, ACCEPTED_5, "CONNACK")
            with contextlib.suppress(ConnectionError):
                client.send(sent)
            answer = packet(0x20, bytes([0, code, 0]))
            expect(client.socket, disconnect_5(code) if before else answer, f"{sent[:30]!r}")
            is_closed(client.socket)
            broker.logs("client 0: " + line)
    with SmallBroker() as broker, client_5(broker, "a") as a:
        with client_5(broker, "a", keep_alive=1) as b:
            expect(a.socket, disconnect_5(TAKEN_OVER), "taken over")
            is_closed(a.socket)
            expect(b.socket, disconnect_5(TIMEOUT), "after silence")
            is_closed(b.socket)


def broker_with_clients_of_both_versions():
    """mosquitto's clients, one of each version: all properties arrive where there are any."""
    user = [word for i in range(3) for word in ("-D", "publish", "user-property", f"k{i}", str(i))]
    user += ["-D", "publish", "response-topic", "answers", "-D", "publish", "content-type", "text",
             "-D", "publish", "correlation-data", "17", "-D", "publish", "payload-format-indicator",
             "1"]
    with SmallBroker(log=[]) as broker, contextlib.ExitStack() as stack:
        mosquitto_pub(broker.port, "-r", "-t", "all/0", "-m", "ready")
        readers = []
        for version in ("mqttv311", "mqttv5"):
            process = stack.enter_context(mosquitto_sub(
                broker.port, "-V", version, "-q", "1", "-t", "all/#", "-C", "401",
                "-F", "%q %t %p %F %R %D %C %P"))
            equal(read_line(process.stdout).split()[:3], [b"0", b"all/0", b"ready"], "retained")
            readers.append(process)
        numbers = b"".join(b"%d\n" % i for i in range(200))
        for version, given in (("mqttv311", []), ("mqttv5", user)):
            mosquitto_pub(broker.port, "-V", version, *given, "-q", "1", "-t", "all/" + version,
                          "-l", data=numbers)
        for process, tail in zip(readers, (b"", b"1 answers 17 text k0:0 k1:1 k2:2")):
            wanted = [b"1 all/mqttv311 %d" % i for i in range(200)]
            wanted += [b"1 all/mqttv5 %d %b" % (i, tail) for i in range(200)]
            got = process.communicate(timeout=SECONDS)[0].splitlines()
            equal([b" ".join(line.split()) for line in got], [line.strip() for line in wanted],
                  "received")


def broker_takes_packets_in_pieces():
    sent = (connect("a") + subscribe(1, ("t/+", 1), ("u", 0)) + publish("t/x", "y", 1, 9) + PINGREQ
            + unsubscribe(2, "t/+"))
    answers = (ACCEPTED + b"\x90\x04\0\x01\x01\0" + publish("t/x", "y", 1, 1) + ack(PUBACK, 9)
               + PINGRESP + ack(UNSUBACK, 2))
    with SmallBroker(log=[]) as broker:
        for step in (1, 7, len(sent)):
            with broker.client() as client:
                for i in range(0, len(sent), step):
                    client.send(sent[i : i + step])
                    if step < 10:
                        time.sleep(0.001)
                expect(client.socket, answers, f"answers, {step} bytes at a time")
                client.leave()


def broker_outlives_slow_clients():
    """It drops a client that does not read, and says so. What this client got has no gaps. The
    others go on, and one that reads late gets everything."""
    messages = [publish("t", b"%015d" % i * (60 if i % 4 else 1)) for i in range(10000)]
    step = 16  # at a time, not more than the server reads at once
    check(len(b"".join(messages[:step])) < 16384, "they are too large")
    with SmallBroker(log=["client 2: It reads or acknowledges too slowly. "]) as broker:
        with broker.client("p") as p, broker.client("s") as s:
            s.subscribe(("t", 0))

            def publish_until(condition):
                """The number of messages after which the condition is met."""
                for i in range(0, len(messages), step):
                    p.send(*messages[i : i + step], PINGREQ)
                    expect(p.socket, PINGRESP)
                    expect(s.socket, b"".join(messages[i : i + step]), "at the other client")
                    if condition(i + step):
                        return i + step
                raise AssertionError("it is never dropped")

            with broker.client("slow", small=True) as slow:
                slow.subscribe(("t", 0))
                limit = publish_until(lambda _: broker.lines())
                got = b"".join(iter(lambda: slow.socket.recv(1 << 20), b""))
            check(b"".join(messages[:limit]).startswith(got), "the slow one got something else")
            check(len(b"".join(messages[:limit])) - len(got) > 1600000, "it is dropped too early")
            for attempt in range(5):
                with broker.client(f"late{attempt}", small=True) as late:
                    late.subscribe(("t", 0))
                    count = publish_until(lambda i: i > limit - 800)
                    begin = time.monotonic()
                    expect(late.socket, b"".join(messages[:count]), "at the late one")
                    seconds = time.monotonic() - begin
                    late.nothing()
                    late.leave()
                if seconds < 0.4:
                    break
            else:
                raise AssertionError("what is left is sent only when other events come")
            s.leave()
            p.leave()


def broker_uses_packet_ids_in_turn():
    """65,535 is followed by 1. A client that leaves as many unacknowledged is dropped."""
    acknowledged, total = 100, 65534 + 100
    with SmallBroker(log=["client 0: It reads or acknowledges too slowly. "]) as broker:
        with broker.client("s") as s, broker.client("p") as p:
            s.subscribe(("t", 1))

            def publish_all():
                for i in range(0, total, 500):
                    p.send(publish("t", "", 1, 1) * min(500, total - i))
                    expect(p.socket, ack(PUBACK, 1) * min(500, total - i), "PUBACKs")

            thread = threading.Thread(target=publish_all)
            thread.start()
            expect(s.socket, b"".join(publish("t", "", 1, i + 1) for i in range(acknowledged)))
            s.send(*(ack(PUBACK, i + 1) for i in range(acknowledged)))
            expect(s.socket, b"".join(publish("t", "", 1, i % 65535 + 1)
                                      for i in range(acknowledged, total)))
            thread.join(SECONDS)
            s.nothing()
            p.send(publish("t", "", 1, 1) * 3)
            expect(p.socket, ack(PUBACK, 1) * 3, "PUBACKs")
            expect(s.socket, publish("t", "", 1, acknowledged), "the last one")
            is_closed(s.socket)
            p.leave()


def broker_checks_its_arguments():
    for arguments in ((), ("0",), ("65536",), ("18x",), ("",), ("1", "2"), ("-1",)):
        equal(run("small_broker", *arguments),
              (1, b"", "small_broker: The argument must be a free port, 1 to 65535.\n"), arguments)
    with listening() as (_, port):
        equal(run("small_broker", port)[::2],
              (1, "small_broker: The argument must be a free port, 1 to 65535.\n"), "port in use")
    done = subprocess.run(["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", PROGRAMS["small_broker"],
                           str(free_port())], capture_output=True, check=False, timeout=SECONDS)
    equal((done.returncode, done.stderr.splitlines()[-1]),
          (1, b"small_broker: poll: Invalid argument"), "fewer files than it needs")
    with SmallBroker(log=[]) as broker:
        try:
            socket.create_connection(("127.0.0.2", broker.port), SECONDS).close()
        except ConnectionRefusedError:
            return
    raise AssertionError("it listens on more than 127.0.0.1")


# ------------------------------------------------------------------------------------------------
# stream_payload
# ------------------------------------------------------------------------------------------------

SIZES = (0, 1, 1023, 1024, 1025, 2048, 5000000)
SENT_STREAM_CONNECT = packet(0x10, field("MQTT") + b"\x04\x02\0\0" + field(""))


def payload(size):
    return random.Random(size).randbytes(size)


def file_with(name, data):
    path = os.path.join(WORK, name)
    pathlib.Path(path).write_bytes(data)
    return path


def start_stream(port, *arguments, **options):
    """stream_payload with a connection as its input and output."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
        connection.settimeout(None)
        return start("stream_payload", *arguments, stdin=connection, stdout=connection, **options)


def stream(port, *arguments):
    return result(start_stream(port, *arguments))[::2]


def stream_sends():
    """From a file, over mosquitto, to mosquitto_sub."""
    for size in SIZES:
        path = file_with(f"send{size}", payload(size))
        with mosquitto_sub(OPEN.port, "-i", f"to{size}", "-q", "1", "-t", f"sent/{size}", "-N",
                           "-C", "1") as process:
            OPEN.wait_for_log(f"Sending SUBACK to to{size}\n")
            equal(stream(OPEN.port, "send", f"sent/{size}", path), (0, ""), f"sending {size} bytes")
            check(process.communicate()[0] == payload(size), f"{size} bytes differ")


def stream_receives():
    """From mosquitto_pub, over mosquitto, to a file. A retained message is there at once."""
    for size in SIZES:
        path = file_with(f"sent{size}", payload(size))
        copy = os.path.join(WORK, f"received{size}")
        message = ["-f", path] if size > 0 else ["-n"]
        if size > 0:
            mosquitto_pub(OPEN.port, "-r", "-q", "1", "-t", f"got/{size}", *message)
            equal(stream(OPEN.port, "receive", f"got/{size}", copy), (0, "subscribed\n"),
                  f"{size} bytes")
        else:
            process = start_stream(OPEN.port, "receive", "got/0", copy)
            OPEN.wait_for_log("got/0 (QoS 1)")
            mosquitto_pub(OPEN.port, "-q", "1", "-t", "got/0", *message)
            equal(result(process)[::2], (0, "subscribed\n"), "0 bytes")
        check(pathlib.Path(copy).read_bytes() == payload(size), f"{size} bytes differ")


def stream_through_bash():
    """The commands of its first comment, from one to the other."""
    path, copy = file_with("film", payload(3000000)), os.path.join(WORK, "copy")
    connection = f"<>/dev/tcp/127.0.0.1/{OPEN.port} >&0"
    program = PROGRAMS["stream_payload"]
    receiver = subprocess.Popen(["bash", "-c", f"{program} receive films/1 {copy} {connection}"],
                                stderr=subprocess.PIPE)
    equal(receiver.stderr.readline(), b"subscribed\n", "receiver, before the message")
    done = subprocess.run(["bash", "-c", f"{program} send films/1 {path} {connection}"],
                          check=False, stderr=subprocess.PIPE, timeout=SECONDS)
    equal((done.returncode, done.stderr), (0, b""), "sender")
    equal((receiver.communicate(timeout=SECONDS)[1], receiver.returncode), (b"", 0), "receiver")
    check(pathlib.Path(copy).read_bytes() == payload(3000000), "the copy differs")


@contextlib.contextmanager
def stream_of_a_script(*arguments):
    """stream_payload, connected to a server that a script plays."""
    with listening() as (listener, port):
        process = start_stream(port, *arguments)
        try:
            with accepted(listener) as server:
                expect(server, SENT_STREAM_CONNECT, "CONNECT")
                yield process, server
        finally:
            end(process)


def stream_sends_these_bytes():
    path = file_with("three", b"abc")
    with stream_of_a_script("send", "t/\u00e9", path) as (process, server):
        is_silent(server)
        server.sendall(ACCEPTED)
        expect(server, publish("t/\u00e9", "abc", 1, 1), "PUBLISH")
        is_silent(server)
        server.sendall(ack(PUBACK, 1))
        expect(server, DISCONNECT)
        equal(skim(server, 1), None, "after the end")
        equal(result(process)[::2], (0, ""), "sender")


def stream_acknowledges_when_the_file_is_written():
    copy = os.path.join(WORK, "acknowledged")
    with stream_of_a_script("receive", "t/#", copy) as (process, server):
        server.sendall(ACCEPTED)
        expect(server, subscribe(1, ("t/#", 1)), "SUBSCRIBE")
        for part in (b"\x90\x03\0\x01\x01", publish("t/1", "x" * 3000, 1, 77)[:-1]):
            for i in range(len(part)):
                server.sendall(part[i : i + 1])
        is_silent(server)
        server.sendall(b"x")
        expect(server, ack(PUBACK, 77))
        equal(pathlib.Path(copy).read_bytes(), b"x" * 3000, "the file")
        expect(server, DISCONNECT)
        equal(result(process)[::2], (0, "subscribed\n"), "receiver")
    with stream_of_a_script("receive", "t", copy) as (process, server):  # QoS 0, and before SUBACK
        server.sendall(ACCEPTED)
        expect(server, subscribe(1, ("t", 1)), "SUBSCRIBE")
        server.sendall(publish("t", "zero"))
        expect(server, DISCONNECT)
        equal(result(process)[::2], (0, ""), "receiver")
        equal(pathlib.Path(copy).read_bytes(), b"zero", "the file")


def stream_needs_little_memory():
    """64 MB have passed, but never as much was in memory."""
    with stream_of_a_script("receive", "t", "/dev/null") as (process, server):
        server.sendall(ACCEPTED)
        expect(server, subscribe(1, ("t", 1)), "SUBSCRIBE")
        server.sendall(b"\x30\x83\x80\x80\x20" + field("t"))
        for _ in range(64):
            server.sendall(bytes((1 << 20) - 1))
        server.sendall(bytes(63))
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        peak = int(status.partition("VmHWM:")[2].split()[0])
        check(peak < 48 * 1024, f"{peak} KiB")
        server.sendall(b"\0")
        expect(server, DISCONNECT)
        equal(result(process)[::2], (0, ""), "receiver")


def stream_says_what_is_wrong():
    copy, path = os.path.join(WORK, "wrong"), file_with("right", b"abc")
    ends = "The server closed the connection."
    for arguments, sent, sentence in (
        (("receive", "t", copy), b"\x20\x02\0\x05", "The server refused the connection."),
        (("receive", "t", copy), b"", ends),
        (("receive", "t", copy), PINGRESP, "The first packet is not CONNACK."),
        (("receive", "t", copy), ACCEPTED + b"\x90\x03\0\x01\x80", "The server refused the "
         "subscription."),
        (("receive", "t", copy), ACCEPTED + PINGRESP, "The server refused the subscription."),
        (("receive", "t", copy), ACCEPTED + publish("t", "abc")[:-1],
         "The payload ends too early."),
        (("receive", "t", copy), ACCEPTED + publish("t" * 1100, "abc"),
         "The topic is longer than the buffer."),
        (("receive", "t", copy), ACCEPTED + publish("+", "abc"),
         "A topic name contains a wildcard."),
        (("receive", "t", copy), ACCEPTED + PINGREQ,
         "This side may not send packets of this type."),
        (("receive", "t", "/dev/full"), ACCEPTED + publish("t", bytes(90000))[:-1],
         "The payload cannot be written."),
        (("receive", "t", "/dev/full"), ACCEPTED + publish("t", "abc"),
         "The payload cannot be written."),
        (("receive", "t/#x", copy), ACCEPTED, "The wildcard # is not a whole level, or not the "
         "last level."),
        (("send", "t/#", path), ACCEPTED, "A topic name contains a wildcard."),
        (("send", "t", path), ACCEPTED, ends),
        (("send", "t", path), ACCEPTED + PINGRESP, "The server did not acknowledge the message."),
    ):
        with stream_of_a_script(*arguments) as (process, server):
            with contextlib.suppress(OSError):  # it may have ended already
                server.sendall(sent)
                server.shutdown(socket.SHUT_WR)
            equal(result(process)[::2], (1, f"stream_payload: {sentence}\n"), (arguments, sent[:9]))
    large = file_with("large", b"")
    os.truncate(large, 268435456)
    with stream_of_a_script("send", "t", large) as (process, server):
        server.sendall(ACCEPTED)
        equal(result(process)[::2], (1, "stream_payload: The packet is too large for a remaining "
                                     "length, or for this machine.\n"), "256 MB")
    with stream_of_a_script("send", "t", large) as (process, server):
        os.truncate(large, 200000000)
        server.sendall(ACCEPTED)
        skim(server, 1000)
        os.truncate(large, 2000)
        while server.recv(1 << 20):
            pass
        equal(result(process)[::2], (1, "stream_payload: The payload ends too early.\n"), "shrunk")
    with stream_of_a_script("send", "t", file_with("big", bytes(20000000))) as (process, server):
        server.sendall(ACCEPTED)
        skim(server, 1000)
        server.close()
        equal(result(process)[::2], (1, "stream_payload: The payload cannot be written.\n"), "cut")


def stream_checks_its_arguments():
    path = file_with("arguments", b"abc")
    usage = "stream_payload: The arguments are: send or receive, TOPIC, FILE.\n"
    for arguments in ((), ("send", "t"), ("recieve", "t", "f"), ("send", "t", "f", "g")):
        equal(run("stream_payload", *arguments), (1, b"", usage), str(arguments))
    equal(run("stream_payload", "send", "t", os.path.join(WORK, "missing")),
          (1, b"", "stream_payload: The file cannot be opened.\n"), "missing file")
    ours, theirs = os.pipe()
    os.close(ours)
    equal(run("stream_payload", "send", "t", path, stdin=subprocess.DEVNULL, stdout=theirs),
          (1, None, "stream_payload: The connection is lost.\n"), "a closed output")
    os.close(theirs)
    ours, theirs = os.pipe()
    with listening() as (listener, port):
        process = start_stream(port, "send", "t", f"/dev/fd/{ours}", pass_fds=[ours])
        with accepted(listener) as server:
            expect(server, SENT_STREAM_CONNECT, "CONNECT")
            server.sendall(ACCEPTED)
            equal(result(process)[::2],
                  (1, "stream_payload: The size of the file is not known.\n"), "a pipe")
    os.close(ours)
    os.close(theirs)


def stream_with_a_wrong_password():
    copy = os.path.join(WORK, "refused")
    equal(stream(GUARDED.port, "receive", "t", copy),
          (1, "stream_payload: The server refused the connection.\n"), "anonymous")


# ------------------------------------------------------------------------------------------------
# rewrite_topics
# ------------------------------------------------------------------------------------------------


def rewrite(old, new, data, **options):
    return run("rewrite_topics", old, new, data=data, **options)


def will_connect(topic):
    return packet(0x10, field("MQTT") + b"\x04\x36\0\0" + field("id/a") + field(topic)
                  + field("id/msg"))


def rewrite_changes_topics():
    """Exact bytes, packet by packet and all in one stream."""
    pairs = [
        (publish("id/x", "id/payload"), publish("new/id/x", "id/payload")),
        (publish("id/", b"\0\xff", 2, 7, dup=True, retain=True),
         publish("new/id/", b"\0\xff", 2, 7, dup=True, retain=True)),
        (publish("id", "x"), publish("id", "x")),
        (publish("xid/", "x"), publish("xid/", "x")),
        (publish("id/" + "x" * 120, "y", 1, 1), publish("new/id/" + "x" * 120, "y", 1, 1)),
        (subscribe(5, ("id/#", 2), ("#", 1), ("+/x", 0), ("id/+/x", 1), ("other", 0)),
         subscribe(5, ("new/id/#", 2), ("#", 1), ("+/x", 0), ("new/id/+/x", 1), ("other", 0))),
        (unsubscribe(6, "+", "id/+", "id/x"), unsubscribe(6, "+", "new/id/+", "new/id/x")),
        (will_connect("id/will"), will_connect("new/id/will")),
        (will_connect("will"), will_connect("will")),
    ]
    same = [connect("id/"), connect("id/", user="id/", password="id/"), ACCEPTED,
            packet(0x90, b"\0\x01\x80\x02"), PINGREQ, PINGRESP, DISCONNECT]
    same += [ack(kind, 0x6964) for kind in (PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK)]
    pairs += [(each, each) for each in same]
    for old, new in pairs:
        equal(rewrite("id/", "new/id/", old), (0, new, ""), f"{old[:20]!r}")
        equal(rewrite("new/id/", "id/", new)[0], 0, f"{new[:20]!r}")
    stream_of_old = b"".join(old for old, _ in pairs)
    stream_of_new = b"".join(new for _, new in pairs)
    equal(rewrite("id/", "new/id/", stream_of_old), (0, stream_of_new, ""), "all")
    equal(rewrite("new/id/", "id/", stream_of_new), (0, stream_of_old, ""), "and back")
    equal(rewrite("", "", stream_of_old), (0, stream_of_old, ""), "nothing to change")
    equal(rewrite("a/", "", publish("a/b", "x")), (0, publish("b", "x"), ""), "removed")
    equal(rewrite("", "a/", subscribe(1, ("#", 1))), (0, subscribe(1, ("a/#", 1)), ""), "added")
    equal(rewrite("a", "b", b""), (0, b"", ""), "an empty input")


def packets_of(data):
    """The packets of a stream: (first byte, body)."""
    while data:
        length = sum((byte & 127) << 7 * i for i, byte in enumerate(header_of(data)))
        start_of_body = 1 + len(header_of(data))
        yield data[0], data[start_of_body : start_of_body + length]
        data = data[start_of_body + length :]


def header_of(data):
    """The bytes of the remaining length."""
    end = 2
    while data[end - 1] & 128:
        end += 1
    return data[1:end]


def with_prefix(data, prefix):
    """A stream in which the prefix stands before each topic."""
    def text(position):
        size = int.from_bytes(body[position : position + 2], "big")
        return body[position + 2 : position + 2 + size]

    changed = b""
    for first, body in packets_of(data):
        kind, places, tail = first >> 4, [], {8: 1, 10: 0}.get(first >> 4)
        if kind == 3:
            places = [0]
        if kind == 1 and body[7] & 4:
            places = [12 + len(text(10))]
        while tail is not None and sum(places[-1:]) < len(body):
            places.append(places[-1] + 2 + len(text(places[-1])) + tail if places else 2)
            if places[-1] == len(body):
                places.pop()
                break
        for place in reversed(places):
            body = body[:place] + field(prefix + text(place)) + body[place + 2 + len(text(place)) :]
        changed += packet(first, body)
    return changed


def rewrite_takes_recorded_sessions():
    """What mosquitto and its clients said, with a prefix for no topic and for each."""
    folder = os.path.join(ROOT, "examples", "captures")
    for name in sorted(os.listdir(folder)):
        if name.endswith(".bin") and not name.startswith("v5-"):  # it reads MQTT 3.1.1
            data = pathlib.Path(folder, name).read_bytes()
            equal(rewrite("no such topic/", "x/", data), (0, data, ""), name)
            equal(rewrite("", "every/one/", data), (0, with_prefix(data, b"every/one/"), ""), name)
    data = pathlib.Path(folder, "filters.client.bin").read_bytes()
    wanted = data.replace(b"\x82\x30", b"\x82\x37").replace(b"\0\x0dhouse/", b"\0\x14street/house/")
    equal(rewrite("house/", "street/house/", data), (0, wanted, ""), "the first comment's command")


def rewrite_passes_large_packets():
    data = payload(5000000)
    equal(rewrite("a", "bb", publish("a", data, 1, 1) + PINGREQ)
          == (0, publish("bb", data, 1, 1) + PINGREQ, ""), True, "5 MB")
    filters = [(f"a/{i:05}", i % 3) for i in range(90000)]
    renamed = [("b" + name[1:], qos) for name, qos in filters]
    equal(rewrite("a/", "b/", subscribe(1, *filters) * 2)
          == (0, subscribe(1, *renamed) * 2, ""), True, "90,000 filters, twice")
    equal(rewrite("a/", "b/", unsubscribe(1, *(name for name, _ in filters)))
          == (0, unsubscribe(1, *(name for name, _ in renamed)), ""), True, "90,000 filters")
    equal(rewrite("a/", "b/", subscribe(1, *filters, *filters[:10000])),
          (1, b"", "rewrite_topics: The input has a packet that is larger than 1 MB.\n"), "1 MB")
    equal(rewrite("a/", "longer/", subscribe(1, *filters)),
          (1, b"", "rewrite_topics: The new topics of a packet are larger than 1 MB.\n"), "1 MB")
    equal(rewrite("a/", "b" * 32500, subscribe(1, *(("a/" + "x" * 30000, 0) for _ in range(16)))),
          (1, b"", "rewrite_topics: The new topics of a packet are larger than 1 MB.\n"), "1 MB")
    equal(rewrite("a/0", "b" * 1000, subscribe(1, *(("c" * 900, 0) for _ in range(1090)),
                                              *(("a/0", 0) for _ in range(40)))),
          (1, b"", "rewrite_topics: The buffer is smaller than the packet.\n"), "1 MB")


def rewrite_refuses():
    """Malformed and incomplete input; what comes before is passed on."""
    before, after = PINGREQ + publish("a/b", "x"), PINGREQ + publish("b/b", "x")
    for data, sentence in (
        (publish("a/#", "x"), "A topic name contains a wildcard."),
        (b"\x30\x02\0\0", "A topic name or topic filter is empty."),
        (b"\xf0", "The packet type is not one of 1 to 14; the others are reserved."),
        (b"\x83\x06\0\x01\0\x01a\0", "The fixed header flags are not valid for this packet type."),
        (b"\x30\x80\x80\x80\x80", "The remaining length has more than four bytes, or is not "
         "possible for this packet."),
        (subscribe(1, ("a/x#", 0)), "The wildcard # is not a whole level, or not the last "
         "level."),
    ):
        equal(rewrite("a", "b", before + data), (1, after, f"rewrite_topics: {sentence}\n"), data)
    for data, whole in ((publish("a/b", "xyz", 1, 1), publish("b/b", "xyz", 1, 1)),
                        (subscribe(1, ("a/b", 0)), None), (ack(PUBACK, 1), None),
                        (connect("x"), None)):
        for size in range(1, len(data)):
            status, out, err = rewrite("a", "b", before + data[:size])
            equal((status, err), (1, "rewrite_topics: The input ends within a packet.\n"),
                  f"{data[:size]!r}")
            check(out.startswith(after) and (whole or b"").startswith(out[len(after) :]),
                  f"{out!r} for {data[:size]!r}")
    for old, new, data, sentence in (
        ("a/b", "", publish("a/b", "x"), "A topic name or topic filter is empty."),
        ("a/", "b", subscribe(1, ("a/#", 0)), "The wildcard # is not a whole level, or not the "
         "last level."),
        ("a/", "b", unsubscribe(1, "a/+"), "The wildcard + is not a whole level."),
        ("a", "x" * 65535, publish("a/b", "x"), "A field is longer than 65,535 bytes."),
        ("a", b"\xff", publish("a/b", "x"), "A string is not well-formed UTF-8."),
        ("a/+", "b", b"", "OLD contains a wildcard."),
        ("#", "b", b"", "OLD contains a wildcard."),
        ("a", "b/#", b"", "NEW contains a wildcard."),
        ("a", "+", b"", "NEW contains a wildcard."),
    ):
        process = subprocess.Popen([PROGRAMS["rewrite_topics"], old, new], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        equal(result(process, data), (1, b"", f"rewrite_topics: {sentence}\n"), (old, new[:9]))
    equal(run("rewrite_topics", "a"), (1, b"", "rewrite_topics: The arguments are OLD and NEW.\n"),
          "arguments")
    with open("/dev/full", "wb") as full:
        for data in PINGREQ, publish("a", "x"):
            equal(rewrite("a", "b", data, stdout=full),
                  (1, None, "rewrite_topics: The output cannot be written.\n"), "full")
    folder = os.open("/", os.O_RDONLY)
    equal(result(start("rewrite_topics", "a", "b", stdin=folder)),
          (1, b"", "rewrite_topics: The input cannot be read.\n"), "a folder")
    os.close(folder)


def rewrite_holds_nothing_back():
    """Each packet is written when it is complete."""
    process = start("rewrite_topics", "a", "b")
    try:
        for data, wanted in ((publish("a", "x"), publish("b", "x")), (PINGREQ, PINGREQ)):
            process.stdin.write(data)
            process.stdin.flush()
            equal(read(process.stdout, len(wanted)), wanted, "before the input ends")
        equal(result(process, b""), (0, b"", ""), "at the end")
    finally:
        end(process)


def rewrite_before_mosquitto():
    """A publisher's session, rewritten on its way to the server."""
    data = pathlib.Path(ROOT, "examples", "captures", "qos1-publish.client.bin").read_bytes()
    status, changed, err = rewrite("sensor/", "moved/sensor/", data)
    equal((status, err), (0, ""), "rewrite_topics")
    with mosquitto_sub(OPEN.port, "-i", "moved", "-q", "1", "-t", "moved/#", "-C", "1", "-F",
                       "%q %t %p") as process:
        OPEN.wait_for_log("Sending SUBACK to moved")
        with socket.create_connection(("127.0.0.1", OPEN.port), SECONDS) as connection:
            connection.sendall(changed)
            equal(process.communicate()[0], b"1 moved/sensor/1/temperature 21.5\n", "at mosquitto")


# ------------------------------------------------------------------------------------------------
# request_response
# ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def request_response(side, *text, topic, given=b""):
    """One side of the pair, subscribed to its topic at a server that a script plays."""
    with listening() as (listener, port):
        process = start("request_response", side, "127.0.0.1", port, *text)
        try:
            with accepted(listener) as server:
                expect(server, packet(0x10, field("MQTT") + b"\5\2\0\0\0" + field("")))
                server.sendall(packet(0x20, b"\0\0" + properties(given)))
                expect(server, subscribe_5(1, (topic, 0)), "SUBSCRIBE")
                yield process, server
        finally:
            end(process)


def responder_answers_requests():
    """To the Response Topic, with the same Correlation Data; not what is no request."""
    with request_response("respond", topic="requests/size") as (_, server):
        to, data = b"\x08" + field("to/a"), b"\x09" + field(b"\0\xff")
        server.sendall(suback_5(1, 0) + publish_5("requests/size", "no request", 0, 0, data)
                       + publish_5("requests/size", "12345", 0, 0, USER + data + to)
                       + publish_5("requests/size", "", 0, 0, to))
        expect(server, publish_5("to/a", "5", 0, 0, data) + publish_5("to/a", "0", 0, 0))


def requester_waits_for_its_response():
    with request_response("request", "hello", topic="responses/me",
                          given=b"\x12" + field("me")) as (process, server):
        server.sendall(suback_5(1, 0))
        start_of_request = field("requests/size") + properties(
            b"\x08" + field("responses/me") + b"\x09" + field(b"12345678"))[:-8]
        sent = skim(server, 2 + len(start_of_request) + 8 + 5)
        equal((sent[0], sent[2:-13], sent[-5:]), (0x30, start_of_request, b"hello"), "request")
        data = sent[-13:-5]
        for other in (b"", b"\x09" + field(data[:-1]), b"\x09" + field(data + b"\0"),
                      b"\x09" + field(bytes(8))):
            server.sendall(publish_5("responses/me", "of another", 0, 0, other))
        is_silent(server, 0.1)
        server.sendall(publish_5("responses/me", "5", 0, 0, b"\x09" + field(data)))
        expect(server, DISCONNECT)
        equal(result(process), (0, b"5\n", ""), "requester")


def request_response_says_what_is_wrong():
    for arguments in ((), ("respond", "a"), ("request", "a", "1"), ("other", "a", "1", "x")):
        equal(run("request_response", *arguments),
              (1, b"", "request_response: The arguments are respond HOST PORT, or request HOST PORT "
               "TEXT.\n"), arguments)
    for port, sentence in ((free_port(), "No server answers."), ("x", "There is no such address.")):
        equal(run("request_response", "respond", "127.0.0.1", port),
              (1, b"", f"request_response: {sentence}\n"), sentence)
    for answer, sentence in (
        (suback_5(1, 0x87), "The server refused the subscription."),
        (b"", "The connection is lost."),
        (b"\x36\0", "The QoS is not 0, 1 or 2."),
        (publish_5("a", "x" * 20000), "A packet is larger than 16 KiB."),
    ):
        with request_response("respond", topic="requests/size") as (process, server):
            with contextlib.suppress(OSError):
                server.sendall(answer)
                server.shutdown(socket.SHUT_WR)
            equal(result(process), (1, b"", f"request_response: {sentence}\n"), repr(answer[:9]))


def request_response_at(port):
    """The pair; each with mosquitto_rr and mosquitto_sub; and a request to nobody."""
    responder = start("request_response", "respond", "127.0.0.1", port)
    try:
        time.sleep(0.5)  # a request before the responder has subscribed waits for seconds
        end_of_wait = time.monotonic() + SECONDS
        while (got := run("request_response", "request", "127.0.0.1", port, "how are you"))[0]:
            check(time.monotonic() < end_of_wait, got)
        equal(got, (0, b"11\n", ""), "requester")
        done = subprocess.run(
            [find("mosquitto_rr"), "-V", "mqttv5", "-h", "127.0.0.1", "-p", str(port),
             "-t", "requests/size", "-e", "answers/rr", "-D", "publish", "correlation-data", "x",
             "-m", "1234567", "-F", "%t %p %D", "-W", "5"],
            capture_output=True, check=False, timeout=SECONDS)
        equal((done.returncode, done.stdout), (0, b"answers/rr 7 x\n"), "mosquitto_rr")
        with mosquitto_sub(port, "-V", "mqttv5", "-t", "requests/#", "-C", "1",
                           "-F", "%p %R") as reader:
            time.sleep(0.3)
            equal(run("request_response", "request", "127.0.0.1", port, "x")[0], 0, "requester")
            check(reader.communicate()[0].startswith(b"x responses/"), "Response Topic")
    finally:
        end(responder)


def request_response_with_mosquitto():
    request_response_at(OPEN.port)


def request_response_with_small_broker():
    with SmallBroker() as broker:
        request_response_at(broker.port)


# ------------------------------------------------------------------------------------------------


def one_call_builds_each():
    """As the first comments say, without a word of the compiler."""
    if shutil.which("cc") is None:
        print("one_call_builds_each: left out, there is no cc")
        return
    for name in PROGRAMS:
        done = subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", "-o",
                               os.path.join(WORK, name + ".built"), f"examples/{name}.c"], cwd=ROOT,
                              capture_output=True, check=False, timeout=60)
        equal((done.returncode, done.stdout, done.stderr), (0, b"", b""), name)


def they_are_small():
    limits = {"small_client": 200, "small_broker": 450, "stream_payload": 120,
              "rewrite_topics": 120, "request_response": 150}
    for name, limit in limits.items():
        lines = pathlib.Path(ROOT, "examples", name + ".c").read_text(encoding="utf-8").count("\n")
        check(lines <= limit, f"{name}.c has {lines} lines")


ALONE = [
    client_keeps_the_connection_alive, broker_keeps_time, client_waits_for_connack_for_some_seconds,
    client_acknowledges, client_takes_packets_in_pieces,
    client_does_not_acknowledge_what_it_cannot_print, client_says_why_it_is_refused,
    client_ends_at_a_bad_server, client_checks_its_arguments, client_speaks_5, client_says_why_in_5,
    client_of_each_version_with_small_broker, broker_grants_and_delivers, broker_retains,
    broker_sends_all_that_is_retained, broker_has_limits, broker_publishes_wills, broker_speaks_5,
    broker_forwards_properties, broker_follows_subscription_options,
    broker_respects_the_clients_limits, broker_publishes_wills_of_5, broker_refuses_in_5,
    broker_knows_clients_by_their_ids, broker_refuses, broker_takes_packets_in_pieces,
    broker_outlives_slow_clients, broker_uses_packet_ids_in_turn, broker_checks_its_arguments,
    stream_sends_these_bytes, stream_acknowledges_when_the_file_is_written,
    stream_needs_little_memory, stream_says_what_is_wrong, stream_checks_its_arguments,
    rewrite_changes_topics, rewrite_takes_recorded_sessions, rewrite_passes_large_packets,
    rewrite_refuses, rewrite_holds_nothing_back, responder_answers_requests,
    requester_waits_for_its_response, request_response_says_what_is_wrong, one_call_builds_each,
    they_are_small,
]  # fmt: skip
WITH_MOSQUITTO = [
    client_with_mosquitto, client_of_5_with_mosquitto, client_with_a_wrong_password,
    client_with_a_refused_subscription, client_leaves_its_will, broker_with_mosquitto_clients,
    broker_with_clients_of_both_versions, stream_sends, stream_receives, stream_through_bash,
    stream_with_a_wrong_password, rewrite_before_mosquitto, request_response_with_mosquitto,
    request_response_with_small_broker,
]  # fmt: skip


def hashed(password):
    """How mosquitto's plugin for dynamic security stores a password."""
    salt, rounds = b"twelve bytes", 101
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
    return {"password": base64.b64encode(key).decode(), "salt": base64.b64encode(salt).decode(),
            "iterations": rounds}


def plugin():
    """The path of mosquitto's plugin that can refuse a subscription, or None."""
    folders = "/usr/lib/*/", "/usr/lib/", "/usr/local/lib/"
    found = [path for folder in folders
             for path in glob.glob(folder + "mosquitto_dynamic_security.so")]
    return found[0] if found else None


def chosen_tests():
    """Those that can run here, and the programs that are missing for the others."""
    programs = ("mosquitto", "mosquitto_pub", "mosquitto_sub", "mosquitto_rr", "mosquitto_passwd")
    missing = [name for name in programs if find(name) is None]
    tests = ALONE if missing else ALONE[:3] + WITH_MOSQUITTO + ALONE[3:]
    if not missing and plugin() is None:
        missing = ["mosquitto_dynamic_security.so"]
        tests = [test for test in tests if test != client_with_a_refused_subscription]
    chosen = [test for test in tests if not sys.argv[7:] or test.__name__ in sys.argv[7:]]
    return chosen, ", ".join(missing)


def start_mosquittos():
    global OPEN, GUARDED, FORBIDDING  # pylint: disable=global-statement
    users = os.path.join(WORK, "users")
    subprocess.run([find("mosquitto_passwd"), "-c", "-b", users, "ann", "s3cret"], check=True)
    os.chmod(users, 0o644)
    rules = os.path.join(WORK, "rules.json")
    acl = {"acltype": "subscribePattern", "topic": "private/#", "allow": False}
    access = ("publishClientSend", "publishClientReceive", "subscribe", "unsubscribe")
    pathlib.Path(rules).write_text(json.dumps({
        "defaultACLAccess": {name: True for name in access},
        "clients": [{"username": "ann", "roles": [{"rolename": "guest"}], **hashed("s3cret")}],
        "roles": [{"rolename": "guest", "acls": [acl]}],
    }), encoding="ascii")
    os.chmod(rules, 0o644)
    OPEN = Broker(WORK, "open", "allow_anonymous true")
    GUARDED = Broker(WORK, "guarded", f"allow_anonymous false\npassword_file {users}")
    if plugin():
        FORBIDDING = Broker(WORK, "forbidding", "allow_anonymous false\n"
                            f"plugin {plugin()}\nplugin_opt_config_file {rules}")


def run_one(test):
    begin = time.monotonic()
    try:
        test()
        said = "ok"
    except Exception as error:  # pylint: disable=broad-exception-caught
        line = error.__traceback__.tb_next.tb_lineno if error.__traceback__.tb_next else 0
        said = f"FAILED, line {line}: {type(error).__name__}: {str(error)[:2000]}"
    print(f"{test.__name__}: {said} ({time.monotonic() - begin:.1f} s)", flush=True)
    return said == "ok"


def main():
    global ROOT, PROGRAMS, WORK  # pylint: disable=global-statement
    if len(sys.argv) < 7:
        sys.exit(__doc__)
    names = ("small_client", "small_broker", "stream_payload", "rewrite_topics", "request_response")
    ROOT = os.path.abspath(sys.argv[1])
    PROGRAMS = {name: os.path.abspath(path) for name, path in zip(names, sys.argv[2:7])}
    tests, missing = chosen_tests()
    if not tests:
        sys.exit("There is no such test.")
    with tempfile.TemporaryDirectory() as WORK:
        os.chmod(WORK, 0o755)  # mosquitto, started as root, reads its files as another user
        try:
            if any(test in WITH_MOSQUITTO for test in tests):
                start_mosquittos()
            with concurrent.futures.ThreadPoolExecutor(6) as pool:
                passed = list(pool.map(run_one, tests))
        finally:
            for broker in filter(None, (OPEN, GUARDED, FORBIDDING)):
                broker.stop()
    print(f"{sum(passed)} of {len(passed)} tests passed")
    if missing:
        print(f"skipped: needs {missing}")
    return 1 if not all(passed) else SKIPPED if missing else 0


if __name__ == "__main__":
    sys.exit(main())
