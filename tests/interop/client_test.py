#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests mqtt_client against mosquitto, its clients, and a proxy that cuts connections.

    python3 tests/interop/client_test.py PATH_OF_MQTT_CLIENT

Every message must arrive as it was sent, byte for byte and as often as its QoS allows, and every
run must end with the exit status that is documented. Exits 77 if mosquitto is not installed.
"""

import os
import queue
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HOST = "127.0.0.1"
PATIENCE = 20  # seconds until a wait is a failure; nothing that works takes as long


class Failure(Exception):
    pass


def check(condition, message):
    if not condition:
        raise Failure(message)


def wait_for(condition, message):
    end = time.monotonic() + PATIENCE
    while not condition():
        check(time.monotonic() < end, message)
        time.sleep(0.01)


def listen(port=0):
    return socket.create_server((HOST, port))


class Broker:
    """A mosquitto on a port of its own; its log says when a client is subscribed."""

    def __init__(self, directory, name, access, port=0):
        for attempts_left in (2, 1, 0):
            with listen(port) as probe:
                self.port = probe.getsockname()[1]
            try:
                self.start(directory, name, access)
                return
            except Failure:  # somebody else may have got the port
                if attempts_left == 0:
                    raise

    def start(self, directory, name, access):
        config = os.path.join(directory, name + ".conf")
        self.log_path = os.path.join(directory, name + ".log")
        with open(config, "w", encoding="ascii") as file:
            file.write(f"listener {self.port} {HOST}\n{access}\nmax_inflight_messages 1000\n"
                       "queue_qos0_messages true\nlog_dest stderr\nlog_type all\n")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([find("mosquitto"), "-c", config], stdout=log,
                                            stderr=subprocess.STDOUT)
        try:
            wait_for(self.answers, "mosquitto does not start: " + self.log())
        except Failure:
            self.stop()
            raise

    def answers(self):
        check(self.process.poll() is None, "mosquitto has ended: " + self.log())
        try:
            socket.create_connection((HOST, self.port), PATIENCE).close()
        except ConnectionRefusedError:
            return False
        return True

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_for_log(self, text):
        wait_for(lambda: text in self.log(), f"mosquitto never logs: {text}")

    def stop(self):
        self.process.kill()
        self.process.wait()


def find(name):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    return shutil.which(name, path=path)


def skim(reader, count):
    """Reads `count` bytes, None at the end of the stream."""
    result = b""
    while len(result) < count:
        more = reader.recv(count - len(result))
        if not more:
            return None
        result += more
    return result


class Proxy:
    """Between clients and a broker. It passes packets on one by one and cuts its first connection
    behind the `number`-th from `side`, or in the midst of a packet, behind `size` bytes of it."""

    def __init__(self, port, side, number, size=None):
        self.target = port
        self.cut = (side, number, size)
        self.has_cut = False
        self.connections = 0
        self.sockets = []
        self.server = listen()
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.server.accept()[0]
                broker = socket.create_connection((HOST, self.target), PATIENCE)
            except OSError:
                return
            self.connections += 1
            self.sockets += [client, broker]
            for side, source, sink in (("client", client, broker), ("server", broker, client)):
                source.settimeout(PATIENCE)
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                cut = self.cut if self.connections == 1 and side == self.cut[0] else None
                threading.Thread(target=self.carry, args=(source, sink, cut), daemon=True).start()

    def carry(self, source, sink, cut):
        number = 0
        try:
            while True:
                packet = self.read_packet(source)
                if packet is None:
                    break
                number += 1
                is_cut = cut is not None and number == cut[1]
                if is_cut and cut[2] is not None:
                    packet = packet[:cut[2]]
                if is_cut:
                    self.has_cut = True
                sink.sendall(packet)
                if is_cut:
                    source.shutdown(socket.SHUT_RDWR)
                    sink.shutdown(socket.SHUT_RDWR)
                    return
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    @staticmethod
    def read_packet(source):
        packet = skim(source, 2)
        shift = 0
        if packet is None:
            return None
        length = packet[1] & 0x7F
        while packet[-1] & 0x80:
            more = skim(source, 1)
            if more is None:
                return None
            packet += more
            shift += 7
            length |= (more[0] & 0x7F) << shift
        if length == 0:
            return packet
        body = skim(source, length)
        return None if body is None else packet + body

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for end in self.sockets:
            end.close()


class Listener:
    """A mosquitto_sub whose lines can be waited for."""

    def __init__(self, broker, name, topic):
        self.lines = queue.Queue()
        self.process = subprocess.Popen(
            [find("mosquitto_sub"), "-h", HOST, "-p", str(broker.port), "-i", name, "-q", "2",
             "-t", topic], stdout=subprocess.PIPE)
        threading.Thread(target=self.read, daemon=True).start()
        broker.wait_for_log(f"Sending SUBACK to {name}")

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip(b"\n"))

    def until(self, last):
        """The lines before `last`."""
        result = []
        while True:
            try:
                line = self.lines.get(timeout=PATIENCE)
            except queue.Empty:
                raise Failure(f"{last} does not arrive, but {result}") from None
            if line == last:
                return result
            result.append(line)

    def stop(self):
        self.process.kill()
        self.process.wait()


class Test:
    def __init__(self, client, directory):
        self.client = client
        self.directory = directory
        self.broker = None
        self.children = []

    # How programs are run

    def command(self, *arguments, port=None):
        return [self.client, arguments[0], "-h", HOST, "-p", str(port or self.broker.port),
                *arguments[1:]]

    def run(self, *arguments, status=0, data=b"", port=None):
        """Runs mqtt_client and returns what it prints."""
        done = subprocess.run(self.command(*arguments, port=port), input=data, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=2 * PATIENCE)
        self.stderr = done.stderr.decode(errors="replace")
        check(done.returncode == status,
              f"mqtt_client {' '.join(arguments)[:200]}: exit status {done.returncode}, not "
              f"{status}; {self.stderr}")
        return done.stdout

    def start(self, *arguments, name, port=None, stdin=subprocess.DEVNULL):
        """Starts mqtt_client sub as client `name`, and waits until it is subscribed."""
        child = subprocess.Popen(self.command(*arguments, "-i", name, port=port), stdin=stdin,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.children.append(child)
        self.broker.wait_for_log(f"Sending SUBACK to {name}")
        return child

    @staticmethod
    def finish(child, status=0):
        output, errors = child.communicate(timeout=2 * PATIENCE)
        check(child.returncode == status,
              f"mqtt_client: exit status {child.returncode}, not {status}; {errors}")
        return output

    def mosquitto(self, program, *arguments, status=0, data=None):
        done = subprocess.run([find("mosquitto_" + program), "-h", HOST, "-p",
                               str(self.broker.port), *arguments], input=data, check=False,
                              stdout=subprocess.PIPE, timeout=2 * PATIENCE)
        check(done.returncode == status,
              f"mosquitto_{program} {' '.join(arguments)}: exit status {done.returncode}")
        return done.stdout

    def subscribe_and_leave(self, name, topic):
        """Leaves a session in which the broker gathers messages."""
        self.mosquitto("sub", "-c", "-i", name, "-q", "2", "-t", topic, "-E")

    # What is tested

    def test_every_qos(self):
        for qos in "012":
            name, topic, text = "mosquitto" + qos, "out/" + qos, "température " + qos
            self.subscribe_and_leave(name, topic)
            self.run("pub", "-t", topic, "-q", qos, "-m", text)
            self.run("pub", "-t", topic, "-q", qos, "-n")
            self.run("pub", "-t", topic, "-q", qos, "-l", data=b"one\n\ntwo\nthree")
            got = self.mosquitto("sub", "-c", "-i", name, "-q", "2", "-t", topic, "-C", "6", "-W",
                                 str(PATIENCE), "-F", "%q %l %p")
            expected = [(text, len(text.encode())), ("", 0), ("one", 3), ("", 0), ("two", 3),
                        ("three", 5)]
            expected = "".join(f"{qos} {length} {line}\n" for line, length in expected)
            check(got.decode() == expected, f"QoS {qos} to mosquitto_sub: {got}")

            child = self.start("sub", "-v", "-q", qos, "-t", "in/" + qos, "-t", "other", "-C", "3",
                               name="in" + qos)
            for more in (["-m", text], ["-n"], ["-m", "end"]):
                self.mosquitto("pub", "-t", "in/" + qos, "-q", qos, *more)
            got = self.finish(child).decode()
            check(got == f"in/{qos} {text}\nin/{qos} \nin/{qos} end\n", f"QoS {qos}: {got}")

    def test_many_lines(self):
        lines = b"".join(b"%d %s\n" % (i, b"x" * (i * 37 % 6000)) for i in range(1000))
        for qos in "012":
            child = self.start("sub", "-q", qos, "-t", "lines", "-C", "1000", name="lines" + qos)
            self.run("pub", "-t", "lines", "-q", qos, "-l", data=lines)
            check(self.finish(child) == lines, f"1000 lines at QoS {qos} differ")

    def test_retained(self):
        self.run("pub", "-t", "kept", "-q", "1", "-r", "-m", "value")
        check(self.run("sub", "-t", "kept", "-C", "1", "-N") == b"value", "retained by mqtt_client")
        got = self.mosquitto("sub", "-t", "kept", "-C", "1", "-W", str(PATIENCE), "-F", "%r %p")
        check(got == b"1 value\n", f"retained, at mosquitto_sub: {got}")
        command = ["sh", "-c", 'exec "$@" >&-', "sh", *self.command("sub", "-t", "kept")]
        done = subprocess.run(command, stderr=subprocess.PIPE, check=False, timeout=PATIENCE)
        check(done.returncode == 1 and b"Standard output" in done.stderr, f"no output: {done}")
        self.run("pub", "-t", "kept", "-r", "-n")
        check(self.run("sub", "-t", "kept", "-W", "1", status=27) == b"", "removed")

    def test_will(self):
        child = self.start("sub", "-t", "wills", "-C", "1", "-v", name="heir")
        dying = self.start("sub", "-t", "any", "--will-topic", "wills", "--will-payload", "gone",
                           "--will-qos", "1", "--will-retain", name="dying")
        dying.kill()
        check(self.finish(child) == b"wills gone\n", "the will")
        check(self.run("sub", "-t", "wills", "-C", "1") == b"gone\n", "the retained will")
        child = self.start("sub", "-t", "any", "--will-topic", "unneeded", "--will-payload", "x",
                           "--will-retain", name="leaving")
        child.send_signal(signal.SIGTERM)
        self.finish(child)
        self.run("sub", "-t", "unneeded", "-W", "1", status=27)

    def test_large_payloads(self):
        data = random.Random(1).randbytes(5000000)
        path = os.path.join(self.directory, "payload")
        with open(path, "wb") as file:
            file.write(data)
        for qos, name in (("2", "large2"), ("0", "large0")):
            self.subscribe_and_leave(name, "large")
            self.run("pub", "-t", "large", "-q", qos, "-f", path)
            self.run("pub", "-t", "large", "-q", qos, "-s", data=data)
            got = self.mosquitto("sub", "-c", "-i", name, "-q", "2", "-t", "large", "-C", "2", "-W",
                                 str(PATIENCE), "-N")
            check(got == data + data, f"5 MB to mosquitto_sub at QoS {qos}")
            child = self.start("sub", "-q", qos, "-t", "large", "-C", "2", "-v", "-N",
                               name="reader" + qos)
            self.mosquitto("pub", "-t", "large", "-q", qos, "-f", path)
            self.mosquitto("pub", "-t", "large", "-q", qos, "-s", data=data)
            check(self.finish(child) == (b"large " + data) * 2, f"5 MB received at QoS {qos}")
        return data, path

    def test_large_payloads_cut(self):
        """The connection breaks within a payload."""
        data, path = self.test_large_payloads()
        self.subscribe_and_leave("whole", "large")
        proxy = Proxy(self.broker.port, "client", 2, 1000000)
        self.run("pub", "-t", "large", "-q", "2", "-c", "-i", "cut-pub", "-f", path,
                 port=proxy.port)
        check(proxy.has_cut and proxy.connections == 2, "not cut")
        proxy.close()
        self.mosquitto("pub", "-t", "large", "-q", "2", "-m", "end")
        proxy = Proxy(self.broker.port, "server", 2, 1000000)
        got = self.run("sub", "-q", "2", "-t", "large", "-c", "-i", "whole", "-C", "2",
                       port=proxy.port)
        check(proxy.has_cut and proxy.connections == 2, "not cut")
        proxy.close()
        check(got == data + b"\nend\n", "5 MB with a cut in the payload")

    def test_exit_statuses(self):
        begin = time.monotonic()
        self.run("sub", "-t", "silence", "-W", "1", status=27)
        check(0.9 < time.monotonic() - begin < PATIENCE, "-W 1 is not a second")
        for arguments in ((), ("pub",), ("pub", "-t", "a"), ("pub", "-t", "a", "-m", "b", "-n"),
                          ("pub", "-t", "a/#", "-m", "b"), ("sub", "-t", "a#"),
                          ("sub", "-t", "a", "-q", "3"), ("sub", "-t", "a", "-c"),
                          ("sub", "-t", "a", "-P", "b"), ("sub", "-t", "a", "--will-qos", "1"),
                          ("sub", "-t", "a", "-k", "65536"), ("sub", "-t"), ("sub", "--nothing"),
                          ("sub", "-t", "a", "-p", "x"), ("sub", "-t", "a", "-p", "0"),
                          ("pub", "-t", "a", "-f", os.path.join(self.directory, "missing"))):
            done = subprocess.run([self.client, *arguments], stderr=subprocess.PIPE, check=False,
                                  timeout=PATIENCE)
            check(done.returncode == 1 and done.stderr.startswith(b"mqtt_client: "),
                  f"{arguments}: {done}")
        check(b"--will-topic" in subprocess.check_output([self.client, "--help"]), "--help")
        with listen() as probe:
            port = probe.getsockname()[1]
        self.run("pub", "-t", "a", "-m", "b", status=2, port=port)
        child = self.start("sub", "-t", "a", name="interrupted")
        child.send_signal(signal.SIGINT)
        self.finish(child)
        wait_for(lambda: "Received DISCONNECT from interrupted" in self.broker.log(),
                 "SIGINT without DISCONNECT")

    def serve(self, *answers):
        """A server that answers to one connection, and then reads until its end."""
        def run():
            with server, server.accept()[0] as connection:
                for answer in answers:
                    Proxy.read_packet(connection)
                    connection.sendall(answer)
                while connection.recv(65536):
                    pass
        server = listen()
        threading.Thread(target=run, daemon=True).start()
        return server.getsockname()[1]

    def test_bad_servers(self):
        accepted = b"\x20\x02\x00\x00"
        for answers, status, message in (
                ([b"\x20\x02\x00\x06"], 3, "3.2.2.3"), ([b"\x90\x03\x00\x01\x00"], 3, "3.2.0-1"),
                ([b"\x20\x02\x01\x00"], 3, "3.2.2-1"), ([b"\x20\x02\x00\x03"], 2, "unavailable"),
                ([accepted, accepted], 3, "3.2.0-1"), ([accepted, b"\x31\x00"], 3, "["),
                ([accepted, b"\x90\x04\x00\x01\x00\x00"], 3, "3.8.4-5"),
                ([accepted, b"\x90\x03\x00\x02\x00"], 3, "3.8.4-2"),
                ([accepted, b"\x90\x03\x00\x01\x80"], 2, "refused the subscription"),
                ([accepted, b"\x90\x03\x00\x01\x00"], 2, "PINGREQ")):
            self.run("sub", "-t", "a", "-k", "1", "--retries", "0", status=status,
                     port=self.serve(*answers))
            check(message in self.stderr, f"{answers}: {self.stderr}")

    def test_keep_alive(self):
        child = self.start("sub", "-t", "late", "-k", "1", "-C", "1", name="patient")
        wait_for(lambda: self.broker.log().count("Sending PINGRESP to patient") >= 3, "no pings")
        self.mosquitto("pub", "-t", "late", "-m", "at last")
        check(self.finish(child) == b"at last\n", "after three PINGREQ")

    def test_kept_session(self):
        child = self.start("sub", "-q", "1", "-t", "queue", "-c", name="sleeper")
        child.send_signal(signal.SIGTERM)
        self.finish(child)
        for text in ("one", "two", "three"):
            self.mosquitto("pub", "-t", "queue", "-q", "1", "-m", text)
        for count, expected in ((2, b"one\ntwo\n"), (1, b"three\n")):
            got = self.run("sub", "-q", "1", "-t", "queue", "-c", "-i", "sleeper", "-C", str(count))
            check(got == expected, f"the kept session: {got}")

    def test_passwords(self):
        path = os.path.join(self.directory, "passwords")
        open(path, "w", encoding="ascii").close()
        subprocess.run([find("mosquitto_passwd"), "-b", path, "me", "secret"], check=True,
                       timeout=PATIENCE)
        os.chmod(path, 0o644)
        broker = Broker(self.directory, "closed", "password_file " + path)
        try:
            publish = ("pub", "-t", "a", "-q", "1", "-m", "b")
            self.run(*publish, "-u", "me", "-P", "secret", port=broker.port)
            self.run(*publish, "-u", "me", "-P", "wrong", status=2, port=broker.port)
            check("refused" in self.stderr, f"the refusal: {self.stderr}")
            self.run(*publish, status=2, port=broker.port)
        finally:
            broker.stop()

    def test_restarted_broker(self):
        """The subscription is made again on a broker that knows nothing of it."""
        broker = Broker(self.directory, "first", "allow_anonymous true")
        child = subprocess.Popen(self.command("sub", "-t", "a", "-C", "1", "-i", "faithful",
                                              port=broker.port),
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.children.append(child)
        try:
            broker.wait_for_log("Sending SUBACK to faithful")
            broker.stop()
            broker = Broker(self.directory, "second", "allow_anonymous true", broker.port)
            broker.wait_for_log("Sending SUBACK to faithful")
            self.run("pub", "-t", "a", "-m", "again", port=broker.port)
            check(self.finish(child) == b"again\n", "after the restart")
        finally:
            broker.stop()

    def cuts(self, least=5):
        """Proxies that cut behind every packet in turn, as long as there was one to cut behind."""
        for side in ("client", "server"):
            number = 1
            while True:
                proxy = Proxy(self.broker.port, side, number)
                yield f"cut-{side}-{number}", proxy
                proxy.close()
                if not proxy.has_cut:
                    break
                number += 1
            check(number >= least, f"only {number - 1} packets from the {side}")

    def test_cut_publisher(self):
        listener = Listener(self.broker, "witness", "cut/pub/#")
        try:
            for name, proxy in self.cuts():
                expected = [f"{name} {i}".encode() for i in range(3)]
                self.run("pub", "-q", "2", "-t", "cut/pub/" + name, "-c", "-i", name, "-l",
                         data=b"\n".join(expected), port=proxy.port)
                self.run("pub", "-q", "2", "-t", "cut/pub/end", "-m", "end of " + name)
                got = listener.until(b"end of " + name.encode())
                check(got == expected, f"{name}: {got}")
        finally:
            listener.stop()

    def test_cut_subscriber(self):
        for name, proxy in self.cuts():
            name = "sub-" + name
            topic = "cut/" + name
            expected = b"".join(b"%s %d\n" % (name.encode(), i) for i in range(3))
            self.subscribe_and_leave(name, topic)
            self.run("pub", "-q", "2", "-t", topic, "-l", data=expected)
            subscribe = ("sub", "-q", "2", "-t", topic, "-c", "-i", name, "-C")
            got = self.run(*subscribe, "3", port=proxy.port)
            check(got == expected, f"{name}: {got}")
            self.run("pub", "-q", "2", "-t", topic, "-m", "end")
            got = self.run(*subscribe, "1")
            check(got == b"end\n", f"{name}, afterwards: {got}")

    def test_cut_clean_session(self):
        """At QoS 1 a message may arrive twice, but it arrives; the packets begin anew."""
        listener = Listener(self.broker, "watcher", "clean/#")
        try:
            for name, proxy in self.cuts(least=3):
                expected = [f"{name} {i}".encode() for i in range(3)]
                self.run("pub", "-q", "1", "-t", "clean/a", "-l", data=b"\n".join(expected),
                         port=proxy.port)
                self.run("pub", "-q", "2", "-t", "clean/end", "-m", "end of " + name)
                got = listener.until(b"end of " + name.encode())
                check(sorted(set(got)) == expected and len(got) <= 6, f"{name}: {got}")
        finally:
            listener.stop()

    def test_resent_packets(self):
        """After PUBREC for the second of three messages the server closes: what is sent then?"""
        def answer(connection, session_present):
            packets = [Proxy.read_packet(connection)]
            connection.sendall(bytes((0x20, 2, session_present, 0)))
            packets += [Proxy.read_packet(connection) for _ in range(3)]
            return packets

        def serve(session_present):
            with server.accept()[0] as connection:
                packets = answer(connection, 0)
                connection.sendall(b"\x50\x02" + packets[2][5:7])
                packets += [Proxy.read_packet(connection)]
            with server.accept()[0] as connection:
                seen.put((packets, answer(connection, session_present)))

        for session_present in (1, 0):
            seen = queue.Queue()
            with listen() as server:
                threading.Thread(target=serve, args=(session_present,), daemon=True).start()
                self.run("pub", "-q", "2", "-t", "a", "-c", "-i", "b", "-l", "--retries", "1",
                         data=b"1\n2\n3\n", status=2, port=server.getsockname()[1])
                before, after = seen.get(timeout=PATIENCE)
            ids = [packet[5:7] for packet in before[1:4]]
            expected = [b"\x34\x06\x00\x01a" + ids[i] + b"%d" % (i + 1) for i in range(3)]
            check(before[1:4] == expected and len(set(ids)) == 3, f"sent: {before}")
            check(before[4] == b"\x62\x02" + ids[1], f"after PUBREC: {before}")
            if session_present:
                expected = [b"\x62\x02" + ids[1], b"\x3c\x06\x00\x01a" + ids[0] + b"1",
                            b"\x3c\x06\x00\x01a" + ids[2] + b"3"]
                check(after[1:] == expected, f"sent again: {after}")
            else:
                check(sorted(packet[7:] for packet in after[1:]) == [b"1", b"2", b"3"] and
                      all(packet[0] == 0x34 for packet in after[1:]), f"sent anew: {after}")

    def test_slow_reader(self):
        """While nobody reads the output, the connection is kept alive."""
        data = random.Random(2).randbytes(3000000)
        child = self.start("sub", "-q", "1", "-t", "slow", "-C", "2", "-N", "-k", "1", name="slow")
        self.mosquitto("pub", "-t", "slow", "-q", "1", "-s", data=data)
        self.mosquitto("pub", "-t", "slow", "-q", "1", "-m", "end")
        wait_for(lambda: self.broker.log().count("Received PINGREQ from slow") >= 3, "no pings")
        check(self.finish(child) == data + b"end", "3 MB, read late")
        check(self.broker.log().count("Sending CONNACK to slow") == 1, "reconnected")

    def run_all(self):
        self.broker = Broker(self.directory, "open", "allow_anonymous true")
        try:
            for name in ("exit_statuses", "every_qos", "many_lines", "retained", "will",
                         "large_payloads_cut", "bad_servers", "keep_alive", "kept_session",
                         "passwords", "resent_packets", "slow_reader", "restarted_broker",
                         "cut_publisher", "cut_subscriber", "cut_clean_session"):
                begin = time.monotonic()
                try:
                    getattr(self, "test_" + name)()
                except (Failure, OSError, subprocess.SubprocessError) as error:
                    raise Failure(f"{name}: {error}") from error
                print(f"{name}: {time.monotonic() - begin:.1f} s", flush=True)
        finally:
            for child in self.children:
                if child.poll() is None:
                    child.kill()
                    child.wait()
            self.broker.stop()


def main():
    if len(sys.argv) != 2:
        print("usage: client_test.py PATH_OF_MQTT_CLIENT")
        return 1
    for program in ("mosquitto", "mosquitto_pub", "mosquitto_sub", "mosquitto_passwd"):
        if find(program) is None:
            print(f"skipped: {program} is not installed")
            return 77
    # mosquitto, started as root, reads its files as another user.
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        try:
            Test(os.path.abspath(sys.argv[1]), directory).run_all()
        except Failure as failure:
            print(f"client_test.py: {failure}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
