#!/usr/bin/env python3
"""readme_test.py PROJECT MQTT_INSPECT: what README.md shows is what is compiled and run.

Every block of C, and of docs/moving-to-5.md, stands, word for word, in a file that the build compiles;
what a command is shown to print, it prints; every function of the interface is named, and every
function that is named exists.
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

PROJECT = pathlib.Path(sys.argv.pop(1))
MQTT_INSPECT = pathlib.Path(sys.argv.pop(1))
README = (PROJECT / "README.md").read_text(encoding="utf-8")
MOVING = (PROJECT / "docs/moving-to-5.md").read_text(encoding="utf-8")


def blocks(language, page=README):
    return re.findall(r"^```%s\n(.*?)^```$" % language, page, re.MULTILINE | re.DOTALL)


class Readme(unittest.TestCase):
    def test_c_blocks_are_compiled(self):
        for page, count, files in [
            (README, 5, ["examples/quickstart.c", "tests/documents/readme_excerpts_test.c"]),
            (MOVING, 9, ["tests/documents/moving_to_5_test.c"]),
        ]:
            sources = [(PROJECT / file).read_text(encoding="utf-8") for file in files]
            found = blocks("c", page)
            self.assertEqual(len(found), count)
            for block in found:
                self.assertTrue(any(block in source for source in sources), block)

    def test_functions_of_the_page_on_5_0_exist(self):
        header = (PROJECT / "mqtt_codec.h").read_text(encoding="utf-8")
        named = set(re.findall(r"`((?:mqtt|MQTT)_[A-Za-z_0-9]+)`", MOVING))
        self.assertGreater(len(named), 20)
        self.assertEqual({name for name in named if not re.search(rf"\b{name}\b", header)}, set())

    def test_two_commands_on_the_first_screen(self):
        commands = blocks("sh")[:2]
        self.assertEqual([len(command.splitlines()) for command in commands], [1, 1])
        first_screen = "\n".join(README.splitlines()[:40])
        for command in commands:
            self.assertIn(command, first_screen)

    def test_shown_output_is_printed(self):
        shown = re.findall(r"^    \$ (.*)\n((?:    .*\n)+)", README, re.MULTILINE)
        self.assertEqual(len(shown), 2)
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        for path in (PROJECT / "examples", PROJECT / "mqtt_codec.h", MQTT_INSPECT):
            (folder / path.name).symlink_to(path.resolve())
        for command, output in shown:
            printed = subprocess.run(
                command, shell=True, cwd=folder, stderr=subprocess.STDOUT,
                stdout=subprocess.PIPE, encoding="utf-8", check=False).stdout
            self.assertEqual(re.sub("^", "    ", printed.rstrip("\n"), flags=re.MULTILINE),
                             output.rstrip("\n"))

    def test_every_function_is_named(self):
        header = (PROJECT / "mqtt_codec.h").read_text(encoding="utf-8")
        interface = header[:header.index("END OF THE INTERFACE\n *")]
        declared = set(re.findall(r"^MQTTI_API [^(]*?(mqtt_\w+)\(", interface, re.MULTILINE))
        named = set(re.findall(r"`(mqtt_[a-z_0-9]+)`", README))
        named |= {"mqtt_encode_" + name for name in re.findall(r"`…_([a-z]+)`", README)}
        declared = {name for name in declared if not name.startswith("mqtt_v5_")}  # as in 3.1.1
        self.assertGreater(len(declared), 30)
        self.assertEqual(declared - named, set())
        self.assertEqual({name for name in named if name.startswith(("mqtt_de", "mqtt_en"))}
                         - declared, set())

    def test_figures_are_those_of_the_pages(self):
        """Of the table of facts: each number is in the page that says how it was found."""
        proof, performance, porting = (
            (PROJECT / "docs" / f"{name}.md").read_text(encoding="utf-8")
            for name in ("proof", "performance", "porting"))

        def cells(page, title):
            row = re.search(r"^\| %s \| (.*) \|" % re.escape(title), page, re.MULTILINE)
            return row[1].split(" | ")

        decoded = cells(performance, "Decode a PUBLISH at QoS 0, 64 bytes of payload")
        encoded = cells(performance, "Encode the PUBLISH at QoS 0")
        client = cells(performance, "A client's half")
        both = cells(performance, "All packets both ways")
        string = cells(performance, "Validate 46 bytes of ASCII")
        targets = {re.split(",| no C| newest", name)[0] for name in re.findall(
            r"^\| (.*?) \| .* \| (?:\d+ suites|core tests), .* \|$", porting, re.MULTILINE)}
        for fact in (
                f"{decoded[0]} instructions to decode a PUBLISH with 64 bytes of payload, "
                f"{encoded[0]} to encode it; {string[0]} to validate a string of 46 bytes "
                f"(libmosquitto: {string[-1]}, which",
                f"{client[0].split()[0]} bytes of flash",
                f"{both[0].split()[0]} for all packets",
                f"tests ran on {len(targets)}, from"):
            self.assertIn(fact, README)
        proved = re.search(r"functions: ([\d,]+ of [\d,]+ goals) proved", proof)
        shown = re.search(r"[\d,]+ of [\d,]+ goals", README)
        self.assertEqual(shown and shown[0], proved and proved[1])
        named = re.search(r"tests ran on (\d+) targets: (.*) and (.*)\.", porting)
        self.assertEqual(({*named[2].split(", "), named[3]}, int(named[1])), (targets, len(targets)))

    def test_version_is_the_same_everywhere(self):
        header = (PROJECT / "mqtt_codec.h").read_text(encoding="utf-8")
        parts = re.findall(r"#define MQTT_CODEC_VERSION_[A-Z]+ (\d+)", header)
        build = (PROJECT / "meson.build").read_text(encoding="utf-8")
        self.assertIn("version: '%s'" % ".".join(parts), build)


if __name__ == "__main__":
    unittest.main()
