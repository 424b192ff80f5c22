#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""targets.py [--only WORD] [--skip-missing] [--write]: the header on other machines and compilers.

Builds programs of tests/conformance for each target, with all warnings as errors, and runs them, most
under an emulator; on machines too small for that the core tests; and compiles the header where there
is no C library. Then plants faults that must be noticed.
Prints a line for each and last "N passed, M failed". Exits with 1 if one fails, if a tool is
missing, or if docs/porting.md says something else about what ran than it did.

--only WORD      only the targets whose name contains WORD; docs/porting.md is left alone
--skip-missing   a target whose tools are missing is skipped; docs/porting.md is left alone
--write          write what ran, and the versions, into docs/porting.md
--packages       print the Debian 12 packages that all that needs, and end
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[2]
DOCUMENT = PROJECT / "docs/porting.md"

sys.dont_write_bytecode = True
sys.path.insert(0, str(PROJECT / "fuzz"))
import make_seeds  # noqa: E402: it reads packets.txt

PACKAGES = """
    gcc g++ libc6-dev check python3 binutils clang-14 lld-14 clang-19 lld-19 tcc nodejs
    gcc-i686-linux-gnu libc6-dev-i386-cross gcc-s390x-linux-gnu libc6-dev-s390x-cross
    gcc-powerpc-linux-gnu libc6-dev-powerpc-cross gcc-mips-linux-gnu libc6-dev-mips-cross
    gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-arm-linux-gnueabihf libc6-dev-armhf-cross
    gcc-riscv64-linux-gnu libc6-dev-riscv64-cross gcc-riscv64-unknown-elf qemu-user
    gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm gcc-avr avr-libc simavr
    gcc-mingw-w64-x86-64 wine wine64
""".split()

WARNINGS = shlex.split(
    "-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wcast-qual -Wcast-align"
    " -Wundef -Wvla -Werror"
)
CORPORA = [f'-DCORPUS="{PROJECT / "tests/conformance/packets.txt"}"',
           f'-DCORPUS_V5="{PROJECT / "tests/conformance/packets_v5.txt"}"']  # fmt: skip
# How many of the prefixes and capacities of the longest packets are tried, and how long a string.
NATIVE = ["-DSTRIDE=251", "-DLONGEST=50"]
EMULATED = ["-DSTRIDE=251", "-DCLOSE=70", "-DLONGEST=36"]
SECONDS = 240  # the longest that one program may take

CHECK = "builds/porting/check/check.c"
CORPUS = ["support/support.c", "conformance/corpus.c"]
PATHS = ["support/path_default.c", "support/path_portable.c"]
SUITES = {  # of the source its others
    "conformance/corpus_test.c": CORPUS,
    "conformance/enumerations_test.c": ["support/support.c"],
    "conformance/functions_test.c": ["support/support.c"],
    "conformance/statuses_test.c": CORPUS,
    "conformance/strings_test.c": ["support/support.c", *PATHS],
    "conformance/topics_test.c": ["support/support.c", *PATHS],
    "conformance/functions_v5_test.c": ["support/support.c"],
    "conformance/packets_v5_test.c": ["support/support.c"],
    "conformance/statuses_v5_test.c": ["support/support.c"],
}
# These only on the targets in ALL_OF_V5: they take as long as all of MQTT 5.0 above.
V5 = ["support/support.c", "support/support_v5.c"]
SUITES_V5 = {
    "conformance/corpus_v5_test.c": [*V5, "conformance/corpus.c", "conformance/corpus_v5.c"],
    "conformance/enumerations_v5_test.c": V5,
    "conformance/peers_failures_v5_test.c": V5,
}
ALL_OF_V5 = ["s390x, big-endian", "i386"]


class Failure(Exception):
    pass


class Missing(Exception):
    pass


def run(command, cwd=None, env=None, stdin=os.devnull, stderr=subprocess.STDOUT):
    """Its exit status and what it wrote; nothing that it started is left behind."""
    command = list(map(str, command))
    if shutil.which(command[0]) is None:
        raise Missing(f"{command[0]} is not installed; targets.py --packages names all packages")
    with open(stdin, "rb") as read, subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=read,
        stdout=subprocess.PIPE,
        stderr=stderr,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise Failure(f"{shlex.join(command)}: not done after {SECONDS} s") from None
    return process.returncode, output.decode(errors="replace").replace("\r\n", "\n")


