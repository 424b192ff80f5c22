#!/usr/bin/env python3
"""mqtt_packet_test.py PACKETS_WRITER PACKETS_READER FOLDER: mqtt-packet and the codec agree.

The parser of mqtt-packet, of npm, reads the packets of our encoders with the same fields; those
that its generator writes decode here with the same fields, and mqtt_encode writes the same bytes
again. For MQTT 5.0 our encoders write the packets of packets_v5.txt, and those of mqtt-packet again;
what packets_v5.txt rejects, its parser refuses too.
For MQTT 3.1.1 there is no exception; those for 5.0 are named below. mqtt-packet is installed into the
FOLDER, from the npm registry, in the version of package.json.
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


USER_PROPERTY = 38

# What mqtt-packet does not always refuse, by our status and the packet type, if it is only one.
LENIENT = {
    "MQTT-1.5.4-1": ["ILL_FORMED_UTF8"],
    "MQTT-1.5.4-2": ["NULL_CHARACTER"],
    "MQTT-1.5.5-1": ["INTEGER_NOT_SHORTEST"],
    "2.1.4": ["REMAINING_LENGTH", "TRAILING_BYTES"],
    "MQTT-2.2.1-3": ["PACKET_ID_ZERO"],
    "2.2.1": ["PACKET_ID_MISSING"],
    "2.2.2.1": ["PROPERTIES_MISSING"],
    "2.2.2.2": ["PROPERTY_ID", "PROPERTY_CUT", "PROPERTY_TWICE"],
    "2.2.2.2: a Maximum QoS of 2, and others": ["PROPERTY_VALUE"],
    "MQTT-3.1.2-1": ["PROTOCOL_NAME"],
    "MQTT-3.1.2-2": ["PROTOCOL_LEVEL"],
    "MQTT-3.1.2-12": ["WILL_QOS"],
    "3.2.2.2, Table 3-1": ["REASON_CODE CONNACK"],
    "MQTT-3.2.2-6": ["SESSION_PRESENT"],
    "MQTT-3.3.1-2": ["DUP"],
    "MQTT-3.3.2-2": ["TOPIC_NAME_WILDCARD"],
    "MQTT-3.3.2-8": ["TOPIC_ALIAS_ZERO"],
    "3.3.2.1": ["TOPIC_MISSING"],
    "MQTT-3.8.3-2": ["SUBSCRIBE_NO_FILTER"],
    "MQTT-3.8.3-4": ["NO_LOCAL_SHARED"],
    "3.9.3": ["SUBACK_NO_RETURN_CODE"],
    "MQTT-3.10.3-2": ["UNSUBSCRIBE_NO_FILTER"],
    "MQTT-3.14.2-2": ["PROPERTY_DIRECTION"],
    "3.15.2.2.2: an AUTH without a method, and a CONNECT with data only": ["AUTHENTICATION_METHOD"],
    "MQTT-4.7.1-1": ["FILTER_MULTI_LEVEL"],
    "MQTT-4.7.1-2": ["FILTER_SINGLE_LEVEL"],
    "MQTT-4.7.3-1": ["TOPIC_EMPTY"],
    "MQTT-4.8.2-1": ["SHARE_NAME"],
}


def changed(fields, change):
    """The fields with other properties."""
    places = ("properties", "will_properties")
    return fields | {place: change(fields[place]) for place in places if fields.get(place)}


def by_name(fields):
    def key(one):
        return one[0], one[1][0] if one[0] == USER_PROPERTY else ""

    return changed(fields, lambda properties: sorted(properties, key=key))


def forget_empty(properties):
    return [
        one for one, following in zip(properties, properties[1:] + [None])
        if not (following and one == [USER_PROPERTY, [following[1][0], ""]])
    ]  # fmt: skip


# Where mqtt-packet departs from MQTT 5.0: the clause, and whether that is all that differs between the
# fields of a packet and what it reads.
EXCEPTIONS = {
    "MQTT-3.3.2-18: User Properties have an order, but mqtt-packet keeps them by their names; so only"
    " the order of those with the same name is compared":
        lambda ours, theirs: by_name(ours) == by_name(theirs),
    "3.3.2.3.7: a name may come again, but mqtt-packet forgets a User Property without a value, if"
    " its name comes again":
        lambda ours, theirs: changed(by_name(ours), forget_empty) == by_name(theirs),
    "3.15.2.1: an AUTH may have no Reason Code, but mqtt-packet refuses that":
        lambda ours, theirs: theirs == {"refused": "Invalid auth reason code"}
        and ours["type"] == "AUTH" and ours["remaining_length"] == 0,
    "2.4: DISCONNECT has 0x8C in Table 2-6, but not in Table 3-10; the codec takes it, mqtt-packet"
    " does not":
        lambda ours, theirs: theirs == {"refused": "Invalid disconnect reason code"}
        and ours["type"] == "DISCONNECT" and ours["reason_code"] == 0x8C,
}  # fmt: skip

def beyond_the_fields(packet, level):
    """What mqtt-packet says besides."""
    result = {"remaining_length": peers.remaining_length(packet)[0]}
    if packet.fields["type"] == "CONNECT":
        result |= {"protocol_name": "MQTT", "protocol_level": level}
    return result


def mqtt_packet_reads(node, packets, version="3.1.1", level=4):
    read = peers.run(
        **node(version, "read"), input=peers.hex_lines(packet.data for packet in packets)
    )
    return [json.loads(line) for line in read.splitlines()], [
        peers.Packet(packet.data, packet.fields | beyond_the_fields(packet, level))
        for packet in packets
    ]


def mqtt_packet_reads_v5(node, packets):
    """Returns the exceptions that there was a need for."""
    theirs, ours = mqtt_packet_reads(node, packets, "5.0", 5)
    used = set()
    for number, packet in enumerate(ours):
        if packet.fields != theirs[number]:
            for text, is_all in EXCEPTIONS.items():
                if is_all(packet.fields, theirs[number]):
                    used.add(text)
                    theirs[number] = packet.fields
                    break
    peers.compare(ours, theirs, "mqtt-packet")
    return used


def mqtt_packet_refuses(node):
    """What packets_v5.txt rejects, but for LENIENT."""
    lenient = sum(LENIENT.values(), [])
    cases = [(data, case) for data, case in peers.cases_v5() if "reject" in case]
    read = peers.run(**node("5.0", "read"), input=peers.hex_lines(data for data, _ in cases))
    needed, refused = set(), 0
    for (data, case), line in zip(cases, read.splitlines(), strict=True):
        status = case["reject"].split()[0]
        kind = (["Reserved"] + peers.V5_TYPES)[data[0] >> 4]
        found = {status, f"{status} {kind}"}.intersection(lenient)
        if "refused" in json.loads(line):
            refused += 1
        elif found:
            needed |= found
        else:
            peers.fail(f"mqtt-packet takes {data.hex()}: {case['packet']}, {status}")
    if needed != set(lenient):
        peers.fail(f"mqtt-packet is strict: {', '.join(sorted(set(lenient) - needed))}")
    print(f"{refused} of {len(cases)} packets are refused by mqtt-packet too")
    for clause, statuses in LENIENT.items():
        print(f"exception: {clause}: mqtt-packet does not refuse all of {', '.join(statuses)}")


def generated(node, version, rounds):
    made = peers.run(**node(version, "generate", str(peers.SEED), str(rounds)))
    result = peers.packets(made.decode("ascii"))
    print(f"seed {peers.SEED}: {len(result)} packets of mqtt-packet, {rounds} of each type")
    return result


def judge_3_1_1(node, writer, reader):
    theirs, ours = mqtt_packet_reads(node, peers.random_packets(writer))
    peers.compare(ours, theirs, "mqtt-packet")
    made = generated(node, "3.1.1", peers.ROUNDS)
    peers.check_kinds(made, "mqtt-packet")
    peers.we_read(reader, made)


def judge_5_0(node, reader):
    corpus = peers.corpus_v5(reader)
    made = generated(node, "5.0", peers.V5_ROUNDS)
    peers.check_v5_kinds(made, "mqtt-packet", corpus)
    used = mqtt_packet_reads_v5(node, corpus + peers.we_read(reader, made, "5.0"))
    for text in EXCEPTIONS:
        if text not in used:
            peers.fail(f"there is no need for the exception: {text}")
        print("exception:", text)
    mqtt_packet_refuses(node)


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

    judge_3_1_1(node, writer, reader)
    judge_5_0(node, reader)


if __name__ == "__main__":
    main()
