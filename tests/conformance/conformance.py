#!/usr/bin/env python3
"""conformance.py PROJECT [--write]: the table of statements agrees with header, tests and docs.

Compares tests/conformance/statements.tsv with the numbers of the standard, with mqtt_codec.h, with
packets.txt and the other tests, with every tag in header, tests and docs, and with
docs/conformance.md. Prints every fault, and fails if there is one. With --write it writes
docs/conformance.md anew and checks then.
"""

import collections
import pathlib
import re
import sys

TABLE = "tests/conformance/statements.tsv"
CORPUS = "tests/conformance/packets.txt"
HEADER = "mqtt_codec.h"
DOCUMENT = "docs/conformance.md"

COLUMNS = ["statement", "summary", "met by", "how", "status", "tests"]
CODEC = ["both", "decoder", "encoder"]
MET_BY = CODEC + ["helper", "application"]

# How many numbered statements the sections of the standard have: MQTT-1.5.3-1 to -3, and so on.
NUMBERED = {
    "1.5.3": 3,
    "2.2.2": 2, "2.3.1": 7,
    "3.1.0": 2, "3.1.2": 24, "3.1.3": 11, "3.1.4": 5,
    "3.2.0": 1, "3.2.2": 6,
    "3.3.1": 12, "3.3.2": 3, "3.3.4": 1, "3.3.5": 2,
    "3.6.1": 1,
    "3.8.1": 1, "3.8.3": 4, "3.8.4": 6,
    "3.9.3": 2,
    "3.10.1": 1, "3.10.3": 2, "3.10.4": 6,
    "3.12.4": 1,
    "3.14.1": 1, "3.14.4": 3,
    "4.1.0": 2, "4.3.1": 1, "4.3.2": 2, "4.3.3": 2, "4.4.0": 1, "4.5.0": 2, "4.6.0": 6,
    "4.7.1": 3, "4.7.2": 1, "4.7.3": 4, "4.8.0": 2,
    "6.0.0": 4,
    "7.0.0": 2, "7.1.1": 1, "7.1.2": 1,
}  # fmt: skip
EXPECTED = [f"MQTT-{section}-{n}" for section in NUMBERED for n in range(1, NUMBERED[section] + 1)]

TITLES = {
    "1": "1 Data representations",
    "2": "2 Packet format",
    "3.1": "3.1 CONNECT",
    "3.2": "3.2 CONNACK",
    "3.3": "3.3 PUBLISH",
    "3.4": "3.4 PUBACK",
    "3.5": "3.5 PUBREC",
    "3.6": "3.6 PUBREL",
    "3.7": "3.7 PUBCOMP",
    "3.8": "3.8 SUBSCRIBE",
    "3.9": "3.9 SUBACK",
    "3.10": "3.10 UNSUBSCRIBE",
    "3.11": "3.11 UNSUBACK",
    "3.12": "3.12 PINGREQ",
    "3.13": "3.13 PINGRESP",
    "3.14": "3.14 DISCONNECT",
    "4": "4 Operational behaviour",
    "6": "6 WebSocket",
    "7": "7 Conformance",
}

# The programs that show what is left to the application, each with the test that shows it of them.
EXAMPLES = {
    "mqtt_broker": ("examples/complete/mqtt_broker.c", "tests/examples/broker_test.py"),
    "mqtt_client": ("examples/complete/mqtt_client.c", "tests/examples/client_test.py"),
}
NO_EXAMPLE = "No example:"  # and why, in the cell that says how

CLAUSE = r"MQTT-\d+\.\d+\.\d+-\d+|\d+(?:\.\d+)+"
TAG = re.compile(r"MQTT-\d+\.\d+\.\d+-\d+")

Row = collections.namedtuple("Row", "line statement summary met_by how statuses tests")
Status = collections.namedtuple("Status", "number letters clause")
Case = collections.namedtuple("Case", "line name clauses status bytes encoded")

# Statuses that no rejected bytes in packets.txt can have: they are an encoder's alone, or of functions
# that take less than every packet.
NOT_IN_BYTES = {"PACKET_INCOMPLETE", "PACKET_TOO_LARGE", "TYPE", "DIRECTION", "PAYLOAD_MISSING"}
# Statuses that an encoder has of a buffer, or of a type that packets.txt cannot name.
NOT_IN_FIELDS = {"BUFFER_TOO_SMALL", "RESERVED_TYPE", "PAYLOAD_MISSING"}


