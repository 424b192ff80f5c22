#!/usr/bin/env python3
"""machine_code.py PROJECT: MQTT 5.0 costs a program of MQTT 3.1.1 nothing.

Compiles every_function.c, which uses all of 3.1.1, with mqtt_codec.h as it is and without its parts
for 5.0, and compares the assembly, code and tables. It has to be the same, apart from the numbers
that compilers append to local names. Also changes one number of 3.1.1, which has to be noticed. Exits
with 77, a skip, if a compiler is not installed.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from parts import header_without_v5

LEVELS = ["-O0", "-O1", "-O2", "-O3", "-Os"]
BARE = ["-ffreestanding", "-DMQTT_CODEC_MEMCPY=__builtin_memcpy"]
COMPILERS = {  # and the package of Debian that has it
    "gcc, x86-64": ("gcc", ["gcc"]),
    "clang, x86-64": ("clang", ["clang"]),
    "gcc, Cortex-M0": ("gcc-arm-none-eabi",
                       ["arm-none-eabi-gcc", "-mcpu=cortex-m0", "-mthumb", *BARE]),
}
PLANTED = ("return (int32_t)last + 1;", "return (int32_t)last + 2;")


def assembly(folder, header, command, level, source):
    """With local names numbered in the order in which they appear."""
    (folder / "mqtt_codec.h").write_text(header, encoding="utf-8")
    text = subprocess.run(
        [*command, "-std=c99", level, "-S", "-o", "-", f"-I{folder}", source],
        check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout
    numbers = {}

    def renamed(match):
        return f"{match[1]}#{numbers.setdefault(match[0], len(numbers))}"

    return re.sub(r"(\.L[A-Z_a-z.]*|\b[A-Za-z_]\w*\.)\d+(?:_\d+)?\b", renamed, text)


def main():
    project = pathlib.Path(sys.argv[1])
    source = project / "tests/header/every_function.c"
    whole = (project / "mqtt_codec.h").read_text(encoding="utf-8")
    cut = header_without_v5(project)
    missing = []
    compared = 0
    if cut.count(PLANTED[0]) != 1:
        sys.exit(f"the header has not once: {PLANTED[0]}")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for title, (package, command) in COMPILERS.items():
            if shutil.which(command[0]) is None:
                missing.append(package)
                continue
            for level in LEVELS:
                expected = assembly(folder, cut, command, level, source)
                if assembly(folder, whole, command, level, source) != expected:
                    sys.exit(f"{title}, {level}: MQTT 5.0 changes the machine code of 3.1.1.")
                compared += 1
            if assembly(folder, cut.replace(*PLANTED), command, level, source) == expected:
                sys.exit(f"{title}: a change of 3.1.1 is not noticed.")
    print(f"the same machine code {compared} times")
    if missing:
        print(f"skipped: needs {', '.join(missing)}")
    return 77 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
