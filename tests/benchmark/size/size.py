#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""size.py PROJECT [--json FILE] [--check | --write-limits]: flash and stack that the header takes.

Builds, for four targets, programs that hold one function of the interface, or a set of them, in
both ways of using the header: plain (one file, static inline) and external (a file of its own with
MQTT_CODEC_IMPLEMENTATION). Prints

  flash  bytes of all that is loaded, .text, .rodata and .data, of the header alone. What comes from
         libgcc, and the memcpy given here, which stands for a libc's, are listed apart. An AVR
         copies .rodata into RAM, where it takes as much again.
  stack  bytes of the deepest chain of calls, its caller's left out: the frames that -fstack-usage
         gives, along the calls in the linked program. An AVR's frame includes the return address
         of 2 bytes that its caller pushes. memcpy counts; the frames of libgcc are left out.

The JSON: {TARGET: {"compiler": NAME AND VERSION, "sets": {SET: {"plain" or "external": {
  "flash": BYTES, "apart": {OBJECT: BYTES}, "symbols": {NAME: BYTES},
  "stack": BYTES, "chain": [[NAME, BYTES], ...]}}}}}, where a function that leaves its place to the
next one, by a tail call, has 0 in the chain.

--check fails if a number is above its limit in limits.tsv by more than the slack, or if either is
missing; what a compiler of another version than stands there makes is not checked. --write-limits
writes there what is reached, and into the table of docs/performance.md. Exits with 77, a skip, if a compiler is not installed or not checked
and nothing fails.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LIMITS = HERE / "limits.tsv"

Target = collections.namedtuple("Target", "name prefix package flags")
TARGETS = [
    Target("cortex-m0", "arm-none-eabi-", "gcc-arm-none-eabi", "-mcpu=cortex-m0 -mthumb"),
    Target("cortex-m4", "arm-none-eabi-", "gcc-arm-none-eabi", "-mcpu=cortex-m4 -mthumb"),
    Target(
        "rv32imc", "riscv64-unknown-elf-", "gcc-riscv64-unknown-elf", "-march=rv32imc -mabi=ilp32"
    ),
    # GCC 5.4 takes for uninitialized what is not.
    Target("atmega328p", "avr-", "gcc-avr", "-mmcu=atmega328p -Wno-maybe-uninitialized"),
]
# Freestanding, so that no libc needs to be installed, but with a memcpy that the compiler knows, as
# with a libc.
FLAGS = (
    "-std=c99 -Os -ffreestanding -DMQTT_CODEC_MEMCPY=__builtin_memcpy -ffunction-sections"
    " -fdata-sections -fstack-usage -Wall -Wextra -Wpedantic -Wconversion -Werror"
)
WAYS = ["plain", "external"]
HEADLINE = "plain"  # what the README shows, and the smaller one but where everything is called

SIDES = "publish puback pubrec pubrel pubcomp"
ITERATORS = ["mqtt_next_subscription", "mqtt_next_filter"]


def encoders(types, version=""):
    return [f"mqtt_{version}encode_{packet_type}" for packet_type in types.split()]


CLIENT = ["mqtt_decode_from_server"] + encoders(
    f"connect {SIDES} subscribe unsubscribe pingreq disconnect"
)
V5_CLIENT = [
    "mqtt_v5_decode_from_server",
    "mqtt_v5_next_property",
    "mqtt_encode_pingreq",
    *encoders(f"connect {SIDES} subscribe unsubscribe disconnect auth", "v5_"),
]
SETS = {
    "client's half": CLIENT,
    "server's half": ["mqtt_decode_from_client", *ITERATORS]
    + encoders(f"connack {SIDES} suback unsuback pingresp"),
    "both ways": ["mqtt_decode", "mqtt_encode"],
    "both ways, iterators": ["mqtt_decode", "mqtt_encode", *ITERATORS],
    "everything": [],  # every function of MQTT 3.1.1, filled in below
    "client's half, 5.0": V5_CLIENT,
    "server's half, 5.0": [
        "mqtt_v5_decode_from_client",
        "mqtt_v5_next_property",
        "mqtt_v5_next_subscription",
        "mqtt_v5_next_filter",
        "mqtt_encode_pingresp",
        *encoders(f"connack {SIDES} suback unsuback disconnect auth", "v5_"),
    ],
    "client's half, both versions": [*dict.fromkeys(CLIENT + V5_CLIENT)],
    "everything, 5.0": [],  # every function of MQTT 5.0, likewise
}
MEASURES = ["flash", "stack"]
TITLES = {  # in the table of docs/performance.md
    "client's half": "A client's half",
    "server's half": "A server's half",
    "both ways": "All packets both ways",
    "both ways, iterators": "All packets both ways, and the iterators",
    "everything": "Everything, with the explanations' texts",
    "client's half, 5.0": "MQTT 5.0: a client's half",
    "server's half, 5.0": "MQTT 5.0: a server's half",
    "client's half, both versions": "Both versions: a client's half",
    "everything, 5.0": "MQTT 5.0: everything, with the explanations' texts",
}
DETAILED = [("cortex-m0", "both ways"), ("cortex-m0", "client's half")]

