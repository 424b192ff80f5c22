#!/usr/bin/env python3
"""parts.py PROJECT: prints mqtt_codec.h without its parts for MQTT 5.0, which stand between marks."""

import pathlib
import re
import sys

PART = re.compile(r"^ *(?:/\*|<!--) BEGIN MQTT 5\.0 (?:\*/|-->)\n.*?"
                  r"^ *(?:/\*|<!--) END MQTT 5\.0 (?:\*/|-->)\n\n?", re.M | re.S)


def without_v5(text):
    """Also of a document, whose marks are <!-- BEGIN MQTT 5.0 --> and <!-- END MQTT 5.0 -->."""
    return PART.sub("", text)


def replaced(text, old, new):
    """The header with `new` for `old` in what is of MQTT 3.1.1; None if `old` is not there once."""
    pieces = re.split(f"({PART.pattern})", text, flags=PART.flags)
    if sum(piece.count(old) for piece in pieces[::2]) != 1:
        return None
    pieces[::2] = [piece.replace(old, new) for piece in pieces[::2]]
    return "".join(pieces)


def header_without_v5(project):
    text = (pathlib.Path(project) / "mqtt_codec.h").read_text(encoding="utf-8")
    parts = len(PART.findall(text))
    if parts != 3:  # in enum mqtt_status, in the interface, in the implementation
        sys.exit(f"mqtt_codec.h has {parts} parts for MQTT 5.0, not 3")
    return without_v5(text)


if __name__ == "__main__":
    print(header_without_v5(sys.argv[1]), end="")
