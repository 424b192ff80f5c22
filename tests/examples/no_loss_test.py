#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""no_loss_test.py MQTT_BROKER MQTT_CLIENT FOLDER [ROUNDS [COUNT]]: all messages arrive, in order, once.

At QoS 1 and 2, through the example server with its default options, from each publisher to each
subscriber: mqtt_client, mosquitto_pub and mosquitto_sub, and npm's mqtt, which is installed into
the FOLDER. Then two clients of npm's mqtt publish to each other. The server acknowledges no message
that it does not deliver [MQTT-4.5.0-1], so nothing is lost, and its log stays empty. A round has
COUNT messages from each to each, or 20,000.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "peers"))

import mqtt_packet_test  # pylint: disable=wrong-import-position

COUNT = int(sys.argv[5]) if len(sys.argv) > 5 else 20000
SECONDS = 60  # what takes longer has hung
SKIPPED = 77
HOST = "127.0.0.1"
LINES = "".join(f"{i}\n" for i in range(1, COUNT + 1)).encode()


class Failure(Exception):
    pass


def stop(process):
    process.terminate()
    try:
        return process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


class Flow:
    def __init__(self, broker, client, folder):
        self.client, self.folder = client, folder
        self.log = tempfile.TemporaryFile()
        # pylint: disable-next=consider-using-with
        self.broker = subprocess.Popen([broker, "-p", "0"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=self.log)
        self.port = self.broker.stdout.readline().decode().strip().rpartition(":")[2]

    def node(self, *arguments):
        return ["node", str(HERE / "no_loss.js"), *arguments]

    def publisher(self, name, topic, qos):
        options = ["-h", HOST, "-p", self.port, "-t", topic, "-q", qos, "-l"]
        return {"mqtt_client": [self.client, "pub", *options],
                "mosquitto_pub": ["mosquitto_pub", *options],
                "npm's mqtt": self.node("pub", self.port, topic, qos, str(COUNT))}[name]

    def subscriber(self, name, topic, qos):
        count = str(COUNT + 1)
        options = ["-h", HOST, "-p", self.port, "-t", topic, "-q", qos, "-C", count, "-W",
                   str(SECONDS)]
        return {"mqtt_client": [self.client, "sub", *options],
                "mosquitto_sub": ["mosquitto_sub", *options],
                "npm's mqtt": self.node("sub", self.port, topic, qos, count)}[name]

    def run(self, command, **options):
        source = {} if "input" in options else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(command, cwd=self.folder, timeout=SECONDS, check=False, **source,
                              **options)
        if done.returncode != 0:
            raise Failure(f"{command[0]} ends with status {done.returncode}")

    def one(self, topic, qos, publisher, subscriber):
        """A retained message shows that the subscriber is there."""
        self.run([self.client, "pub", "-h", HOST, "-p", self.port, "-t", topic, "-q", "1", "-r",
                  "-m", "first"])
        with tempfile.TemporaryFile() as output:
            receiver = subprocess.Popen(self.subscriber(subscriber, topic, qos), cwd=self.folder,
                                        stdin=subprocess.DEVNULL, stdout=output)
            try:
                limit = time.monotonic() + SECONDS
                while output.seek(0, 2) == 0:
                    if time.monotonic() > limit or receiver.poll() is not None:
                        raise Failure("the subscriber does not start")
                    time.sleep(0.01)
                self.run(self.publisher(publisher, topic, qos), input=LINES)
                if receiver.wait(SECONDS) != 0:
                    raise Failure("the subscriber fails")
            except subprocess.TimeoutExpired as error:
                raise Failure(str(error)) from error
            finally:
                receiver.kill()
                receiver.wait()
                output.seek(0)
                got = output.read()
        if got != b"first\n" + LINES:
            raise Failure(f"{got.count(10) - 1} messages arrive, or in another order")

    def end(self):
        status = stop(self.broker)
        self.broker.stdout.close()
        self.log.seek(0)
        text = self.log.read().decode(errors="replace")
        if status != 0 or text:
            raise Failure(f"the server ends with status {status} and logs {text[-500:]!r}")


def too_large(broker, client):
    """The server and the client both say why a message above --max-packet does not arrive."""
    size = 1500000
    with tempfile.TemporaryFile() as log, tempfile.NamedTemporaryFile() as payload:
        payload.write(bytes(size))
        payload.flush()
        with subprocess.Popen([broker, "-p", "0"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=log) as server:
            port = server.stdout.readline().decode().strip().rpartition(":")[2]
            done = subprocess.run([client, "pub", "-h", HOST, "-p", port, "-t", "t", "-q", "1",
                                   "-f", payload.name, "--retries", "1"], capture_output=True,
                                  timeout=SECONDS, check=False)
            stop(server)
        log.seek(0)
        text = log.read().decode()
    whole = size + 4 + 2 + 1 + 2  # fixed header, topic name, packet id
    wanted = (f"auto1: a PUBLISH of {whole} bytes is larger than --max-packet, 1048576; the "
              "connection is closed")
    if text.count(": a PUBLISH of ") != 2 or wanted not in text:
        raise Failure(f"the server's log: {text}")
    wanted = f"2 times without accepting a message of {size} bytes: it may be too large"
    if done.returncode != 2 or wanted not in done.stderr.decode():
        raise Failure(f"the client: {done}")
    print(f"a message of {size} bytes: both sides say why it is refused")


def main():
    broker, client, folder = (pathlib.Path(path).resolve() for path in sys.argv[1:4])
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    missing = [program for program in ("mosquitto_pub", "mosquitto_sub", "node", "npm")
               if shutil.which(program) is None]
    if missing:
        mqtt_packet_test.missing(f"needs {', '.join(missing)}")
    mqtt_packet_test.install(folder)
    flow = Flow(broker, client, folder)
    try:
        for number in range(1, rounds + 1):
            for qos in "1", "2":
                for publisher in "mqtt_client", "mosquitto_pub", "npm's mqtt":
                    for subscriber in "mqtt_client", "mosquitto_sub", "npm's mqtt":
                        start = time.monotonic()
                        what = f"round {number}, QoS {qos}, {publisher} to {subscriber}"
                        try:
                            flow.one(f"{number}/{qos}/{publisher}/{subscriber}", qos, publisher,
                                     subscriber)
                        except Failure as failure:
                            raise Failure(f"{what}: {failure}") from failure
                        print(f"{what}: {COUNT} of {COUNT} ({time.monotonic() - start:.1f} s)",
                              flush=True)
                start = time.monotonic()
                flow.run(flow.node("both", flow.port, f"both/{number}", qos, str(COUNT)))
                print(f"round {number}, QoS {qos}, npm's mqtt, both ways: {2 * COUNT} of "
                      f"{2 * COUNT} ({time.monotonic() - start:.1f} s)", flush=True)
        flow.end()
        too_large(broker, client)
    except Failure as failure:
        print(f"no_loss_test.py: {failure}")
        stop(flow.broker)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
