#!/usr/bin/env python3
"""guide_test.py PROJECT CC...: what the guides in docs/ build is built, and does what they say.

The blocks of C of a guide are one program. Each is compiled with warnings as errors and with the
sanitizers; then the client talks to the server on 127.0.0.1, and both to mosquitto and its clients
where these are installed. A server of a few lines breaks connections at chosen points.
"""

import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

LIMIT = 30  # seconds until something that should happen is given up; mostly it takes milliseconds
FLAGS = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion",
         "-Wshadow", "-Wcast-qual", "-Werror"]
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
LARGE = "x" * 20000  # more than the client's buffers
TEXTS = [("guide/zero", 0, "zero"), ("guide/one", 1, "one"), ("guide/two", 2, "two"),
         ("guide/large", 2, LARGE), ("guide/last", 1, "last")]
RETAINED = "guide/retained kept\n"
LINES = [RETAINED] + ["%s %s\n" % (topic, text) for topic, _, text in TEXTS]
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/local/sbin:/usr/sbin")
PROJECT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
CC = sys.argv[2:] or ["cc"]

CONNACK_NEW = bytes.fromhex("20020000")
CONNACK_PRESENT = bytes.fromhex("20020100")


def blocks(guide):
    text = (PROJECT / "docs" / ("guide-%s.md" % guide)).read_text(encoding="utf-8")
    return re.findall(r"^```c\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def compiled(directory, name, source, flags):
    path = pathlib.Path(directory) / name
    path.with_suffix(".c").write_text(source, encoding="utf-8")
    subprocess.run(CC + FLAGS + flags + ["-I", str(PROJECT), "-o", str(path),
                                         str(path) + ".c"], check=True, timeout=4 * LIMIT)
    return str(path)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Process:
    """A program whose output goes to a file, so that every wait for it has a limit."""

    def __init__(self, *command):
        self.output = tempfile.TemporaryFile()
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                        stdout=self.output, stderr=self.errors)

    def text(self, file=None):
        file = file or self.output
        # Not seek and read: the program writes where the file's position is.
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode()

    def wait_for(self, text):
        end = time.monotonic() + LIMIT
        while text not in self.text():
            if time.monotonic() > end or self.process.poll() is not None:
                if text in self.text():
                    break
                raise AssertionError("no %r in %r, %r" % (
                    text, self.text()[:2000], self.text(self.errors)[:2000]))
            time.sleep(0.02)
        return self.text()

    def finish(self):
        try:
            status = self.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            status = "no end"
        if status != 0:
            raise AssertionError("status %s, %r, %r" % (
                status, self.text()[:2000], self.text(self.errors)[:2000]))
        return self.text()

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.output.close()
        self.errors.close()


def read_packet(connection):
    """One packet of less than 128 bytes after its fixed header."""
    packet = b""
    while len(packet) < 2 or len(packet) < 2 + packet[1]:
        piece = connection.recv(1 if len(packet) < 2 else 2 + packet[1] - len(packet))
        if not piece:
            raise AssertionError("closed after %r" % packet)
        packet += piece
    return packet


