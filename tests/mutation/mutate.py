#!/usr/bin/env python3
"""mutate.py PROJECT [--every N] [--first K]: breaks mqtt_codec.h in one place at a time and runs the tests.

A change that no test notices is a survivor. Each is either killed by a new test, or stands in
survivors.txt beside this file with the reason why it changes nothing that can be seen. Exits
non-zero if a survivor has no reason there, or if a reason stands there that is not needed.

The tests are compiled once, against the declarations. A change in the part for MQTT 5.0 is tried with
the tests of 5.0. Any other is tried with those of 3.1.1, for which the implementation is compiled
without that part. The last test is the same for both, and takes the whole header.

With --every N, only each Nth of the changes is tried, from the Kth on; without it every twelfth, which
takes some minutes. Without --first the text of the header decides where to begin, so that another
version of it is tried in other places.
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import typing
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "header"))
from parts import without_v5  # noqa: E402 pylint: disable=wrong-import-position

# A variable that is not set is not 0 by chance.
COMPILER = ["cc", "-std=c99", "-w", "-ftrivial-auto-var-init=pattern"]
# A mutant that does not end is noticed: by this many seconds, or by this many times what the test takes.
PATIENCE, TIMES = 4, 10
PORTABLE = "support/path_portable.c"
PATHS = ["support/path_default.c", PORTABLE]
THIS_PATH, PORTABLE_PATH = [], ["-DMQTT_CODEC_SIMD=0"]
CORPUS = ["conformance/corpus.c", "support/support.c"]
SUPPORT_V5 = ["support/support.c", "support/support_v5.c"]
TESTS = {  # by the part that is changed; the fast ones first: most mutants fall there
    "3.1.1": {
        "statuses": ["conformance/statuses_test.c", *CORPUS],
        "enumerations": ["conformance/enumerations_test.c", "support/support.c"],
        "strings": ["conformance/strings_test.c", "support/support.c", *PATHS],
        "corpus": ["conformance/corpus_test.c", *CORPUS],
        "topics": ["conformance/topics_test.c", "support/support.c", *PATHS],
        "functions": ["conformance/functions_test.c", "support/support.c"],
        "paths": ["conformance/paths_test.c", *PATHS],
    },
    "5.0": {
        "statuses_v5": ["conformance/statuses_v5_test.c", "support/support.c"],
        "packets_v5": ["conformance/packets_v5_test.c", "support/support.c"],
        "peers_failures_v5": ["conformance/peers_failures_v5_test.c", *SUPPORT_V5],
        "enumerations_v5": ["conformance/enumerations_v5_test.c", *SUPPORT_V5],
        "functions_v5": ["conformance/functions_v5_test.c", "support/support.c"],
        "corpus_v5": ["conformance/corpus_v5_test.c", "conformance/corpus_v5.c",
                      "conformance/corpus.c", *SUPPORT_V5],
    },
}
# The codec is compiled for these without optimization, which takes longer than they do.
QUICK = ["statuses_v5", "packets_v5", "peers_failures_v5"]
ALONE = "conformance/size_t_16_test.c"  # includes the header by itself, with a size_t of 16 bits

COMPARISONS = {"<": ["<=", ">="], ">": [">=", "<="], "<=": ["<", ">"], ">=": [">", "<"],
               "==": ["!="], "!=": ["=="]}


def code_of(line):
    """The line without comments and strings, which are blanked so that columns stay."""
    line = re.sub(r'"(\\.|[^"\\])*"', lambda m: " " * len(m.group()), line)
    return re.sub(r"/\*.*?(\*/|$)", lambda m: " " * len(m.group()), line)


def replacements(code):
    """(start, end, text) of every single change that this script knows of a line of code."""
    for m in re.finditer(r"(?<![<>=!+\-*/|&])(<=|>=|==|!=|<|>)(?![<>=])", code):
        if code[m.start() - 1] == "-":  # ->
            continue
        for other in COMPARISONS[m.group()]:
            yield m.start(), m.end(), other
    for m in re.finditer(r"&&|\|\|", code):
        yield m.start(), m.end(), "||" if m.group() == "&&" else "&&"
    for m in re.finditer(r"(?<![\w.'\[])(?<!return )(?<!\? )(0x[0-9A-F]+|\d+)(u?)\b(?!')", code):
        value = int(m.group(1), 0)
        for other in (value + 1, value - 1):
            if other >= 0:
                yield m.start(), m.end(), str(other) + m.group(2)
    for m in re.finditer(r"(?<= )[+-](?= )", code):
        yield m.start(), m.end(), "-" if m.group() == "+" else "+"
    for m in re.finditer(r"(?<= )[*/%&|](?= )", code):
        yield m.start(), m.end(), {"*": "/", "/": "*", "%": "/", "&": "|", "|": "&"}[m.group()]
    for m in re.finditer(r" \+= ", code):
        yield m.start(), m.end(), " -= "
    for m in re.finditer(r"\bif \((?!false)", code):
        yield m.end(), m.end(), "false && "
    for m in re.finditer(r"return (true|false);", code):
        yield m.start(1), m.end(1), "false" if m.group(1) == "true" else "true"
    for m in re.finditer(r"return (MQTT_ERROR_\w+);", code):
        yield m.start(1), m.end(1), "MQTT_ERROR_DIRECTION"
        yield m.start(1), m.end(1), "0"
    for m in re.finditer(r"^\s+mqtti_skip\(.*;|^\s+(?:\*?at|\*reader) = .*;", code):
        yield m.start(), m.end(), ";"


def follow(directive, conditions):
    """Keeps in `conditions`, for each #if that is open, whether its lines are tried, and whether that
    takes portable code. Of those for one kind of vectors only the ones for SSE2 are tried, because
    they are compiled here; paths_test compares the others with it."""
    path = re.match(r"#(?:el)?if MQTT_CODEC_SIMD (==|!=) MQTT_CODEC_SIMD_(\w+)$", directive)
    if directive.startswith("#if"):
        conditions.append({"of paths": path is not None, "taken": False})
    if path:
        is_sse2 = (path[2] == "SSE2") == (path[1] == "==")
        conditions[-1]["tried"] = is_sse2
        conditions[-1]["taken"] |= is_sse2
    elif directive.startswith("#else /* portable"):
        conditions[-1] |= {"tried": True, "portable": True}
    elif directive == "#else" and conditions[-1]["of paths"]:
        conditions[-1]["tried"] = not conditions[-1]["taken"]
    elif directive == "#endif":
        conditions.pop()


class Mutant(typing.NamedTuple):
    """One change of the header. The part is one of TESTS. The paths are the values of MQTT_CODEC_SIMD
    to compile it with: that of this machine, 0 or both."""
    part: str
    function: str
    number: int  # of the line, from 0 on
    old: str
    new: str
    paths: list

    def key(self):
        """As in survivors.txt."""
        return self.function, self.old.strip(), self.new.strip()


def mutants(header):
    """Every Mutant."""
    lines = header.splitlines()
    start = next(i for i, line in enumerate(lines) if line == " * END OF THE INTERFACE")
    start = next(i for i in range(start, len(lines)) if lines[i].startswith("static inline"))
    function, in_comment, in_table, conditions = "", False, False, [{}]  # the header's own #if
    part, after_v5 = "3.1.1", False
    for number in range(start, len(lines)):
        line = lines[number]
        if line == "/* BEGIN MQTT 5.0 */":
            part = "5.0"
        elif line == "/* END MQTT 5.0 */":
            part, after_v5 = "3.1.1", True
        if in_comment or line.lstrip().startswith("/*") and "*/" not in line:
            in_comment = "*/" not in line
            continue
        if line.startswith("#"):
            follow(line, conditions)
        if line.startswith("#") or not all(c.get("tried", True) for c in conditions):
            continue
        if re.match(r"^(MQTTI_|static inline|enum|struct)", line):
            names = re.findall(r"\b(mqtti?_\w+)\(", line)
            function = names[0] if names else function
            continue
        in_table = (in_table or "explanations[] = {" in line) and line != "    };"
        if in_table or not line.startswith(" "):
            continue
        code = code_of(line)
        for begin, end, text in replacements(code):
            new = line[:begin] + text + line[end:]
            if any(c.get("portable") for c in conditions):
                paths = [PORTABLE_PATH]
            elif after_v5 and len(conditions) == 1:  # strings, for vectors and for portable code
                paths = [THIS_PATH, PORTABLE_PATH]
            else:
                paths = [THIS_PATH]
            yield Mutant(part, function, number, line, new, paths)


class Project:
    def __init__(self, root, work):
        self.tests = root / "tests"
        self.header = (root / "mqtt_codec.h").read_text(encoding="utf-8")
        self.work = work
        self.check = subprocess.run(["pkg-config", "--cflags", "--libs", "check"], check=True,
                                    stdout=subprocess.PIPE, encoding="utf-8").stdout.split()
        self.objects = {}
        self.timeouts = {}

    def compile_tests(self):
        """The tests, and all they need but the codec."""
        (self.work / "original").mkdir()
        (self.work / "original/mqtt_codec.h").write_text(self.header, encoding="utf-8")
        includes = ["-I" + str(self.work / "original")] + [
            "-I" + str(self.tests / folder) for folder in ("support", "conformance")]
        corpora = ['-D%s="%s"' % (name, self.tests / "conformance" / file) for name, file in (
            ("CORPUS", "packets.txt"), ("CORPUS_V5", "packets_v5.txt"))]
        compiled = {}
        for name, sources in (test for tests in TESTS.values() for test in tests.items()):
            for source in sources:
                if source in compiled:
                    continue
                compiled[source] = str(self.work / (source.replace("/", "-") + ".o"))
                # Without optimization the longest packets are not tried at every length.
                # The portable path is that of the header as it is, for the vectors to be held to.
                mode = [] if source == PORTABLE else ["-DMQTT_CODEC_DECLARE_ONLY"]
                subprocess.run(COMPILER + ["-O0", *mode, "-DLONGEST=33", *corpora, *includes,
                                           *self.check, "-c", "-o", compiled[source],
                                           self.tests / source],
                               check=True)
            self.objects[name] = [compiled[source] for source in sources]

    def link(self, name, folder, codec):
        output = folder / "test"
        command = (COMPILER + ["-Og", "-I" + str(folder), self.tests / ALONE] if name == ALONE else
                   ["cc", *self.objects[name], codec, *self.check])
        subprocess.run([*command, "-o", output], check=True)
        return output

    def outcome(self, mutant):
        """The name of the test that notices the change, or None."""
        outcomes = (self.outcome_with(mutant, path) for path in mutant.paths)
        return next((outcome for outcome in outcomes if outcome is not None), None)

    def outcome_with(self, mutant, path):
        """The same with one path."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.work))
        try:
            lines = self.header.splitlines()
            lines[mutant.number] = mutant.new
            header = "\n".join(lines) + "\n"
            (folder / "mqtt_codec.h").write_text(header, encoding="utf-8")
            (folder / "codec.c").write_text(
                "#define MQTT_CODEC_IMPLEMENTATION\n" +
                (header if mutant.part == "5.0" else without_v5(header)), encoding="utf-8")
            for name in [*TESTS[mutant.part], ALONE]:
                level = "-O0" if name in QUICK else "-Og"
                codec = folder / (level + ".o")
                if name != ALONE and not codec.exists():
                    compiled = subprocess.run(
                        COMPILER + [level, *path, "-c", "-o", codec, folder / "codec.c"],
                        check=False, stderr=subprocess.DEVNULL)
                    if compiled.returncode != 0:
                        return "the compiler"
                program = self.link(name, folder, codec)
                start = time.monotonic()
                try:
                    run = subprocess.run([program], check=False, timeout=self.timeouts.get(name),
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                         env={**os.environ, "CK_FORK": "no"})
                except subprocess.TimeoutExpired:
                    return name
                if run.returncode != 0:
                    return name
                # The first to be tried is the header as it is.
                self.timeouts.setdefault(name, PATIENCE + TIMES * (time.monotonic() - start))
            return None
        finally:
            shutil.rmtree(folder)


