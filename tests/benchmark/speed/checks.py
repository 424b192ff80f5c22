#!/usr/bin/env python3
"""checks.py [--write]: what each check of the header costs, in instructions per packet.

Leaves one check at a time out of a copy of the header, counts again as speed.py does, and prints how
much less it is: the table of docs/performance.md, which --write writes there. Fails if a check is not
where it was, if leaving one out saves nothing anywhere, or, with gcc 12 on x86-64, if a figure of the
document is off by more than SLACK. Needs gcc and valgrind.
"""

import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

import speed

sys.path.insert(0, str(speed.PROJECT / "tests/header"))
from parts import replaced  # noqa: E402 pylint: disable=wrong-import-position

WORKS = {
    "decode_publish_qos0": "decode PUBLISH QoS 0",
    "decode_publish_qos1": "QoS 1",
    "decode_connect": "CONNECT",
    "decode_subscribe": "SUBSCRIBE",
    "decode_puback": "PUBACK",
    "decode_suback": "SUBACK",
    "encode_publish_qos1": "encode PUBLISH QoS 1",
    "encode_connect": "CONNECT",
    "encode_subscribe": "SUBSCRIBE",
}

HEADING = "| Left out |"
SLACK = 3  # instructions

# What is left out, and how: all that the first text stands for is replaced.
CHECKS = {
    "Strings: UTF-8, U+0000, wildcards, empty topics": [
        ("    return length > 0 && left == 0 ? 0 : mqtti_walk_string(s, length, length - left, kind);",
         "    (void)left;\n    return 0;"),
        ("        left = mqtti_is_valid_filter(s, length) ? 0 : length;", "        left = 0;"),
        ("        left = mqtti_left_to_check(s, length, mqtti_low(kind));", "        left = 0;"),
        (" ||\n        mqtti_left_to_check(reader.at, topic.length, mqtti_low(MQTTI_TOPIC_NAME)) != 0)", ")"),
    ],
    "Fields within the packet": [
        ("    if (reader->left < 2)\n        return reader->left == 0 ? missing : MQTT_ERROR_FIELD_PAST_END;",
         "    (void)missing;"),
        ("    if (field->length > reader->left - 2)\n        return MQTT_ERROR_FIELD_PAST_END;", ""),
        (" || topic.length > reader.left ||", " ||"),
    ],
    "Type, direction, flags of the fixed header": [
        ("        const int32_t status = mqtti_check_publish_flags(header->flags);\n"
         "        if (status < 0)\n            return status;\n", ""),
        ("        if ((rules & senders) == 0) /* Table 2.1 */\n"
         "            return rules == 0 ? MQTT_ERROR_RESERVED_TYPE : MQTT_ERROR_DIRECTION;\n"
         "        if (header->flags != (rules & MQTTI_FLAG_1))\n"
         "            return MQTT_ERROR_FLAGS;", "        (void)senders;"),
        ("if (length < 5 || mqtti_check_publish_flags(flags) != 0)", "if (length < 5)"),
        ("    if ((rules & senders) == 0 || bytes[0] % 16u != (rules & MQTTI_FLAG_1))\n        return 0;\n",
         "    (void)rules;\n    (void)senders;\n"),
    ],
    "Remaining length that the type can have": [
        ("    if (header->remaining_length < least ||\n"
         "        (header->remaining_length > least && (rules & MQTTI_EXACT) != 0))\n"
         "        return MQTT_ERROR_REMAINING_LENGTH;", "    (void)least;"),
        (" || remaining_length < 2)", ")"),
    ],
    "Packet id not 0": [
        ("    if (*packet_id == 0)\n        return MQTT_ERROR_PACKET_ID_ZERO;", ""),
        ("    if (packet_id == 0) {\n        packet->error_offset = (uint32_t)size - 2;\n"
         "        return MQTT_ERROR_PACKET_ID_ZERO; /* [MQTT-2.3.1-6] [MQTT-2.3.1-7] */\n    }\n", ""),
        ("        if (publish->packet_id == 0)\n            return 0;\n", ""),
        ("    if (writer.status == 0 && publish->qos > 0 && publish->packet_id == 0)\n"
         "        writer.status = MQTT_ERROR_PACKET_ID_ZERO;", ""),
    ],
    "Connect flags, and a client id where it has to be": [
        ("    status = mqtti_check_connect_flags(flags);\n    if (status < 0)\n        return status;\n",
         "    status = 0;\n"),
        ("    if (connect->has_will && connect->will.qos > 2)\n        return MQTT_ERROR_WILL_QOS;", ""),
        ("    if (connect->has_password && !connect->has_user_name)\n"
         "        return MQTT_ERROR_PASSWORD_WITHOUT_USER_NAME;", ""),
        ("return client_id.length > 0 || clean_session;", "return client_id.length <= 65535 || clean_session;"),
    ],
    "Requested QoS, SUBACK's return codes": [
        ("            if (reader->at[0] > 2)\n                return MQTT_ERROR_REQUESTED_QOS;", ""),
        ("            else if (qos > 2 && writer->status == 0)\n"
         "                writer->status = MQTT_ERROR_REQUESTED_QOS;", ""),
        ("    while (reader->left > 0) {\n"
         "        if (reader->at[0] > 2 && reader->at[0] != MQTT_SUBACK_CODE_FAILURE)\n"
         "            return MQTT_ERROR_SUBACK_RETURN_CODE; /* [MQTT-3.9.3-2] */\n"
         "        mqtti_skip(reader, 1);\n    }\n", "    mqtti_skip(reader, reader->left);\n"),
    ],
    "Lengths that fit a field and a packet": [
        ("    if (mqtti_is_too_long(length))\n        return MQTT_ERROR_FIELD_TOO_LONG;", ""),
        ("    if (writer->length > most || count > most)\n        writer->length = most + 1;\n    else\n    ",
         "    (void)most;\n"),
        ("    if (writer->length > MQTT_REMAINING_LENGTH_MAX)\n"
         "        return MQTT_ERROR_PACKET_TOO_LARGE;", ""),
    ],
    "Capacity of the buffer": [
        ("        if (capacity < size)\n            return MQTT_ERROR_BUFFER_TOO_SMALL;\n        writer->at",
         "        (void)capacity;\n        writer->at"),
    ],
}  # fmt: skip


