#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests examples/page/mqtt_inspect.html in a headless Chromium.

page_test.py MQTT_INSPECT PACKETS_READER FOLDER [UNITTEST_OPTION]...
page_test.py --screenshot: makes docs/mqtt_inspect_page.png anew.

What the page shows of every packet of packets.txt is compared with `mqtt_inspect --json`, what its
editor writes with mqtt_encode, as packets_reader calls it. Of packets_v5.txt it reads and writes those
that show a field, a property or a status for the first time, and is compared with what the file says. playwright-core is installed into the
FOLDER, from the npm registry, in the version of package.json. Without chromium or node it is
skipped.
"""

import base64
import json
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path += [str(HERE.parent / "peers"), str(ROOT / "fuzz")]

import make_seeds  # pylint: disable=wrong-import-position
import mqtt_packet_test  # pylint: disable=wrong-import-position
import peers  # pylint: disable=wrong-import-position

PAGE = (ROOT / "examples/page/mqtt_inspect.html").as_uri()
SCREENSHOT = ROOT / "docs/mqtt_inspect_page.png"
INSPECT = ""
READER = ""
MILLISECONDS = 10000  # for a megabyte; a machine with nothing else to do needs a twentieth of that
ELEMENTS = 2000  # in the document, whatever is shown
BROWSER = None

# Rows of fields that are not members of the JSON of mqtt_inspect
STRUCTURE = {
    "Fixed header, byte 1", "MQTT Control Packet type", "Flags", "Remaining Length", "Protocol Name",
    "Protocol Level", "Connect Flags", "User Name Flag", "Password Flag", "Will Flag",
    "Connect Acknowledge Flags", "Reserved",
}  # fmt: skip


class Browser:
    """A page in Chromium. browser("click", "#edit") calls a command of page_test.js."""

    def __init__(self, folder):
        mqtt_packet_test.install(folder, HERE)
        # pylint: disable-next=consider-using-with
        self.process = subprocess.Popen(
            ["node", str(HERE / "page_test.js"), str(folder), shutil.which("chromium")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")  # fmt: skip

    def __call__(self, *request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": "Chromium has ended"}')
        if "error" in answer:
            raise AssertionError(f"{request[0]}: {answer['error']}")
        return answer["value"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)

    def open(self, fragment=""):
        self("goto", "about:blank")
        self("goto", PAGE + fragment)
        self("waitForSelector", "#examples button")

    def read(self, texts):
        return self("help", "read", texts)

    def read_one(self, text):
        return self.read([text])[0]


def start(folder):
    peers.end_on_signals()
    absent = [program for program in ("chromium", "node", "npm") if shutil.which(program) is None]
    if absent:
        mqtt_packet_test.missing(f"needs {', '.join(absent)}")
    return Browser(pathlib.Path(folder).resolve())


# ------------------------------------------------------------------------------------------------
# What is expected
# ------------------------------------------------------------------------------------------------


def inspect(data, *options):
    """The lines of mqtt_inspect --json."""
    done = subprocess.run([INSPECT, "--json", *options], input=data, capture_output=True,
                          check=False, timeout=20)  # fmt: skip
    return [json.loads(line, strict=False) for line in done.stdout.splitlines()]


def cases():
    """The cases of packets.txt, with their bytes."""
    for case in make_seeds.read_cases():
        case["data"] = make_seeds.parse_bytes(case["bytes"]) if "bytes" in case else None
        yield case


def accepted_cases():
    return [case for case in cases() if "accept" in case and case["data"] is not None]


def statuses_v5():
    """Of each status the message of MQTT 5.0, from the header."""
    header = (ROOT / "mqtt_codec.h").read_text(encoding="utf-8")
    table = header.split("mqtti_v5_explain(int32_t status)")[1]
    texts = dict(re.findall(r'/\* +(-\d+) \*/\s*\{[-\w]+, "[^"]*",\s*"([^"]*)"\}', table))
    return {name: texts[number]
            for name, number in re.findall(r"\n    MQTT_ERROR_(\w+) = (-\d+)", header)}  # fmt: skip


def statuses():
    """Of each status of MQTT 3.1.1 its message and clause, from the header."""
    header = (ROOT / "mqtt_codec.h").read_text(encoding="utf-8")
    of_3_1_1 = header.split("/* BEGIN MQTT 5.0 */")[0]
    texts = dict((number, (message, clause)) for number, clause, message in re.findall(
        r'/\* +(-\d+) \*/\s*\{"([^"]*)",\s*"([^"]*)"\}', header))  # fmt: skip
    return {name: texts[number]
            for name, number in re.findall(r"\n    MQTT_ERROR_(\w+) = (-\d+)", of_3_1_1)}  # fmt: skip


def shown_text(data):
    """As escapeText of text.js."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "".join("\\\\" if byte == 0x5C else chr(byte) if 0x20 <= byte < 0x7F
                       else f"\\x{byte:02x}" for byte in data)  # fmt: skip
    special = {"\n": "\\n", "\t": "\\t", "\\": "\\\\"}
    harmful = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\\\\]")
    return harmful.sub(lambda m: special.get(m[0], f"\\u{ord(m[0]):04x}"), text)


def shown(data):
    """Bytes as a row shows them."""
    if len(data) <= 100:
        return f'"{shown_text(data)}"'
    length = 100
    while data[length] & 0xC0 == 0x80 and length > 96:
        length -= 1
    return f'"{shown_text(data[:length])}"…'


def shown_binary(value):
    data = bytes.fromhex(value["hex"])
    return f"{len(data):,} byte{'' if len(data) == 1 else 's'} {shown(data)}"


def shown_string(value):
    return shown(value.encode())


def members(packet):
    """The (name, value) that the page shows for the members of a packet, in the order of the bytes."""
    yes_no = {False: "0", True: "1", None: "0"}
    kind = packet["type"]
    if kind == "CONNECT":
        will = packet["will"]
        yield "Will Retain", yes_no[will and will["retain"]]
        yield "Will QoS", str(will["qos"] if will else 0)
        yield "Clean Session", yes_no[packet["clean_session"]]
        yield "Keep Alive", str(packet["keep_alive"])
        yield "Client Identifier", shown_string(packet["client_id"])
        if will:
            yield "Will Topic", shown_string(will["topic"])
            yield "Will Message", shown_binary(will["message"])
        if packet["user_name"] is not None:
            yield "User Name", shown_string(packet["user_name"])
        if packet["password"] is not None:
            yield "Password", shown_binary(packet["password"])
    elif kind == "CONNACK":
        yield "Session Present", yes_no[packet["session_present"]]
        yield "Connect Return code", str(packet["return_code"])
    elif kind == "PUBLISH":
        yield "DUP", yes_no[packet["dup"]]
        yield "QoS", str(packet["qos"])
        yield "RETAIN", yes_no[packet["retain"]]
        yield "Topic Name", shown_string(packet["topic"])
        if packet["packet_id"] is not None:
            yield "Packet Identifier", str(packet["packet_id"])
        yield "Payload", shown_binary(packet["payload"])
    elif "packet_id" in packet:
        yield "Packet Identifier", str(packet["packet_id"])
        for subscription in packet.get("subscriptions", []):
            yield "Topic Filter", shown_string(subscription["filter"])
            yield "Requested QoS", str(subscription["qos"])
        for code in packet.get("return_codes", []):
            yield "Return Code", str(code)
        for topic_filter in packet.get("filters", []):
            yield "Topic Filter", shown_string(topic_filter)


def typed(data):
    """Bytes as one types them into the editor: text as it is, other bytes with escapes."""
    try:
        text = data.decode()
        if text.isprintable():
            return text.replace("\\", "\\\\")
    except UnicodeDecodeError:
        pass
    return "".join(f"\\x{byte:02x}" for byte in data)


# Labels of the editor for the keys of packets.txt
LABELS = {
    "client_id": "Client Identifier", "keep_alive": "Keep Alive", "clean_session": "Clean Session",
    "will_topic": "Will Topic", "will_message": "Will Message", "will_qos": "Will QoS",
    "will_retain": "Will Retain", "user_name": "User Name", "password": "Password",
    "session_present": "Session Present", "return_code": "Connect Return code",
    "topic": "Topic Name", "payload": "Payload", "packet_id": "Packet Identifier", "dup": "DUP",
    "qos": "QoS", "retain": "RETAIN", "filter": "Topic Filter",
}  # fmt: skip
BINARY = {"client_id", "will_topic", "will_message", "user_name", "password", "topic", "payload", "filter"}
FLAGS = {"clean_session", "will_retain", "session_present", "dup", "retain"}


