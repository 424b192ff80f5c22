#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""load.py MQTT_BROKER LOAD: a thousand connections to the example server, and to mosquitto.

The same works for both, each with a server of its own on 127.0.0.1. What is published has to arrive
in order and once; at QoS 1 it may arrive again. Prints messages delivered per second of the clock, CPU
seconds and peak memory of the server, and fails if the example server takes more than LIMITS times
what mosquitto takes.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import resource
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

SECONDS = 60  # for one work; what takes longer has hung
SKIPPED = 77
DESCRIPTORS = 1100

# Neither server has to drop anything; both have as many messages in flight to one client.
MOSQUITTO = """listener {port} 127.0.0.1
allow_anonymous true
set_tcp_nodelay true
max_inflight_messages 64
max_queued_messages 0
sys_interval 0
persistence false
log_dest none
"""
OPTIONS = ["--max-connections", "1100", "--max-queue", "1000000", "--max-output", "100000000"]

# Of CPU time and memory. The clock is left alone: it tells of the other programs on the machine, too.
LIMITS = {"cpu_seconds": 5, "memory_kib": 3}
LEAST = {"cpu_seconds": 0.1, "memory_kib": 4096}  # of mosquitto; below, it is taken for this


@dataclasses.dataclass
class Work:
    name: str
    publishers: int
    subscribers: int
    qos: int
    messages: int  # of each publisher
    window: int = 16  # messages of a publisher that are on their way


def works(scale):
    for qos, messages in enumerate((120, 60, 30)):
        yield Work(f"500 to 500, QoS {qos}", 500, 500, qos, int(messages * scale))
    for qos, messages in enumerate((100, 60)):
        yield Work(f"1 to 999, QoS {qos}", 1, 999, qos, int(messages * scale))
    yield Work("1,000 idle", 1000, 0, 0, 0)


class Failure(Exception):
    pass


# ------------------------------------------------------------------------------------------------
# The servers
# ------------------------------------------------------------------------------------------------


def stop(process):
    """The exit status."""
    process.terminate()
    try:
        return process.wait(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def read_line(process):
    """What it prints next, or "" if it ends or says nothing."""
    if not select.select([process.stdout], [], [], SECONDS)[0]:
        return ""
    return process.stdout.readline().decode()


@contextlib.contextmanager
def example(program):
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([program, "-p", "0", *OPTIONS], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=log)
        try:
            line = read_line(process)
            if not line.startswith("listening on 127.0.0.1:"):
                raise Failure("mqtt_broker does not start")
            yield process, int(line.rpartition(":")[2])
        finally:
            status = stop(process)
            process.stdout.close()
            log.seek(0)
            text = log.read().decode(errors="replace")
            if text:
                print(text[-2000:])
        if status != 0 or text:
            raise Failure(f"mqtt_broker ends with status {status}, or has something to say")


def listens(port, process):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=SECONDS).close()
            return True
        except OSError:
            time.sleep(0.02)
    return False