def read_reasons(path):
    """{(function, old, new): reason}. An entry may name several functions, and several new lines."""
    reasons = {}
    for entry in path.read_text(encoding="utf-8").split("\n\n"):
        fields = {"new": []}
        for line in entry.strip().splitlines():
            word, _, text = line.partition(": ")
            if word == "new":
                fields["new"].append(text)
            elif not line.startswith("#"):
                fields[word] = text
        for function in fields.get("in", "").split(", "):
            for new in fields["new"]:
                reasons[function, fields["old"], new] = fields["why"]
    return reasons


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("project", type=pathlib.Path)
    parser.add_argument("--every", type=int, default=12)
    parser.add_argument("--first", type=int)
    parser.add_argument("--only", help="a part of the function's name")
    arguments = parser.parse_args()
    root = arguments.project.resolve()
    reasons = read_reasons(root / "tests/mutation/survivors.txt")
    with tempfile.TemporaryDirectory() as work:
        project = Project(root, pathlib.Path(work))
        everything = list(mutants(project.header))
        first = arguments.first
        if first is None:
            first = zlib.crc32(project.header.encode()) % arguments.every
        chosen = everything[first::arguments.every]
        if arguments.only:
            chosen = [mutant for mutant in everything if arguments.only in mutant.function]
        project.compile_tests()
        line = project.header.splitlines()[0]
        for part in TESTS:
            if project.outcome(Mutant(part, "", 0, line, line, [THIS_PATH])) is not None:
                sys.exit("The tests fail on the header as it is.")
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            tried = []
            for mutant, outcome in zip(chosen, pool.map(project.outcome, chosen)):
                if outcome != "the compiler":
                    tried.append((mutant, outcome))
                if outcome is None:
                    function, old, new = mutant.key()
                    print("survivor%s, line %d\nin: %s\nold: %s\nnew: %s\n" % (
                        " (explained)" if mutant.key() in reasons else "", mutant.number + 1,
                        function, old, new), flush=True)
    survivors = [mutant for mutant, outcome in tried if outcome is None]
    keys = {mutant.key() for mutant in survivors}
    unexplained = [mutant for mutant in survivors if mutant.key() not in reasons]
    # The same line can stand in a function twice, and only one change of it survive.
    places = collections.Counter(mutant.key() for mutant in everything)
    looked_at = collections.Counter(mutant.key() for mutant in chosen)
    idle = [key for key in reasons if looked_at[key] == places[key] and key not in keys]
    for function, old, new in idle:
        print("no survivor, but explained:\nin: %s\nold: %s\nnew: %s\n" % (function, old, new))
    print("%s: %d of %d changes tried, %d noticed, %d survive, of which %d are explained" % (
        "--only " + arguments.only if arguments.only else
        "--every %d --first %d" % (arguments.every, first),
        len(tried), len(everything), len(tried) - len(survivors), len(survivors),
        len(survivors) - len(unexplained)))
    if len(tried) < 200 and not arguments.only:
        sys.exit("fewer than 200 changes")
    if unexplained or idle:
        sys.exit(1)


if __name__ == "__main__":
    main()