def form(text):
    """What one does in the editor to write a packet of packets.txt, as write() of page_test.js wants it."""
    kind, _, rest = text.partition(" ")
    values, entries = {}, []
    for key, value in make_seeds.words(rest):
        data = typed(make_seeds.parse_bytes(value)) if key in BINARY else None
        if key == "return_codes":
            entries += [[["Return Code", str(code)]] for code in make_seeds.parse_bytes(value)]
        elif key == "filter":
            entries.append([["Topic Filter", data]])
        elif key == "qos" and kind == "SUBSCRIBE":
            entries[-1].append(["Requested QoS", value])
        else:
            values[LABELS[key]] = data if key in BINARY else value == "1" if key in FLAGS else value
    flags = {}
    if kind == "CONNECT":
        flags = {"User Name Flag": "User Name" in values, "Password Flag": "Password" in values,
                 "Will Flag": "Will Topic" in values}
    return {"type": kind, "values": list(absent(kind, values, flags).items()), "entries": entries}


def absent(kind, values, flags):
    """The values with what packets.txt leaves out: 0 and empty. Flags come first, as some show fields."""
    default = {
        "CONNECT": {"Clean Session": False, "Keep Alive": "0", "Client Identifier": ""},
        "CONNACK": {"Session Present": False, "Connect Return code": "0"},
        "PUBLISH": {"DUP": False, "QoS": "0", "RETAIN": False, "Topic Name": "", "Packet Identifier": "0",
                    "Payload": ""},
    }.get(kind, {} if kind in ("PINGREQ", "PINGRESP", "DISCONNECT") else {"Packet Identifier": "0"})
    if flags.get("Will Flag"):
        default |= {"Will QoS": "0", "Will Retain": False, "Will Message": ""}
    return flags | default | values


# ------------------------------------------------------------------------------------------------
# MQTT 5.0
# ------------------------------------------------------------------------------------------------

V5_LABELS = LABELS | {
    "clean_start": "Clean Start", "will_payload": "Will Payload", "reason_code": "Reason Code",
    "no_local": "No Local", "retain_as_published": "Retain As Published", "retain_handling": "Retain Handling",
}  # fmt: skip
V5_BINARY = BINARY | {"will_payload"}
V5_FLAGS = FLAGS | {"clean_start", "no_local", "retain_as_published"}
V5_OPTIONS = ("qos", "no_local", "retain_as_published", "retain_handling")
STRING_PROPERTIES = {
    "Content Type", "Response Topic", "Assigned Client Identifier", "Authentication Method",
    "Response Information", "Server Reference", "Reason String",
}  # fmt: skip
BINARY_PROPERTIES = {"Correlation Data", "Authentication Data"}


def cases_v5(wanted, news):
    """The cases of packets_v5.txt with the line `wanted` that show something for the first time."""
    seen = set()
    for case in make_seeds.read_cases(make_seeds.V5_PACKETS):
        case["data"] = make_seeds.parse_bytes(case.get("bytes", ""))
        if wanted not in case or re.search(r"encoded=|without=|payload_length=|property=0x|\*6553", case[wanted]):
            continue
        found = set(news(case)) - seen
        if found:
            seen |= found
            yield case


def keys_v5(case):
    """Type and field, or type and property, of each field of an accepted packet."""
    kind, _, rest = case["accept"].partition(" ")
    return [kind] + [(kind, key, value.partition(":")[0] if key.endswith("property") else "")
                     for key, value in make_seeds.words(rest)]


def property_v5(value):
    """The name of a property and its values, numbers and bytes, of NAME:VALUE."""
    name, *values = re.findall(r"(?:'[^']*'|[^':])+|(?<=:)(?=:|$)", value)
    name = name.replace("_", " ").title().replace("Qos", "QoS").replace("Identifiers", "Identifier")
    if name in STRING_PROPERTIES | BINARY_PROPERTIES | {"User Property"}:
        return name, [make_seeds.parse_bytes(text) for text in values]
    return name, [int(values[0], 0)]


def shown_v5(name, values):
    """The value of a property as a row shows it."""
    if name in BINARY_PROPERTIES:
        return shown_binary({"hex": values[0].hex()})
    return ": ".join(shown(value) if isinstance(value, bytes) else str(value) for value in values)


def form_v5(text):
    """What one does in the editor to write a packet of packets_v5.txt, as write() of page_test.js wants it."""
    kind, _, rest = text.partition(" ")
    values, entries = {}, []
    lists = {"property": [], "will_property": []}
    for key, value in make_seeds.words(rest):
        data = typed(make_seeds.parse_bytes(value)) if key in V5_BINARY else value
        if key == "reason_code":
            data = str(int(value, 0))
        elif key in V5_FLAGS:
            data = value == "1"
        if key in lists:
            name, contents = property_v5(value)
            lists[key].append([name, [typed(c) if isinstance(c, bytes) else str(c) for c in contents]])
        elif key == "reason_codes":
            entries += [[["Reason Code", str(code)]] for code in make_seeds.parse_bytes(value)]
        elif key == "filter":
            entries.append([["Topic Filter", data]])
        elif key in V5_OPTIONS and kind == "SUBSCRIBE":
            entries[-1].append(["Maximum QoS" if key == "qos" else V5_LABELS[key], data])
        else:
            values[V5_LABELS[key]] = data
    flags = {}
    default = {"Packet Identifier": "0"} if re.search("ACK|PUB(REC|REL|COMP)|SUBSCRIBE", kind) and kind != "CONNACK" else {}
    if kind == "CONNECT":
        flags = {"User Name Flag": "User Name" in values, "Password Flag": "Password" in values,
                 "Will Flag": "Will Topic" in values}
        default = {"Clean Start": False, "Keep Alive": "0", "Client Identifier": ""}
        if flags["Will Flag"]:
            default |= {"Will QoS": "0", "Will Retain": False, "Will Payload": ""}
    elif kind == "PUBLISH":
        default = {"DUP": False, "QoS": "0", "RETAIN": False, "Topic Name": "", "Packet Identifier": "0", "Payload": ""}
    return {"version": 5, "type": kind, "values": list((flags | default | values).items()), "entries": entries,
            "properties": lists["property"], "willProperties": lists["will_property"]}


