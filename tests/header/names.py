#!/usr/bin/env python3
"""names.py PROJECT: no public name of mqtt_codec.h is one of another MQTT header, but for those in KEPT.

other_names.tsv lists the public names of 40 other headers that begin with mqtt_ or MQTT_: name, kind,
projects. A struct and a function may have the same name in C; a macro clashes with everything.
"""

import pathlib
import re
import sys

TYPE = "the standard's name of the packet type; there too it has the standard's number"
STRUCT = "the plainest name of what it holds"
CALL = "the plainest name of what it does"
VERSION = "3.1.1's name with that of the version; the other is private to one client"
KEPT = {
    **dict.fromkeys(
        ("MQTT_CONNECT", "MQTT_CONNACK", "MQTT_PUBLISH", "MQTT_PUBACK", "MQTT_PUBREC", "MQTT_PUBREL",
         "MQTT_PUBCOMP", "MQTT_SUBSCRIBE", "MQTT_SUBACK", "MQTT_UNSUBSCRIBE", "MQTT_UNSUBACK",
         "MQTT_PINGREQ", "MQTT_PINGRESP", "MQTT_DISCONNECT"), TYPE),
    **dict.fromkeys(
        ("mqtt_string", "mqtt_fixed_header", "mqtt_will", "mqtt_connect", "mqtt_connack",
         "mqtt_publish", "mqtt_ack", "mqtt_subscribe", "mqtt_suback", "mqtt_unsubscribe",
         "mqtt_packet"), STRUCT),
    **dict.fromkeys(
        ("mqtt_v5_connack", "mqtt_v5_publish", "mqtt_v5_ack", "mqtt_v5_subscription",
         "mqtt_v5_suback", "mqtt_v5_disconnect", "mqtt_v5_encode_connect",
         "mqtt_v5_encode_publish", "mqtt_v5_encode_puback", "mqtt_v5_encode_pubrec",
         "mqtt_v5_encode_pubrel", "mqtt_v5_encode_pubcomp", "mqtt_v5_encode_subscribe",
         "mqtt_v5_encode_unsubscribe", "mqtt_v5_encode_disconnect", "mqtt_v5_encode_auth"), VERSION),
    "mqtt_decode": CALL,
    "mqtt_encode": CALL,
}  # fmt: skip
SPACES = {"struct": "tag", "union": "tag", "enum": "tag", "macro": "macro"}


def space_of(kind):
    """The name space of C that a name of this kind is in."""
    return SPACES.get(kind, "ordinary")


def public_names(project):
    """Yields (name, kind)."""
    for line in (project / "tests/header/interface.txt").read_text("utf-8").splitlines()[1:]:
        kind, name, rest = (line.split(" ", 2) + ["", ""])[:3]
        if kind == "unreleased":
            continue
        if kind == "function":
            yield re.search(r"(\w+)\(", line)[1], "function"
        else:
            yield name.split("(")[0], kind
        if kind == "enum":
            yield rest.split()[0], "enumerator"
    header = (project / "mqtt_codec.h").read_text("utf-8")
    yield re.search(r"^#if !defined\((\w+)\)$", header, re.M)[1], "macro"  # the include guard


def clash(kind, other_kind):
    return "macro" in (kind, other_kind) or space_of(kind) == space_of(other_kind)


def main():
    project = pathlib.Path(sys.argv[1])
    others = {}
    for line in (project / "tests/header/other_names.tsv").read_text("utf-8").splitlines():
        name, kind, projects = line.split("\t")
        others.setdefault(name, []).append((kind, projects))
    names = set(public_names(project))
    clashes = [(name, kind, other_kind, projects) for name, kind in sorted(names)
               for other_kind, projects in others.get(name, []) if clash(kind, other_kind)]
    faults = [f"{name}, {kind} here, is a {other} in {projects}"
              for name, kind, other, projects in clashes if name not in KEPT]
    faults += [f"{name} is kept, but clashes with nothing"
               for name in sorted(KEPT.keys() - {name for name, *_ in clashes})]
    document = (project / "docs/porting.md").read_text("utf-8")
    faults += [f"docs/porting.md does not name {name}" for name in KEPT if f"`{name}`" not in document]
    # What was renamed in 0.2.0 has to be noticed.
    if not all(name in others for name in ("MQTT_CONNECTION_ACCEPTED", "MQTT_CODEC_H", "MQTT_INCOMPLETE")):
        faults.append("other_names.tsv lacks names that are known to clash")
    if faults:
        sys.exit("\n".join(faults))
    print(f"{len(names)} names, {len(KEPT)} of them shared with others")


if __name__ == "__main__":
    main()