def packet_bytes(text):
    """The bytes that the notation of packets.txt stands for."""
    result = bytearray()
    for quoted, pair, times in re.findall(r"'([^']*)'|([0-9A-F]{2})(?:\*(\d+))?", text):
        result += quoted.encode() or bytes.fromhex(pair) * int(times or 1)
    return bytes(result)


def distance(one, other, most):
    """How many bytes to insert, remove or change make one the other; `most` + 1 if more."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, row = row, [i]
        for j, b in enumerate(other, 1):
            row.append(min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b)))
    return row[-1]


def is_numbered(statement):
    return statement.startswith("MQTT-")


def section(statement):
    """Of MQTT-3.1.2-22 as of 3.1.2.10: (3, 1, 2)."""
    numbers = re.findall(r"\d+", statement.removeprefix("MQTT-").split("-")[0])
    return tuple((list(map(int, numbers)) + [0, 0])[:3])


def listed(cell):
    return [] if cell == "-" else cell.split(", ")


class Conformance:
    def __init__(self, project):
        self.project = project
        self.faults = []
        self.header = self.read(HEADER)
        self.rows = self.read_rows()
        self.cases = self.read_cases()
        self.statuses = self.read_statuses()
        self.explanations = self.read_explanations()
        self.statements = {row.statement for row in self.rows}

    def fault(self, place, text):
        self.faults.append(f"{place}: {text}")

    def read(self, name):
        return (self.project / name).read_text(encoding="utf-8")

    # -- What is read

    def read_rows(self):
        """The rows behind the head of comments and the line of column names."""
        rows = []
        names = None
        for number, line in enumerate(self.read(TABLE).splitlines(), 1):
            cells = line.split("\t")
            if line.startswith("#"):
                continue
            if names is None:
                names = cells
                if names != COLUMNS:
                    self.fault(f"{TABLE}:{number}", f"the columns are not {', '.join(COLUMNS)}")
            elif len(cells) != len(COLUMNS) or "" in map(str.strip, cells):
                self.fault(f"{TABLE}:{number}", f"not {len(COLUMNS)} cells with something in them")
            else:
                statement, summary, met_by, how, statuses, tests = cells
                rows.append(
                    Row(number, statement, summary, met_by, how, listed(statuses), listed(tests))
                )
        return rows

    def read_cases(self):
        cases = []
        number = 0
        for group in re.split(r"\n[ \t]*\n", self.read(CORPUS)):
            fields = {}
            start = number + 1
            for line in group.split("\n"):
                number += 1
                word = line.split(None, 1)
                if word and not line.startswith("#"):
                    fields[word[0]] = word[1].strip() if len(word) > 1 else ""
                    start = number if word[0] == "packet" else start
            number += 1
            if not fields:
                continue
            status = fields.get("reject", "").split()
            if "packet" not in fields or not fields.get("clause"):
                self.fault(f"{CORPUS}:{start}", "a case without a packet or a clause line")
            cases.append(
                Case(
                    start,
                    fields.get("packet"),
                    fields.get("clause", "").split(),
                    status[0] if status else None,
                    packet_bytes(fields["bytes"]) if "bytes" in fields else None,
                    "encode" in fields or "accept" in fields,
                )
            )
        return cases

    def read_statuses(self):
        """The statuses that report a rule: number, the letters that say who can, and the clause."""
        statuses = {}
        heading, *lines = self.block(r"^enum mqtt_status \{\n(.*?)^\};").splitlines()
        if not re.fullmatch(r" +/\* +who  meaning +clause +\*/", heading):
            self.fault(HEADER, f"not the heading of enum mqtt_status: {heading.strip()}")
        for line in lines:
            found = re.fullmatch(r"    MQTT_(\w+) = (-\d+),? +/\* (.{4}) (.*) \*/", line)
            if found is None:
                self.fault(HEADER, f"not understood in enum mqtt_status: {line.strip()}")
                continue
            name, value, letters, comment = found.groups()
            clause = re.search(rf"(?:^| )({CLAUSE})$", comment.rstrip())
            statuses[name.removeprefix("ERROR_")] = Status(
                int(value), letters, clause.group(1) if clause else ""
            )
        return statuses

    def read_explanations(self):
        """The clauses of the table, in its order."""
        body = self.block(r" explanations\[\] = \{\n(.*?)\n +\};")
        rows = re.findall(r'/\*\s*(\S[^*]*?) \*/\s*\{\s*"([^"]*)",\s*"', body)
        numbers = [*map(str, range(0, 1 - len(rows), -1)), "any other"]
        if [number for number, _ in rows] != numbers:
            self.fault(HEADER, "the explanations are not numbered 0, -1 and so on")
        return [clause for _, clause in rows]

    def block(self, pattern):
        """The part of the header that the pattern captures."""
        found = re.search(pattern, self.header, re.M | re.S)
        if found is None:
            self.fault(HEADER, f"nothing in it matches {pattern}")
        return found.group(1) if found else ""

    # -- What is checked

    def check_numbers(self):
        """Each numbered statement once, in order, and the sections in their places."""
        found = [row.statement for row in self.rows if is_numbered(row.statement)]
        count = collections.Counter(found)
        for statement in EXPECTED:
            if count[statement] != 1:
                self.fault(TABLE, f"{statement} has {count[statement]} rows, not 1")
        for row in self.rows:
            if not re.fullmatch(CLAUSE, row.statement):
                self.fault(f"{TABLE}:{row.line}", f"{row.statement} is no statement or section")
            elif is_numbered(row.statement) and row.statement not in EXPECTED:
                self.fault(f"{TABLE}:{row.line}", f"{row.statement} is not in the standard")
        for before, row in zip(self.rows, self.rows[1:]):
            if section(before.statement) > section(row.statement):
                self.fault(f"{TABLE}:{row.line}", f"{row.statement} is not in its place")
        known = [statement for statement in dict.fromkeys(found) if statement in EXPECTED]
        if known != [statement for statement in EXPECTED if statement in count]:
            self.fault(TABLE, "the numbered statements are not in their order")

    def check_cells(self):
        interface = self.block(r"\A(.*)^ \* END OF THE INTERFACE$")
        words = set(re.findall(r"\w+", re.sub(r"/\*.*?\*/", "", interface, flags=re.S)))
        for row in self.rows:
            place = f"{TABLE}:{row.line}: {row.statement}"
            if row.met_by not in MET_BY:
                self.fault(place, f"met by {row.met_by}")
            for status in row.statuses:
                if status not in self.statuses:
                    self.fault(place, f"{status} is no status of {HEADER}")
            for name in re.findall(r"\w*_[\w.]*\w", row.how):
                if not words.issuperset(name.split(".")):
                    self.fault(place, f"{name} is not in the interface of {HEADER}")
            if row.met_by == "helper" and not re.search(r"\bmqtt_\w+", row.how):
                self.fault(place, "the helper has no name")
            if row.met_by == "application" and row.statuses:
                self.fault(place, "the application's, but with statuses")
            if (not row.tests) != (NO_EXAMPLE in row.how):
                self.fault(place, f"either something shows it, or '{NO_EXAMPLE}' and the reason")
            if row.met_by != "application" and not row.tests:
                self.fault(place, "no test shows it")

    def check_tests_exist(self):
        sources = {}
        for row in self.rows:
            place = f"{TABLE}:{row.line}: {row.statement}"
            for test in row.tests:
                if row.met_by == "application":
                    self.check_example(place, row.statement, test)
                    continue
                if test == "packets.txt":
                    self.check_row_in_corpus(place, row)
                    continue
                path, _, name = test.partition(":")
                if path not in sources:
                    file = self.project / path
                    sources[path] = self.read(path) if file.is_file() else None
                if sources[path] is None:
                    self.fault(place, f"there is no {path}")
                elif not re.search(rf"^START_TEST\({re.escape(name)}\)", sources[path], re.M):
                    self.fault(place, f"there is no test {name} in {path}")

    def check_example(self, place, statement, example):
        """Its source has the tag where it meets the statement, its test where that is seen."""
        if example not in EXAMPLES:
            self.fault(place, f"there is no example {example}")
        for path in EXAMPLES.get(example, ()):
            if statement not in TAG.findall(self.read(path)):
                self.fault(place, f"{path} does not name it")

    def check_row_in_corpus(self, place, row):
        cases = [case for case in self.cases if row.statement in case.clauses]
        # D, E and H are what a case can show; what only P gives, it cannot.
        rejected = [
            status
            for status in row.statuses
            if set(self.statuses[status].letters if status in self.statuses else "") & set("DEH")
        ]
        if not cases:
            self.fault(place, f"no case of {CORPUS} has it in its clause line")
        elif rejected and not any(case.status in rejected for case in cases):
            self.fault(place, f"no case of {CORPUS} that has it is rejected with {rejected}")

    def check_tags(self):
        """Every tag anywhere is one of the table."""
        files = [self.project / HEADER, self.project / "README.md"]
        for folder in ("tests", "docs", "examples"):
            files += sorted(
                path
                for path in (self.project / folder).rglob("*")
                if path.is_file() and "__pycache__" not in path.parts
            )
        for path in files:
            text = path.read_text(encoding="utf-8", errors="replace")
            for number, line in enumerate(text.splitlines(), 1):
                for tag in TAG.findall(line):
                    if tag not in self.statements:
                        name = path.relative_to(self.project)
                        self.fault(f"{name}:{number}", f"{tag} has no row in {TABLE}")

    def check_cases(self):
        for case in self.cases:
            place = f"{CORPUS}:{case.line}: {case.name}"
            for clause in case.clauses:
                if clause not in self.statements:
                    self.fault(place, f"{clause} has no row in {TABLE}")
            if case.status is None:
                continue
            if case.status not in self.statuses:
                self.fault(place, f"{case.status} is no status of {HEADER}")
                continue
            clause = self.statuses[case.status].clause
            if clause and clause not in case.clauses:
                self.fault(place, f"{case.status} reports {clause}, which is not its clause")

    def check_neighbours(self):
        """Each rule is broken alone: by bytes two from valid ones at most, and by an encoder's input."""
        short = [case for case in self.cases if case.bytes is not None and len(case.bytes) < 200]
        valid = [case.bytes for case in short if case.status is None and case.encoded]
        for name, status in self.statuses.items():
            rejected = [case.bytes for case in short if case.status == name]
            if "D" in status.letters and name not in NOT_IN_BYTES and not any(
                distance(one, other, 2) <= 2 for one in rejected for other in valid
            ):
                self.fault(CORPUS, f"no valid packet is next to one that is rejected as {name}")
            if "E" in status.letters and name not in NOT_IN_FIELDS and not any(
                case.status == name and case.encoded for case in self.cases
            ):
                self.fault(CORPUS, f"no packet that an encoder refuses as {name}")

    def check_statuses(self):
        """The header says the same twice, and the table says it too."""
        numbers = [status.number for status in self.statuses.values()]
        if numbers != list(range(-1, -len(numbers) - 1, -1)):
            self.fault(HEADER, "the statuses are not -1, -2 and so on")
            return
        # One explanation in front for no error, one behind for other numbers.
        if len(self.explanations) != len(self.statuses) + 2:
            self.fault(HEADER, f"{len(self.explanations)} explanations are not one for each status")
            return
        for name, status in self.statuses.items():
            explained = self.explanations[-status.number]
            if explained != status.clause:
                self.fault(
                    HEADER,
                    f"{name} is explained by '{explained}', its enumerator says '{status.clause}'",
                )
            if status.clause == "":
                continue
            rows = [row for row in self.rows if row.statement == status.clause]
            if not rows:
                self.fault(HEADER, f"{name} reports {status.clause}, which has no row in {TABLE}")
            elif not any(name in row.statuses for row in rows):
                self.fault(TABLE, f"{status.clause} does not list {name}, which reports it")

    def check_document(self):
        path = self.project / DOCUMENT
        if not path.is_file() or path.read_text(encoding="utf-8") != self.document():
            self.fault(DOCUMENT, "not what conformance.py --write writes from the table")

    def check(self):
        self.check_numbers()
        self.check_cells()
        self.check_tests_exist()
        self.check_tags()
        self.check_cases()
        self.check_neighbours()
        self.check_statuses()
        self.check_document()
        return self.faults

    # -- What is written

    def document(self):
        lines = [INTRODUCTION.format(**self.counts())]
        lines += ["| Met by | Numbered statements | Rows for sections |", "| --- | ---: | ---: |"]
        for met_by in MET_BY:
            numbered, sections = self.count([met_by])
            if numbered + sections > 0:
                lines.append(f"| {met_by} | {numbered} | {sections} |")
        lines.append("| **all** | **{}** | **{}** |".format(*self.count(MET_BY)))
        title = None
        for row in self.rows:
            chapter = ".".join(map(str, section(row.statement)[:2]))
            if not chapter.startswith("3."):
                chapter = chapter.split(".", maxsplit=1)[0]
            if chapter != title:
                title = chapter
                lines += ["", f"## {TITLES.get(chapter, chapter)}", ""]
                lines += ["| Statement | What it requires | Met by | How | Status | Tests |"]
                lines += ["| --- | --- | --- | --- | --- | --- |"]
            lines.append(self.table_line(row))
        paths = {
            path
            for row in self.rows
            for test in row.tests
            for path in EXAMPLES.get(test, [test.partition(":")[0]])
        }
        paths = {CORPUS if path == "packets.txt" else path for path in paths}
        lines.append("")
        for path in sorted(paths, key=lambda path: path.rsplit("/", 1)[-1]):
            lines.append(f"[{path.rsplit('/', 1)[-1]}]: ../{path}")
        return "\n".join(lines) + "\n"

    def count(self, met_by):
        chosen = [row for row in self.rows if row.met_by in met_by]
        numbered = sum(is_numbered(row.statement) for row in chosen)
        return numbered, len(chosen) - numbered

    def counts(self):
        return {
            "numbered": self.count(MET_BY)[0],
            "sections": self.count(MET_BY)[1],
            "codec": self.count(CODEC)[0],
            "helper": self.count(["helper"])[0],
            "application": self.count(["application"])[0],
        }

    @staticmethod
    def table_line(row):
        by_file = {}
        for test in (path for test in row.tests for path in EXAMPLES.get(test, [test])):
            path, _, name = test.partition(":")
            by_file.setdefault(path.rsplit("/", 1)[-1], []).append(name)
        tests = [
            f"[{file}]" + (": " + ", ".join(f"`{name}`" for name in names) if names[0] else "")
            for file, names in by_file.items()
        ]
        cells = [
            row.statement,
            quoted(row.summary),
            row.met_by,
            quoted(row.how),
            "<br>".join(f"`{status}`" for status in row.statuses),
            "<br>".join(tests),
        ]
        return "| " + " | ".join(cells) + " |"