def must(command, cwd=None, env=None):
    status, output = run(command, cwd, env)
    if status != 0:
        raise Failure(f"{shlex.join(map(str, command))}: exits with {status}\n{output[-3000:]}")
    return output


# ------------------------------------------------------------------------------------------------
# Targets. `flags` are those of the compiler that matter, and are shown; `run` starts a program;
# `path` is the MQTT_CODEC_SIMD that must come out; of the small packets of MQTT 5.0 the core test has
# one in `every`.
# ------------------------------------------------------------------------------------------------

Target = collections.namedtuple(
    "Target",
    "name compiler flags run path own_flags libraries sources left_out suffix every",
    defaults=("", "", 0, "", "-lpthread", (), {}, "", 1),
)

SEMIHOSTED = (
    "qemu-system-arm -M {} -nographic -monitor none -serial none"
    " -semihosting-config enable=on,target=native -kernel"
)
STATIC = "-static"

# On all of them the suites.
HOSTS = [
    Target("x86-64, SSE2", "gcc", "-O2", "", 1),
    Target("x86-64, SSE2 forced", "gcc", "-O2 -DMQTT_CODEC_SIMD=1", "", 1),
    Target("x86-64, portable forced", "gcc", "-O2 -DMQTT_CODEC_SIMD=0", "", 0),
    Target("x86-64, AVX2", "gcc", "-O2 -mavx2", "qemu-x86_64 -cpu max", 3, STATIC),
    Target("x86-64, AVX2 forced", "clang-14", "-O2 -mavx2 -DMQTT_CODEC_SIMD=3",
           "qemu-x86_64 -cpu max", 3, STATIC),
    Target("x86-64, size and LTO", "gcc", "-Os -flto", "", 0),
    Target("x86-64", "clang-14", "-O2", "", 1),
    Target("x86-64, size and LTO", "clang-14", "-Os -flto", "", 0, "-fuse-ld=lld"),
    Target("x86-64, size and LTO", "clang-19", "-Os -flto", "", 0, "-fuse-ld=lld"),
    Target("x86-64", "tcc", "", "", 0),
    Target("i386", "i686-linux-gnu-gcc", "-O2", "qemu-i386", 0, STATIC),
    Target("s390x, big-endian", "s390x-linux-gnu-gcc", "-O2", "qemu-s390x", 0, STATIC),
    Target("PowerPC, 32 bits, big-endian", "powerpc-linux-gnu-gcc", "-O2", "qemu-ppc", 0, STATIC),
    Target("MIPS, 32 bits, big-endian", "mips-linux-gnu-gcc", "-O2", "qemu-mips", 0, STATIC),
    Target("AArch64, NEON", "aarch64-linux-gnu-gcc", "-O2", "qemu-aarch64", 2, STATIC),
    Target("AArch64, NEON forced", "aarch64-linux-gnu-gcc", "-O2 -DMQTT_CODEC_SIMD=2",
           "qemu-aarch64", 2, STATIC),
    Target("AArch64, portable forced", "aarch64-linux-gnu-gcc", "-O2 -DMQTT_CODEC_SIMD=0",
           "qemu-aarch64", 0, STATIC),
    Target("ARMv7", "arm-linux-gnueabihf-gcc", "-O2", "qemu-arm", 0, STATIC),
    Target("RISC-V, 64 bits", "riscv64-linux-gnu-gcc", "-O2", "qemu-riscv64", 0, STATIC),
    Target("Windows, x86-64", "x86_64-w64-mingw32-gcc", "-O2", "wine", 1,
           f"-static -D__USE_MINGW_ANSI_STDIO=1 -I{HERE}/posix -include sys/mman.h",
           sources=["posix/posix.c"], suffix=".exe"),
    # The largest PUBLISH, of 256 MB, and the largest SUBACK do not fit. newlib declares getline by
    # another name.
    Target("Cortex-M4", "arm-none-eabi-gcc", "-O2 -mcpu=cortex-m4 -mthumb",
           SEMIHOSTED.format("mps2-an386"), 0,
           f"-Wno-maybe-uninitialized -nostartfiles --specs=rdimon.specs -T{HERE}/cortex_m4.ld"
           f" -I{HERE}/posix -I{HERE}/posix/bare -Dgetline=__getline",
           libraries="", sources=["posix/posix.c", "start_cortex_m4.c"],
           left_out={"functions": ["largest_publish, 9", "return_codes_of_the_largest_size, 0"]}),
]  # fmt: skip

