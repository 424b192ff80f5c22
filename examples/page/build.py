#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""build.py [FILE]: makes mqtt_inspect.html, the page that shows MQTT packets, by default beside this file.

It compiles page.c, with mqtt_codec.h, to WebAssembly and puts it with page.css and the files of
JavaScript into page.html. It needs clang 14 and lld 14, as in Debian 12. Other versions make other bytes.
"""

import base64
import hashlib
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
COMPILE = [
    "clang-14", "--target=wasm32", "-std=c99", "-Os", "-mbulk-memory", "-ffreestanding", "-nostdlib",
    "-fvisibility=default", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion",
    "-Wshadow", "-Werror", "-Wl,--no-entry", "-Wl,--export-dynamic", "-Wl,--export=__heap_base",
    "-Wl,--strip-all",
]  # fmt: skip
SCRIPTS = ["codec.js", "text.js", "page.js"]


def read(name):
    return (HERE / name).read_text(encoding="utf-8")


def compile_wasm():
    with tempfile.TemporaryDirectory() as folder:
        wasm = pathlib.Path(folder) / "page.wasm"
        subprocess.run([*COMPILE, "-o", wasm, HERE / "page.c"], check=True)
        return wasm.read_bytes()


def source(text):
    """A source of a content security policy: the text of an element, by its hash."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def build():
    style = read("page.css")
    script = "\n".join(read(name) for name in SCRIPTS)
    # Nothing but what is in the file can run, and nothing can be loaded or sent.
    policy = (
        f"default-src 'none'; style-src {source(style)}; script-src {source(script)} 'wasm-unsafe-eval'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    page = read("page.html")
    wasm = base64.b64encode(compile_wasm()).decode()
    for name, text in {"policy": policy, "style": style, "script": script, "wasm": wasm}.items():
        page = page.replace("{{%s}}" % name, text)
    return page


def main():
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "mqtt_inspect.html"
    target.write_text(build(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