class Version5(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.accepted = list(cases_v5("accept", keys_v5))
        cls.refused = list(cases_v5("reject", lambda case: [case["reject"].split()[0]]))
        cls.refused = [case for case in cls.refused if case["data"]]

    def setUp(self):
        BROWSER.open("#bytes=&version=5.0")

    def each(self, cases_to_read):
        self.assertGreater(len(cases_to_read), 40)
        return zip(cases_to_read, BROWSER.read([case["data"].hex() for case in cases_to_read]))

    def test_accepted(self):
        for case, page in self.each(self.accepted):
            kind, _, rest = case["accept"].partition(" ")
            self.assertEqual((page["verdict"], page["packets"][0]["type"]), ("Valid in MQTT 5.0.", kind))
            rows = [(row["name"], row["value"]) for row in page["fields"]]
            words = make_seeds.words(rest)
            for place_of in ("will_property", "property"):
                wanted = [property_v5(value) for key, value in words if key == place_of]
                wanted = [(name, shown_v5(name, values)) for name, values in wanted]
                title = "Will Property Length" if place_of == "will_property" else "Property Length"
                if wanted:
                    first = [name for name, _ in rows].index(title) + 1
                    self.assertEqual(rows[first:first + len(wanted)], wanted)
            for key, value in words:
                if key in V5_BINARY and "payload" in key:
                    row = (V5_LABELS[key], shown_binary({"hex": make_seeds.parse_bytes(value).hex()}))
                elif key == "reason_code":
                    row = None
                    code = next(text for name, text in rows if name == "Reason Code")
                    self.assertRegex(code, r"^0x%02x \([A-Z][a-zA-Z0-9- ]+\)$" % int(value, 0))
                    self.assertNotIn("Reserved", code)
                elif key in V5_LABELS and key not in V5_BINARY and key != "qos":
                    row = (V5_LABELS[key], value)
                else:
                    continue
                if row:
                    self.assertIn(row, [(name, text.partition(" (")[0] if "byte" not in text else text)
                                        for name, text in rows])

    def test_refused(self):
        messages = statuses_v5()
        for case, page in self.each(self.refused):
            status, _, offset = case["reject"].split()
            self.assertTrue(page["verdict"].startswith(f"Refused: {messages[status]} ["), page["verdict"])
            self.assertRegex(page["verdict"], rf"byte {offset}\b")
            bad = [row for row in page["fields"] if row["bad"] and place(row)]
            self.assertEqual([place(row)[0] for row in bad], [int(offset)])
            self.assertIn(f": {bad[0]['name']}.", page["verdict"])
            for link in page["links"]:
                self.assertRegex(link, "^https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html#_Toc3901[0-2]..$")

    def test_written_and_edited(self):
        written = BROWSER("help", "write", [form_v5(case["accept"]) for case in self.accepted])
        edited = BROWSER("help", "edit", [case["data"].hex() for case in self.accepted])
        for case, page, again in zip(self.accepted, written, edited):
            with self.subTest(case["packet"]):
                expected = make_seeds.parse_bytes(case.get("shortest", case["bytes"])).hex(" ")
                self.assertEqual((page["rule"], page["hex"]), ("", expected))
                self.assertEqual((again["rule"], again["hex"]), ("", expected))

    def test_every_rule_of_the_encoder(self):
        messages, numbers, rules = statuses_v5(), 0, set()
        wanted = list(cases_v5("encode", lambda case: [case["reject"].split()[0]]))
        for case, page in zip(wanted, BROWSER("help", "write", [form_v5(case["encode"]) for case in wanted])):
            with self.subTest(case["packet"]):
                if "this is not a number" in page["rule"]:
                    numbers += 1
                else:
                    rules.add(page["rule"])
                    self.assertEqual(page["rule"].partition(" [")[0], messages[case["reject"].split()[0]])
                self.assertIsNone(page["hex"])
        self.assertLessEqual(numbers, 2)
        self.assertGreater(len(rules), 20)

    def test_a_property_is_edited(self):
        BROWSER.open()
        BROWSER("click", "#examples button:text-is(\"A client's session, MQTT 5.0\")")
        BROWSER("click", "#packets [data-row='3']")
        BROWSER("click", "#edit")
        written, rule = ("document.getElementById('written-hex').value", "document.getElementById('rule').textContent")
        self.assertEqual(BROWSER("evaluate", written), "30 0a 00 00 03 23 00 01 32 31 2e 36")
        alias = '#controls label:text-is("Topic Alias")'
        BROWSER("fill", alias, "258")
        self.assertEqual(BROWSER("evaluate", written), "30 0a 00 00 03 23 01 02 32 31 2e 36")
        pointed = "[...document.querySelectorAll('#written .byte.pointed')].map((b) => b.textContent).join(' ')"
        self.assertEqual(BROWSER("evaluate", pointed), "23 01 02")
        BROWSER("fill", alias, "0")
        self.assertEqual(BROWSER("evaluate", rule), "The topic alias is 0. [MQTT-3.3.2-8]")
        BROWSER("click", '#controls button[aria-label="Remove Topic Alias"]')
        self.assertEqual(BROWSER("evaluate", rule), "There is neither a topic name nor a topic alias. [3.3.2.1]")
        BROWSER("fill", TOPIC, "a")
        BROWSER("selectOption", "#controls select", {"label": "User Property"})
        BROWSER("click", '#controls button:text-is("Add property")')
        BROWSER("keyboard.type", "unit")
        BROWSER("fill", '#controls label:text-is("User Property value")', "K")
        self.assertEqual(BROWSER("evaluate", written), "30 12 00 01 61 0a 26 00 04 75 6e 69 74 00 01 4b 32 31 2e 36")
        BROWSER("click", "#inspect-written")
        page = BROWSER("help", "reading", [None])[0]
        self.assertEqual((page["verdict"], page["packets"][0]["about"]),
                         ("Valid in MQTT 5.0.", '"a", 4 bytes "21.6", User Property "unit": "K"'))

    def test_properties_that_a_packet_can_have(self):
        everywhere = ["Reason String", "User Property"]
        message = ["Payload Format Indicator", "Message Expiry Interval", "Content Type", "Response Topic", "Correlation Data"]
        BROWSER("click", "#tab-write")
        BROWSER("selectOption", "#written-version", "5")
        for kind, title, wanted in [
            ("PUBLISH", "Properties", [*message, "Subscription Identifier", "Topic Alias", "User Property"]),
            ("CONNECT", "Will Properties", [*message, "Will Delay Interval", "User Property"]),
            ("SUBSCRIBE", "Properties", ["Subscription Identifier", "User Property"]),
            ("UNSUBSCRIBE", "Properties", ["User Property"]),
            ("PUBCOMP", "Properties", everywhere), ("UNSUBACK", "Properties", everywhere),
            ("DISCONNECT", "Properties", ["Session Expiry Interval", "Server Reference", *everywhere]),
            ("AUTH", "Properties", ["Authentication Method", "Authentication Data", *everywhere]),
        ]:  # fmt: skip
            BROWSER("selectOption", "#type", {"label": kind})
            groups = BROWSER("evaluate", f"""[...document.querySelectorAll('[aria-label="Property to add to the {title}"] optgroup')]
                .map((group) => [...group.children].map((option) => option.text))""")
            self.assertEqual((groups[0], len(groups[0]) + len(groups[1])), (wanted, 27), kind)
        BROWSER("selectOption", "#controls select", {"label": "Topic Alias"})
        BROWSER("click", '#controls button:text-is("Add property")')
        self.assertEqual(BROWSER("evaluate", "document.getElementById('rule').textContent"),
                         "A property is unknown, or not allowed in this packet. [2.2.2.2]")

    def test_the_version(self):
        BROWSER.open()
        connects = "100d00044d515454040200000001 63".replace(" ", "") + "100e00044d51545405020000000001" + "63"
        page = BROWSER.read_one(connects + "e000" + "10 0e 00 04 4d 51 54 54 06 02 00 00 00 00 01 63".replace(" ", ""))
        pages = BROWSER("help", "readPacket", [0, 1, 2])
        self.assertEqual(BROWSER.read_one(connects + "e00104" * 5000)["summary"], "15,031 bytes, 5,002 packets.")
        self.assertEqual([p["verdict"] for p in pages], ["Valid.", "Valid in MQTT 5.0.", "Valid in MQTT 5.0."])
        self.assertIn("A server answers with a CONNACK, 20 03 00 84 00: reason code 0x84 (Unsupported Protocol Version).",
                      page["verdict"])
        BROWSER("check", "[name=version][value='5']")
        page = BROWSER.read_one("30 03 00 01 61".replace(" ", ""))
        self.assertIn("The receiver answers with a DISCONNECT, e0 01 81: reason code 0x81 (Malformed Packet).",
                      page["verdict"])
        address = BROWSER("evaluate", "document.getElementById('link').hash")
        self.assertEqual(address, "#bytes=3003000161&from=either&version=5.0")
        BROWSER.open(address)
        self.assertEqual(BROWSER("help", "reading", [None])[0], page)
        BROWSER("check", "[name=version][value='4']")
        self.assertEqual(BROWSER("help", "reading", [None])[0]["verdict"], "Valid.")
        BROWSER("check", "[name=version][value='5']")
        self.assertIn("The receiver closes the connection.", BROWSER.read_one("20020000")["verdict"])
        BROWSER("check", "[name=side][value=client]")
        self.assertIn("A property is not allowed from this side. [MQTT-3.3.4-6]",
                      BROWSER.read_one("300600016102" + "0b01")["verdict"])


# ------------------------------------------------------------------------------------------------
# Reading
# ------------------------------------------------------------------------------------------------


def place(row):
    """The (offset, length) of a row, from "bytes 2 to 7"; None for bits."""
    match = re.search(r"(?:at )?bytes? (\d+)(?: to (\d+))?$", row["where"])
    if match is None:
        return None
    first, last = int(match[1]), int(match[2] or match[1])
    return first, 0 if "at byte" in row["where"] else last - first + 1


class Packets(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        BROWSER.open("#bytes=&version=3.1.1")
        cls.cases = [case for case in cases() if case["data"] is not None]
        cls.read = BROWSER.read([case["data"].hex() for case in cls.cases])

    def each(self):
        self.assertGreater(len(self.cases), 250)
        for case, shown_case in zip(self.cases, self.read):
            with self.subTest(case["packet"]):
                yield case, shown_case, inspect(case["data"], "--v311")[0]

    def test_verdict_and_offset(self):
        kinds = {"Valid.": 0, "Refused": 0, "Incomplete": 0}
        for _, page, line in self.each():
            verdict, first = page["verdict"], page["packets"][0]
            kinds[re.match(r"Valid\.|\w+", verdict)[0]] += 1
            self.assertEqual((page["fault"], page["hidden"], first["offset"], first["type"]),
                             ("", False, line["offset"], line["type"]))
            if "error" not in line:
                self.assertEqual((verdict, first["size"]), ("Valid.", line["size"]))
            elif line["error"] == "malformed":
                self.assertEqual(verdict.partition(" [")[0], f"Refused: {line['message']}")
                self.assertEqual(page["clause"], line["clause"])
                self.assertIn(f"at byte {line['error_offset']}", verdict)
                self.assertEqual(first["about"], f"Refused: {line['message']}")
            else:
                self.assertTrue(verdict.startswith("Incomplete: "), verdict)
                size = "The fixed header is incomplete." if line["size"] is None else (
                    f"It needs {line['size']:,} bytes, {line['received']:,} are there.")
                self.assertTrue(verdict.endswith(size), verdict)
        self.assertGreater(min(kinds.values()), 5, kinds)

    def test_fields(self):
        for _, page, line in self.each():
            if "error" in line:
                continue
            rows = [(row["name"], row["value"].partition(" (")[0] if row["value"][:1] != '"'
                     and "byte" not in row["value"] else row["value"])
                    for row in page["fields"] if row["name"] not in STRUCTURE]  # fmt: skip
            self.assertEqual(rows, list(members(line)))

    def test_structure(self):
        for case, page, line in self.each():
            if "error" in line:
                continue
            values = {row["name"]: row["value"] for row in page["fields"] if row["name"] in STRUCTURE}
            first = case["data"][0]
            self.assertEqual(values["Fixed header, byte 1"], f"{first >> 4:04b} {first & 15:04b}")
            self.assertEqual(values["MQTT Control Packet type"], f"{first >> 4} ({line['type']})")
            length = next(place(row) for row in page["fields"] if row["name"] == "Remaining Length")
            self.assertEqual(values["Remaining Length"], str(len(case["data"]) - sum(length)))
            if line["type"] == "CONNECT":
                self.assertEqual((values["Protocol Name"], values["Protocol Level"]), ('"MQTT"', "4 (MQTT 3.1.1)"))
                self.assertEqual([values["Will Flag"], values["User Name Flag"], values["Password Flag"]],
                                 ["01"[line[key] is not None] for key in ("will", "user_name", "password")])

    def test_meanings(self):
        found = set()
        for case, page, line in self.each():
            if "error" in line or line["type"] not in ("CONNACK", "SUBACK"):
                continue
            printed = subprocess.run([INSPECT, "--v311"], input=case["data"], capture_output=True, check=True)
            for row in page["fields"]:
                if row["name"].lower().endswith("return code"):
                    self.assertIn(f"Return Code {row['value']}", printed.stdout.decode())
                    found.add(row["value"])
        self.assertEqual(len(found), 10, found)

    def test_every_byte_belongs_to_a_field(self):
        for case, page, _ in self.each():
            end = 0
            for row in filter(place, page["fields"]):
                self.assertEqual(place(row)[0], end)
                end += place(row)[1]
            self.assertEqual(end, page["packets"][0]["size"])
            if end > 1000:
                continue
            cells = [cell for cell in page["bytes"] if cell["hex"] != "··"]
            self.assertEqual("".join(cell["hex"] for cell in cells), case["data"][:end].hex())
            for offset, cell in enumerate(cells):
                first, length = place(page["fields"][cell["part"]])
                self.assertTrue(first <= offset < first + length, (offset, cell))

    def test_the_bytes_of_a_field_are_its_value(self):
        for case, page, line in self.each():
            if "error" in line or len(case["data"]) > 1000:
                continue
            for row in filter(place, page["fields"]):
                data = case["data"][place(row)[0]:sum(place(row))]
                if row["value"].startswith('"'):
                    self.assertEqual((row["value"], len(data)), (shown(data[2:]), data[0] * 256 + data[1] + 2))
                elif "byte" in row["value"]:
                    content = data if row["name"] == "Payload" else data[2:]
                    self.assertEqual(row["value"].partition(" ")[0], str(len(content)))
                elif row["name"] in ("Keep Alive", "Packet Identifier"):
                    self.assertEqual(row["value"], str(int.from_bytes(data, "big")))

    def test_the_offending_field_is_marked(self):
        count = 0
        for _, page, line in self.each():
            bad = [row for row in page["fields"] if row["bad"]]
            if line.get("error") != "malformed":
                self.assertEqual((bad, [cell for cell in page["bytes"] if cell["bad"]]), ([], []))
                continue
            count += 1
            self.assertEqual(len([row for row in bad if place(row)]), 1)
            row = next(row for row in bad if place(row))
            self.assertEqual(place(row)[0], line["error_offset"])
            self.assertIn("breaks the rule", row["where"])
            self.assertTrue(page["verdict"].split(" [")[1].partition("] ")[2].partition(": ")[2]
                            .startswith(row["name"] + "."), page["verdict"])
            marked = [cell["hex"] for cell in page["bytes"] if cell["bad"]]
            if place(row)[1] == 0:
                self.assertEqual(marked, ["··"])
            elif place(row)[1] < 100:
                self.assertEqual(len(marked), place(row)[1])
        self.assertGreater(count, 150)

    def test_connack_for_a_refused_connect(self):
        answers = {
            "MQTT-3.1.2-2": "20 02 00 01: return code 1 (Connection Refused, unacceptable protocol version)",
            "MQTT-3.1.3-7": "20 02 00 02: return code 2 (Connection Refused, identifier rejected)",
        }  # fmt: skip
        found = set()
        for _, page, line in self.each():
            if line.get("error") != "malformed":
                continue
            answer = answers.get(line["clause"]) if line["type"] == "CONNECT" else None
            self.assertEqual("A server answers with a CONNACK" in page["verdict"], answer is not None)
            self.assertIn(answer or "", page["verdict"])
            self.assertEqual("closes the connection without a CONNACK [MQTT-3.1.4-1]" in page["verdict"],
                             line["type"] == "CONNECT" and answer is None)
            found.add(answer)
        self.assertEqual(len(found), 3)

    def test_links_into_the_standard(self):
        links = {link for _, page, _ in self.each() for link in page["links"]}
        self.assertGreater(len(links), 10)
        for link in links:
            self.assertRegex(link, "^https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html#_Toc398718[01]..$")
        page = BROWSER.read_one("300400026123")
        self.assertEqual((page["clause"], page["links"][0][-14:]), ("MQTT-4.7.1-1", "#_Toc398718107"))


class Input(unittest.TestCase):
    maxDiff = None
    DATA = bytes.fromhex("101300044d5154540402003c00076b69746368656e") + bytes.fromhex("c000") * 30

    @classmethod
    def setUpClass(cls):
        BROWSER.open()

    def shown(self, page, data):
        self.assertEqual(page["fault"], "")
        self.assertEqual("".join(cell["hex"] for cell in page["bytes"]), data.hex())

    def test_forms_of_hexadecimal(self):
        data = bytes.fromhex("301c0003612f2f") + b"x" * 16 + bytes.fromhex("2a2f7c230a2e20")
        for name, text in FORMS.items():
            with self.subTest(name):
                self.shown(BROWSER.read_one(text), data)

    def test_text_that_is_not_hexadecimal(self):
        for text, fault in [
            ("hello", 'Line 1, column 1: "h" is not a hexadecimal digit.'),
            ("c0 00\nGET / HTTP/1.1", 'Line 2, column 1: "G" is not a hexadecimal digit.'),
            ("c0 0", "Line 1, column 4: The second digit of a byte is missing."),
            ("0xc0 00", "Line 1, column 6: Some numbers have 0x before them, others not."),
            ("{192, 0}", "Line 1, column 2: Some numbers have 0x before them, others not."),
            ("00000000  c0 00\nc0 00", "Line 2, column 1: This line has no offset, unlike those before it."),
            ("0000000 00c0", "Line 1, column 9: Here two digits are a byte; larger numbers may be swapped."),
            ("00000000  c0 00\n*", 'After the "*" in the last line an offset is missing.'),
            ("MBwAA2EvLw==", 'Line 1, column 1: "M" is not a hexadecimal digit.'),
        ]:  # fmt: skip
            with self.subTest(text):
                page = BROWSER.read_one(text)
                self.assertEqual((page["fault"], page["hidden"], page["summary"]), (fault, True, ""))
                self.assertEqual(BROWSER("evaluate", "document.getElementById('text').ariaInvalid"), "true")
        self.shown(BROWSER.read_one("c0 00"), b"\xc0\x00")
        self.assertEqual(BROWSER("evaluate", "document.getElementById('text').ariaInvalid"), "false")

    def test_base64(self):
        BROWSER("check", "[value=base64]")
        for text in (base64.b64encode(b"\x30\x06\0\1a\xff\xef\xbe").decode(), "MAYAAWH_774", "MAYA AWH/\n774="):
            self.shown(BROWSER.read_one(text), b"\x30\x06\0\1a\xff\xef\xbe")
        self.assertEqual(BROWSER.read_one("c0!0")["fault"], '"!" is not a character of base64.')
        self.assertEqual(BROWSER.read_one("wAAAA")["fault"], "Characters are missing at the end of the base64 text.")
        BROWSER("check", "[value=hex]")

    def test_typed_at_the_keyboard(self):
        BROWSER("fill", "#text", "")
        BROWSER("focus", "#text")
        BROWSER("keyboard.insertText", "c0:00")
        BROWSER("keyboard.type", " 0xd0")
        self.assertIn("others not", BROWSER("help", "reading", [None])[0]["fault"])
        BROWSER("press", "#text", "Control+a")
        BROWSER("keyboard.type", "d000")
        self.shown(BROWSER("help", "reading", [None])[0], b"\xd0\x00")

    def test_files(self):
        wanted = "session: 81 bytes, 31 packets."
        BROWSER("file", "session", base64.b64encode(self.DATA).decode())
        BROWSER("waitForSelector", f"text={wanted}")
        page = BROWSER("help", "readPacket", [30])[0]
        self.assertEqual((page["packets"][30]["offset"], page["title"]), (79, "PINGREQ, bytes 79 to 80"))
        BROWSER("help", "drop", [{"name": "dropped", "data": list(self.DATA[:21])}])
        BROWSER("waitForSelector", "text=dropped: 21 bytes, 1 packet.")
        self.shown(BROWSER("help", "reading", [None])[0], self.DATA[:21])

    def test_file_of_hexadecimal_text(self):
        BROWSER("file", "dump.txt", base64.b64encode(FORMS["xxd"].encode()).decode())
        BROWSER("waitForSelector", "text=30 bytes, 1 packet.")
        self.assertEqual(BROWSER("evaluate", "document.getElementById('text').value"), FORMS["xxd"])

    def test_what_is_not_mqtt(self):
        for text, hint in [
            ("d4c3b2a1020004000000000000000000", "This is a capture file. Open it with Wireshark"),
            ("0a0d0d0a6c0000004d3c2b1a", "This is a capture file. Open it with Wireshark"),
            ("160301020001", "This is TLS: the packets are encrypted."),
            (b"GET / HTTP/1.1\r\n".hex(), "This is HTTP, not MQTT. With WebSockets the packets begin after"),
            (b"HTTP/1.1 400 Bad Request\r\n".hex(), "This is HTTP, not MQTT."),
        ]:  # fmt: skip
            page = BROWSER.read_one(text)
            self.assertIn(hint, page["verdict"])
        for text in ("c100", "c000" + b"GET / HTTP/1.1\r\n".hex()):
            self.assertNotIn("This is", BROWSER.read_one(text)["verdict"])

    def test_the_sender_decides(self):
        stream = "c0 00 d0 00"
        for side, refused in [("client", "PINGRESP"), ("server", "PINGREQ"), ("either", None)]:
            BROWSER("check", f"[name=side][value={side}]")
            page = BROWSER.read_one(stream)
            self.assertEqual([p["type"] for p in page["packets"] if "Refused" in p["about"]],
                             [refused] if refused else [])
            option = [] if side == "either" else [f"--from-{side}"]
            line = inspect(bytes.fromhex(stream), *option)[-1]
            self.assertEqual(page["verdict"].startswith(f"Refused: {line.get('message')}"), refused is not None)

    def test_packets_after_a_refused_one(self):
        page = BROWSER.read_one("c000 300400026123 c000 320500016100 00 d000 c100 c000".replace(" ", ""))
        self.assertEqual([(p["offset"], p["type"], p["about"].partition(":")[0]) for p in page["packets"]],
                         [(0, "PINGREQ", ""), (2, "PUBLISH", "Refused"), (8, "PINGREQ", ""),
                          (10, "PUBLISH", "Refused"), (17, "PINGRESP", ""), (19, "PINGREQ", "Refused")])
        self.assertEqual(page["summary"], "23 bytes, 6 packets, 3 refused.")
        self.assertTrue(page["verdict"].endswith("The next packet begins at byte 8."), page["verdict"])
        BROWSER("click", "#next-refused")
        BROWSER("click", "#next-refused")
        page = BROWSER("help", "reading", [None])[0]
        self.assertEqual(page["title"], "PINGREQ, bytes 19 to 22")
        self.assertTrue(page["verdict"].endswith("so no packet is read after it."), page["verdict"])

    def test_link(self):
        stream = "10 0c 00 04 4d 51 54 54 04 00 00 3c 00 00"
        BROWSER.open("#from=server&bytes=c000d000")
        page = BROWSER("help", "reading", [None])[0]
        self.assertEqual([p["about"][:7] for p in page["packets"]], ["Refused", ""])
        BROWSER("check", "[name=side][value=client]")
        page = BROWSER.read_one(stream)
        address = BROWSER("evaluate", "document.getElementById('link').href")
        self.assertEqual(address, f"{PAGE}#bytes={stream.replace(' ', '')}&from=client")
        BROWSER.open(address.partition("#")[1] + address.partition("#")[2])
        again = BROWSER("help", "reading", [None])[0]
        self.assertEqual(again, page)
        BROWSER("evaluate", "location.hash = '#bytes=nonsense'")
        BROWSER("waitForSelector", "#fault:has-text('not a hexadecimal digit')")
        BROWSER.open()



# 30 bytes: a PUBLISH of a//, then 16 times x, then */|#, a new line, a point and a blank.
FORMS = {
    "digits": "301c0003612f2f787878787878787878787878787878782a2f7c230a2e20",
    "digits, broken within a byte": "301c0003612f2f7878787878787\n87878787878787878782a2f7c23\n0a2e20",
    "groups and comments": "301C 0003 612F2F # the topic\n// payload\n78787878 78787878 78787878 78787878 2a2f7c23 /* */ 0a2e20",
    "colons": "30:1c:00:03:61:2f:2f:78:78:78:78:78:78:78:78:78:78:78:78:78:78:78:78:2a:2f:7c:23:0a:2e:20",
    "0x": "0x30, 0x1c, 0x0, 0x3, 0x61, 0x2f, 0x2f, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78,\n"
          "0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x2A, 0X2F, 0x7c, 0x23, 0x0a, 0x2e, 0x20",
    "a C string": '"\\x30\\x1c\\x00\\x03\\x61\\x2f\\x2f" \\\n'
                  '"\\x78\\x78\\x78\\x78\\x78\\x78\\x78\\x78\\x78\\x78\\x78\\x78\\x78\\x78\\x78\\x78\\x2a\\x2f\\x7c\\x23\\x0a\\x2e\\x20"',
    "a C array": "static const uint8_t packet[30] = {\n    0x30, 0x1C, 0x00, 0x03, /* topic */ 0x61, 0x2F, 0x2F, // payload\n"
                 "    0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78,\n"
                 "    0x2A, 0x2F, 0x7C, 0x23, 0x0A, 0x2E, 0x20,\n};\n",
    "xxd": "00000000: 301c 0003 612f 2f78 7878 7878 7878 7878  0...a//xxxxxxxxx\n"
           "00000010: 7878 7878 7878 782a 2f7c 230a 2e20       xxxxxxx*/|#.. \n",
    "xxd -g1": "00000000: 30 1c 00 03 61 2f 2f 78 78 78 78 78 78 78 78 78  0...a//xxxxxxxxx\n"
               "00000010: 78 78 78 78 78 78 78 2a 2f 7c 23 0a 2e 20        xxxxxxx*/|#.. \n",
    "xxd -p": "301c0003612f2f787878787878787878787878787878782a2f7c230a2e\n20\n",
    "xxd -i": "unsigned char f_bin[] = {\n  0x30, 0x1c, 0x00, 0x03, 0x61, 0x2f, 0x2f, 0x78, 0x78, 0x78, 0x78, 0x78,\n"
              "  0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x2a,\n"
              "  0x2f, 0x7c, 0x23, 0x0a, 0x2e, 0x20\n};\nunsigned int f_bin_len = 30;\n",
    "hexdump -C": "00000000  30 1c 00 03 61 2f 2f 78  78 78 78 78 78 78 78 78  |0...a//xxxxxxxxx|\n"
                  "00000010  78 78 78 78 78 78 78 2a  2f 7c 23 0a 2e 20        |xxxxxxx*/|#.. |\n0000001e\n",
    "hexdump -C with lines left out, 8 bytes a line": "00000000  30 1c 00 03 61 2f 2f     |0...a//|\n"
        "00000007  78 78 78 78 78 78 78 78  |xxxxxxxx|\n*\n00000017  2a 2f 7c 23 0a 2e 20     |*/|#.. |\n0000001e\n",
    "od -An -tx1": " 30 1c 00 03 61 2f 2f 78 78 78 78 78 78 78 78 78\n 78 78 78 78 78 78 78 2a 2f 7c 23 0a 2e 20\n",
    "od -tx1": "0000000 30 1c 00 03 61 2f 2f 78 78 78 78 78 78 78 78 78\n"
               "0000020 78 78 78 78 78 78 78 2a 2f 7c 23 0a 2e 20\n0000036\n",
    "od -Ax -tx1z": "000000 30 1c 00 03 61 2f 2f 78 78 78 78 78 78 78 78 78  >0...a//xxxxxxxxx<\n"
                    "000010 78 78 78 78 78 78 78 2a 2f 7c 23 0a 2e 20        >xxxxxxx*/|#.. <\n00001e\n",
    "Wireshark": "0000   30 1c 00 03 61 2f 2f 78 78 78 78 78 78 78 78 78   0...a//xxxxxxxxx\n"
                 "0010   78 78 78 78 78 78 78 2a 2f 7c 23 0a 2e 20         xxxxxxx*/|#.. \n",
    "mqtt_inspect": "00000000        30 1c 00 03 61 2f 2f 78 78 78 78 78 78 78 |  0...a//xxxxxxx|\n"
                    "                      ^^\n"
                    "00000010  78 78 78 78 78 78 78 78 78 2a 2f 7c 23 0a 2e 20  |xxxxxxxxx*/|#.. |\n",
}  # fmt: skip


class Examples(unittest.TestCase):
    # Verdicts of each: the clauses of what is refused
    EXPECTED = {
        "A client's session": ["Valid."] * 5,
        "A server's answers": ["Valid."] * 5,
        "CONNECT with everything": ["Valid."],
        "A message at QoS 2": ["Valid."] * 4,
        "Text and bytes": ["Valid."] * 2,
        "Subscriptions, one refused": ["Valid."] * 4,
        "Wildcard in a topic name": ["MQTT-4.7.1-1", "Valid."],
        "A client's session, MQTT 5.0": ["Valid in MQTT 5.0."] * 5,
        "A server's answers, MQTT 5.0": ["Valid in MQTT 5.0."] * 5,
        "A property twice": ["3.1.2.11"],
        "CONNECT of MQTT 3.1": ["MQTT-3.1.2-1"],
        "No client identifier": ["MQTT-3.1.3-7"],
        "Password without a user name": ["MQTT-3.1.2-22"],
        "Packet identifier 0": ["MQTT-2.3.1-1", "Valid."],
        "QoS missing after a filter": ["3.8.3"],
        "Not UTF-8": ["MQTT-1.5.3-1"],
        "A remaining length of five bytes": ["Valid.", "2.2.3"],
        "CONNACK from a client": ["2.2.1", "Valid."],
        "HTTP on the MQTT port": ["MQTT-2.2.2-1"],
        "The end is missing": ["Valid.", "Incomplete"],
    }

    def test_each(self):
        BROWSER.open()
        names = BROWSER("evaluate", "[...document.querySelectorAll('#examples button')].map((b) => b.textContent)")
        self.assertEqual(names, list(self.EXPECTED))
        self.assertGreaterEqual(len(names), 12)
        for i, (name, expected) in enumerate(self.EXPECTED.items()):
            with self.subTest(name):
                BROWSER("click", f"#examples li:nth-child({i + 1}) button")
                count = len(BROWSER("help", "reading", [None])[0]["packets"])
                pages = BROWSER("help", "readPacket", list(range(count)))
                self.assertEqual([page["clause"] if page["verdict"].startswith("Refused")
                                  else page["verdict"].partition(":")[0] for page in pages], expected)
                fragment = BROWSER("evaluate", "document.getElementById('link').hash")
                data, side, version = re.fullmatch(r"#bytes=([0-9a-f]+)&from=(\w+)(&version=5.0)?", fragment).groups()
                options = [] if side == "either" else [f"--from-{side}"]
                lines = inspect(bytes.fromhex(data), *options, "--continue", *(["--v5"] if version else []))
                self.assertEqual(len(lines), len(pages))
                for page, line, wanted in zip(pages, lines, expected):
                    message = line.get("message", wanted).replace("The stream ends", "the stream ends")
                    self.assertIn(message.replace("the packet", "this packet"), page["verdict"])


# ------------------------------------------------------------------------------------------------
# Writing
# ------------------------------------------------------------------------------------------------


def encoded(packets):
    """What mqtt_encode writes of each packet."""
    lines = "".join(data.hex() + "\n" for data in packets)
    done = subprocess.run([READER], input=lines, capture_output=True, check=True, encoding="ascii")
    return [line.partition(" ")[0] for line in done.stdout.splitlines()]


TOPIC = '#controls label:text-is("Topic Name")'


class Editor(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        BROWSER.open()

    def setUp(self):
        BROWSER("click", "#tab-write")
        self.addCleanup(BROWSER, "click", "#tab-read")

    def test_every_accepted_packet(self):
        wanted = [case for case in accepted_cases() if "encoded=" not in case["accept"]]
        self.assertGreater(len(wanted), 80)
        written = BROWSER("help", "write", [form(case["accept"]) for case in wanted])
        for case, page, expected in zip(wanted, written, encoded([case["data"] for case in wanted])):
            with self.subTest(case["packet"]):
                self.assertEqual((page["rule"], page["hex"].replace(" ", "")), ("", expected))
                end = 0
                for row in filter(place, page["fields"]):
                    self.assertEqual(place(row)[0], end)
                    end += place(row)[1]
                self.assertEqual(end, len(expected) // 2)

    def test_every_rule(self):
        texts, numbers, rules = statuses(), 0, set()
        wanted = [case for case in cases() if "encode" in case
                  and not re.search(r"encoded=|payload_length=", case["encode"])]
        written = BROWSER("help", "write", [form(case["encode"]) for case in wanted])
        for case, page in zip(wanted, written):
            with self.subTest(case["packet"]):
                message, clause = texts[case["reject"].split()[0]]
                if "this is not a number" in page["rule"]:
                    numbers += 1
                else:
                    self.assertEqual(page["rule"], f"{message} [{clause}]")
                    rules.add(page["rule"])
                self.assertIsNone(page["hex"])
        self.assertLessEqual(numbers, 2)
        self.assertGreater(len(rules), 15)

    def test_editing_what_was_read(self):
        wanted = [case["data"] for case in accepted_cases()]
        expected = encoded(wanted)
        edited = BROWSER("help", "edit", [data.hex() for data in wanted])
        for page, line in zip(edited, expected):
            self.assertEqual((page["rule"], page["hex"].replace(" ", "")), ("", line))
        self.assertFalse(BROWSER.read_one("300400026123")["editable"])

    def test_values_that_are_no_values(self):
        for kind, label, value, rule in [
            ("CONNECT", "Keep Alive", "65536", "Keep Alive: this is not a number from 0 to 65535."),
            ("CONNECT", "Keep Alive", "", "Keep Alive: this is not a number from 0 to 65535."),
            ("CONNECT", "Keep Alive", "1.5", "Keep Alive: this is not a number from 0 to 65535."),
            ("CONNACK", "Connect Return code", "256", "Connect Return code: this is not a number from 0 to 255."),
            ("PUBLISH", "QoS", "4", "QoS: this is not a number from 0 to 3."),
            ("PUBLISH", "Topic Name", "a\\q", 'Topic Name: After \\ must come x and two digits, u and four digits, or one of n r t 0 \\ ".'),
            ("PUBLISH", "Payload", "\\ud800", "Payload: Half of a surrogate pair is no character. Write its bytes with \\x."),
            ("PUBLISH", "Topic Name", "a\\x00", "A string contains the null character U+0000. [MQTT-1.5.3-2]"),
            ("PUBLISH", "Topic Name", "\\xed\\xa0\\x80", "A string is not well-formed UTF-8. [MQTT-1.5.3-1]"),
        ]:  # fmt: skip
            with self.subTest((label, value)):
                page = BROWSER("help", "write", [{"type": kind, "values": [[label, value]], "entries": []}])[0]
                self.assertEqual((page["rule"], page["hex"]), (rule, None))
                self.assertEqual(BROWSER("evaluate", "document.querySelectorAll('#form [aria-invalid=true]').length"),
                                 0 if "[" in rule else 1)

    def test_bytes_grow_with_typing(self):
        BROWSER("selectOption", "#type", {"label": "PUBLISH"})
        BROWSER("fill", TOPIC, "")
        self.assertEqual(BROWSER("evaluate", "document.getElementById('rule').textContent"),
                         "A topic name or topic filter is empty. [MQTT-4.7.3-1]")
        BROWSER("focus", TOPIC)
        for text, expected in [("a", "30 07 00 01 61"), ("/", "30 08 00 02 61 2f"), ("\u00e9", "30 0a 00 04 61 2f c3 a9")]:
            BROWSER("keyboard.insertText", text)
            self.assertEqual(BROWSER("evaluate", "document.getElementById('written-hex').value"), f"{expected} 32 31 2e 35")
            pointed = BROWSER("evaluate", "[...document.querySelectorAll('#written .byte.pointed')].map((b) => b.textContent).join(' ')")
            self.assertEqual(pointed, expected[6:])
        BROWSER("keyboard.insertText", "#")
        self.assertFalse(BROWSER("evaluate", "document.getElementById('written').checkVisibility()"))
        BROWSER("press", TOPIC, "Backspace")
        BROWSER("click", "#inspect-written")
        page = BROWSER("help", "reading", [None])[0]
        self.assertEqual((page["verdict"], page["packets"][0]["about"]), ("Valid.", '"a/\u00e9", 4 bytes "21.5"'))

    def test_fields_that_flags_announce(self):
        visible = "[...document.querySelectorAll('#controls .control')].filter((c) => c.checkVisibility()).map((c) => c.querySelector('label').textContent)"
        BROWSER("selectOption", "#type", {"label": "CONNECT"})
        without = BROWSER("evaluate", visible)
        BROWSER("check", '#controls label:text-is("Will Flag")')
        self.assertEqual(set(BROWSER("evaluate", visible)) - set(without), {"Will Retain", "Will QoS", "Will Topic", "Will Message"})
        BROWSER("check", '#controls label:text-is("Password Flag")')
        self.assertIn("MQTT-3.1.2-22", BROWSER("evaluate", "document.getElementById('rule').textContent"))


# ------------------------------------------------------------------------------------------------
# The page itself
# ------------------------------------------------------------------------------------------------


class Page(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        BROWSER.open()

    def setUp(self):
        BROWSER("setViewportSize", {"width": 1200, "height": 900})

    def click_example(self, name):
        BROWSER("click", f"#examples button:text-is(\"{name}\")")

    def press(self, *keys):
        for key in keys:
            BROWSER("keyboard.press", key)

    def focused(self):
        return BROWSER("help", "focused", [None])[0]

    def test_keyboard(self):
        BROWSER.open()
        BROWSER("evaluate", "document.querySelector('#examples button').click()")
        order = []
        for _ in range(40):
            self.press("Tab")
            focused = self.focused()
            self.assertTrue(focused["visible"], focused)
            order.append(focused["name"])
            if focused["name"] == "standard":
                break
        wanted = ["tab-read", "text", "hex", "client", "0", "file", "Examples", "A client's session", "packets",
                  "link", "Packet: bytes", "packet-fields", "edit", "standard"]
        self.assertEqual([name for name in order if name in wanted], wanted)

        title = "document.getElementById('packet-title').textContent"
        detail = "document.querySelector('#packet .detail strong').textContent"
        BROWSER("focus", "#packets")
        for keys, expected in [
            (["ArrowDown"], "SUBSCRIBE, bytes 21 to 36"), (["End"], "DISCONNECT, bytes 64 to 65"),
            (["ArrowUp", "ArrowUp"], "PUBLISH, bytes 37 to 61"), (["Home", "ArrowUp"], "CONNECT, bytes 0 to 20"),
            (["PageDown"], "DISCONNECT, bytes 64 to 65"), (["ArrowUp", "ArrowUp"], "PUBLISH, bytes 37 to 61"),
        ]:  # fmt: skip
            self.press(*keys)
            self.assertEqual(BROWSER("evaluate", title), expected)
        self.press("ArrowRight")
        self.assertEqual(self.focused(), {"name": "packet-fields", "visible": True})
        self.press("ArrowDown", "ArrowDown", "ArrowDown")
        self.assertEqual(BROWSER("evaluate", detail), "QoS")
        self.press("End", "ArrowUp")
        self.assertEqual(BROWSER("evaluate", detail), "Packet Identifier")
        pointed = "[...document.querySelectorAll('#packet .byte.pointed')].map((b) => b.textContent).join(' ')"
        self.assertEqual(BROWSER("evaluate", pointed), "00 02")
        self.press("ArrowLeft")
        self.assertEqual(self.focused()["name"], "packets")
        BROWSER("focus", "#tab-read")
        self.press("ArrowRight")
        self.assertEqual(self.focused(), {"name": "tab-write", "visible": True})
        BROWSER("selectOption", "#type", {"label": "UNSUBSCRIBE"})
        BROWSER("focus", "#controls > button")
        self.press("Enter")
        BROWSER("keyboard.type", "/new")
        written = "document.getElementById('written-hex').value"
        self.assertTrue(BROWSER("evaluate", written).endswith("00 0d 73 65 6e 73 6f 72 73 2f 2b 2f 6e 65 77"))
        self.press("Tab", "Enter")
        self.assertEqual(BROWSER("evaluate", written), "a2 0d 00 01 00 09 73 65 6e 73 6f 72 73 2f 2b")
        self.assertEqual(self.focused(), {"name": "Add Topic Filter", "visible": True})
        BROWSER("focus", "#tab-write")
        self.press("ArrowLeft")
        self.assertFalse(BROWSER("evaluate", "document.getElementById('read').hidden"))

    def test_pointing(self):
        self.click_example("A client's session")
        BROWSER("hover", "#packet .byte >> nth=13")
        detail = "document.querySelector('#packet .detail').textContent"
        self.assertEqual(BROWSER("evaluate", detail), 'Client Identifier section 3.1.3.1, bytes 12 to 20"kitchen"')
        BROWSER("hover", "#packet .fields [role=option]:has-text('Keep Alive')")
        pointed = "[...document.querySelectorAll('#packet .byte.pointed')].map((b) => b.textContent).join(' ')"
        self.assertEqual(BROWSER("evaluate", pointed), "00 3c")
        BROWSER("click", "#packet .byte >> nth=9")
        BROWSER("hover", "h1")
        self.assertEqual(BROWSER("evaluate", detail), "Connect Flags section 3.1.2.3, byte 90000 0010")

    def test_columns(self):
        BROWSER.read_one("3010000973656e736f72732f2f68656c6c6f")
        left = "[...document.querySelectorAll('#packet .characters')].map((c) => c.getBoundingClientRect().left)"
        edges = BROWSER("evaluate", left)
        self.assertEqual(len(edges), 2)
        self.assertAlmostEqual(edges[0], edges[1], delta=1)

    def test_a_flag_stays_where_it_is(self):
        BROWSER("click", "#tab-write")
        self.addCleanup(BROWSER, "click", "#tab-read")
        BROWSER("selectOption", "#type", {"label": "CONNECT"})
        for flag in ("Will Flag", "User Name Flag", "Password Flag"):
            top = f"[...document.querySelectorAll('#controls label')].find((l) => l.textContent === '{flag}').getBoundingClientRect().top"
            before = BROWSER("evaluate", top)
            BROWSER("check", f'#controls label:text-is("{flag}")')
            self.assertEqual(BROWSER("evaluate", top), before)

    def test_labels_and_roles(self):
        self.click_example("Wildcard in a topic name")
        roles = BROWSER("roles", "body")
        for expected in [
            'heading "MQTT packets" [level=1]', 'tab "Read bytes" [selected]', 'tab "Write a packet"',
            'tabpanel "Read bytes"', 'textbox "Bytes: paste them, or drop a file"', 'group "The text is"',
            'radio "hexadecimal" [checked]', 'group "The sender is"', 'radio "a client" [checked]',
            'button "Open a file"', 'listbox "Packets"',
            'option "0 PUBLISH 18 bytes Refused: A topic name contains a wildcard." [selected]',
            'listbox "Packet: fields"', 'group "Packet: bytes"', 'region "Packets"', 'button "Next refused packet"',
            'option "Topic Name "sensors/#" breaks the rule, bytes 2 to 12" [selected]', 'main:', 'status:',
            'link "MQTT-4.7.1-1"',
        ]:  # fmt: skip
            self.assertIn(expected, re.sub(r'\\"', '"', roles))
        BROWSER("click", "#tab-write")
        self.addCleanup(BROWSER, "click", "#tab-read")
        for kind in ("CONNECT", "SUBSCRIBE"):
            BROWSER("selectOption", "#type", {"label": kind})
            roles = BROWSER("roles", "body")
            self.assertIn('combobox "Packet type"', roles)
            self.assertIn('"Client Identifier"' if kind == "CONNECT" else '"Requested QoS"', roles)
            unnamed = re.findall(r"^ *- (?:textbox|button|checkbox|spinbutton|radio|combobox|listbox|link|tab)(?: \[.*\])?:?$",
                                 roles, re.MULTILINE)  # fmt: skip
            self.assertEqual(unnamed, [])

    def test_colours_in_both_modes(self):
        background = "getComputedStyle(document.body).backgroundColor"
        seen = set()
        for mode in ("dark", "light"):
            BROWSER("emulateMedia", {"colorScheme": mode})
            seen.add(BROWSER("evaluate", background))
            for example in ("CONNECT with everything", "Packet identifier 0", "The end is missing"):
                self.click_example(example)
                worst = BROWSER("help", "contrast", [None])[0]
                self.assertGreaterEqual(worst["ratio"], 4.5, (mode, example, worst))
            BROWSER("click", "#tab-write")
            worst = BROWSER("help", "contrast", [None])[0]
            self.assertGreaterEqual(worst["ratio"], 4.5, (mode, worst))
            BROWSER("click", "#tab-read")
        self.assertEqual(len(seen), 2)

    def test_phone(self):
        BROWSER("setViewportSize", {"width": 360, "height": 740})
        self.addCleanup(BROWSER, "setViewportSize", {"width": 1200, "height": 900})
        width = "document.documentElement.scrollWidth"
        inner = "[...document.querySelectorAll('.list')].filter((l) => l.scrollWidth > l.clientWidth).length"
        for name in Examples.EXPECTED:
            self.click_example(name)
            self.assertEqual((BROWSER("evaluate", width), BROWSER("evaluate", inner)), (360, 0), name)
        BROWSER("click", "#tab-write")
        self.addCleanup(BROWSER, "click", "#tab-read")
        for version in ("4", "5"):
            BROWSER("selectOption", "#written-version", version)
            for kind in ("CONNECT", "CONNACK", "PUBLISH", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "PINGREQ"):
                BROWSER("selectOption", "#type", {"label": kind})
                if version == "5" and kind != "PINGREQ":
                    BROWSER("selectOption", "#controls select >> nth=0", {"label": "User Property"})
                    BROWSER("click", '#controls button:text-is("Add property") >> nth=0')
                self.assertEqual(BROWSER("evaluate", width), 360, kind)

    def test_a_megabyte(self):
        entry = bytes.fromhex("00016100")
        size = 1 << 20
        streams = {
            "the smallest packets": (b"\xc0\x00" * (size // 2), size // 2),
            "messages": (bytes.fromhex("300c0003612f6268656c6c6f2121") * (size // 14), size // 14),
            "one message": (bytes.fromhex("3080808001") [:1] + b"\xff\xff\x3f" + b"\0\1a" + b"x" * (size - 4), 1),
            "one SUBSCRIBE": (b"\x82\xfe\xff\x3f" + b"\0\1" + entry * (size // 4 - 1), 1),
        }  # fmt: skip
        for name, (data, count) in streams.items():
            with self.subTest(name):
                took = BROWSER("help", "timeToRead", [data.hex()])[0]
                summary = BROWSER("evaluate", "document.getElementById('summary').textContent")
                self.assertEqual(summary, f"{len(data):,} bytes, {count:,} packet{'s' if count > 1 else ''}.")
                self.assertLess(took, MILLISECONDS)
                elements = BROWSER("evaluate", "document.querySelectorAll('*').length")
                self.assertLess(elements, ELEMENTS)
                print(f"{name}: {took:.0f} ms, {elements} elements", file=sys.stderr)
                self.last_row_is_seen("packets", f"{name}, {count} packets")
                self.last_row_is_seen("packet-fields", name)

    def last_row_is_seen(self, box, name):
        BROWSER("focus", f"#{box}")
        self.press("End")
        seen = BROWSER("evaluate", f"""(() => {{
            const box = document.getElementById("{box}"), row = box.querySelector("[aria-selected=true]");
            const [outer, inner] = [box.getBoundingClientRect(), row.getBoundingClientRect()];
            return [Number(row.dataset.row) + 1 === Number(row.ariaSetSize), inner.top >= outer.top - 1, inner.bottom <= outer.bottom + 1];
        }})()""")
        self.assertEqual(seen, [True, True, True], name)

    def test_long_list_in_the_middle(self):
        BROWSER.read_one("c000" * 300000)
        BROWSER("focus", "#packets")
        self.press("End", "PageUp", "ArrowUp")
        self.assertEqual(BROWSER("evaluate", "document.querySelectorAll('#packets [aria-selected=true]').length"), 1)
        row = BROWSER("evaluate", """new Promise((resolve) => {
            document.getElementById("packets").scrollTop = 4e6;
            setTimeout(() => resolve(Number(document.querySelector("#packets [role=option]").dataset.row)), 200);
        })""")
        self.assertLess(abs(row - 150000), 100)

    def test_nothing_is_loaded_or_wrong(self):
        seen = BROWSER("seen")
        self.assertEqual(seen["faults"], [])
        self.assertEqual({url.partition("#")[0] for url in seen["requests"]} - {"about:blank", "data:,"}, {PAGE})
        policy = BROWSER("evaluate", "document.querySelector('[http-equiv]').content")
        self.assertIn("default-src 'none'", policy)
        self.assertRaises(AssertionError, BROWSER, "evaluate", "fetch('data:,x').then((r) => r.text())")


def take_screenshot():
    browser = start(ROOT / "build/tests/examples/page")
    browser("setViewportSize", {"width": 1200, "height": 980})
    browser.open()
    browser("check", "[name=side][value=client]")
    browser("fill", "#text", "10 19 00 04 4d 51 54 54 05 02 00 3c 05 11 00 00 0e 10 00 07 6b 69 74 63 68 65 6e\n"
                             "30 2a 00 0f 73 65 6e 73 6f 72 73 2f 6b 69 74 63 68 65 6e 10 03 00 0a 74 65 78 74 2f 70 6c 61 69 6e 23 00 00 32 31 2e 35 "
                             "20 c2 b0 43\nc0 00\n")
    browser("evaluate", "document.activeElement.blur()")
    browser("screenshot", {"path": str(SCREENSHOT)})
    browser.close()


def main():
    global INSPECT, READER, BROWSER  # pylint: disable=global-statement
    if sys.argv[1:2] == ["--screenshot"]:
        take_screenshot()
        return
    INSPECT, READER, folder = sys.argv[1:4]
    BROWSER = start(folder)
    try:
        unittest.main(argv=[sys.argv[0], *sys.argv[4:]])
    finally:
        BROWSER.close()


if __name__ == "__main__":
    main()
