#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""prove.py PROJECT [--all] [--write | --broken | --only FUNCTION...]: proves the portable code.

Frama-C's WP reads mqtt_codec.h with MQTT_CODEC_SIMD 0 together with contracts.h, and Z3 and CVC4
prove that every function keeps its contract and has no undefined behaviour that Frama-C knows. The
functions of MQTT 3.1.1 are proved in a header without the parts for MQTT 5.0, so that a change of
those parts leaves their results valid; the functions of MQTT 5.0 in the whole header, with
contracts_v5.h. Then Z3 tries to prove false from what is assumed where a function begins, in each
loop and after each call. Fails

  if a function is not proved that NOT_YET does not list, or NOT_YET lists what is no function,
  if a goal is not proved that UNPROVED does not list, or one is proved that it lists,
  if false can be proved, or cannot in proof_contradiction, whose contract contradicts itself,
  if a function has no contract or no goal, or a contract has no function,
  if an axiom or an admitted statement is among the contracts or the annotations,
  if docs/proof.md does not show the totals.

proved.tsv records each function's result with a hash of all that it depends on: its body, the
declarations, contracts and annotations as Frama-C has read them, this script, the function's
entries in settings.py, and the versions of the tools. A function with the hash of its record is not
proved again. --all proves every function again. --write writes the record and the totals.

--broken shows that the proof can fail: it breaks one line at a time, and fails if every goal of the
function is still proved. --only prints what is not proved of these functions. Exits with 77, a skip,
if Frama-C or a prover is not installed.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap

import settings
from settings import BROKEN, LOSSY, NOT_YET, SLOW, STRATEGIES, UNPROVED, WITH_CASES

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "header"))
from parts import header_without_v5  # noqa: E402 pylint: disable=wrong-import-position
TOOLS = {"frama-c": "frama-c-base", "why3": "why3", "z3": "z3", "cvc4": "cvc4"}
RECORD = HERE / "proved.tsv"
MACHINE = "-machdep gcc_x86_64"
OPTIONS = (
    f"{MACHINE} -wp -wp-model Typed+cast -wp-cache none"
    " -warn-signed-downcast -warn-invalid-pointer -rte-no-trivial-annotations"
)
# For one goal and one prover: nearly all take less than one second, and where one prover does not
# find the proof the other often does at once. SLOW functions have goals that take more, and of which
# CVC4 finds more; others with a goal that is left, as on a busy machine, are tried again.
SECONDS, MORE_SECONDS, LAST_SECONDS = 2, 10, 40

# Nothing else is proved again but @exits, without which WP tests nothing in a function without calls.
# The steps are what ends a search; the seconds are only a guard.
SMOKE_TESTS = (
    "-wp-prover z3 -wp-steps 500000 -wp-timeout 20 -wp-smoke-timeout 20"
    " -wp-smoke-tests -wp-no-smoke-dead-code -wp-no-smoke-dead-assumes -wp-no-smoke-dead-local-init"
    " -wp-prop=-@requires,-@ensures,-@assigns,-@invariant,-@assert,-@variant,"
    "-@complete_behaviors,-@disjoint_behaviors,-@terminates"
)
# Its contract contradicts itself: there false has to be proved.
CONTRADICTORY = "proof_contradiction"

# Each goal of these functions is proved in less; what is not proved costs the whole time.
BROKEN_SECONDS = 5


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
    """Returns {function: contract}."""
    text = (HERE / "contracts.h").read_text() + (HERE / "contracts_v5.h").read_text()
    found = re.findall(r"/\*@((?:(?!\*/).)*)\*/\n[^;{}/]*?\b((?:mqtti?|proof)_\w+)\([^()]*\);",
                       text, re.S)
    # proof_memcpy stands for a libc's.
    return {name: contract for contract, name in found if name != "proof_memcpy"}


def frama_c(project, session, functions, *options):
    return run("frama-c", f"-cpp-extra-args=-I{project}", HERE / "proof.c", *OPTIONS.split(),
               "-wp-fct", ",".join(functions), "-wp-par", "1", "-wp-session", session, *options,
               cwd=session)