BARE = "-ffreestanding -nostdlib"
CORES = [
    Target("Cortex-M0", "arm-none-eabi-gcc", f"-O2 -mcpu=cortex-m0 -mthumb {BARE}",
           SEMIHOSTED.format("microbit"), 0, f"-std=c99 -T{HERE}/cortex_m0.ld -DPORTING_MEMCPY",
           libraries="-lgcc"),
    # GCC 5.4 takes for uninitialized what is not. Constants are in its 16 KB of RAM.
    Target("AVR, int and size_t of 16 bits", "avr-gcc", "-Os -mmcu=atmega1284p",
           "simavr -m atmega1284p", 0, "-std=c99 -Wno-maybe-uninitialized", libraries="",
           every=4),
    Target("wasm32", "clang-14", f"-O2 --target=wasm32 {BARE}", f"node {HERE}/run_wasm.js", 0,
           "-std=c99 -Wl,--no-entry -Wl,--export=core_test", libraries=""),
    *(Target("x86-64, no C library", compiler, f"-O2 {BARE}", "", 0,
             "-std=c99 -static -fno-pie -DPORTING_LINUX_X86_64", libraries="")
      for compiler in ("gcc", "clang-14", "clang-19")),
    Target("x86-64, newest C", "gcc", "-O2 -std=c2x", "", 1, libraries=""),
    Target("x86-64, newest C", "clang-19", "-O2 -std=c23", "", 1, libraries=""),
    *(Target("x86-64, C++", compiler, f"-O2 -std={standard} -fno-exceptions -fno-rtti",
             "", 1, "-x c++", libraries="")
      for compiler, standards in (("g++", ["c++11", "c++14", "c++17", "c++20"]),
                                  ("clang++-14", ["c++11", "c++14", "c++17", "c++20"]),
                                  ("clang++-19", ["c++11", "c++14", "c++17", "c++20", "c++23"]))
      for standard in standards),
]  # fmt: skip

# What an object with every function of the header needs, at -O0, -O2 and -Os. Where there is
# something, it is of libgcc, or a struct is copied or set to 0 by memcpy or memset, which both
# compilers want of every target.
NEEDS = [
    ("x86-64", "gcc", "", []),
    ("x86-64", "clang-14", "", ["memcpy", "memset"]),
    ("x86-64", "clang-19", "", ["memcpy", "memset"]),
    ("s390x", "s390x-linux-gnu-gcc", "", []),
    ("AArch64", "aarch64-linux-gnu-gcc", "", []),
    ("Cortex-M0", "arm-none-eabi-gcc", "-mcpu=cortex-m0 -mthumb",
     ["__aeabi_lmul", "__gnu_thumb1_case_uqi", "memcpy"]),
    ("Cortex-M4", "arm-none-eabi-gcc", "-mcpu=cortex-m4 -mthumb", []),
    ("RISC-V, 32 bits", "riscv64-unknown-elf-gcc", "-march=rv32imc -mabi=ilp32", ["memcpy"]),
    ("AVR", "avr-gcc", "-mmcu=atmega1284p -Wno-maybe-uninitialized",
     ["__bswapsi2", "__do_copy_data", "__tablejump2__"]),
]  # fmt: skip

# Those of the compilers that the suite `header` does not know: it has gcc, g++, clang and clang++.
WARNED = [("clang-19", "c"), ("clang++-19", "c++")]


# ------------------------------------------------------------------------------------------------
# Suites
# ------------------------------------------------------------------------------------------------


TO_LINK = ("-T", "-static", "-fuse-ld", "-nostartfiles", "--specs")  # how those flags begin


def compile_suites(target, folder, project_header=PROJECT, sources=None, warnings=True):
    """Objects of `sources`, paths below tests/."""
    left_out = "".join(
        '{"%s", %s},' % tuple(test.split(", "))
        for tests in target.left_out.values() for test in tests
    )  # fmt: skip
    # The stand-in is a system header, as Check is: what its macros convert is not warned of.
    flags = [
        "-std=c99",
        *target.flags.split(),
        *(WARNINGS + ["-Wstrict-prototypes"] if warnings else ["-w"]),
        *(f"-I{folder}" for folder in (project_header, PROJECT / "tests/support",
                                       PROJECT / "tests/conformance")),
        "-isystem", HERE / "check",
        *CORPORA,
        *(EMULATED if target.run else NATIVE),
        f"-DCHECK_LEAVE_OUT={left_out}",
    ]  # fmt: skip
    flags += [flag for flag in target.own_flags.split() if not flag.startswith(TO_LINK)]
    for source in sources:
        must([target.compiler, *flags, "-c", "-o", object_of(folder, source),
              PROJECT / "tests" / source])  # fmt: skip


