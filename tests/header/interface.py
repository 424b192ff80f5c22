#!/usr/bin/env python3
"""interface.py PROJECT [--write]: the public names, numbers, members and prototypes of mqtt_codec.h are
those that tests/header/interface.txt records for its version.

A change needs a new version (docs/changelog.md says which); --write then records it, and refuses if
the version was not raised as far as the change asks for. Additions may wait for their version: while
docs/changelog.md has a section "Unreleased", they are recorded after the line "unreleased".
"""

import pathlib
import re
import sys


def declarations(header):
    """What a program can depend on, a line each, in the order of the header."""
    text = header[: header.index("END OF THE INTERFACE\n *")]
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL).replace("\\\n", " ")
    for name, value in re.findall(r"^#define (MQTT_\w+(?:\(\w+\))?) +(\S.*)$", text, re.MULTILINE):
        if not name.startswith("MQTT_CODEC_"):
            yield f"macro {name} {value.strip()}"
    for name in dict.fromkeys(re.findall(r"\bMQTT_CODEC_(?!SINGLE_HEADER_H\b|EXTERNAL\b)[A-Z]\w*", text)):
        yield f"macro {name}"
    text = re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
    for kind, name, body in re.findall(r"^(enum|struct) (\w+) \{(.*?)^\};", text, re.DOTALL | re.MULTILINE):
        if kind == "enum":
            for number in re.findall(r"(\w+) = (-?\w+)", body):
                yield f"enum {name} {' '.join(number)}"
        else:
            yield f"struct {name} {{ {' '.join(body.split())} }}"
    for prototype in re.findall(r"^MQTTI_API (.*?);", text, re.DOTALL | re.MULTILINE):
        yield f"function {' '.join(prototype.split())}"


def version_of(header):
    return tuple(int(n) for n in re.findall(r"#define MQTT_CODEC_VERSION_[MP]\w+ (\d+)", header))


def dotted(version):
    return ".".join(str(n) for n in version)


def record_of(header):
    return [f"version {dotted(version_of(header))}", *declarations(header)]


def objection(old, new, unreleased=False):
    """Why the version of the record `new` does not fit to its differences from `old`, or None.

    unreleased: additions may wait for their version."""
    before, after = (tuple(map(int, r[0].split()[1].split("."))) for r in (old, new))
    gone = [line for line in old[1:] if line not in new]
    added = [line for line in new[1:] if line not in old]
    if after < before:
        return f"The version went back from {dotted(before)} to {dotted(after)}."
    if gone:  # also what is another now
        lowest = (0, before[1] + 1, 0) if before[0] == 0 else (before[0] + 1, 0, 0)
    elif added and not unreleased:
        lowest = (before[0], before[1] + 1, 0)
    else:
        return None
    if after < lowest:
        return "\n".join(
            [f"- {line}" for line in gone] + [f"+ {line}" for line in added]
            + [f"This needs version {dotted(lowest)} at least, not {dotted(after)}."])
    return None


def self_test(header):
    """The rules, on changes of this header: what is replaced, the version, whether that will do."""
    add = ("\nMQTTI_API int32_t mqtt_decode(", "\nMQTTI_API bool mqtt_new(void);\nMQTTI_API int32_t mqtt_decode(")
    number = ("MQTT_ERROR_QOS = -32,", "MQTT_ERROR_QOS = -52,")
    name = ("MQTT_ERROR_QOS = -32,", "MQTT_ERROR_QOS_3 = -32,")
    member = ("    uint16_t keep_alive;", "    uint32_t keep_alive;")
    argument = ("struct mqtt_string filter, struct mqtt_string name);", "struct mqtt_string filter);")
    limit = ("#define MQTT_STRING_LENGTH_MAX    65535u", "#define MQTT_STRING_LENGTH_MAX    65536u")
    comment = ("/* Packet types, Table 2.1", "/* Packet types: Table 2.1")
    table = [(comment, (1, 2, 3), (1, 2, 3), True), (add, (1, 2, 3), (1, 2, 4), False),
             (add, (1, 2, 3), (1, 3, 0), True), (add, (0, 1, 0), (0, 1, 0), False),
             (comment, (1, 2, 3), (1, 2, 2), False)]
    waiting = [(add, (0, 1, 0), (0, 1, 0), True), (number, (0, 1, 0), (0, 1, 0), False)]
    for change in (number, name, member, argument, limit):
        table += [(change, (1, 2, 3), (1, 3, 0), False), (change, (1, 2, 3), (2, 0, 0), True),
                  (change, (0, 1, 0), (0, 1, 1), False), (change, (0, 1, 0), (0, 2, 0), True)]
    for unreleased, ((old, new), before, after, will_do) in [
            *((False, row) for row in table), *((True, row) for row in waiting)]:
        assert old in header, old
        records = [[f"version {dotted(before)}", *declarations(header)],
                   [f"version {dotted(after)}", *declarations(header.replace(old, new, 1))]]
        assert (objection(*records, unreleased) is None) == will_do, (new, before, after)


def main():
    project = pathlib.Path(sys.argv[1])
    header = (project / "mqtt_codec.h").read_text(encoding="utf-8")
    path = project / "tests/header/interface.txt"
    changelog = (project / "docs/changelog.md").read_text(encoding="utf-8")
    new = record_of(header)
    old = path.read_text(encoding="utf-8").splitlines() if path.exists() else new
    released = old[: old.index("unreleased")] if "unreleased" in old else old
    why = objection(released, new, "\n## Unreleased\n" in changelog)
    if why:
        sys.exit(why)
    if new[0] == released[0]:
        added = [line for line in new if line not in released]
        new = [line for line in new if line in released] + ["unreleased"] * bool(added) + added
    if "--write" in sys.argv[2:]:
        path.write_text("\n".join(new) + "\n", encoding="utf-8")
    elif old != new or not path.exists():
        sys.exit("interface.txt is of another version or order: interface.py PROJECT --write")
    self_test(header)
    if f"\n## {dotted(version_of(header))}" not in changelog:
        sys.exit("docs/changelog.md has no section for this version.")
    print(f"{new[0]}: {len(record_of(header)) - 1} declarations")


if __name__ == "__main__":
    main()