def left_out(header, check):
    for old, new in CHECKS[check]:
        header = replaced(header, old, new)
        if header is None:
            sys.exit(f"{check}: not found once:\n{old}")
    return header


def count(folder, header):
    (folder / "mqtt_codec.h").write_text(header, "utf-8")
    subprocess.run(
        ["gcc", "-std=c99", "-O2", "-w", "-gdwarf-4", "-DHAVE_MOSQUITTO=0", "-Wl,-z,now", f"-I{folder}",
         "-o", folder / "speed", *(speed.HERE / source for source in speed.SOURCES)], check=True)  # fmt: skip
    return speed.count(folder / "speed", "")


def main():
    if shutil.which("valgrind") is None or shutil.which("gcc") is None:
        print("skipped: what the checks cost was not counted: install the packages gcc and valgrind.")
        sys.exit(speed.SKIPPED)
    header = (speed.PROJECT / "mqtt_codec.h").read_text("utf-8")
    table = [
        f"{HEADING} " + " | ".join(WORKS.values()) + " |",
        "| --- |" + " ---: |" * len(WORKS),
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        whole = count(folder, header)
        for check in CHECKS:
            less = count(folder, left_out(header, check))
            saved = [whole[work] - less[work] for work in WORKS]
            table.append(f"| {check} | " + " | ".join(str(n) for n in saved) + " |")
            if max(saved) <= 0:
                sys.exit(f"{check}: left out, it saves nothing")
    table.append("| Nothing | " + " | ".join(str(whole[work]) for work in WORKS) + " |")
    print("\n".join(table))
    compare(table)


def compare(table):
    document = speed.DOCUMENT.read_text("utf-8")
    written = re.search(rf"(?m)^{re.escape(HEADING)}.*\n(?:\|.*\n)*", document)
    if written is None:
        sys.exit(f"{speed.DOCUMENT} has no table that begins with {HEADING}")
    if sys.argv[1:] == ["--write"]:
        new = document[: written.start()] + "\n".join(table) + "\n" + document[written.end() :]
        speed.DOCUMENT.write_text(new, "utf-8")
        return
    version = subprocess.run(["gcc", "-dumpversion"], check=True, stdout=subprocess.PIPE).stdout
    if not version.startswith(b"12") or platform.machine() != "x86_64":
        print("The document's figures, which are those of gcc 12 on x86-64, are not looked at.")
        return
    lines = written[0].splitlines()
    same = len(lines) == len(table) and lines[:2] == table[:2]
    for line, counted in zip(lines[2:], table[2:]):
        titles, numbers = zip(*((row.split(" | ")[0], re.findall(r"-?\d+(?= \|)", row)) for row in (line, counted)))
        pairs = zip(*(map(int, row) for row in numbers), strict=True)
        same &= titles[0] == titles[1] and all(abs(a - b) <= SLACK for a, b in pairs)
    if not same:
        sys.exit(f"{speed.DOCUMENT} has other figures: checks.py --write")


if __name__ == "__main__":
    main()
