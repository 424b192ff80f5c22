#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests mqtt_client against mosquitto, its clients, and a proxy that cuts connections.

    python3 tests/examples/client_test.py PATH_OF_MQTT_CLIENT

Every message must arrive as it was sent, byte for byte and as often as its QoS allows, and every
run must end with the exit status that is documented. Exits 77 if mosquitto is not installed. What a
broker would not show is compared with the bytes that a scripted server gets.

With MQTT_TAP=PATH_OF_MQTT_TAP in the environment, mqtt_tap --reencode stands before every broker.
"""

import contextlib
import os
import queue
import random
import re
import resource
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


# Without a broker nothing passes through a tap; these are left out if there is one.
SCRIPTED = "a script is the server"
NOT_TAPPED = {"sent_packets": SCRIPTED, "received_packets": SCRIPTED, "bad_servers": SCRIPTED,
              "errors_of_its_own": SCRIPTED, "resent_packets": SCRIPTED,
              "resumed_subscriber": SCRIPTED, "unused_packet_ids": SCRIPTED,
              "options_before_the_command": SCRIPTED, "debug": SCRIPTED,
              "without_retained_messages": SCRIPTED, "message_that_is_refused": SCRIPTED,
              "wrong_acknowledgements": SCRIPTED, "unknown_acknowledgements": SCRIPTED,
              "acknowledging_publisher": SCRIPTED, "pings": SCRIPTED,
              "server_that_does_not_close": SCRIPTED}


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
        self.tap = None
        tap = os.environ.get("MQTT_TAP")
        for attempts_left in (2, 1, 0):
            with listen(0 if tap else port) as probe:
                self.port = probe.getsockname()[1]
            try:
                self.start(directory, name, access)
                break
            except Failure:  # somebody else may have got the port
                if attempts_left == 0:
                    raise
        if tap:
            self.start_tap(tap, port)

    def start_tap(self, program, port):
        """From here on `port` is that of the tap."""
        with open(self.log_path + ".tap", "w+b") as log:
            self.tap = subprocess.Popen(
                [program, "--reencode", "--listen", str(port), "--to", f"{HOST}:{self.port}"],
                stdout=subprocess.DEVNULL, stderr=log)
            try:
                wait_for(lambda: log.seek(0) == 0 and b"\n" in log.read(), "no port of the tap")
                log.seek(0)
                self.port = int(re.search(rb"port (\d+)\n", log.read())[1])
            except (Failure, TypeError):
                self.stop()
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
        for process in filter(None, (self.tap, self.process)):
            process.kill()
            process.wait()


def find(name):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    return shutil.which(name, path=path)


def publish(first_byte, packet_id, payload, topic=b"a"):
    """A PUBLISH of less than 128 bytes."""
    body = len(topic).to_bytes(2, "big") + topic
    body += packet_id.to_bytes(2, "big") if first_byte & 6 else b""
    return bytes((first_byte, len(body + payload))) + body + payload


def acknowledgement(first_byte, packet_id):
    return bytes((first_byte, 2)) + packet_id.to_bytes(2, "big")


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
    after the `number`-th from `side`, or in the midst of a packet, after `size` bytes of it."""

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

    def run(self, *arguments, status=0, data=b"", port=None, prefix=()):
        """Runs mqtt_client, with `data`, or a file of it, as its input; returns what it prints."""
        source = {"input": data} if isinstance(data, bytes) else {"stdin": data}
        done = subprocess.run([*prefix, *self.command(*arguments, port=port)], **source,
                              check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=2 * PATIENCE)
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

    def talk(self, *scripts, arguments, status=0, data=b"", prefix=()):
        """Runs mqtt_client with a server that answers to a connection for each of `scripts`, whose
        n-th element, or what it makes of the packets so far, is sent after the n-th packet. Then
        the server reads to the end, or closes if the last element is None. Returns the packets that
        the client has sent on each connection; what it has printed is self.printed."""
        seen = [[] for _ in scripts]

        def converse(connection, packets, script):
            for answer in script:
                packets.append(Proxy.read_packet(connection))
                if answer is None:
                    return
                connection.sendall(answer(packets) if callable(answer) else answer)
            packets.extend(iter(lambda: Proxy.read_packet(connection), None))

        def serve():
            for packets, script in zip(seen, scripts):
                with contextlib.suppress(OSError), server.accept()[0] as connection:
                    connection.settimeout(PATIENCE)
                    converse(connection, packets, script)

        with listen() as server:
            server.settimeout(PATIENCE)
            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            self.printed = self.run(*arguments, status=status, data=data, prefix=prefix,
                                    port=server.getsockname()[1])
            thread.join(PATIENCE)
        return seen

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
            check(got == data + data, f"5 MB to mosquitto_sub at QoS {qos} [MQTT-7.1.2-1]")
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

    def test_endless_input(self):
        """No more is copied to the temporary file than a packet can hold, 256 MB."""
        for option in "-s", "-l":
            with open("/dev/zero", "rb") as zeros:
                self.run("pub", "-t", "a", option, status=1, data=zeros,
                         prefix=("sh", "-c", 'ulimit -f 530000; exec "$@"', "sh"))
            check("The packet is too large" in self.stderr, f"{option}: {self.stderr}")

    def test_fifo(self):
        """It may have no writer yet: the time is over all the same, or a message comes later."""
        path = os.path.join(self.directory, "fifo")
        os.mkfifo(path)
        self.run("pub", "-t", "fifo", "-f", path, "-W", "1", status=27)
        child = self.start("sub", "-t", "fifo", "-C", "1", name="reader")
        publisher = subprocess.Popen(self.command("pub", "-t", "fifo", "-f", path, "-i", "writer"))
        self.children.append(publisher)
        self.broker.wait_for_log("Sending CONNACK to writer")
        with open(path, "wb") as fifo:
            fifo.write(b"one, ")
            fifo.flush()
            time.sleep(0.1)
            fifo.write(b"two")
        check(self.finish(child) == b"one, two\n", "through the FIFO")
        self.finish(publisher)

    def test_server_that_does_not_close(self):
        """After SIGINT the client waits for it without using the processor."""
        with listen() as server:
            server.settimeout(PATIENCE)
            child = subprocess.Popen(self.command("sub", "-t", "a", port=server.getsockname()[1]))
            self.children.append(child)
            with server.accept()[0] as connection:
                connection.settimeout(PATIENCE)
                Proxy.read_packet(connection)
                connection.sendall(b"\x20\x02\x00\x00")
                Proxy.read_packet(connection)
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                child.send_signal(signal.SIGINT)
                check(Proxy.read_packet(connection) == b"\xe0\x00", "SIGINT without DISCONNECT")
                self.finish(child)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        check(used < 0.3, f"{used:.2f} s of the processor")

    def test_exit_statuses(self):
        begin = time.monotonic()
        self.run("sub", "-t", "silence", "-W", "1", status=27)
        check(0.9 < time.monotonic() - begin < PATIENCE, "-W 1 is not a second")
        sub, pub = ("sub", "-t", "a"), ("pub", "-t", "a", "-m", "b")
        not_utf8 = "MQTT-1.5.3-1"
        for arguments, message in (
                ((), "pub or sub"), (("pub",), "-t is missing"), (("pub", "-t", "a"), "one of -m"),
                (("push",), "pub or sub"), (("pub", "sub"), "sub is one argument too many"),
                ((*pub, "-n"), "one of -m"), ((*pub, "-m", "c"), "one of -m"),
                ((*pub, "-C", "1"), "are options of sub"), ((*pub, "-R"), "are options of sub"),
                ((*sub, "-m", "b"), "are options of pub"), ((*sub, "-r"), "are options of pub"),
                ((*sub, "-V", "mqttv5"), "The only version is mqttv311"),
                ((*sub, "-p", "abc"), "-p abc: The value must be a number from 1 to 65535."),
                ((*sub, "-k", "65536"), "0 to 65535"),
                ((*sub, "--will-qos", "1"), "--will-topic"), (("sub", "-t"), "needs a value"),
                (("sub", "--nothing"), "no option"), ((*sub, "-p", "x"), "1 to 65535"),
                ((*sub, "-p", "0"), "1 to 65535"), ((*sub, "-C", "0"), "from 1"),
                ((*sub, "-W", "0"), "from 1"), ((*sub, "-q", "3"), "0 to 2"),
                (("pub", "-t", "a", "-f", os.path.join(self.directory, "missing")), "missing: No"),
                ((*sub, "-c"), "-c needs -i"),                             # [MQTT-3.1.3-7]
                (("sub",), "-t is missing"),                               # [MQTT-3.8.3-3]
                ((*sub, "--will-topic", "w", "--will-qos", "3"), "0 to 2"),  # [MQTT-3.1.2-14]
                ((*sub, "-P", "b"), "MQTT-3.1.2-22"),
                (("pub", "-t", "a/#", "-m", "b"), "MQTT-4.7.1-1"),         # [MQTT-3.3.2-2]
                (("sub", "-t", "a#"), "MQTT-4.7.1-2"), (("sub", "-t", "a+"), "MQTT-4.7.1-3"),
                (("sub", "-t", ""), "MQTT-4.7.3-1"),
                (("sub", "-t", "x" * 65536), "65,535"),                    # [MQTT-4.7.3-3]
                ((*sub, "-i", b"\xff"), not_utf8),                         # [MQTT-3.1.3-4]
                ((*sub, "--will-topic", b"\xed\xa0\x80"), not_utf8),       # [MQTT-3.1.3-10]
                ((*sub, "-u", b"\xff"), not_utf8),                         # [MQTT-3.1.3-11]
                (("pub", "-t", b"\xff", "-m", "b"), not_utf8),             # [MQTT-3.3.2-1]
                (("sub", "-t", b"\xff"), not_utf8)):                       # [MQTT-3.8.3-1]
            done = subprocess.run([self.client, *arguments], stderr=subprocess.PIPE, check=False,
                                  timeout=PATIENCE)
            errors = done.stderr.decode()
            check(done.returncode == 1 and errors.startswith("mqtt_client: ") and
                  errors.count("\n") == 1 and message in errors, f"{arguments}: {done}")
        for option in "--help", "-h":
            check(b"--will-topic" in subprocess.check_output([self.client, option]), option)
        check(subprocess.check_output([self.client, "--version"]) == b"mqtt_client 0.3.0\n",
              "--version")
        with listen() as probe:
            port = probe.getsockname()[1]
        self.run("pub", "-t", "a", "-m", "b", status=2, port=port)
        child = self.start("sub", "-t", "a", name="interrupted")
        child.send_signal(signal.SIGINT)
        self.finish(child)
        wait_for(lambda: "Received DISCONNECT from interrupted" in self.broker.log(),
                 "SIGINT without DISCONNECT")

    def test_sent_packets(self):
        """Everything that is sent, with and without what options add."""
        accepted = b"\x20\x02\x00\x00"
        seen = self.talk([accepted], arguments=("pub", "-t", "a", "-m", "x"))[0]
        # CONNECT is the first [MQTT-3.1.0-1], its flags are clean session alone [MQTT-3.1.2-11]
        # [MQTT-3.1.2-13] [MQTT-3.1.2-15], its payload is the client id alone [MQTT-3.1.3-3]
        # [MQTT-3.1.2-18] [MQTT-3.1.2-20]. PUBLISH has no DUP [MQTT-3.3.1-2] [MQTT-4.3.1-1] and no
        # packet id [MQTT-2.3.1-5]. After DISCONNECT there is but the end [MQTT-3.14.4-1]
        # [MQTT-3.14.4-2]. It is plain MQTT 3.1.1 that the server needs [MQTT-7.0.0-2].
        check(seen == [b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", b"\x30\x04\x00\x01ax",
                       b"\xe0\x00"], f"the least: {seen}")

        everything = ("-c", "-i", "id", "-k", "10", "-u", "user", "-P", "pass", "--will-topic", "w",
                      "--will-payload", "m", "--will-qos", "2", "--will-retain")
        suback = b"\x90\x04\x00\x01\x01\x80" + publish(0x30, 0, b"x")
        seen = self.talk([accepted, suback], arguments=("sub", "-t", "a", "-t", "b/#", "-q", "1",
                                                        "-C", "1", *everything))[0]
        # The fields stand in their order [MQTT-3.1.3-1]: the will's [MQTT-3.1.2-9], the user name
        # [MQTT-3.1.2-19], the password [MQTT-3.1.2-21].
        connect = b"\x00\x04MQTT\x04\xf4\x00\x0a\x00\x02id\x00\x01w\x00\x01m"
        connect += b"\x00\x04user\x00\x04pass"
        check(seen[0] == bytes((0x10, len(connect))) + connect, f"CONNECT: {seen[0]}")
        # The flags are those of Table 2.2 [MQTT-2.2.2-1] [MQTT-3.8.1-1], the id is not 0
        # [MQTT-2.3.1-1].
        check(seen[1] == b"\x82\x0c\x00\x01\x00\x01a\x01\x00\x03b/#\x01", f"SUBSCRIBE: {seen[1]}")
        check(seen[2:] == [b"\xe0\x00"], f"after the message: {seen}")
        check("subscription to b/#." in self.stderr and "to a." not in self.stderr,
              f"the second code refuses the second filter [MQTT-3.9.3-1]: {self.stderr}")

    def test_options_before_the_command(self):
        """And those that scripts for mosquitto_pub pass."""
        for version in "mqttv311", "311":
            seen = self.talk([b"\x20\x02\x00\x00"], arguments=("--quiet", "-V", version, "pub", "-t",
                                                                "a", "-m", "x"))[0]
            check(seen[1:] == [b"\x30\x04\x00\x01ax", b"\xe0\x00"], f"-V {version}: {seen}")
        with listen() as probe:
            port = probe.getsockname()[1]
        self.run("--quiet", "pub", "-t", "a", "-m", "b", status=2, port=port)
        check(self.stderr == "", f"--quiet: {self.stderr}")

    def test_debug(self):
        """A line for each packet."""
        script = [b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x02" + publish(0x3D, 8, b"xyz"),
                  acknowledgement(0x62, 8) + publish(0x30, 0, b"", b"\x1b[1m")]
        self.talk(script, arguments=("sub", "-d", "-q", "2", "-t", "#", "-C", "2"))
        check(self.stderr == """\
sending CONNECT
received CONNACK
sending SUBSCRIBE
received SUBACK
received PUBLISH, id 8, QoS 2, DUP 1, RETAIN 1, 3 bytes, topic a
sending PUBREC, id 8
received PUBREL, id 8
sending PUBCOMP, id 8
received PUBLISH, id 0, QoS 0, DUP 0, RETAIN 0, 0 bytes, topic ?
sending DISCONNECT
""", f"-d: {self.stderr}")

    def test_without_retained_messages(self):
        """-R: they are acknowledged, but neither printed nor counted."""
        script = [b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x01" + publish(0x33, 7, b"old") +
                  publish(0x32, 8, b"new"), b""]
        seen = self.talk(script, arguments=("sub", "-R", "-q", "1", "-t", "a", "-C", "1"))[0]
        check(seen[2:] == [acknowledgement(0x40, 7), acknowledgement(0x40, 8), b"\xe0\x00"] and
              self.printed == b"new\n", f"{seen}, {self.printed}")

    def test_message_that_is_refused(self):
        """A server closes whenever it gets a message that is too large for it; the client does not
        send that for ever, though the messages before it are acknowledged."""
        def answers(packets):
            return b"\x40\x02" + packets[1][5:7]

        accepted, large = b"\x20\x02\x00\x00", b"y" * 1000
        first = [accepted, answers, None]
        again = [accepted, None]
        seen = self.talk(first, again, again, status=2, data=b"x\n" + large + b"\nz\n", arguments=(
            "pub", "-q", "1", "-t", "a", "-l", "--retries", "2"))
        check([large in packets[-1] for packets in seen] == [True] * 3, f"sent: {seen}")
        lines = self.stderr.splitlines()
        hint = "without accepting a message of 1000 bytes: it may be too large."
        check([line for line in lines if hint in line] == [
            f"mqtt_client: The server has closed the connection {i} times {hint}" for i in (2, 3)] and
              lines[-1].startswith("mqtt_client: No connection to "), f"said: {lines}")

    def test_wrong_acknowledgements(self):
        """One that the message does not wait for ends the connection [MQTT-4.8.0-1]."""
        def answer(first_byte):
            return lambda packets: bytes((first_byte, 2)) + packets[1][5:7]

        puback, pubrec, pubcomp = answer(0x40), answer(0x50), answer(0x70)
        for qos, answers, clause in (("1", [pubrec], "4.3.2-2"), ("1", [pubcomp], "4.3.2-2"),
                                     ("2", [puback], "4.3.3-2"), ("2", [pubcomp], "4.3.3-2"),
                                     ("2", [pubrec, puback], "4.3.3-2")):
            seen = self.talk([b"\x20\x02\x00\x00", *answers], status=3,
                             arguments=("pub", "-q", qos, "-t", "a", "-m", "x"))[0]
            check(len(seen) == 1 + len(answers) and
                  "This acknowledgement is not what the message is waiting for. "
                  f"[MQTT-{clause}]" in self.stderr, f"{seen}, {self.stderr}")

    def test_unknown_acknowledgements(self):
        """Those that a session of before may have left: a PUBREC is answered, none is a fault."""
        def other(packets, distance):
            return (int.from_bytes(packets[1][5:7], "big") - 1 + distance) % 65535 + 1

        script = [b"\x20\x02\x01\x00",
                  lambda packets: acknowledgement(0x40, other(packets, 1)) + acknowledgement(
                      0x50, other(packets, 2)) + acknowledgement(0x70, other(packets, 3)),
                  lambda packets: acknowledgement(0x40, other(packets, 0))]
        seen = self.talk(script, arguments=("pub", "-q", "1", "-t", "a", "-m", "x", "-c", "-i", "b"))[0]
        check(seen[2:] == [acknowledgement(0x62, other(seen, 2)), b"\xe0\x00"], f"sent: {seen}")

    def test_received_packets(self):
        """What is printed and what is answered, in which order."""
        topic = "\ufeffa".encode()

        def message(first_byte, packet_id, payload):
            return publish(first_byte, packet_id, payload, topic)

        pubrec, pubrel, pubcomp = 0x50, 0x62, 0x70
        script = [b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x02" + message(0x34, 8, b"1") +
                  message(0x32, 7, b"2") + message(0x34, 9, b"3") + message(0x3A, 7, b"4") +
                  message(0x3C, 8, b"1"), b"", b"", b"", b"",
                  acknowledgement(pubrel, 8) + message(0x3C, 8, b"5") + message(0x32, 5, b"late"),
                  b"", acknowledgement(pubrel, 9) + acknowledgement(pubrel, 77) +
                  acknowledgement(pubrel, 8)]
        seen = self.talk(script, arguments=("sub", "-v", "-q", "2", "-t", "#", "-C", "5"))[0]
        # Each is answered as its QoS asks [MQTT-3.3.4-1] [MQTT-4.5.0-2], under its id
        # [MQTT-2.3.1-6], in the order of [MQTT-4.6.0-2] and [MQTT-4.6.0-3]; the second of id 7, at
        # QoS 1, is new [MQTT-4.3.2-2], that of id 8 is not [MQTT-4.3.3-2] as long as the session
        # lasts [MQTT-4.1.0-2].
        check(seen[2:7] == [acknowledgement(pubrec, 8), b"\x40\x02\x00\x07",
                            acknowledgement(pubrec, 9), b"\x40\x02\x00\x07",
                            acknowledgement(pubrec, 8)], f"acknowledged: {seen}")
        # After PUBREL it is new, and an id that is not known gets its PUBCOMP. What comes after the
        # fifth message is left to the session.
        check(seen[7:] == [acknowledgement(pubcomp, 8), acknowledgement(pubrec, 8),
                           acknowledgement(pubcomp, 9), acknowledgement(pubcomp, 77),
                           acknowledgement(pubcomp, 8), b"\xe0\x00"], f"released: {seen}")
        expected = b"".join(topic + b" %d\n" % i for i in range(1, 6))
        check(self.printed == expected, f"U+FEFF is printed too [MQTT-1.5.3-3]: {self.printed}")

    def test_acknowledging_publisher(self):
        """A publisher's session may have subscriptions: what comes is acknowledged all the same."""
        puback, pubrec, pubrel, pubcomp = 0x40, 0x50, 0x62, 0x70

        def finish(packets):
            own = next(packet for packet in packets if packet[0] == 0x32)
            return acknowledgement(pubrel, 6) + b"\x40\x02" + own[5:7]

        script = [b"\x20\x02\x01\x00" + publish(0x32, 5, b"x") + publish(0x34, 6, b"y"), b"", b"",
                  finish]
        seen = self.talk(script, arguments=("pub", "-q", "1", "-t", "a", "-m", "z", "-c", "-i",
                                            "b"))[0]
        answers = [packet for packet in seen[1:] if packet[0] != 0x32]
        check(answers == [acknowledgement(puback, 5), acknowledgement(pubrec, 6),
                          acknowledgement(pubcomp, 6), b"\xe0\x00"] and len(seen) == 6,
              f"[MQTT-4.5.0-2]: {seen}")

    def test_pings(self):
        """PINGREQ comes before the keep alive is over."""
        times = []

        def at_once(answer):
            return lambda packets: times.append(time.monotonic()) or answer

        script = [at_once(b"\x20\x02\x00\x00"), at_once(b"\x90\x03\x00\x01\x00"),
                  at_once(b"\xd0\x00"), at_once(b"\xd0\x00" + publish(0x30, 0, b"x"))]
        seen = self.talk(script, arguments=("sub", "-t", "a", "-k", "2", "-C", "1"))[0]
        check(seen[2:] == [b"\xc0\x00", b"\xc0\x00", b"\xe0\x00"], f"pings: {seen}")
        check(max(times[2] - times[1], times[3] - times[2]) < 2, f"[MQTT-3.1.2-23]: {times}")

    def test_errors_of_its_own(self):
        """A message that cannot be printed is not acknowledged, and the connection ends."""
        script = [b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x01" + publish(0x32, 7, b"x")]
        seen = self.talk(script, arguments=("sub", "-q", "1", "-t", "a"), status=1,
                         prefix=("sh", "-c", 'exec "$@" >&-', "sh"))[0]
        check(len(seen) == 2 and "Standard output" in self.stderr,
              f"[MQTT-4.8.0-2]: {seen}, {self.stderr}")

    def test_bad_servers(self):
        """What breaks a rule is not answered: the connection ends [MQTT-4.8.0-1]."""
        accepted = b"\x20\x02\x00\x00"
        suback = b"\x90\x03\x00\x01\x00"
        for answers, status, message in (
                ([b"\x20\x02\x00\x06"], 3, "3.2.2.3"), ([suback], 3, "MQTT-3.2.0-1"),
                ([b"\x20\x02\x01\x00"], 3, "MQTT-3.2.2-1"),
                ([b"\x20\x02\x00\x03"], 2, "unavailable"),
                ([b"\x20\x02\x01\x03"], 3, "MQTT-3.2.2-4"),
                ([accepted, accepted], 3, "MQTT-3.2.0-1"),
                ([accepted, b"\x41\x02\x00\x01"], 3, "MQTT-2.2.2-1"),  # [MQTT-2.2.2-2]
                ([accepted, b"\x31\x00"], 3, "2.2.3"),
                ([accepted, b"\x36\x05\x00\x01a\x00\x01"], 3, "MQTT-3.3.1-4"),
                ([accepted, b"\x30\x03\x00\x01\xff"], 3, "MQTT-1.5.3-1"),
                ([accepted, b"\x30\x03\x00\x01\x00"], 3, "MQTT-1.5.3-2"),  # [MQTT-4.7.3-2]
                ([accepted, b"\x30\x03\x00\x01+"], 3, "MQTT-4.7.1-1"),
                ([accepted, b"\x90\x03\x00\x01\x03"], 3, "MQTT-3.9.3-2"),
                ([accepted, b"\x90\x04\x00\x01\x00\x00"], 3, "MQTT-3.8.4-5"),
                ([accepted, b"\x90\x03\x00\x02\x00"], 3, "MQTT-3.8.4-2"),  # [MQTT-2.3.1-7]
                ([accepted, suback + suback], 3, "MQTT-3.8.4-2"),
                ([accepted, b"\xb0\x02\x00\x01"], 3, "MQTT-3.10.4-4"),
                ([accepted, b"\x90\x03\x00\x01\x80"], 2, "refused the subscription"),
                ([accepted, suback, b""], 2, "PINGREQ")):
            seen = self.talk(answers, status=status,
                             arguments=("sub", "-t", "a", "-k", "1", "--retries", "0"))[0]
            check(message in self.stderr, f"{answers}, {message}: {self.stderr}")
            check(status == 2 or len(seen) == len(answers), f"{answers} is answered: {seen}")

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
        """Proxies that cut after every packet in turn, as long as there was one to cut after."""
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
        """Of four messages the second and the first get their PUBREC, then the server closes: what
        is sent then?"""
        def answers(first_byte, *numbers):
            """To packets of those that the connection has seen so far."""
            def make(packets):
                ids = [packet[5:7] if packet[0] & 0x30 == 0x30 else packet[2:4]
                       for packet in packets]
                return b"".join(bytes((first_byte, 2)) + ids[number] for number in numbers)
            return make

        pubrec, pubcomp = 0x50, 0x70
        before = [b"\x20\x02\x00\x00", b"", b"", b"", answers(pubrec, 2, 1), b"", None]
        resumed = [b"\x20\x02\x01\x00", b"", b"", answers(pubcomp, 1, 2),
                   answers(pubrec, 3, 4), b"", answers(pubcomp, 3, 4)]
        anew = [b"\x20\x02\x00\x00", b"", b"", b"", answers(pubrec, 1, 2, 3, 4), b"", b"", b"",
                answers(pubcomp, 1, 2, 3, 4)]
        for after in resumed, anew:
            first, second = self.talk(before, after, data=b"1\n2\n3\n4\n", arguments=(
                "pub", "-q", "2", "-t", "a", "-c", "-i", "b", "-l"))
            ids = [int.from_bytes(packet[5:7], "big") for packet in first[1:5]]
            check(len(set(ids)) == 4, f"the ids differ: {first}")
            messages = [publish(0x34, ids[i], b"%d" % (i + 1)) for i in range(4)]
            releases = [acknowledgement(0x62, packet_id) for packet_id in ids]
            # PUBLISH, then PUBREL [MQTT-4.3.3-1] with its flags [MQTT-3.6.1-1] in the order of the
            # PUBRECs [MQTT-4.6.0-4]
            check(first[1:] == messages + [releases[1], releases[0]], f"sent: {first}")
            if after == resumed:
                # PUBREL and PUBLISH again [MQTT-4.4.0-1], with their ids [MQTT-2.3.1-3], with DUP
                # [MQTT-3.3.1-1], in their order [MQTT-4.6.0-1]
                again = [b"\x3c" + message[1:] for message in messages[2:]]
                check(second[1:] == [releases[1], releases[0], *again, releases[2], releases[3],
                                     b"\xe0\x00"], f"sent again: {second}")
            else:
                check(sorted(packet[7:] for packet in second[1:5]) == [b"1", b"2", b"3", b"4"] and
                      all(packet[0] == 0x34 for packet in second[1:5]), f"sent anew: {second}")

        resumed = [b"\x20\x02\x01\x00", answers(0x40, 1)]
        first, second = self.talk([b"\x20\x02\x00\x00", None], resumed, arguments=(
            "pub", "-q", "1", "-t", "a", "-c", "-i", "b", "-m", "x"))
        check(first[1][0] == 0x32 and second[1:] == [b"\x3a" + first[1][1:], b"\xe0\x00"],
              f"unacknowledged until PUBACK [MQTT-4.3.2-1]: {first}, {second}")

    def test_resumed_subscriber(self):
        """A message of QoS 2 that comes again after a reconnect."""
        accepted, suback = b"\x20\x02\x00\x00", b"\x90\x03\x00\x01\x02"
        pubrec, pubrel, pubcomp = 0x50, 0x62, 0x70
        before = [accepted, suback + publish(0x34, 8, b"x"), None]
        resumed = [b"\x20\x02\x01\x00" + publish(0x3C, 8, b"x"),
                   acknowledgement(pubrel, 8) + publish(0x34, 9, b"y"), b"",
                   acknowledgement(pubrel, 9)]
        anew = [accepted, suback + publish(0x3C, 8, b"x"), acknowledgement(pubrel, 8)]
        subscribe = ("sub", "-q", "2", "-t", "a", "-C", "2")
        kept = ("-c", "-i", "b")

        first, second = self.talk(before, resumed, arguments=subscribe + kept)
        # The session is resumed [MQTT-3.1.2-4] with what is stored [MQTT-4.1.0-1] of this client id
        # [MQTT-3.1.3-2].
        check(second == [first[0], acknowledgement(pubrec, 8), acknowledgement(pubcomp, 8),
                         acknowledgement(pubrec, 9), acknowledgement(pubcomp, 9), b"\xe0\x00"] and
              self.printed == b"x\ny\n", f"resumed: {second}, {self.printed}")

        for more in kept, ():  # a session that the server has lost, a clean one [MQTT-3.1.2-6]
            first, second = self.talk(before, anew, arguments=subscribe + more)
            check(second == [*first[:2], acknowledgement(pubrec, 8), acknowledgement(pubcomp, 8),
                             b"\xe0\x00"] and self.printed == b"x\nx\n",
                  f"anew: {second}, {self.printed}")

    def test_unused_packet_ids(self):
        """The first message stays in flight until all ids have been used."""
        total = 65600
        ids = []

        def serve():
            with server.accept()[0] as connection:
                connection.settimeout(PATIENCE)
                Proxy.read_packet(connection)
                connection.sendall(b"\x20\x02\x00\x00")
                while len(ids) < total:
                    received = skim(connection, 8)  # 32 06, 0001 "a", id, "x"
                    if received is None:
                        return
                    ids.append(received[5:7])
                    if len(ids) > 1:
                        connection.sendall(b"\x40\x02" + ids[-1])
                connection.sendall(b"\x40\x02" + ids[0])
                skim(connection, 3)

        with listen() as server:
            server.settimeout(PATIENCE)
            threading.Thread(target=serve, daemon=True).start()
            self.run("pub", "-q", "1", "-t", "a", "-l", data=b"x\n" * total,
                     port=server.getsockname()[1])
        check(len(ids) == total and b"\0\0" not in ids, "an id is 0 [MQTT-2.3.1-1]")
        check(ids.count(ids[0]) == 1, "an id in use is used again [MQTT-2.3.1-2]")

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
            for name in ("exit_statuses", "endless_input", "fifo", "server_that_does_not_close",
                         "options_before_the_command", "debug", "without_retained_messages",
                         "message_that_is_refused", "wrong_acknowledgements",
                         "unknown_acknowledgements",
                         "sent_packets", "received_packets", "bad_servers",
                         "errors_of_its_own", "acknowledging_publisher", "pings",
                         "resent_packets", "resumed_subscriber", "unused_packet_ids", "every_qos",
                         "many_lines", "retained", "will", "large_payloads_cut", "keep_alive",
                         "kept_session", "passwords", "slow_reader", "restarted_broker",
                         "cut_publisher", "cut_subscriber", "cut_clean_session"):
                if "MQTT_TAP" in os.environ and name in NOT_TAPPED:
                    print(f"{name}: left out with a tap, {NOT_TAPPED[name]}", flush=True)
                    continue
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
    missing = [program for program in ("mosquitto", "mosquitto_pub", "mosquitto_sub",
                                       "mosquitto_passwd") if find(program) is None]
    if missing:
        print(f"skipped: needs {', '.join(missing)}")
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