def object_of(folder, source):
    return folder / (source.replace("/", "-") + ".o")


def link(target, folder, name, sources):
    program = folder / (name + target.suffix)
    flags = [flag for flag in target.own_flags.split() if flag.startswith(TO_LINK)]
    objects = [object_of(folder, source) for source in sources]
    must([target.compiler, *target.flags.split(), *flags, "-o", program, *objects,
          *target.libraries.split()])  # fmt: skip
    return program


RESULT = re.compile(r"(?m)^([\w-]+): (\d+) tests, (\d+) checks, (\d+) failed, path (\d)$")


def run_suite(target, program, env):
    """Name, tests and checks."""
    status, output = run([*target.run.split(), program], env=env)
    result = RESULT.search(output)
    if status != 0 or result is None or result[4] != "0" or "FAILED" in output:
        raise Failure(f"{program.name}: exits with {status}\n{output[-2000:]}")
    if int(result[5]) != target.path:
        raise Failure(f"{program.name}: path {result[5]} is built, not {target.path}")
    return result[1], int(result[2]), int(result[3])


def reference():
    """Of each suite the number of its tests, by the Check library itself."""
    tests = {}
    with tempfile.TemporaryDirectory() as folder:
        for source, others in (SUITES | SUITES_V5).items():
            name = pathlib.Path(source).stem.removesuffix("_test")
            program = pathlib.Path(folder) / name
            must(["gcc", "-std=c99", "-O2", f"-I{PROJECT}", f"-I{PROJECT}/tests/support",
                  f"-I{PROJECT}/tests/conformance", *NATIVE, *CORPORA, "-o", program,
                  PROJECT / "tests" / source, *(PROJECT / "tests" / other for other in others),
                  "-lcheck", "-lsubunit", "-lrt", "-lm", "-lpthread"])  # fmt: skip
            output = must([program])
            result = re.search(r"(?m)^100%: Checks: (\d+), Failures: 0, Errors: 0$", output)
            if result is None:
                raise Failure(f"{name}, with the Check library:\n{output[-2000:]}")
            tests[name] = int(result[1])
    return tests


def host(target, folder, context):
    own = [f"builds/porting/{source}" for source in target.sources]
    with_paths = ["conformance/paths_test.c"] if target.path != 0 else []
    suites = SUITES | SUITES_V5 if target.name in ALL_OF_V5 else SUITES
    others = {source for sources in suites.values() for source in sources}
    compile_suites(target, folder,
                   sources=[*suites, *sorted(others), CHECK, *own, *with_paths])  # fmt: skip
    total_tests = total_checks = left_out = 0
    for source, others in suites.items():
        stem = pathlib.Path(source).stem
        program = link(target, folder, stem, [source, *others, CHECK, *own])
        name, tests, checks = run_suite(target, program, context.env)
        out = len(target.left_out.get(name, []))
        if name not in context.tests or tests + out != context.tests[name]:
            raise Failure(f"{name}: {tests} tests ran, {context.tests.get(name)} are there")
        total_tests += tests
        total_checks += checks
        left_out += out
    text = f"{len(suites)} suites, {total_tests:,} tests, {total_checks:,} checks"
    if left_out:
        text += f"; {left_out} tests left out"
    if with_paths:
        program = link(target, folder, "paths_test", ["conformance/paths_test.c", *PATHS])
        output = must([*target.run.split(), program], env=context.env)
        result = re.search(r"paths (\d) and 0\n(\d+) strings and topics\n", output)
        if result is None or int(result[1]) != target.path:
            raise Failure(f"paths: {output[-2000:]}")
        text += f"; against portable code {int(result[2]):,} strings and topics"
    return text


# ------------------------------------------------------------------------------------------------
# The core test
# ------------------------------------------------------------------------------------------------


