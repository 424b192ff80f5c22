#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""prove.py PROJECT [--smoke] [--write | --broken] [--only FUNCTION...]: proves portable code of the header.

Frama-C's WP reads mqtt_codec.h with MQTT_CODEC_SIMD 0 together with contracts.h, and Z3 and CVC4
prove, without a cache, that functions keep their contracts and have no undefined behaviour that
Frama-C knows. Those in OPEN are not tried: of them some goals are not proved yet. Prints for each
other function its goals and those proved. Fails

  if a goal is not proved that UNPROVED does not list, or one is proved that it lists,
  if a function has no contract or no goal, or a contract has no function,
  if an axiom or an admitted statement is among the contracts or the annotations,
  with --smoke, which takes longer, if what a contract, a loop or a call assumes is contradictory, but
    for what DEAD lists,
  if docs/proof.md does not show the table of this run; --write writes it there.

--broken shows that the proof can fail: it breaks one line at a time, and fails if every goal of the
function is still proved. --only prints what is not proved of these functions. Exits with 77, a skip,
if Frama-C or a prover is not installed.
"""

import argparse
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
TOOLS = {"frama-c": "frama-c-base", "why3": "why3", "z3": "z3", "cvc4": "cvc4"}
OPTIONS = (
    "-machdep gcc_x86_64 -wp -wp-rte -wp-model Typed+cast -wp-prover z3,cvc4 -wp-cache none"
    " -warn-signed-downcast -warn-invalid-pointer -rte-no-trivial-annotations"
)
SECONDS = 10  # for one goal and one prover; nearly all take less than one

# Goals about the bits of a sum of flags need a range for each bit: WP's strategies give it.
BITS = "wp:bitrange,wp:bitshift,wp:split"
# Functions of which some goals are not proved, and what these say. Their callers rely on their
# contracts. --only tries them, for minutes.
OPEN = {
    "mqtti_read_connect": "that the strings of a CONNECT lie within the packet",
    "mqtti_read_connect_header": "that the flags agree with each other, sums of bits",
    "mqtti_read_behind_topic": "that the QoS is at most 3, a sum of bits",
    "mqtti_decode_publish_header": "that a result is at least 4, or 6 with a packet id",
    "mqtti_write_connect": "that later fields of the payload are written within what was measured",
    "mqtti_encode_connect": "one of its accesses to the buffer",
    "mqtti_write_publish": "the size, and that the first byte, a sum of bits, is below 256",
    "mqtti_encode_payload": "that it writes no more than its result says",
    "mqtti_write_list": "that each filter is written within what was measured, a sum over a list",
    "mqtti_encode_list": "that the list is given the room that it takes, the same sum",
    "mqtti_encode_subscribe": "the size, the same sum",
    "mqtti_encode_unsubscribe": "the size, the same sum",
}
WITH_BITS = [
    "mqtti_get_u16",
    "mqtti_connect_flags",
]
# Conversions to a smaller unsigned type are defined. Here they lose bits, or a prover cannot tell
# that they do not; elsewhere it is proved that they do not.
LOSSY = {
    "mqtti_decode_filters": "the count of a list that is refused, and then means nothing",
    "mqtt_publish_set_dup": "a sum of bits of a byte",
}
# Goals that no prover finds: docs/proof.md says what stands in the way.
LITERAL = "WP does not know of a pointer in a constant table that it is one to a string"
UNPROVED = {
    "mqtt_status_message: assert_rte_pointer_value": LITERAL,
    "mqtt_status_clause: assert_rte_pointer_value": LITERAL,
    "mqtt_packet_type_name: assert_rte_pointer_value": LITERAL,
}
# Smoke tests try to prove that what a contract, a loop or a call assumes is contradictory.
SMOKE = "_wp_smoke_"
SMOKE_TESTS = (
    "-wp-smoke-tests -wp-smoke-timeout 1 -wp-no-smoke-dead-code -wp-no-smoke-dead-assumes"
    " -wp-no-smoke-dead-local-init"
)
# Functions in which they should succeed.
DEAD = {"mqtti_decode_publish": "portable code leaves it at once, MQTT_CODEC_SIMD is 0"}

# (what is broken, the line, the broken line, the function whose goals are proved again)
BROKEN = [
    ("a sequence may end behind the string", "lead > 0xF4 || left < size)",
     "lead > 0xF4 || left + 1 < size)", "mqtti_sequence_size"),
    ("a field may end behind the packet", "if (field->length > reader->left - 2)",
     "if (field->length > reader->left)", "mqtti_read_field"),
    ("four bytes into a buffer of three", "if (capacity < 4)", "if (capacity < 3)",
     "mqtti_encode_short"),
    ("a remaining length of five bytes", "for (last = 0; last < 4; last++)",
     "for (last = 0; last < 5; last++)", "mqtt_decode_remaining_length"),
    ("a number of two bytes, one of them wrong", "at[0] = (uint8_t)(value / 256u);",
     "at[0] = (uint8_t)(value / 128u);", "mqtti_put_u16"),
    ("the longer of two topics is compared to its end",
     "filter_length < name_length ? filter_length : name_length",
     "filter_length < name_length ? name_length : filter_length", "mqtti_topic_matches"),
    ("a loop that does not end", "            filter_length--;\n", "", "mqtti_topic_matches"),
]


def run(*command, cwd=None):
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{result.stdout[-3000:]}{result.stderr[-3000:]}")
    return result.stdout


def functions_of(project, folder):
    """Those defined in the portable build, in the order of the header."""
    text = run("cc", "-E", "-P", f"-I{project}", HERE / "proof.c", cwd=folder)
    return re.findall(r"\b((?:mqtti?|proof)_\w+)\([^()]*\)\s*\{", text)


def contracts():
    text = (HERE / "contracts.h").read_text()
    names = re.findall(r"\*/\n[^;{}/]*?\b((?:mqtti?|proof)_\w+)\([^()]*\);", text)
    return [name for name in names if name != "proof_memcpy"]  # it stands for a libc's


def prove(project, folder, functions, options):
    """Returns {function: {goal: whether it is proved}}."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        report = pathlib.Path(name) / "report.json"
        run("frama-c", f"-cpp-extra-args=-I{project}", HERE / "proof.c", *OPTIONS.split(),
            "-wp-fct", ",".join(functions), "-wp-timeout", str(SECONDS), "-wp-par", "1",
            "-wp-session", name, "-wp-report-json", report, *options, cwd=name)
        goals = json.loads(report.read_text())["wp:functions"]
    return {
        function: {
            goal: counts["wp:main"].get("valid", 0) == counts["wp:main"]["total"]
            for goal, counts in goals.get(function, {}).items()
            if goal != "wp:section"
        }
        for function in functions
    }


