#!/usr/bin/env python3
"""conformance.py PROJECT [VERSION] [--write]: the tables of statements agree with header, tests and docs.

VERSION is 3.1.1 or 5.0; without it both are checked. Compares tests/conformance/statements.tsv or
statements_v5.tsv with the numbers of the standard, with mqtt_codec.h, with packets.txt or
packets_v5.txt and the other tests, with every tag in header, tests and docs, and with
docs/conformance.md or conformance-v5.md. Prints every fault, and fails if there is one. With --write
it writes the document anew and checks then.
"""

import collections
import pathlib
import re
import sys

HEADER = "mqtt_codec.h"

COLUMNS = ["statement", "summary", "met by", "how", "status", "tests"]
CODEC = ["both", "decoder", "encoder"]
MET_BY = CODEC + ["helper", "application"]

# How many numbered statements the sections of the standard have: MQTT-1.5.3-1 to -3, and so on.
NUMBERED_3_1_1 = {
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
NUMBERED_5_0 = {
    "1.5.4": 3, "1.5.5": 1, "1.5.7": 1,
    "2.1.3": 1, "2.2.1": 6, "2.2.2": 1,
    "3.1.0": 2, "3.1.2": 30, "3.1.3": 12, "3.1.4": 6,
    "3.2.0": 2, "3.2.2": 22,
    "3.3.1": 13, "3.3.2": 20, "3.3.4": 10,
    "3.4.2": 3, "3.5.2": 3, "3.6.1": 1, "3.6.2": 3, "3.7.2": 3,
    "3.8.1": 1, "3.8.3": 5, "3.8.4": 8,
    "3.9.2": 2, "3.9.3": 2,
    "3.10.1": 1, "3.10.3": 2, "3.10.4": 6,
    "3.11.2": 2, "3.11.3": 2,
    "3.12.4": 1,
    "3.14.0": 1, "3.14.1": 1, "3.14.2": 4, "3.14.4": 3,
    "3.15.1": 1, "3.15.2": 3,
    "4.1.0": 2, "4.2.0": 1, "4.3.1": 1, "4.3.2": 5, "4.3.3": 13, "4.4.0": 2, "4.5.0": 2, "4.6.0": 6,
    "4.7.0": 1, "4.7.1": 2, "4.7.2": 1, "4.7.3": 4, "4.8.2": 6, "4.9.0": 3,
    "4.12.0": 7, "4.12.1": 2, "4.13.1": 1, "4.13.2": 1,
    "6.0.0": 4,
}  # fmt: skip


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
    "3.15": "3.15 AUTH",
    "4": "4 Operational behaviour",
    "6": "6 WebSocket",
    "7": "7 Conformance",
}

# The programs that show what is left to the application, each with its source and its test. They speak
# MQTT 3.1.1.
EXAMPLES = {
    "mqtt_broker": ("examples/complete/mqtt_broker.c", "tests/examples/broker_test.py"),
    "mqtt_client": ("examples/complete/mqtt_client.c", "tests/examples/client_test.py"),
}
NO_EXAMPLE = "No example:"  # and why, in the cell that says how
DECIDED = "Decided:"  # in that cell, where the standard is open; the name of a case begins with it too

CLAUSE = r"MQTT-\d+\.\d+\.\d+-\d+|\d+(?:\.\d+)+"
TAG = re.compile(r"MQTT-\d+\.\d+\.\d+-\d+")

Row = collections.namedtuple("Row", "line statement summary met_by how statuses tests")
Status = collections.namedtuple("Status", "number clause")
Case = collections.namedtuple("Case", "line name clauses status bytes encoded")

# Statuses that break no rule of the standard.
NO_RULE = {"PACKET_INCOMPLETE", "BUFFER_TOO_SMALL", "PAYLOAD_MISSING"}
# Statuses of functions that accept only some packets, or that know who sent the packet: no case is
# rejected with them.
NO_CASE = NO_RULE | {"TYPE", "DIRECTION", "PACKET_ID_AT_QOS_0"}
# Folders of tests/ about both versions.
BOTH_VERSIONS = {"documents", "examples", "peers"}
# Statuses that no rejected bytes can have: only encoders return them.
NOT_IN_BYTES = NO_CASE | {"PACKET_TOO_LARGE", "FIELD_TOO_LONG"}
# Statuses that an encoder's input cannot have: it has no field that could break the rule.
NOT_IN_FIELDS = NO_CASE | {
    "RESERVED_TYPE", "FLAGS", "REMAINING_LENGTH", "TRAILING_BYTES", "PACKET_ID_MISSING",
    "PROTOCOL_NAME", "PROTOCOL_LEVEL", "CONNECT_RESERVED_FLAG", "WILL_QOS_WITHOUT_WILL",
    "WILL_RETAIN_WITHOUT_WILL", "WILL_MISSING", "USER_NAME_MISSING", "PASSWORD_MISSING",
    "CONNACK_FLAGS", "PROPERTIES_MISSING", "PROPERTIES_PAST_END",
}  # fmt: skip
LAST_OF_3_1_1 = "PAYLOAD_MISSING"  # the statuses after it in enum mqtt_status are those of 5.0
NOT_OF_5_0 = {
    "PASSWORD_WITHOUT_USER_NAME", "CLIENT_ID", "CONNECT_RETURN_CODE", "SUBACK_RETURN_CODE",
}  # fmt: skip