@contextlib.contextmanager
def mosquitto(program):
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(5):  # somebody else may take the port
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            path = os.path.join(folder, "conf")
            with open(path, "w", encoding="ascii") as file:
                file.write(MOSQUITTO.format(port=port))
            process = subprocess.Popen([program, "-c", path], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                if listens(port, process):
                    yield process, port
                    return
            finally:
                stop(process)
    raise Failure("mosquitto does not start")


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # user, system


def peak_memory(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii", errors="replace") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


# ------------------------------------------------------------------------------------------------
# The works
# ------------------------------------------------------------------------------------------------


def run(work, program, server, port):
    """Gives the figures, and sentences about what is wrong."""
    numbers = port, work.publishers, work.subscribers, work.qos, work.messages, work.window
    client = subprocess.Popen([program, *map(str, numbers)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    try:
        if read_line(client) != "ready\n":
            raise Failure(f"{work.name}: the clients are not connected")
        before = cpu_seconds(server)
        client.stdin.write(b"\n")
        client.stdin.flush()
        result = read_line(client)
        figures = {"cpu_seconds": round(cpu_seconds(server) - before, 3),
                   "memory_kib": peak_memory(server)}
        if not result:
            raise Failure(f"{work.name}: the clients were not served in time")
        client.stdin.write(b"\n")
        client.stdin.close()
        if client.wait(timeout=SECONDS) != 0:
            raise Failure(f"{work.name}: the clients end with status {client.returncode}")
    finally:
        client.kill()
        client.wait()
        client.stdout.close()
    arrived = json.loads(result)
    figures["per_second"] = round(arrived["received"] / max(arrived["seconds"], 0.001))
    return figures, judge(work, arrived)


def judge(work, arrived):
    """Says what is lost, doubled and out of order."""
    sent = work.publishers * work.messages
    delivered = work.subscribers * work.messages
    if arrived["received"] != delivered:
        yield f"{arrived['received']} of {delivered} messages arrived"
    if arrived["acknowledged"] != (sent if work.qos else 0):
        yield f"{arrived['acknowledged']} of {sent} messages were acknowledged"
    if arrived["misplaced"]:
        yield f"{arrived['misplaced']} messages came after a later one"
    if arrived["repeated"] and work.qos != 1:
        yield f"{arrived['repeated']} messages came twice"


def compare(name, ours, theirs):
    """Says what costs too much. Both have done the same work."""
    for key, limit in LIMITS.items():
        allowed = limit * max(theirs[key], LEAST[key])
        if ours[key] > allowed:
            yield f"{name}: {key} of mqtt_broker is {ours[key]}, above the limit of {allowed:g}"


def show(work, server, figures):
    rate = f"{figures['per_second']:,}" if work.messages else "-"
    cpu = f"{figures['cpu_seconds']:.2f}" if work.messages else "-"
    print(f"{work.name:20}{server:12}{rate:>12}{cpu:>8}{figures['memory_kib']:>14,}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("broker", help="the program of examples/complete/mqtt_broker.c")
    parser.add_argument("load", help="the program of load.c")
    parser.add_argument("--scale", type=float, default=1, help="of the number of messages (1)")
    parser.add_argument("--no-limits", action="store_true",
                        help="compare nothing with mosquitto: for sanitizers and emulators")
    parser.add_argument("--json", metavar="FILE", help="write the figures to it as well")
    options = parser.parse_args()

    os.environ["PATH"] += os.pathsep + "/usr/sbin"  # where Debian has mosquitto
    peer = shutil.which("mosquitto")
    if peer is None:
        print("skipped: needs mosquitto")
        return SKIPPED
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS:
        print(f"load.py: {DESCRIPTORS} open files are needed, and no more than {hard} are allowed "
              "(ulimit -Hn)", file=sys.stderr)
        return 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    servers = {"mqtt_broker": lambda: example(options.broker), "mosquitto": lambda: mosquitto(peer)}
    faults, rows = [], []
    print(f"{'work':20}{'server':12}{'messages/s':>12}{'CPU s':>8}{'peak KiB':>14}")
    for work in works(options.scale):
        both = {}
        for server, start in servers.items():
            try:
                with start() as (process, port):
                    both[server], wrong = run(work, options.load, process, port)
            except (Failure, OSError, subprocess.SubprocessError) as error:
                faults.append(f"{server}: {error}")
                continue
            faults += [f"{work.name}, {server}: {sentence}" for sentence in wrong]
            show(work, server, both[server])
            rows.append({"work": work.name, "server": server, "messages":
                         work.subscribers * work.messages, **both[server]})
        if len(both) == 2 and not options.no_limits:
            faults += compare(work.name, both["mqtt_broker"], both["mosquitto"])
    if options.json:
        with open(options.json, "w", encoding="ascii") as file:
            json.dump({"rows": rows, "faults": faults}, file, indent=1)
    for fault in faults:
        print(f"FAILED: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