def prove(project, folder, functions, seconds, options):
    """Returns {function: {goal: whether it is proved}}."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        report = pathlib.Path(name) / "report.json"
        frama_c(project, name, functions, "-wp-rte", "-wp-timeout", str(seconds), "-wp-report-json",
                report, *options)
        goals = json.loads(report.read_text())["wp:functions"]
    return {
        function: {
            goal: counts["wp:main"].get("valid", 0) == counts["wp:main"]["total"]
            for goal, counts in goals.get(function, {}).items()
            if goal != "wp:section"
        }
        for function in functions
    }


def prove_all(project, folder, functions, jobs, seconds):
    """In groups of the same options."""
    groups = {}
    for function in functions:
        names = ["-wp-prover=" + ("cvc4,z3" if function in SLOW else "z3,cvc4")]
        if function not in LOSSY:
            names.append("-warn-unsigned-downcast")
        if function in STRATEGIES:
            names += ["-wp-auto", STRATEGIES[function]]
        if function in WITH_CASES:
            name = WITH_CASES[function]
            groups[(function, *names, f"-wp-prop={name}", "-wp-split")] = [function]
            names.append(f"-wp-prop=-{name}")
        groups.setdefault((functions.index(function) % 6, *names), []).append(function)
    result = {function: {} for function in functions}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        tasks = [pool.submit(prove, project, folder, group, seconds, names)
                 for (_, *names), group in groups.items()]
        for task in tasks:
            for function, goals in task.result().items():
                result[function] |= goals
    return result


def smoke_tests(project, folder, function):
    """Returns {test: whether it passed, as false could not be proved}."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        text = frama_c(project, name, [function], *SMOKE_TESTS.split())
    return {test: outcome == "Passed"
            for outcome, test in re.findall(r"\[(\w+)\] Smoke-test typed_cast_(\w+)", text)}