# Statements that repeat another one: the code has the tag of the other.
SAID_BEFORE = {"MQTT-4.3.1-1": "MQTT-3.3.1-2"}


class Version:
    """One version of MQTT: its files, and the statements that its standard numbers."""

    def __init__(self, name, suffix, numbered, examples, introduction):
        self.name = name
        self.table = f"tests/conformance/statements{suffix}.tsv"
        self.corpus = f"tests/conformance/packets{suffix}.txt"
        self.document = f"docs/conformance{suffix.replace('_', '-')}.md"
        self.expected = [
            f"MQTT-{place}-{n}"
            for place, count in numbered.items()
            for n in range(1, count + 1)
            if (name, place, n) != ("5.0", "2.2.1", 1)  # the numbers of this section begin at 2
        ]
        self.examples = examples
        self.introduction = introduction


def packet_bytes(text):
    """The bytes that the notation of packets.txt stands for."""
    result = bytearray()
    for quoted, pair, times in re.findall(r"'([^']*)'|([0-9A-F]{2})(?:\*(\d+))?", text):
        result += quoted.encode() or bytes.fromhex(pair) * int(times or 1)
    return bytes(result)


def distance(one, other, most):
    """How many bytes to insert, remove or change to turn one into the other; `most` + 1 if more."""
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
    """(3, 1, 2) for MQTT-3.1.2-22 and for 3.1.2.10."""
    numbers = re.findall(r"\d+", statement.removeprefix("MQTT-").split("-")[0])
    return tuple((list(map(int, numbers)) + [0, 0])[:3])


def listed(cell):
    return [] if cell == "-" else cell.split(", ")


