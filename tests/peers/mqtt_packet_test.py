#!/usr/bin/env python3
"""mqtt_packet_test.py PACKETS_WRITER PACKETS_READER FOLDER: mqtt-packet and the codec agree.

The parser of mqtt-packet, of npm, reads the packets of our encoders with the same fields; those
that its generator writes decode here with the same fields, and mqtt_encode writes the same bytes
again.
There is no exception. mqtt-packet is installed into the FOLDER, from the npm registry, in the
version of package.json.
"""

import json
import pathlib
import shutil
import subprocess
import sys

import peers

HERE = pathlib.Path(__file__).resolve().parent
# What npm says where there is no registry to be had, as opposed to a wrong answer of one.
UNREACHABLE = (
    "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ENETUNREACH", "ENOTFOUND",
    "ERR_SOCKET_TIMEOUT", "ETIMEDOUT", "EIDLETIMEOUT",
)  # fmt: skip


def missing(reason):
    """In CI everything is there, or it is a fault."""
    if peers.in_ci():
        peers.fail(reason)
    peers.skip(reason)


def install(folder, source=HERE):
    """Installs what the lock file of `source` says, unless it is there from a run before."""
    lock = (source / "package-lock.json").read_bytes()
    installed = folder / "installed"
    if installed.is_file() and installed.read_bytes() == lock:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(source / name, folder / name)
    command = [
        "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1",
        "--fetch-timeout=20000",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=folder, timeout=150, check=False, encoding="utf-8", errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        missing("npm has not installed its packages within 150 seconds")
    if done.returncode != 0:
        if any(code in done.stdout for code in UNREACHABLE):
            missing("npm cannot reach its registry to install packages")
        print(done.stdout[-2000:])
        peers.fail(f"npm ci ended with {done.returncode}")
    installed.write_bytes(lock)


def lines(packets):
    return "".join(packet.data.hex() + "\n" for packet in packets).encode("ascii")


def beyond_the_fields(packet):
    """What mqtt-packet says besides."""
    result = {"remaining_length": peers.remaining_length(packet)[0]}
    if packet.fields["type"] == "CONNECT":
        result |= {"protocol_name": "MQTT", "protocol_level": 4}
    return result


def mqtt_packet_reads(node, packets):
    read = peers.run(**node("read"), input=lines(packets)).splitlines()
    expected = [
        peers.Packet(packet.data, packet.fields | beyond_the_fields(packet)) for packet in packets
    ]
    peers.compare(expected, [json.loads(line) for line in read], "mqtt-packet")


def we_read(reader, packets):
    read = peers.run([reader], input=lines(packets)).decode("ascii").splitlines()
    for number, (packet, line) in enumerate(zip(packets, read), 1):
        again = line.partition(" ")[0]
        if not line.endswith("}"):
            peers.fail(f"packet {number}, {peers.shorten(packet.data.hex())}: {line}")
        if again != packet.data.hex():
            peers.fail(
                f"packet {number}, {peers.shorten(packet.data.hex())}: mqtt_encode writes"
                f" {peers.shorten(again)}"
            )
    fields = [json.loads(line.partition(" ")[2]) for line in read]
    peers.compare(packets, fields, "mqtt_decode")
    print("of each, mqtt_encode writes the same bytes again")


def main():
    writer, reader, folder = sys.argv[1:]
    folder = pathlib.Path(folder).resolve()
    peers.end_on_signals()
    absent = [program for program in ("node", "npm") if shutil.which(program) is None]
    if absent:
        missing(f"needs {', '.join(absent)}")
    install(folder)

    def node(*arguments):
        return {"command": ["node", str(HERE / "mqtt_packet.js"), *arguments], "cwd": folder}

    mqtt_packet_reads(node, peers.random_packets(writer))
    made = peers.packets(peers.run(**node("generate", str(peers.SEED), str(peers.ROUNDS))))
    peers.check_kinds(made, "mqtt-packet")
    print(f"seed {peers.SEED}: {len(made)} packets of mqtt-packet, {peers.ROUNDS} of each type")
    we_read(reader, made)


if __name__ == "__main__":
    main()