# Of each core test its source, the packets, and the file for those that have up to 64 bytes.
CORE_TESTS = [("core_test.c", make_seeds.PACKETS, "core_cases.h"),
              ("core_v5_test.c", make_seeds.V5_PACKETS, "core_v5_cases.h")]  # fmt: skip


def write_core_cases(folder, packets, name, every):
    data, rows = b"", []
    small = [case for case in make_seeds.read_cases(packets)
             if "bytes" in case and len(make_seeds.parse_bytes(case["bytes"])) <= 64]  # fmt: skip
    for case in small[::every]:
        taken = make_seeds.parse_bytes(case["bytes"])
        canonical = make_seeds.parse_bytes(case.get("shortest", case["bytes"]))
        rejected = re.match(r"(\w+) at (\d+)$", case.get("reject", ""))
        if rejected:
            status, offset = f"MQTT_ERROR_{rejected[1]}", rejected[2]
        else:
            status, offset = "0" if "accept" in case else "MQTT_PACKET_INCOMPLETE", 0
        rows.append(
            f"{{{len(data)}, {len(taken)}, {status}, {offset}, {len(data) + len(taken)},"
            f" {len(canonical)}}}, /* {case['packet'].replace('*/', '')} */"
        )
        data += taken + canonical
    (folder / name).write_text(
        "static const uint8_t case_bytes[] = {" + ", ".join(map(str, data)) + "};\n\n"
        "#define CORE_CASES \\\n    " + " \\\n    ".join(rows) + "\n"
    )


def build_core(target, folder, test=CORE_TESTS[0], header=PROJECT, warnings=True):
    source, packets, cases = test
    write_core_cases(folder, packets, cases, target.every if test is CORE_TESTS[1] else 1)
    program = folder / ("core" + target.suffix)
    must([target.compiler, *target.flags.split(), *target.own_flags.split(),
          *(WARNINGS if warnings else ["-w"]), f"-I{folder}", f"-I{header}", f"-I{HERE}",
          f"-DPORTING_PATH={target.path}", "-o", program, HERE / source, HERE / "port.c",
          *target.libraries.split()])  # fmt: skip
    return program


CORE_RESULT = re.compile(r"core: (\d+) checks, (\d+) failed, path (\d)\b")


def run_core(target, program, env):
    status, output = run([*target.run.split(), program], env=env)
    result = CORE_RESULT.search(output)
    if status != 0 or "FAILED" in output or result is None or result[2] != "0":
        raise Failure(f"exits with {status}\n{output[-2000:]}")
    if int(result[3]) != target.path:
        raise Failure(f"path {result[3]} is built, not {target.path}")
    return int(result[1])


def core(target, folder, context):
    old, new = (run_core(target, build_core(target, folder, test), context.env)
                for test in CORE_TESTS)  # fmt: skip
    return f"core tests, {old:,} checks, and of MQTT 5.0 {new:,}"


# ------------------------------------------------------------------------------------------------
# Without a C library, and the warnings
# ------------------------------------------------------------------------------------------------


def interface():
    text = (PROJECT / "mqtt_codec.h").read_text().split("\n * END OF THE INTERFACE\n")[0]
    names = set(re.findall(r"(?m)^MQTTI_API [^(;]*?\b(mqtt_\w+)\(", text))
    if len(names) < 35:
        raise Failure("the interface is not found in the header")
    return names


def undefined_names(compiler, flags, source, folder):
    """Of an object of `source` at each level; all functions of the interface must be defined."""
    binutils = re.sub(r"(gcc|clang(-\d+)?)$", "", compiler)
    include = must([compiler, *flags, "-print-file-name=include"]).strip()
    found = set()
    for level in ("-O0", "-O2", "-Os"):
        built = folder / "bare.o"
        must([compiler, *flags, "-std=c99", level, *WARNINGS, "-Wstrict-prototypes",
              "-ffreestanding", "-fno-pie", "-nostdinc", "-isystem", include, f"-I{PROJECT}", "-c",
              "-o", built, source])  # fmt: skip
        names = [line.split() for line in must([f"{binutils}nm", built]).splitlines()]
        absent = interface() - {words[-1] for words in names if words[-2] == "T"}
        if absent:
            raise Failure(f"{level}: not defined: {', '.join(sorted(absent))}")
        found |= {words[-1] for words in names if words[-2] == "U"}
    return found