class Conformance:
    def __init__(self, project, version):
        self.project = project
        self.version = version
        self.faults = []
        self.header = self.read(HEADER)
        self.rows = self.read_rows()
        self.cases = self.read_cases()
        self.statuses = self.read_statuses()
        self.statements = {row.statement for row in self.rows}

    def fault(self, place, text):
        self.faults.append(f"{place}: {text}")

    def read(self, name):
        return (self.project / name).read_text(encoding="utf-8")

    # -- Reading

    def read_rows(self):
        """The rows after the comments and the line of column names."""
        rows = []
        names = None
        table = self.version.table
        for number, line in enumerate(self.read(table).splitlines(), 1):
            cells = line.split("\t")
            if line.startswith("#"):
                continue
            if names is None:
                names = cells
                if names != COLUMNS:
                    self.fault(f"{table}:{number}", f"the columns are not {', '.join(COLUMNS)}")
            elif len(cells) != len(COLUMNS) or "" in map(str.strip, cells):
                self.fault(f"{table}:{number}", f"not {len(COLUMNS)} cells with something in them")
            else:
                statement, summary, met_by, how, statuses, tests = cells
                rows.append(
                    Row(number, statement, summary, met_by, how, listed(statuses), listed(tests))
                )
        return rows

    def read_cases(self):
        cases = []
        number = 0
        for group in re.split(r"\n[ \t]*\n", self.read(self.version.corpus)):
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
                place = f"{self.version.corpus}:{start}"
                self.fault(place, "a case without a packet or a clause line")
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
        """The statuses of this version: number, and the clause of 3.1.1 after it."""
        statuses = {}
        heading, *lines = self.block(r"^enum mqtt_status \{\n(.*?)^\};").splitlines()
        if not re.fullmatch(r" +/\* +who  meaning +clause +\*/", heading):
            self.fault(HEADER, f"not the heading of enum mqtt_status: {heading.strip()}")
        for line in lines:
            if line.strip() in ("/* BEGIN MQTT 5.0 */", "/* END MQTT 5.0 */"):
                continue
            found = re.fullmatch(r"    MQTT_(\w+) = (-\d+),? +/\* .{4} (.*) \*/", line)
            if found is None:
                self.fault(HEADER, f"not understood in enum mqtt_status: {line.strip()}")
                continue
            name, value, comment = found.groups()
            clause = re.search(rf"(?:^| )({CLAUSE})$", comment.rstrip())
            statuses[name.removeprefix("ERROR_")] = Status(
                int(value), clause.group(1) if clause else ""
            )
        numbers = [status.number for status in statuses.values()]
        if numbers != list(range(-1, -len(numbers) - 1, -1)):
            self.fault(HEADER, "the statuses are not -1, -2 and so on")
        if self.version.name == "5.0":
            return {name: status for name, status in statuses.items() if name not in NOT_OF_5_0}
        last = statuses[LAST_OF_3_1_1].number
        return {name: status for name, status in statuses.items() if status.number >= last}

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

    # -- Checking

    def check_numbers(self):
        """Each numbered statement once, in order, and the sections in their places."""
        table, expected = self.version.table, self.version.expected
        found = [row.statement for row in self.rows if is_numbered(row.statement)]
        count = collections.Counter(found)
        for statement in expected:
            if count[statement] != 1:
                self.fault(table, f"{statement} has {count[statement]} rows, not 1")
        for row in self.rows:
            if not re.fullmatch(CLAUSE, row.statement):
                self.fault(f"{table}:{row.line}", f"{row.statement} is no statement or section")
            elif is_numbered(row.statement) and row.statement not in expected:
                self.fault(f"{table}:{row.line}", f"{row.statement} is not in the standard")
        for before, row in zip(self.rows, self.rows[1:]):
            if section(before.statement) > section(row.statement):
                self.fault(f"{table}:{row.line}", f"{row.statement} is not in its place")
        known = [statement for statement in dict.fromkeys(found) if statement in expected]
        if known != [statement for statement in expected if statement in count]:
            self.fault(table, "the numbered statements are not in their order")

    def check_cells(self):
        interface = self.block(r"\A(.*)^ \* END OF THE INTERFACE$")
        words = set(re.findall(r"\w+", re.sub(r"/\*.*?\*/", "", interface, flags=re.S)))
        for row in self.rows:
            place = f"{self.version.table}:{row.line}: {row.statement}"
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
            if self.version.examples and (not row.tests) != (NO_EXAMPLE in row.how):
                self.fault(place, f"either something shows it, or '{NO_EXAMPLE}' and the reason")
            if row.met_by != "application" and not row.tests:
                self.fault(place, "no test shows it")
            if DECIDED in row.how and not self.deciding_cases(row):
                self.fault(place, f"no case whose name begins with '{DECIDED.lower()}' has it")

    def deciding_cases(self, row):
        return [
            case
            for case in self.cases
            if case.name.startswith(DECIDED.lower()) and row.statement in case.clauses
        ]

    def check_tests_exist(self):
        sources = {}
        for row in self.rows:
            place = f"{self.version.table}:{row.line}: {row.statement}"
            for test in row.tests:
                if row.met_by == "application":
                    self.check_example(place, row.statement, test)
                    continue
                if test == pathlib.PurePath(self.version.corpus).name:
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
        """The source and the test of the example both name the statement."""
        if example not in self.version.examples:
            self.fault(place, f"there is no example {example}")
        for path in self.version.examples.get(example, ()):
            if statement not in TAG.findall(self.read(path)):
                self.fault(place, f"{path} does not name it")

    def check_row_in_corpus(self, place, row):
        cases = [case for case in self.cases if row.statement in case.clauses]
        rejected = [status for status in row.statuses if status not in NO_CASE]
        corpus = self.version.corpus
        if not cases:
            self.fault(place, f"no case of {corpus} has it in its clause line")
        elif rejected and not any(case.status in rejected for case in cases):
            self.fault(place, f"no case of {corpus} that has it is rejected with {rejected}")

    def check_tags(self):
        """Every tag is in a table. Files with v5 in their name use the table of 5.0, and other files that of
        3.1.1. Files about both versions may use either."""
        both = {HEADER, "README.md"}
        files = [self.project / name for name in both]
        for folder in ("tests", "docs", "examples"):
            files += sorted(
                path
                for path in (self.project / folder).rglob("*")
                if path.is_file() and "__pycache__" not in path.parts
            )
        known = {version.name: set(version.expected) for version in VERSIONS}
        for path in files:
            name = path.relative_to(self.project)
            of_both = (str(name) in both or name.parts[0] == "examples" or
                       name.parts[0] == "tests" and name.parts[1] in BOTH_VERSIONS or
                       name.parts[0] == "docs" and "conformance" not in name.name)
            of = "both" if of_both else "5.0" if "v5" in name.name else "3.1.1"
            if of not in ("both", self.version.name):
                continue
            tags = set().union(*known.values()) if of == "both" else known[of]
            text = path.read_text(encoding="utf-8", errors="replace")
            for number, line in enumerate(text.splitlines(), 1):
                for tag in set(TAG.findall(line)) - tags:
                    self.fault(f"{name}:{number}", f"{tag} has no row in the table of {of}")

    def check_code(self):
        """The code has the tag of each statement that it checks."""
        tags = set(TAG.findall(self.header))
        for row in self.rows:
            tag = SAID_BEFORE.get(row.statement, row.statement)
            if is_numbered(tag) and row.met_by in CODEC and row.statuses and tag not in tags:
                place = f"{self.version.table}:{row.line}: {row.statement}"
                self.fault(place, f"{HEADER} does not say where it is checked")

    def check_cases(self):
        table = self.version.table
        for case in self.cases:
            place = f"{self.version.corpus}:{case.line}: {case.name}"
            for clause in case.clauses:
                if clause not in self.statements:
                    self.fault(place, f"{clause} has no row in {table}")
            if case.status is None:
                continue
            if case.status not in self.statuses:
                self.fault(place, f"{case.status} is no status of {HEADER}")
                continue
            rows = [row for row in self.rows if row.statement in case.clauses]
            if not any(case.status in row.statuses for row in rows):
                self.fault(place, f"none of its clauses is answered with {case.status} in {table}")
            clause = self.statuses[case.status].clause
            if self.version.name == "3.1.1" and clause and clause not in case.clauses:
                self.fault(place, f"{case.status} reports {clause}, which is not its clause")

    def check_neighbours(self):
        """Each rule is broken by bytes that differ from a valid packet by at most two, and by an encoder's
        input."""
        short = [case for case in self.cases if case.bytes is not None and len(case.bytes) < 200]
        valid = [case.bytes for case in short if case.status is None and case.encoded]
        corpus = self.version.corpus
        for name in self.statuses:
            rejected = [case.bytes for case in short if case.status == name]
            if name not in NOT_IN_BYTES and not any(
                distance(one, other, 2) <= 2 for one in rejected for other in valid
            ):
                self.fault(corpus, f"no valid packet is next to one that is rejected as {name}")
            if name not in NOT_IN_FIELDS and not any(
                case.status == name and case.encoded for case in self.cases
            ):
                self.fault(corpus, f"no packet that an encoder refuses as {name}")

    def check_statuses(self):
        """The table lists every status that breaks a rule."""
        listed_statuses = {status for row in self.rows for status in row.statuses}
        for name in self.statuses.keys() - NO_RULE - listed_statuses:
            self.fault(self.version.table, f"no row lists {name}")

    def check_explanations(self):
        """The header names the clause of a 3.1.1 status in two places. They and the table agree."""
        explanations = self.read_explanations()
        # The first explanation is for no error, the last one for numbers that are not a status.
        if len(explanations) != len(self.statuses) + 2:
            self.fault(HEADER, f"{len(explanations)} explanations are not one for each status")
            return
        for name, status in self.statuses.items():
            explained = explanations[-status.number]
            if explained != status.clause:
                self.fault(
                    HEADER,
                    f"{name} is explained by '{explained}', its enumerator says '{status.clause}'",
                )
            if status.clause == "":
                continue
            table = self.version.table
            rows = [row for row in self.rows if row.statement == status.clause]
            if not rows:
                self.fault(HEADER, f"{name} reports {status.clause}, which has no row in {table}")
            elif not any(name in row.statuses for row in rows):
                self.fault(table, f"{status.clause} does not list {name}, which reports it")

    def check_document(self):
        path = self.project / self.version.document
        if not path.is_file() or path.read_text(encoding="utf-8") != self.document():
            self.fault(self.version.document, "not what conformance.py --write writes from the table")

    def check(self):
        self.check_numbers()
        self.check_cells()
        self.check_tests_exist()
        self.check_tags()
        self.check_code()
        self.check_cases()
        self.check_neighbours()
        self.check_statuses()
        if self.version.name == "3.1.1":
            self.check_explanations()
        self.check_document()
        return self.faults

    # -- Writing

    def document(self):
        lines = [self.version.introduction.format(**self.counts())]
        lines += ["| Met by | Numbered statements | Rows for sections |", "| --- | ---: | ---: |"]
        for met_by in MET_BY:
            numbered, sections = self.count([met_by])
            if numbered + sections > 0:
                lines.append(f"| {met_by} | {numbered} | {sections} |")
        lines.append("| **all** | **{}** | **{}** |".format(*self.count(MET_BY)))
        lines += self.decisions()
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
            for path in self.version.examples.get(test, [test.partition(":")[0]])
        }
        corpus = self.version.corpus
        paths = {corpus if corpus.endswith("/" + path) else path for path in paths}
        lines.append("")
        for path in sorted(paths, key=lambda path: path.rsplit("/", 1)[-1]):
            lines.append(f"[{path.rsplit('/', 1)[-1]}]: ../{path}")
        return "\n".join(lines) + "\n"

    def decisions(self):
        """A table of the decisions of this project, if there are any."""
        rows = [row for row in self.rows if DECIDED in row.how]
        lines = []
        if rows:
            lines += ["", "## Where the standard is open", ""]
            lines += ["| Statement | What it requires | Decided | Shown by the packets |"]
            lines += ["| --- | --- | --- | --- |"]
        for row in rows:
            decided = row.how.partition(DECIDED)[2].partition("Application:")[0].strip()
            names = [case.name.removeprefix(DECIDED.lower()).strip() for case in self.deciding_cases(row)]
            cells = [row.statement, quoted(row.summary), quoted(decided[0].upper() + decided[1:])]
            lines.append("| " + " | ".join([*cells, "<br>".join(map(quoted, names))]) + " |")
        return lines

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

    def table_line(self, row):
        by_file = {}
        for test in (path for test in row.tests for path in self.version.examples.get(test, [test])):
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