CALLS = {"bl", "jal", "call", "rcall"}
INDIRECT_CALL = re.compile(r"blx|bx\s(?!lr)|jalr|e?icall")
JUMP = re.compile(r"b|j|r?jmp|cbn?z")
BRANCH_RELOCATION = re.compile(
    r"R_ARM_THM_(CALL|JUMP)|R_RISCV_(CALL|JAL|RVC|BRANCH)|R_AVR_(CALL|\w*PCREL)"
)


def allowed(limit):
    """The slack: no change fails for a few bytes."""
    return limit + max(8, limit // 200)


def run(folder, *command):
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{result.stderr}")
    return result.stdout


def gcc(folder, target, *arguments):
    return run(folder, f"{target.prefix}gcc", *target.flags.split(), *arguments)


def compile_file(folder, target, source, *flags):
    gcc(folder, target, *FLAGS.split(), *flags, "-c", source)


# ------------------------------------------------------------------------------------------------
# One program: `image`, linked of `objects`, in `folder`
# ------------------------------------------------------------------------------------------------

Program = collections.namedtuple("Program", "target folder objects")


def link(folder, target, way, names, project):
    folder.mkdir()
    objects = ["roots.o", "../memcpy.o"]
    flags = [f"-I{project}", f"-DROOTS={''.join(f'ROOT({name})' for name in names)}"]
    if way == "external":
        objects.append("../implementation.o")
        flags.append("-DMQTT_CODEC_DECLARE_ONLY")
    compile_file(folder, target, HERE / "roots.c", *flags)
    linking = "-nostdlib -Wl,--gc-sections,--discard-locals,-e,roots,-Map=map -o image".split()
    gcc(folder, target, *linking, *objects, "-lgcc")
    return Program(target, folder, objects)


def tool(program, name, *arguments):
    return run(program.folder, program.target.prefix + name, *arguments)


def measure_flash(program):
    """Bytes of the header, and those of others by object."""
    sections = re.findall(
        r"^ *\d+ (\S+) +([0-9a-f]{8}) .*\n.*\bLOAD\b", tool(program, "objdump", "-h", "image"), re.M
    )
    loaded = sum(int(size, 16) for name, size in sections if name != ".roots")
    linked = (program.folder / "map").read_text().split("Linker script and memory map")[1]
    apart = collections.Counter()
    for size, name in re.findall(
        r"^ \.(?:text|rodata|data|progmem|init)\S*\s+0x[0-9a-f]+\s+0x([0-9a-f]+)"
        r" (?:\S*/)?(memcpy\.o|\w+\.a\(\S+\))$",
        linked,
        re.M,
    ):
        apart[name] += int(size, 16)
    return loaded - apart.total(), +apart


def measure_symbols(program):
    """Bytes by function and table, the largest first; strings and the like have no name."""
    return {
        name: int(size, 16)
        for size, name in re.findall(
            r"^\S+ (\S+) \w (\S+)$", tool(program, "nm", "-S", "--size-sort", "-r", "image"), re.M
        )
        if name not in ["roots", "memcpy"] and not name.startswith("__")
    }


def frames(program):
    """Bytes of stack by function."""
    sizes = {}
    for name in program.objects:
        text = (program.folder / name).with_suffix(".su").read_text()
        for function, size, kind in re.findall(r"^.*:(\S+)\t(\d+)\t(\S+)$", text, re.M):
            if kind == "dynamic":  # "dynamic,bounded" counts what is pushed for a callee
                sys.exit(f"{function}: its frame has no bound")
            sizes[function] = max(int(size), sizes.get(function, 0))
    return sizes


def frame_of(function, sizes):
    """Of a clone, GCC 12 writes the name without its last number."""
    size = sizes.get(function, sizes.get(re.sub(r"\.\d+$", "", function)))
    if size is None and not function.startswith("__"):
        sys.exit(f"{function}: its frame is not known")
    return size


def read_calls(program):
    """(callee, whether it takes the caller's place) by function."""
    listing = tool(program, "objdump", "-d", "--no-show-raw-insn", "image")
    _, *parts = re.split(r"^([0-9a-f]+) <(.+)>:$", listing, flags=re.M)
    names = {int(at, 16): name for at, name in zip(parts[0::3], parts[1::3])}
    ends = [*names][1:] + [sys.maxsize]
    calls = collections.defaultdict(set)
    for (start, function), end, body in zip(names.items(), ends, parts[2::3]):
        if function.startswith("__"):
            continue
        for mnemonic, operands in re.findall(r"^ *[0-9a-f]+:\t(\S+)(.*)", body, re.M):
            if INDIRECT_CALL.match(mnemonic + operands):
                sys.exit(f"{function}: an indirect call: {mnemonic}{operands}")
            # The name that follows is no help: on AVR it may be that of a register.
            to = re.search(r"\b(?:0x)?([0-9a-f]+) <", operands)
            if not to or not (mnemonic in CALLS or JUMP.match(mnemonic)):
                continue
            callee = int(to[1], 16)
            # In itself, a call to other than its start is a long jump, or makes room on the stack.
            if callee == start and mnemonic in CALLS or not start <= callee < end:
                if callee not in names:
                    sys.exit(f"{function}: leads into a function: {mnemonic}{operands}")
                calls[function].add((names[callee], mnemonic not in CALLS))
    return calls


def check_no_address_is_taken(program, sizes):
    """Then, as the interface takes none, a jump to an address in a register is a switch's."""
    for name in program.objects:
        section = None
        for line in tool(program, "objdump", "-r", name).splitlines():
            if heading := re.match(r"RELOCATION RECORDS FOR \[(.+)\]", line):
                section = heading[1]
            words = line.split()
            if len(words) != 3 or section == ".roots" or BRANCH_RELOCATION.match(words[1]):
                continue
            if words[2] == section:  # a place in itself: a table of a switch
                continue
            function = words[2].removeprefix(".text.")
            if function in sizes or re.sub(r"\.\d+$", "", function) in sizes:
                sys.exit(f"{section} takes the address of {function}")


def measure_stack(program, names):
    """Bytes and frames of the deepest chain."""
    sizes = frames(program)
    calls = read_calls(program)
    check_no_address_is_taken(program, sizes)

    def deepest(function, callers):
        if function in callers:
            sys.exit(f"recursion: {' > '.join([*callers, function])}")
        frame = frame_of(function, sizes) or 0
        best = [[function, frame]]
        for callee, in_place in sorted(calls[function]):
            chain = [[function, 0 if in_place else frame], *deepest(callee, [*callers, function])]
            best = max(best, chain, key=total)
        return best

    def total(chain):
        return sum(size for _, size in chain)

    chain = max((deepest(name, []) for name in names), key=total)
    return total(chain), chain


def measure(folder, target, way, names, project):
    program = link(folder, target, way, names, project)
    flash, apart = measure_flash(program)
    stack, chain = measure_stack(program, names)
    return {
        "flash": flash,
        "apart": apart,
        "symbols": measure_symbols(program),
        "stack": stack,
        "chain": chain,
    }


def measure_all(targets, sets, project):
    """The JSON."""
    report = {}
    with (
        tempfile.TemporaryDirectory() as work,
        concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool,
    ):
        results = []
        for target in targets:
            folder = pathlib.Path(work) / target.name
            folder.mkdir()
            # Its loop is not to become a call of itself.
            compile_file(folder, target, HERE / "memcpy.c", "-fno-tree-loop-distribute-patterns")
            implementation = project / "tests/header/implementation.c"
            compile_file(folder, target, implementation, f"-I{project}")
            report[target.name] = {
                "compiler": f"{target.prefix}gcc {gcc(folder, target, '-dumpversion').strip()}",
                "sets": {name: {} for name in sets},
            }
            for number, (name, functions) in enumerate(sets.items()):
                for way in WAYS:
                    part = folder / f"{way}{number}"
                    result = pool.submit(measure, part, target, way, functions, project)
                    results.append((report[target.name]["sets"][name], way, result))
        for ways, way, result in results:
            ways[way] = result.result()
    return report


# ------------------------------------------------------------------------------------------------
# Report and limits
# ------------------------------------------------------------------------------------------------


def print_report(report, sets):
    for target, of_target in report.items():
        print(f"{target}: {of_target['compiler']}")
    for measured in MEASURES:
        print(f"\n{f'{measured}, {WAYS[0]} / {WAYS[1]}':34}", *(f"{t:>13}" for t in report))
        for name in sets:
            cells = (
                " / ".join(f"{of_target['sets'][name][way][measured]:5}" for way in WAYS)
                for of_target in report.values()
            )
            print(f"{name:34}", *(f"{cell:>13}" for cell in cells))

    print("\nFrom elsewhere, flash, plain")
    for target, of_target in report.items():
        for name in SETS:
            apart = of_target["sets"][name][HEADLINE]["apart"]
            print(f"{target}, {name}:", ", ".join(f"{o} {size}" for o, size in apart.items()))
    print("\nDeepest chains, plain")
    for target, of_target in report.items():
        for name in SETS:
            chain = of_target["sets"][name][HEADLINE]["chain"]
            print(f"{target}, {name}:", " > ".join(f"{f} {size}" for f, size in chain))
    for target, name in DETAILED:
        if target in report:
            result = report[target]["sets"][name][HEADLINE]
            symbols = result["symbols"]
            print(f"\nWhere the flash is, plain, {target}, {name}")
            for symbol, size in symbols.items():
                print(f"{size:6} {symbol}")
            print(f"{result['flash'] - sum(symbols.values()):6} without a name: strings, padding")


def limited(report):
    """{(target, set, measure): (compiler, number of each way)} of what has limits."""
    return {
        (target, name, measured): (
            of_target["compiler"],
            *(of_target["sets"][name][way][measured] for way in WAYS),
        )
        for target, of_target in report.items()
        for name in SETS
        for measured in MEASURES
    }


def document_rows(limits):
    """{title: row} of the table in the document: flash / stack of each target."""
    return {
        title: "".join([
            f"| {title} |",
            *(f" {limits[t.name, name, 'flash']:,} / {limits[t.name, name, 'stack']:,} |" for t in TARGETS),
        ])
        for name, title in TITLES.items()
    }  # fmt: skip


def write_limits(report, document):
    rows = [("target", "set", "measure", "compiler", *WAYS)]
    rows += [key + numbers for key, numbers in limited(report).items()]
    LIMITS.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    text = document.read_text()
    for title, row in document_rows({key: n[1] for key, n in limited(report).items()}).items():
        text, found = re.subn(rf"(?m)^\| {re.escape(title)} \|.*$", row, text)
        if found != 1:
            sys.exit(f"{document} has {found} rows of the title {title}.")
    document.write_text(text)


def check_limits(report, document):
    """Faults, and what is not checked."""
    rows = [line.split("\t") for line in LIMITS.read_text().splitlines()[1:]]
    limits = {tuple(row[:3]): row[3:] for row in rows}
    written = document_rows({key: int(limit[1]) for key, limit in limits.items()})
    text = document.read_text()
    reached = limited(report)
    absent = {target.name for target in TARGETS} - report.keys()
    faults = [
        f"{document} has other figures than limits.tsv: {title}"
        for title, row in written.items()
        if row not in text
    ]
    faults += [
        f"{', '.join(key)}: a limit, but no number"
        for key in sorted(limits.keys() - reached.keys())
        if key[0] not in absent
    ]
    unchecked = set()
    for key, (compiler, *numbers) in reached.items():
        if key not in limits:
            faults.append(f"{', '.join(key)}: no limit")
        elif limits[key][0] != compiler:
            unchecked.add(f"{key[0]}: the limits are those of {limits[key][0]}, not of {compiler}")
        else:
            for way, number, limit in zip(WAYS, numbers, limits[key][1:], strict=True):
                if number > allowed(int(limit)):
                    faults.append(f"{', '.join(key)}, {way}: {number}, its limit is {limit}")
    return faults, sorted(unchecked)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("project", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--write-limits", action="store_true")
    arguments = parser.parse_args()
    project = arguments.project.resolve()
    document = project / "docs/performance.md"

    interface = (project / "mqtt_codec.h").read_text().split("* END OF THE INTERFACE\n")[0]
    functions = re.findall(r"^MQTTI_API [^(]*\b(mqtt_\w+)\(", interface, re.M)
    of_v5 = [name for name in functions if "_v5_" in name or name == "mqtt_decode_protocol_level"]
    sets = SETS | {
        "everything": [name for name in functions if name not in of_v5],
        "everything, 5.0": of_v5,
        **{name: [name] for name in functions},
    }

    targets = [target for target in TARGETS if shutil.which(f"{target.prefix}gcc")]
    report = measure_all(targets, sets, project)
    if report:
        print_report(report, sets)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))

    skipped = []
    missing = [target for target in TARGETS if target not in targets]
    if missing:
        packages = " ".join(sorted({target.package for target in missing}))
        names = ", ".join(target.name for target in missing)
        skipped.append(f"{names}: install Debian's packages {packages}")
    faults = []
    if arguments.write_limits:
        if missing:
            sys.exit(skipped[0])
        write_limits(report, document)
    elif arguments.check:
        faults, unchecked = check_limits(report, document)
        skipped += unchecked
    print()
    for line in faults:
        print(line)
    for line in skipped:
        print(f"skipped: {line}")
    sys.exit(1 if faults else 77 if skipped else 0)


if __name__ == "__main__":
    main()