def needs(names):
    def check(target, folder, _):
        flags = target.flags.split()
        found = sorted(undefined_names(target.compiler, flags, HERE / "bare.c", folder))
        if found != sorted(names):
            raise Failure(f"needs {found or 'nothing'}, and not {names or 'nothing'}")
        return "built only; needs " + (", ".join(f"`{name}`" for name in found) or "nothing")
    return check  # fmt: skip


def warned(target, _, context):
    language = target.flags
    output = must([PROJECT / "tests/header/warnings.sh", target.compiler, language, PROJECT])
    result = re.search(r": (\d+) programs$", output.strip())
    if result is None:
        raise Missing(output.strip())
    return f"all ways of including it, {result[1]} programs"


# ------------------------------------------------------------------------------------------------
# The inspector, which must not read a file as text
# ------------------------------------------------------------------------------------------------

INSPECTOR = Target("mqtt_inspect for Windows, x86-64", "x86_64-w64-mingw32-gcc", "-O2", "wine",
                   suffix=".exe")  # fmt: skip


def inspector(target, folder, context):
    """Shows each recorded stream, from a file and from standard input, as on this machine."""

    def shown(program, names, stdin=os.devnull):
        # Wine's own programs write to its standard error.
        return run([*program, "--json", *names], captures[0].parent, context.env, stdin=stdin,
                   stderr=subprocess.DEVNULL)  # fmt: skip

    captures = sorted((PROJECT / "examples/captures").glob("*.bin"))
    source = PROJECT / "examples/complete/mqtt_inspect.c"
    programs = []
    for compiler, flags, suffix in [("gcc", "", ""), target[1:3] + (target.suffix,)]:
        programs.append(folder / ("mqtt_inspect" + suffix))
        must([compiler, *flags.split(), "-std=c99", *WARNINGS, "-Wstrict-prototypes", "-o",
              programs[-1], source])  # fmt: skip
    here, there = [programs[0]], [*target.run.split(), programs[1]]
    names = [path.name for path in captures]
    if shown(here, names) != shown(there, names):
        raise Failure("the streams of files differ")
    for path in captures:
        if shown(here, [], path) != shown(there, [], path):
            raise Failure(f"{path.name} differs, from standard input")
    return f"{len(captures)} recorded streams, from files and from standard input"


# ------------------------------------------------------------------------------------------------
# Planted faults: each must be noticed
# ------------------------------------------------------------------------------------------------


def plant(folder, old, new):
    """A folder with the header, changed."""
    text = (PROJECT / "mqtt_codec.h").read_text()
    if text.count(old) != 1:
        raise Failure(f"the header has {text.count(old)} times, not once: {old}")
    (folder / "mqtt_codec.h").write_text(text.replace(old, new))
    return folder


GET_U16 = "    return (uint16_t)((unsigned)at[0] << 8 | at[1]);"


def only(name):
    found = [target for target in HOSTS + CORES if target.name == name]
    if len(found) != 1:
        raise Failure(f"{len(found)} targets are named {name}")
    return found[0]


def byte_order(folder, context):
    """A byte order that is wrong on big-endian machines alone."""
    header = plant(folder, GET_U16, "#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__\n"
                   "    return (uint16_t)(at[1] << 8 | at[0]);\n#endif\n" + GET_U16)  # fmt: skip
    source = "conformance/enumerations_test.c"
    results = {}
    for name in ("x86-64, SSE2", "s390x, big-endian", "MIPS, 32 bits, big-endian"):
        target = only(name)
        sources = [source, "support/support.c", CHECK]
        compile_suites(target, folder, header, sources, warnings=False)
        program = link(target, folder, "planted", sources)
        results[name] = run([*target.run.split(), program], env=context.env)
    (good, _), (s390x, s390x_output), (mips, mips_output) = results.values()
    return (good == 0 and s390x != 0 and mips != 0
            and "FAILED" in s390x_output and "FAILED" in mips_output)  # fmt: skip


def planted_core(name, old, new, expected):
    def check(folder, context):
        header = plant(folder, old, new)
        target = only(name)
        program = build_core(target, folder, header=header, warnings=False)
        _, output = run([*target.run.split(), program], env=context.env)
        return expected in output
    return check  # fmt: skip