INTRODUCTION_3_1_1 = """\
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
python3 tests/conformance/conformance.py . 3.1.1 --write
```

Without `--write` it checks the table: no statement is missing, every test in it exists, and
`mqtt_codec.h`, the packets and the table agree on the statement of each status.
"""

INTRODUCTION_5_0 = """\
# Conformance to MQTT 5.0

What the standard requires, statement by statement, and which part of `mqtt_codec.h` meets it. Of the
{numbered} statements that the standard numbers,

- {codec} are about the bytes of packets: decoders and encoders check them;
- {helper} are about how topics match: a function answers that;
- {application} are about sessions, connections, time, or which packet answers which. The header
  keeps no state, so these are left to the application. The table says what helps it.

Another {sections} rows are for sections with a rule about the bytes of packets or about matching
that has no number. There is a row for each property in each packet that may have it.

**Met by** says which part of the project meets the statement: decoders and encoders (both), one of them,
a helper function, or the application. **How** says in which way. The text after "Application:" is the part that
is left to the application. If the standard is silent or contradicts itself, the text after "Decided:" is the
decision of this project. The first table lists these decisions. **Status** is the status of a packet that
breaks the statement, without `MQTT_ERROR_`. **Tests** are the packets of [packets_v5.txt] that name the
statement in their clause line, and tests by name. The name of a packet that shows a decision begins with
"decided:". A statement that is left to the application has no test here: the examples of MQTT 5.0 are small, and
meet only some of these statements.

This command writes this page from [statements_v5.tsv](../tests/conformance/statements_v5.tsv):

```sh
python3 tests/conformance/conformance.py . 5.0 --write
```

Without `--write` it checks the table: no statement is missing, every test in it exists, the header
has the tag of every statement that it checks, and the packets and the table agree on the status of each packet.
A test in [corpus_v5_test.c] checks that `mqtt_v5_status_clause` agrees with them.
"""

VERSIONS = [
    Version("3.1.1", "", NUMBERED_3_1_1, EXAMPLES, INTRODUCTION_3_1_1),
    Version("5.0", "_v5", NUMBERED_5_0, {}, INTRODUCTION_5_0),
]


def run(project, version, write):
    """Checks one version and prints its faults. True if there are none."""
    conformance = Conformance(project, version)
    if write:
        path = project / version.document
        path.write_text(conformance.document(), encoding="utf-8", newline="\n")
    faults = conformance.check()
    for fault in faults:
        print(fault)
    if faults:
        print(f"MQTT {version.name}: {len(faults)} faults", file=sys.stderr)
        return False
    numbered, sections = conformance.count(MET_BY)
    print(
        f"MQTT {version.name}: {numbered} numbered statements, {sections} rows for sections, "
        f"{len(conformance.cases)} packets, {len(conformance.statuses)} statuses: they agree"
    )
    return True


def main(arguments):
    write = "--write" in arguments
    words = [argument for argument in arguments if argument != "--write"]
    versions = [version for version in VERSIONS if words[1:] in ([], [version.name])]
    if not words or not versions:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    results = [run(pathlib.Path(words[0]), version, write) for version in versions]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