def quoted(text):
    """Markdown, with the names of C in backticks."""
    text = text.replace("|", "\\|").replace("<", "&lt;")
    return re.sub(r"\b(?:\w+_[\w.]*\w|will\.\w+|payload\.\w+)\b", r"`\g<0>`", text)


INTRODUCTION = """\
# Conformance to MQTT 3.1.1

What the standard requires, statement by statement, and which part of `mqtt_codec.h` meets it. Of the
{numbered} statements that the standard numbers,

- {codec} are about the bytes of packets: decoders and encoders check them;
- {helper} are about how topics match: a function answers that;
- {application} are about sessions, connections, time, or which packet answers which. The header
  keeps no state, so these are left to the application. The table says what helps it.

Another {sections} rows are for sections with a rule about the bytes of packets or about matching
that has no number.

**Met by** says which part of the project meets the statement: decoders and encoders (both), one of them,
a helper function, or the application. **How** says in which way; the text after "Application:" is the part that
is left to the application. **Status** is the status of a packet that breaks the statement,
without `MQTT_ERROR_`. **Tests** are the packets of [packets.txt] that name the statement in their clause
line, and tests by name. For a statement that is left to the application, they are the example
program that meets it and the test of that program. Both name the statement in a comment.

This command writes this page from [statements.tsv](../tests/conformance/statements.tsv):

```sh
python3 tests/conformance/conformance.py . --write
```

Without `--write` it checks the table: no statement is missing, every test in it exists, and
`mqtt_codec.h`, the packets and the table agree on the statement of each status.
"""


def main(arguments):
    write = "--write" in arguments
    projects = [argument for argument in arguments if argument != "--write"]
    if len(projects) != 1:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    conformance = Conformance(pathlib.Path(projects[0]))
    if write:
        path = conformance.project / DOCUMENT
        path.write_text(conformance.document(), encoding="utf-8", newline="\n")
    faults = conformance.check()
    for fault in faults:
        print(fault)
    numbered, sections = conformance.count(MET_BY)
    if faults:
        print(f"{len(faults)} faults", file=sys.stderr)
        return 1
    print(
        f"{numbered} numbered statements, {sections} rows for sections, "
        f"{len(conformance.cases)} packets, {len(conformance.statuses)} statuses: they agree"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