def stand_in(folder, _):
    """Every macro of the stand-in can fail."""
    program = folder / "check_test"
    source = HERE / "check/check_test.c"
    must(["gcc", "-std=c99", f"-I{PROJECT}", "-isystem", HERE / "check", "-o", program, source,
          HERE / "check/check.c"])  # fmt: skip
    status, output = run([program])
    result = RESULT.search(output)
    fails = len(re.findall(r"(?m)^FAILS\(", source.read_text()))
    macros = set(re.findall(r"#define (ck_\w+)\(", (HERE / "check/check.h").read_text()))
    shown = set(re.findall(r"\bck_\w+", source.read_text()))
    return (status == 1 and result is not None and macros == shown and fails == len(macros)
            and int(result[2]) == fails + 1 and int(result[4]) == fails)  # fmt: skip


def a_libc(folder, _):
    """An object that needs memcpy."""
    source = PROJECT / "tests/header/implementation.c"
    folder.joinpath("string.h").write_text("void *memcpy(void *, const void *, __SIZE_TYPE__);\n")
    return "memcpy" in undefined_names("gcc", [f"-I{folder}"], source, folder)


def another_path(folder, context):
    target = only("x86-64, SSE2")._replace(flags="-O2 -DMQTT_CODEC_SIMD=0")
    source = "conformance/strings_test.c"
    sources = [source, "support/support.c", CHECK, *PATHS]
    compile_suites(target, folder, sources=sources)
    try:
        run_suite(target, link(target, folder, "planted", sources), context.env)
    except Failure as failure:
        return "path 0 is built, not 1" in str(failure)
    return False


def text_mode(folder, context):
    """Read as text, files and standard input lose bytes."""
    header = folder / "text_mode.h"
    header.write_text("#include <fcntl.h>\n#undef _O_BINARY\n#define _O_BINARY _O_TEXT\n")
    try:
        inspector(INSPECTOR._replace(flags=f"-include {header}"), folder, context)
    except Failure as failure:
        return "the streams of files differ" in str(failure)
    return False


PLANTED = {
    "a wrong byte order on big-endian machines": byte_order,
    "a load that is not aligned, on the Cortex-M0": planted_core(
        "Cortex-M0", GET_U16, "    return __builtin_bswap16(*(const uint16_t *)(const void *)at);",
        "HardFault"),
    "a length that wraps at 16 bits, on the AVR": planted_core(
        "AVR, int and size_t of 16 bits", "    uint32_t sum;\n", "    unsigned sum;\n",
        "FAILED: remaining length"),
    "an accepted QoS of 3, in WebAssembly": planted_core(
        "wasm32", "        return MQTT_ERROR_QOS; /* [MQTT-3.3.1-4] */\n    if (mqtti_",
        "        return 0;\n    if (mqtti_", "FAILED: decode"),
    "each assertion of the stand-in for Check": stand_in,
    "a C library that is needed": a_libc,
    "another path than the one to run": another_path,
    "an inspector for Windows that reads text": text_mode,
}  # fmt: skip


# ------------------------------------------------------------------------------------------------
# Run, and the document
# ------------------------------------------------------------------------------------------------

# `title`, `compiler`, `run_by` and `path` are as the document shows them.
Job = collections.namedtuple("Job", "name target work title compiler run_by path")
Context = collections.namedtuple("Context", "tests env")


def make_job(target, work, flags="", run_by="this machine", path=""):
    compiler = f"{target.compiler} {flags}".strip()
    name = f"{target.name}, {compiler}" if compiler else target.name
    return Job(name, target, work, target.name, compiler, run_by, path)


def jobs():
    for compiler, language in WARNED:  # these take longest
        target = Target(f"x86-64, all standards of {language.upper()}", compiler, language)
        yield make_job(target, warned, path="1, 0")
    for targets, work in ((HOSTS, host), (CORES, core)):
        for target in targets:
            # Without what says where input and output go, and where this folder is.
            run_by = re.sub(r" -nographic.*| /.*", "", target.run)
            yield make_job(target, work, target.flags, f"`{run_by}`" if run_by else "this machine",
                           target.path)  # fmt: skip
    yield make_job(INSPECTOR, inspector, INSPECTOR.flags, f"`{INSPECTOR.run}`")
    for name, compiler, flags, names in NEEDS:
        target = Target(f"{name}, no C library, symbols", compiler, flags)
        yield make_job(target, needs(names), f"{flags} -ffreestanding".strip(), "")