def look_for_contradictions(project, folder, functions, jobs):
    """Returns {function: number of places}, [(function, fault)]."""
    specified = contracts()
    faults = []
    places = {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = pool.map(lambda function: smoke_tests(project, folder, function), functions)
        for function, tests in zip(functions, results, strict=True):
            places[function] = len(tests)
            at_start = f"{function}_wp_smoke_default_requires"
            if "requires" in specified[function] and at_start not in tests:
                faults.append((function, "what its contract requires is not tested"))
            if function == CONTRADICTORY and tests.pop(at_start):
                faults.append((function, "its contradiction is not found"))
            faults += [(function, f"false can be proved: {test}")
                       for test, passed in tests.items() if not passed]
    return places, faults


def short(function, goal):
    return goal.removeprefix(f"{function}_")


def compare(goals, allowed):
    """Returns what stands in no list, and what should not stand in one."""
    failed = {f"{function}: {short(function, goal)}"
              for function, results in goals.items()
              for goal, proved in results.items() if not proved}
    return sorted(failed - allowed), sorted(allowed - failed)


def hashes(project, folder):
    """Returns {function: hash of all that its proof depends on}."""
    output = folder / "read.c"
    run("frama-c", *MACHINE.split(), f"-cpp-extra-args=-I{project}", HERE / "proof.c", "-print",
        "-ocode", output, cwd=folder)
    bodies = {}

    def cut(match):
        bodies[match[1]] = match[0]
        return f"{match[1]}(...);\n"

    declarations = re.sub(r"^[^\s{}/#][^{};]*?\b(\w+)\([^{};]*\)\n\{\n.*?^\}\n", cut,
                          output.read_text(), flags=re.M | re.S)
    tools = [run(*command) for command in (("frama-c", "-version"), ("why3", "--version"),
                                           ("z3", "--version"), ("cvc4", "--version"))]
    common = "\0".join([declarations, pathlib.Path(__file__).read_text(), *tools])
    return {function: hashlib.sha256(
        f"{common}\0{settings.of(function)}\0{body}".encode()).hexdigest()
            for function, body in bodies.items()}


def read_record():
    """Returns {function: (hash, goals, proved, places)}."""
    if not RECORD.exists():
        return {}
    rows = [line.split("\t") for line in RECORD.read_text().splitlines()[1:]]
    return {name: (value, *map(int, counts)) for name, *counts, value in rows}


def write_record(record):
    rows = ["function\tgoals\tproved\tplaces without a contradiction\thash"]
    rows += ["\t".join(map(str, (name, *counts, value)))
             for name, (value, *counts) in record.items()]
    RECORD.write_text("\n".join(rows) + "\n")


def totals(record):
    goals, proved, places = (sum(counts[i] for counts in record.values()) for i in (1, 2, 3))
    text = (f"{len(record)} functions: {proved:,} of {goals:,} goals proved; false cannot be proved"
            f" at any of {places} places.")
    if NOT_YET:
        names = ", ".join(f"`{name}`" for name in NOT_YET)
        text += "\n\n" + textwrap.fill(f"{len(NOT_YET)} functions of MQTT 5.0 are not proved yet: "
                                       f"{names}.", 96, break_on_hyphens=False)
    return text


def check_document(path, text, write):
    """Compares the text between the two marks of the document with that of this run, or writes it."""
    before, rest = path.read_text().split("<!-- totals -->\n", 1)
    shown, after = rest.split("\n<!-- end -->", 1)
    if write:
        path.write_text(f"{before}<!-- totals -->\n{text}\n<!-- end -->{after}")
    elif shown != text:
        return [f"{path.name} does not say '{text}': prove.py PROJECT --write"]
    return []


def check_statements(project):
    """No axiom, nothing admitted."""
    faults = []
    for path in (*HERE.glob("*.[ch]"), project / "mqtt_codec.h"):
        for annotation in re.findall(r"/\*@.*?\*/|//@[^\n]*", path.read_text(), re.S):
            for word in re.findall(r"\b(?:axiom\w*|admit\w*|assume)\b", annotation):
                faults.append(f"{path.name}: {word}")
    return faults


def prove_functions(project, folder, functions, jobs):
    """Returns {function: {goal: whether it is proved}}, [(function, fault)]."""
    goals = {}
    goals |= prove_all(project, folder, [f for f in functions if f in SLOW], jobs, MORE_SECONDS)
    goals |= prove_all(project, folder, [f for f in functions if f not in SLOW], jobs, SECONDS)
    left = [function for function, results in goals.items()
            if any(not proved and f"{function}: {short(function, goal)}" not in UNPROVED
                   for goal, proved in results.items())]
    if left:
        print(f"tried again: {' '.join(left)}")
        goals |= prove_all(project, folder, left, jobs, LAST_SECONDS)
    faults = [(function, "no goals") for function, results in goals.items() if not results]
    for function, results in goals.items():
        print(f"{function:40} {sum(results.values()):4} of {len(results):4}")
    failed, proved = compare(goals, {u for u in UNPROVED if u.split(":")[0] in functions})
    faults += [(goal.split(":")[0], f"not proved: {goal}") for goal in failed]
    faults += [(goal.split(":")[0], f"proved, but listed as unproved: {goal}") for goal in proved]
    return goals, faults


def prove_part(project, folder, functions, jobs, recorded, everything):
    """Proves those of the functions that have changed. Returns their record, and the faults."""
    now = hashes(project, folder)
    record = {name: recorded[name] for name in functions
              if not everything and recorded.get(name, [None])[0] == now[name]}
    to_prove = [name for name in functions if name not in record]
    print(f"{len(record)} of {len(functions)} functions have not changed since they were proved",
          flush=True)
    goals, unproved = prove_functions(project, folder, to_prove, jobs)
    places, contradictory = look_for_contradictions(project, folder, to_prove, jobs)
    failed = {function for function, _ in unproved + contradictory}
    for name in to_prove:
        if name not in failed:
            record[name] = (now[name], len(goals[name]), sum(goals[name].values()), places[name])
    return record, [f"{function}: {fault}" for function, fault in unproved + contradictory]


def prove_header(parts, folder, jobs, write, everything):
    specified = contracts()
    functions = [name for _, names in parts for name in names]
    faults = [f"{name}: no contract" for name in functions if name not in specified]
    faults += [f"{name}: no such function" for name in specified
               if name not in functions + NOT_YET]
    project = parts[-1][0]
    faults += check_statements(project)
    recorded = read_record()
    record = {}
    for part, names in parts:
        proved, failed = prove_part(part, folder, names, jobs, recorded, everything)
        record |= proved
        faults += failed
    record = {name: record[name] for name in functions if name in record}
    if write:
        write_record(record)
    print(totals(record))
    faults += check_document(project / "docs/proof.md", totals(record), write)
    return faults


def break_header(parts, folder, jobs):
    """Proves one function again for each broken line."""
    faults = []
    for what, line, broken, function in BROKEN:
        text = (part_of(function, parts) / "mqtt_codec.h").read_text()
        if text.count(line) != 1:
            faults.append(f"{what}: the line is not there once")
            continue
        (folder / "mqtt_codec.h").write_text(text.replace(line, broken))
        goals = prove_all(folder, folder, [function], jobs, BROKEN_SECONDS)
        failed, _ = compare(goals, set(UNPROVED))
        print(f"{what}: {len(failed)} of {len(goals[function])} goals of {function} not proved")
        if not failed:
            faults.append(f"{what}: not noticed")
    return faults


def parts_of(project, folder):
    """Returns [(project, its functions that are to be proved)]: one whose header has no part for
    MQTT 5.0, then the whole header for what else it has."""
    copy = folder / "project"
    copy.mkdir()
    (copy / "mqtt_codec.h").write_text(header_without_v5(project))
    functions = functions_of(copy, folder)
    others = [name for name in functions_of(project, folder) if name not in functions]
    for name in NOT_YET:
        if name not in others:
            sys.exit(f"NOT_YET: {name}: no such function")
    return [(copy, functions), (project, [name for name in others if name not in NOT_YET])]


def part_of(function, parts):
    return next((part for part, names in parts if function in names), parts[-1][0])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("project", type=pathlib.Path)
    parser.add_argument("--all", action="store_true", help="also what has not changed")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--write", action="store_true", help="writes the record and the totals")
    mode.add_argument("--broken", action="store_true")
    mode.add_argument("--only", nargs="+", metavar="FUNCTION", help="prints what is not proved")
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
        parts = parts_of(project, folder)
        if arguments.only:
            goals = {}
            for function in arguments.only:  # also one that is not proved yet
                goals |= prove_all(part_of(function, parts), folder, [function], arguments.jobs,
                                   MORE_SECONDS)
            faults, _ = compare(goals, set())
        elif arguments.broken:
            faults = break_header(parts, folder, arguments.jobs)
        else:
            faults = prove_header(parts, folder, arguments.jobs, arguments.write, arguments.all)
    for line in faults:
        print(line)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