def prove_all(project, folder, functions, jobs, *options):
    """In groups of the same options."""
    groups = {}
    for function in functions:
        part = functions.index(function) % 4
        groups.setdefault((part, function in WITH_BITS, function in LOSSY), []).append(function)
    result = {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        tasks = [
            pool.submit(prove, project, folder, group, [
                *options,
                *([] if lossy else ["-warn-unsigned-downcast"]),
                *(["-wp-auto", BITS] if bits else []),
            ])
            for (_, bits, lossy), group in groups.items()
        ]
        for task in tasks:
            result |= task.result()
    return {function: result[function] for function in functions}


def compare(goals, allowed):
    """Returns what stands in no list, and what should not stand in one."""
    failed = {f"{function}: {goal.removeprefix(function + '_')}"
              for function, results in goals.items()
              for goal, proved in results.items() if not proved}
    return sorted(failed - allowed), sorted(allowed - failed)


def table(goals):
    rows = ["| Function | Goals | Proved |", "|:--|--:|--:|"]
    total = [0, 0]
    for function, results in goals.items():
        counts = [len(results), sum(results.values())]
        total = [a + b for a, b in zip(total, counts, strict=True)]
        rows.append(f"| `{function}` | {counts[0]} | {counts[1]} |")
    rows.append(f"| All {len(goals)} | {total[0]} | {total[1]} |")
    rows += ["", f"Open are these {len(OPEN)}:", "", "| Function | Not proved |", "|:--|:--|"]
    rows += [f"| `{function}` | {what} |" for function, what in OPEN.items()]
    return "\n".join(rows)


def check_document(path, text, write):
    """Compares the text between the two marks of the document with that of this run, or writes it."""
    before, rest = path.read_text().split("<!-- table -->\n", 1)
    shown, after = rest.split("\n<!-- end -->", 1)
    if write:
        path.write_text(f"{before}<!-- table -->\n{text}\n<!-- end -->{after}")
    elif shown != text:
        return [f"{path.name} does not show this table: prove.py PROJECT --write"]
    return []


def check_statements(project):
    """No axiom, nothing admitted."""
    faults = []
    for path in (HERE / "contracts.h", HERE / "proof.c", project / "mqtt_codec.h"):
        for annotation in re.findall(r"/\*@.*?\*/|//@[^\n]*", path.read_text(), re.S):
            for word in re.findall(r"\b(?:axiom\w*|admit\w*|assume)\b", annotation):
                faults.append(f"{path.name}: {word}")
    return faults


def prove_header(project, folder, jobs, smoke, write):
    functions = functions_of(project, folder)
    specified = contracts()
    faults = [f"{name}: no contract" for name in functions if name not in specified]
    faults += [f"{name}: no such function" for name in specified if name not in functions]
    faults += check_statements(project)
    faults += [f"{name}: open, but no function" for name in OPEN if name not in functions]
    tried = [name for name in functions if name not in OPEN]
    everything = prove_all(project, folder, tried, jobs, *(SMOKE_TESTS.split() if smoke else []))
    goals = {function: {goal: proved for goal, proved in results.items() if SMOKE not in goal}
             for function, results in everything.items()}
    faults += [f"{function}: no goals" for function, results in goals.items() if not results]
    for function, results in goals.items():
        print(f"{function:40} {sum(results.values()):4} of {len(results):4}")
    failed, proved = compare(goals, set(UNPROVED))
    faults += [f"not proved: {goal}" for goal in failed]
    faults += [f"proved, but listed as unproved: {goal}" for goal in proved]
    if smoke:
        tests = {function: [goal for goal, passed in results.items() if SMOKE in goal and not passed]
                 for function, results in everything.items()}
        for function, failed in tests.items():
            if bool(failed) != (function in DEAD):
                faults.append(f"{function}: contradictory, or dead, or not: {failed}")
    faults += check_document(project / "docs/proof.md", table(goals), write)
    return faults


def break_header(project, folder, jobs):
    """Proves one function again for each broken line."""
    faults = []
    text = (project / "mqtt_codec.h").read_text()
    for what, line, broken, function in BROKEN:
        if text.count(line) != 1:
            faults.append(f"{what}: the line is not there once")
            continue
        (folder / "mqtt_codec.h").write_text(text.replace(line, broken))
        # What is not proved costs the whole time.
        goals = prove_all(folder, folder, [function], jobs, "-wp-timeout", str(SECONDS // 2))
        failed, _ = compare(goals, set(UNPROVED))
        print(f"{what}: {len(failed)} of {len(goals[function])} goals of {function} not proved")
        if not failed:
            faults.append(f"{what}: not noticed")
    return faults


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("project", type=pathlib.Path)
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--broken", action="store_true")
    parser.add_argument("--only", nargs="+", metavar="FUNCTION", help="prints what is not proved")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    project = arguments.project.resolve()

    missing = [package for tool, package in TOOLS.items() if not shutil.which(tool)]
    if missing:
        print(f"skipped: not installed: {' '.join(missing)}")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        os.environ["WHY3CONFIG"] = str(folder / "why3.conf")
        run("why3", "config", "detect")
        if arguments.only:
            goals = prove_all(project, folder, arguments.only, arguments.jobs)
            faults, _ = compare(goals, set())
        elif arguments.broken:
            faults = break_header(project, folder, arguments.jobs)
        else:
            faults = prove_header(project, folder, arguments.jobs, arguments.smoke, arguments.write)
    for line in faults:
        print(line)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