class Guides(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        client = "\n".join(blocks("client"))
        cls.client = compiled(cls.directory.name, "client", client, SANITIZERS)
        cls.broker = compiled(cls.directory.name, "broker", "\n".join(blocks("broker")), SANITIZERS)
        quick = re.sub(r"#define KEEP_ALIVE +\d+", "#define KEEP_ALIVE 1", client)
        cls.quick_client = compiled(cls.directory.name, "quick_client", quick, ["-O0"])

    def start(self, *command):
        process = Process(*command)
        self.addCleanup(process.stop)
        return process

    def start_broker(self):
        broker = self.start(self.broker, 0)
        return broker, int(re.search(r"port (\d+)\n", broker.wait_for("\n")).group(1))

    def publish(self, port, topic, qos, text, command="pub"):
        self.start(self.client, "127.0.0.1", port, "writer", command, topic, qos, text).finish()

    def exchange(self, port):
        """The guide's client with a server: each message once, and in order; the will after a kill."""
        self.publish(port, "guide/retained", 1, "kept", "retain")
        readers = [self.start(self.client, "127.0.0.1", port, "reader%d" % qos, "sub", "#", qos,
                              len(LINES) + 1) for qos in range(3)]
        victim = self.start(self.client, "127.0.0.1", port, "victim", "sub", "guide/retained", 0, 9)
        for process in readers + [victim]: # a retained message tells that the subscription is there
            process.wait_for(RETAINED)
        for topic, qos, text in TEXTS:
            self.publish(port, topic, qos, text)
        for reader in readers:
            reader.wait_for(LINES[-1])
        victim.process.kill()
        for reader in readers:
            self.assertEqual(reader.finish(), "".join(LINES) + "clients/victim lost\n")
            self.assertEqual(reader.text(reader.errors), "")

    def away(self, port):
        """What is published while a client is away is kept by its session."""
        def read(count):
            return self.start(self.client, "127.0.0.1", port, "sleeper", "sub", "guide/+", 2, count)
        self.assertEqual(read(1).finish(), RETAINED)
        for topic, qos, text in TEXTS[1:]:
            self.publish(port, topic, qos, text)
        self.assertEqual(read(len(TEXTS) - 1).finish(), "".join(LINES[2:]))

    def test_client_and_broker(self):
        broker, port = self.start_broker()
        self.exchange(port)
        self.away(port)
        self.assertIsNone(broker.process.poll())
        self.assertEqual(broker.text(broker.errors), "")

    @unittest.skipUnless(MOSQUITTO, "needs mosquitto")
    def test_client_with_mosquitto(self):
        port = free_port()
        self.start(MOSQUITTO, "-p", port)
        end = time.monotonic() + LIMIT
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), LIMIT).close()
                break
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        self.exchange(port)
        self.away(port)

    @unittest.skipUnless(shutil.which("mosquitto_pub") and shutil.which("mosquitto_sub"),
                         "needs mosquitto_pub, mosquitto_sub")
    def test_broker_with_mosquitto_clients(self):
        broker, port = self.start_broker()
        common = ["-V", "311", "-h", "127.0.0.1", "-p", port]

        def publish(topic, qos, text, *options):
            self.start("mosquitto_pub", *common, "-t", topic, "-q", qos, "-m", text,
                       *options).finish()
        publish("guide/retained", 1, "kept", "-r")
        readers = [self.start("mosquitto_sub", *common, "-v", "-t", "guide/#", "-q", qos, "-C",
                              len(LINES)) for qos in range(3)]
        for reader in readers:
            reader.wait_for(RETAINED)
        for topic, qos, text in TEXTS:
            publish(topic, qos, text)
        for reader in readers:
            # At QoS 2 it prints when PUBREL comes: a later message at QoS 1 may be faster.
            self.assertEqual(sorted(reader.finish().splitlines(True)), sorted(LINES))
        publish("guide/retained", 1, "", "-r")
        reader = self.start("mosquitto_sub", *common, "-v", "-t", "guide/#", "-C", 1, "-E")
        self.assertEqual(reader.finish(), "")
        self.assertEqual(broker.text(broker.errors), "")

    def resends(self, qos, answers):
        """A server that closes after each packet of `answers`; returns what the client sent."""
        seen = []
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(LIMIT)
            client = self.start(self.client, "127.0.0.1", server.getsockname()[1], "w", "pub", "t",
                                qos, "m")
            for number, answer in enumerate([[]] + answers):
                connection, _ = server.accept()
                with connection:
                    connection.settimeout(LIMIT)
                    self.assertEqual(read_packet(connection)[0], 0x10)
                    connection.sendall(CONNACK_PRESENT if number > 1 else CONNACK_NEW)
                    for reply in answer + [None]:
                        seen.append(read_packet(connection).hex())
                        if reply is not None:
                            connection.sendall(bytes.fromhex(reply))
            client.finish()
        return seen

    def test_client_sends_again_at_qos_1(self):
        self.assertEqual(self.resends(1, [[], ["40020001"]]),
                         ["e000", "320600017400016d", "3a0600017400016d", "e000"])

    def test_client_sends_again_at_qos_2(self):
        self.assertEqual(self.resends(2, [["50020001"], ["70020001"]]),
                         ["e000", "340600017400016d", "62020001", "62020001", "e000"])

    def test_client_keeps_alive(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(LIMIT)
            client = self.start(self.quick_client, "127.0.0.1", server.getsockname()[1], "k", "sub",
                                "t", 0, 1)
            connection, _ = server.accept()
            with connection:
                connection.settimeout(LIMIT)
                self.assertEqual(read_packet(connection)[0], 0x10)
                connection.sendall(CONNACK_NEW)
                self.assertEqual(read_packet(connection).hex(), "820600010001" + "7400")
                connection.sendall(bytes.fromhex("9003000100"))
                for _ in range(2):
                    self.assertEqual(read_packet(connection).hex(), "c000")
                    connection.sendall(bytes.fromhex("d000"))
                connection.sendall(bytes.fromhex("30040001746d"))
                self.assertEqual(read_packet(connection).hex(), "e000")
            self.assertEqual(client.finish(), "t m\n")

    def refused(self, port, packets):
        with socket.create_connection(("127.0.0.1", port), LIMIT) as connection:
            connection.sendall(bytes.fromhex(packets))
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := connection.recv(100):
                    answer += piece
        return answer.hex()

    def test_broker_packets(self):
        """DUP, RETAIN and packet ids of what the server sends; a PUBLISH at QoS 2 that is repeated."""
        connect = "100d00044d5154540400003c000161" # clean session 0
        broker, port = self.start_broker()

        def exchange(connection, sent, count):
            connection.sendall(bytes.fromhex(sent))
            return sorted(read_packet(connection).hex() for _ in range(count))
        with socket.create_connection(("127.0.0.1", port), LIMIT) as connection:
            self.assertEqual(exchange(connection, connect, 1), ["20020000"])
            self.assertEqual(exchange(connection, "8206000100017402", 1), ["9003000102"])
            self.assertEqual(exchange(connection, "3d0600017400076d" * 2, 3),
                             ["340600017400016d", "50020007", "50020007"])
            self.assertEqual(exchange(connection, "62020007" * 2, 2), ["70020007"] * 2)
            self.assertEqual(exchange(connection, "8206000200017402", 2),
                             ["350600017400026d", "9003000202"])
            self.assertEqual(exchange(connection, "50020001", 1), ["62020001"])
        with socket.create_connection(("127.0.0.1", port), LIMIT) as connection:
            self.assertEqual(exchange(connection, connect, 3),
                             ["20020100", "3d0600017400026d", "62020001"])
            self.assertEqual(exchange(connection, "70020001" "50020002", 1), ["62020002"])
            self.assertEqual(exchange(connection, "70020002" "a2050003000174", 1), ["b0020003"])
            self.assertEqual(exchange(connection, "320600017400096d" "c000", 2),
                             ["40020009", "d000"])
            self.assertEqual(exchange(connection, "8206000400017500" "3a06000175000a6d", 3),
                             ["30040001756d", "4002000a", "9003000400"])
        self.assertEqual(broker.text(broker.errors), "")

    def test_broker_refuses(self):
        connect = "100d00044d5154540402003c000161"
        broker, port = self.start_broker()
        self.assertEqual(self.refused(port, "c000"), "")
        self.assertEqual(self.refused(port, "100c00044d5154540502003c0000"), "20020001")
        self.assertEqual(self.refused(port, "100c00044d5154540400003c0000"), "20020002")
        self.assertEqual(self.refused(port, connect + connect), "20020000")
        self.assertEqual(self.refused(port, connect + "30ffff7f"), "20020000")
        begin = time.monotonic()
        self.assertEqual(self.refused(port, connect.replace("003c", "0001") + "c000"),
                         "20020000d000") # keep alive: 1 second
        self.assertGreater(time.monotonic() - begin, 1.4)
        self.assertIsNone(broker.process.poll())


def has_libfuzzer(compiler):
    """Without its compiler-rt, clang finds no archive and repeats the name."""
    if shutil.which(compiler) is None:
        return False
    name = "libclang_rt.fuzzer-%s.a" % os.uname().machine
    return os.path.exists(subprocess.run([compiler, "-print-file-name=" + name], check=True,
                                         stdout=subprocess.PIPE, text=True).stdout.strip())


class Fuzzing(unittest.TestCase):
    """The target and the commands of docs/fuzzing.md, with a broker that takes everything."""

    def run_in(self, folder, command):
        done = subprocess.run(["sh", "-ec", command], cwd=folder, check=False, timeout=4 * LIMIT,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env={**os.environ, "CODEC": str(PROJECT.resolve())})
        self.assertEqual(done.returncode, 0, command + "\n" + done.stdout)
        return done.stdout

    def test_a_target_of_ones_own(self):
        page = (PROJECT / "docs/fuzzing.md").read_text(encoding="utf-8").replace("\n  ", "\n")
        target = re.search(r"(?ms)^```c\n(#include \"mutator\.h\".*?)^```$", page)[1]
        commands = re.search(r"(?ms)^```sh\n(clang .*?)^```$", page)[1].splitlines()
        self.assertEqual([command.split()[0] for command in commands],
                         ["clang", "clang++", "mkdir", "./fuzz_broker"])
        dictionary = (PROJECT / "fuzz/mqtt.dict").read_text(encoding="utf-8")
        entries = len(re.findall(r'(?m)^[^#\n]*"', dictionary))
        broker = ("#include <stddef.h>\n#include <stdint.h>\n"
                  "void your_broker_receives(const uint8_t *data, size_t size);\n")
        for build, ending in zip(commands[:2], ("c", "cc")):
            compiler = build.split()[0]
            with self.subTest(compiler), tempfile.TemporaryDirectory() as folder:
                if not has_libfuzzer(compiler):
                    self.skipTest("needs clang, libclang-rt-dev")
                for name, text in [
                    ("fuzz_broker", broker + target),
                    ("broker", broker + "void your_broker_receives(const uint8_t *data, size_t size)"
                                        "\n{\n    (void)data;\n    (void)size;\n}\n"),
                ]:
                    pathlib.Path(folder, name + "." + ending).write_text(text, encoding="utf-8")
                self.run_in(folder, build)
                output = self.run_in(folder, "\n".join(commands[2:]) + " -runs=2000 -seed=1")
                self.assertIn("found LLVMFuzzerCustomMutator", output)
                self.assertIn("Dictionary: %d entries" % entries, output)
                self.assertRegex(output, r"(?m)^Done 2000 runs ")


if __name__ == "__main__":
    result = unittest.main(argv=sys.argv[:1], exit=False).result
    for _, reason in result.skipped:
        print(f"skipped: {reason}")
    sys.exit(not result.wasSuccessful())
