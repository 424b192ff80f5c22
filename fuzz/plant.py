#!/usr/bin/env python3
"""plant.py [--seconds N]: plants bugs in a copy of mqtt_codec.h, one at a time, and fuzzes each with the
target that should find it, from the seed corpora, for up to N seconds (120).

Prints how long each took and how many inputs. Exits non-zero if one is not found, or cannot be
planted because its text is not in the header once.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SUPPORT = HERE.parent / "tests/support"
sys.path.insert(0, str(HERE.parent / "tests/header"))
from parts import replaced  # noqa: E402 pylint: disable=wrong-import-position

# name, target, what stands in the header, what is put in its place
BUGS = [
    ("a string may be one byte longer than the packet", "fuzz_decode",
     "if (field->length > reader->left - 2)", "if (field->length > reader->left - 1)"),
    ("the list's iterator forgets the requested QoS", "fuzz_decode",
     "*position = encoded.length - reader.left + suffix;", "*position = encoded.length - reader.left;"),
    ("a filter that ends the packet has a QoS", "fuzz_decode",
     "if (reader->left == 0)\n                return MQTT_ERROR_REQUESTED_QOS_MISSING;",
     "if (reader->left == 0 && filter.length < 9)\n                return MQTT_ERROR_REQUESTED_QOS_MISSING;"),
    ("a capacity smaller by one is taken", "fuzz_decode",
     "        if (capacity < size)\n            return MQTT_ERROR_BUFFER_TOO_SMALL;\n        writer->at",
     "        if (capacity + 1 < size)\n            return MQTT_ERROR_BUFFER_TOO_SMALL;\n        writer->at"),
    ("an encoder writes before it has compared the capacity", "fuzz_decode",
     "        if (capacity < size)\n            return MQTT_ERROR_BUFFER_TOO_SMALL;\n        writer->at",
     "        if (capacity > 0)\n            *(uint8_t *)buffer = 0;\n        if (capacity < size)\n"
     "            return MQTT_ERROR_BUFFER_TOO_SMALL;\n        writer->at"),
    ("error_offset counts from the wrong end", "fuzz_decode",
     "(uint32_t)(size - reader->left)", "(uint32_t)(size + reader->left)"),
    ("a client may send PINGRESP", "fuzz_decode",
     "MQTTI_SERVER | MQTTI_EXACT,                       /* PINGRESP */",
     "MQTTI_CLIENT | MQTTI_SERVER | MQTTI_EXACT,"),
    ("one byte may be left after the fields of a CONNECT", "fuzz_decode",
     "return reader->left > 0 ? MQTT_ERROR_TRAILING_BYTES", "return reader->left > 1 ? MQTT_ERROR_TRAILING_BYTES"),
    ("a packet is whole without its last byte", "fuzz_prefix",
     "return length - (size_t)size < body->left ? MQTT_PACKET_INCOMPLETE",
     "return length - (size_t)size + 1 < body->left ? MQTT_PACKET_INCOMPLETE"),
    ("the usual PUBLISH is whole without its last byte", "fuzz_prefix",
     "if (length < header_size + remaining_length ||", "if (length + 1 < header_size + remaining_length ||"),
    ("a fourth byte of the remaining length may announce a fifth", "fuzz_prefix",
     "        if (digits[last] < 128) {",
     "        if (digits[last] < 128 || (last == 3 && length > 9)) {"),
    ("a CONNACK of 3.1.1 is told only when all of it is there", "fuzz_prefix",
     "if (type == MQTT_V5_CONNACK && header->remaining_length == 2)",
     "if (type == MQTT_V5_CONNACK && header->remaining_length == 2 && length > 3)"),
    ("the protocol level is read before it is there", "fuzz_prefix",
     "if (length - start <= name_length)", "if (length - start < name_length)"),
    ("no room is asked for the packet id at QoS 1", "fuzz_stream",
     "if (mqtti_publish_qos(header.flags) != 0)\n        needed += 2;",
     "if (mqtti_publish_qos(header.flags) > 1)\n        needed += 2;"),
    ("setting DUP clears RETAIN", "fuzz_stream",
     "*first_byte ^= MQTTI_PUBLISH_DUP;", "*first_byte = (*first_byte ^ MQTTI_PUBLISH_DUP) & 0xFE;"),
    ("the encoder forgets will retain", "fuzz_encode",
     "mqtti_flag(connect->will.retain, MQTTI_CONNECT_WILL_RETAIN);", "0;"),
    ("the encoder takes a wildcard in a will topic", "fuzz_encode",
     "MQTTI_TOPIC_NAME); /* [MQTT-3.1.3-10] */", "MQTTI_STRING);"),
    ("binary data may be longer than its length can tell", "fuzz_encode",
     "    if (mqtti_is_too_long(length))\n", "    if (kind != MQTTI_BINARY && mqtti_is_too_long(length))\n"),
    ("a remaining length may be too large by one", "fuzz_encode",
     "if (writer->length > MQTT_REMAINING_LENGTH_MAX)",
     "if (writer->length > MQTT_REMAINING_LENGTH_MAX + 1)"),
    ("U+FFFE is not discouraged", "fuzz_utf8",
     "s[1] == 0xBF && s[2] >= 0xBE)", "s[1] == 0xBF && s[2] >= 0xBF)"),
    ("eight bytes at once may contain one that is not ASCII", "fuzz_utf8",
     "((bytes | (bytes - ones * (low + 1u))) & ones * 0x80)", "((bytes - ones * (low + 1u)) & ones * 0x80)"),
    ("U+0000 is taken at the end of a string", "fuzz_utf8",
     "} else if (s[i] == 0) {", "} else if (s[i] == 0 && i + 1 < length) {"),
    ("the last continuation byte is not looked at", "fuzz_utf8",
     "for (i = 1; i < size; i++) {\n        if (s[i] < 0x80",
     "for (i = 1; i + 1 < size; i++) {\n        if (s[i] < 0x80"),
    ("the vector code takes the last block for plain", "fuzz_utf8",
     "return specials == 0 ? length : i + (size_t)__builtin_ctz(specials);", "return length;"),
    ("the vector code takes a surrogate for a character", "fuzz_utf8",
     "((before == -19) & (bytes > -97)) | /* ED: surrogates */", ""),
    ("any last level of one byte matches its parent level", "fuzz_topics",
     "filter[0] == '/' && filter[1] == '#';", "filter[0] == '/';"),
    ("+ at the start matches a name that begins with $", "fuzz_topics",
     "if (name.data[0] == '$' && filter.data[0] != '$')",
     "if (name.data[0] == '$' && filter.data[0] == '#')"),
    ("U+0000 is taken in a filter after 20 characters", "fuzz_topics",
     "} else if (s[i] == 0) {", "} else if (s[i] == 0 && (i < 20 || kind != MQTTI_TOPIC_FILTER)) {"),
    ("+ may be followed by anything", "fuzz_topics",
     "is_last || (s[i] == '+' && s[i + 1] == '/');", "is_last || s[i] == '+';"),
    ("the vector code takes a wildcard anywhere", "fuzz_topics",
     "s[i] == '+' ? mqtti_check_wildcard(s, length, i) != 0", "s[i] == '+' ? false"),
    ("PUBREL is written without its flags", "fuzz_session",
     "MQTT_PUBREL * 16 + MQTTI_FLAG_1,", "MQTT_PUBREL * 16,"),
    ("the payload begins a byte early when the topic is long", "fuzz_session",
     "publish->payload.data = reader.at;",
     "publish->payload.data = reader.at - (publish->topic.length > 18);"),
    ("a property's number may be longer than the properties", "fuzz_v5_decode",
     "if (reader->left < type)\n", "if (reader->left + 1 < type)\n"),
    ("the usual PUBLISH at QoS 1 has no room for a property length", "fuzz_v5_decode",
     "if (reader->left < 3) /* also", "if (reader->left < 2) /* also"),
    ("nothing is left out", "fuzz_v5_decode",
     "if ((properties->without & mqtti_v5_bit(rule)) == 0)", "if (id != 0)"),
    ("only a server's PUBLISH may have a subscription identifier where the side is not known", "fuzz_v5_decode",
     "packet == MQTT_V5_PUBLISH && senders == MQTTI_CLIENT",
     "packet == MQTT_V5_PUBLISH && senders != MQTTI_SERVER"),
    ("a number loses its upper bytes", "fuzz_v5_encode",
     "(uint16_t)(number / 65536));", "0);"),
    ("the encoder forgets retain as published", "fuzz_v5_encode",
     "mqtti_flag(subscription->retain_as_published, MQTTI_V5_OPTIONS_RETAIN_AS_PUBLISHED)", "0u"),
    ("the encoder takes any reason code", "fuzz_v5_encode",
     "else if (senders == 0)", "else if (packet == 0)"),
    ("the header of a PUBLISH is whole without its last byte", "fuzz_v5_stream",
     "    if (reader.left < needed)\n        return MQTT_PACKET_INCOMPLETE;\n"
     "    reader.left = (size_t)needed;\n    status = mqtti_v5_read_publish(",
     "    if (reader.left + 1 < needed)\n        return MQTT_PACKET_INCOMPLETE;\n"
     "    reader.left = (size_t)needed;\n    status = mqtti_v5_read_publish("),
    ("a property length of which a part has arrived is refused", "fuzz_v5_stream",
     "if (size == MQTT_PACKET_INCOMPLETE && reader->left < header->remaining_length)",
     "if (size == MQTT_PACKET_INCOMPLETE && reader->left < 2)"),
    ("setting the packet id writes one byte late", "fuzz_v5_stream",
     "- at) + publish.topic.length,\n                  packet_id);",
     "- at) + publish.topic.length + 1,\n                  packet_id);"),
    ("a PUBLISH may have a will delay interval", "fuzz_v5_properties",
     "MQTTI_V5_RULE(0x18, MQTTI_V5_IN_WILL,", "MQTTI_V5_RULE(0x18, MQTTI_V5_IN_MESSAGE,"),
    ("the value of a pair is not checked", "fuzz_v5_properties",
     "property->as.pair.value.length,\n                          MQTTI_STRING);",
     "property->as.pair.value.length,\n                          MQTTI_BINARY);"),
    ("a property may be received and in the array", "fuzz_v5_properties",
     "            writer.status = mqtti_v5_check_rule(list, rule);\n        writer.length++;",
     "            writer.status = properties->encoded.length > 0 ? 0\n"
     "                : mqtti_v5_check_rule(list, rule);\n        writer.length++;"),
    ("what is left out is checked", "fuzz_v5_properties",
     "    if (!is_left_out)\n        status = mqtti_v5_check_rule",
     "    status = mqtti_v5_check_rule"),
    ("an array of one property is measured as three", "fuzz_v5_properties",
     "    list->length = writer.length;\n    return writer.status;",
     "    list->length = writer.length + (properties->count == 1 ? 2 : 0);\n    return writer.status;"),
]


def plant(header, bug):
    name, target, old, new = bug
    if header.count(old) == 1:
        text = header.replace(old, new)
    else:  # both versions may have it: then the bug is one of 3.1.1
        text = None if target.startswith("fuzz_v5_") else replaced(header, old, new)
    if text is None:
        sys.exit(f"plant.py: {name}: not found once:\n{old}")
    return text


def build(work, target):
    (work / target).unlink(missing_ok=True)
    sources = [HERE / (target + ".c")]
    if "paths.h" in sources[0].read_text(encoding="utf-8"):
        sources += SUPPORT.glob("path_*.c")
    subprocess.run(
        [os.environ.get("CLANG", "clang"), "-std=c99", "-g", "-O1", "-w", "-I", work, "-I", SUPPORT,
         "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all", "-o", work / target,
         *sources], check=True)


def fuzz(work, target, seconds):
    """Whether it was found, the seconds it took, and the number of inputs."""
    new_inputs = work / "corpus"  # libFuzzer writes into the first folder
    shutil.rmtree(new_inputs, ignore_errors=True)
    new_inputs.mkdir()
    start = time.monotonic()
    run = subprocess.run(
        [work / target, f"-max_total_time={seconds}", "-max_len=2048", "-timeout=10", "-seed=1",
         "-print_final_stats=1", f"-dict={HERE / 'mqtt.dict'}", f"-artifact_prefix={work}/",
         new_inputs, work / "seeds" / target],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=work, check=False)
    inputs = re.search(rb"number_of_executed_units: *(\d+)", run.stderr)
    return run.returncode != 0, time.monotonic() - start, inputs.group(1).decode() if inputs else "?"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=int, default=120, help="for each bug (120)")
    seconds = parser.parse_args().seconds
    header = (HERE.parent / "mqtt_codec.h").read_text()
    planted = [plant(header, bug) for bug in BUGS]
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        subprocess.run([HERE / "make_seeds.py", work / "seeds"], stdout=subprocess.DEVNULL, check=True)
        for (name, target, _, _), text in zip(BUGS, planted):
            (work / "mqtt_codec.h").write_text(text)
            build(work, target)
            found, took, inputs = fuzz(work, target, seconds)
            missed += not found
            print(f"{'found ' if found else 'MISSED'} {took:6.1f} s {inputs:>9} inputs  {target}: {name}",
                  flush=True)
    print(f"{len(BUGS) - missed} of {len(BUGS)} found")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