def tools(every):
    """Compilers and emulators that say a version, with it."""
    names = {job.target.compiler for job in every}
    names |= {job.target.run.split()[0] for job in every if job.target.run}
    for name in sorted(names):
        _, output = run([name, "-v" if name in ("tcc", "simavr") else "--version"])
        version = re.search(r"(?<![\w.-])v?(\d+(\.\d+)+|\d+(?=-win32))", output)
        if version:
            yield name, version[1]


def row(job, text):
    return f"| {job.title} | `{job.compiler}` | {job.run_by} | {job.path} | {text} |"


def block(text, name, lines):
    """The text with these lines between its two marks."""
    mark = f"<!-- {name}, written by tests/builds/porting/targets.py -->"
    pattern = rf"(?s)({mark}\n\n).*?(\n\n<!-- end -->)"
    if len(re.findall(pattern, text)) != 1:
        sys.exit(f"{DOCUMENT}: there is not one place for the {name}")
    return re.sub(pattern, lambda found: found[1] + "\n".join(lines) + found[2], text)


def document(results, every, write):
    rows = ["| Target | Compiler | Run by | Path | What ran |", "| --- | --- | --- | --- | --- |"]
    rows += [row(job, results[job.name]) for job in every]
    text = DOCUMENT.read_text()
    if write:
        versions = [f"{name} {version}" for name, version in tools(every)]
        DOCUMENT.write_text(
            block(block(text, "targets", rows), "versions", [", ".join(versions) + "."])
        )
    elif block(text, "targets", rows) != text:
        return "docs/porting.md says something else: write it anew with --write"
    return None


def attempt(job, context, folder):
    """Its line, whether it passed (None: skipped), and the text for the document."""
    folder.mkdir()
    started = time.monotonic()
    try:
        text = job.work(job.target, folder, context)
        seconds = time.monotonic() - started
        return f"ok      {job.name}: {text} ({seconds:.0f} s)", True, text
    except Missing as missing:
        return f"MISSING {job.name}: {missing}", None, None
    except Failure as failure:
        return f"FAILED  {job.name}: {failure}", False, None


def planted(name, work):
    def check(_, folder, context):
        if not work(folder, context):
            raise Failure("not noticed")
        return "noticed"
    return make_job(Target(f"planted: {name}", ""), check)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0].split(": ", 1)[1])
    parser.add_argument("--only", metavar="WORD", default="")
    parser.add_argument("--skip-missing", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--packages", action="store_true")
    arguments = parser.parse_args()
    if arguments.packages:
        print(*PACKAGES)
        return
    if arguments.write and (arguments.only or arguments.skip_missing):
        parser.error("--write takes all the targets")

    listed = list(jobs())
    every = listed + [planted(name, work) for name, work in PLANTED.items()]
    chosen = [job for job in every if arguments.only in job.name]
    if not chosen:
        parser.error(f"no target's name contains {arguments.only}")
    work = pathlib.Path(tempfile.mkdtemp())
    env = {"WINEPREFIX": str(work / "wine"), "WINEDEBUG": "-all"}
    results, passed, failed, skipped = {}, 0, 0, 0
    pool = concurrent.futures.ThreadPoolExecutor(2)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # not without what is done at the end
    try:
        context = Context(reference(), env)
        started = [pool.submit(attempt, job, context, work / str(i))
                   for i, job in enumerate(chosen)]  # fmt: skip
        for job, future in zip(chosen, started):
            line, result, text = future.result()
            if result is None and arguments.skip_missing:
                line = line.replace("MISSING", "skipped", 1)
            print(line, flush=True)
            results[job.name] = text
            passed += result is True
            skipped += result is None and arguments.skip_missing
            failed += not result and not (result is None and arguments.skip_missing)
    except (Failure, Missing) as fault:
        sys.exit(str(fault))
    finally:
        pool.shutdown(cancel_futures=True)
        if shutil.which("wineserver") and (work / "wine").exists():
            subprocess.run(["wineserver", "-k"], env={**os.environ, **env}, check=False)
            subprocess.run(["wineserver", "-w"], env={**os.environ, **env}, check=False)
        shutil.rmtree(work)
    if not arguments.only and failed == skipped == 0:
        fault = document(results, listed, arguments.write)
        if fault:
            print(f"FAILED  {fault}")
            failed += 1
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
