#!/usr/bin/env python3
"""readme_test.py PROJECT MQTT_INSPECT: what README.md shows is what is compiled and run.

Every block of C stands, word for word, in a file that the build compiles; what a command is shown to
print, it prints; every function of the interface is named, and every function that is named exists.
"""

import pathlib
import re
import subprocess
import sys
import unittest

PROJECT = pathlib.Path(sys.argv.pop(1))
MQTT_INSPECT = pathlib.Path(sys.argv.pop(1))
README = (PROJECT / "README.md").read_text(encoding="utf-8")
COMPILED = [PROJECT / "examples/quickstart.c", PROJECT / "tests/documents/readme_excerpts_test.c"]


def blocks(language):
    return re.findall(r"^```%s\n(.*?)^```$" % language, README, re.MULTILINE | re.DOTALL)


class Readme(unittest.TestCase):
    def test_c_blocks_are_compiled(self):
        sources = [path.read_text(encoding="utf-8") for path in COMPILED]
        found = blocks("c")
        self.assertEqual(len(found), 5)
        for block in found:
            self.assertTrue(any(block in source for source in sources), block)

    def test_two_commands_on_the_first_screen(self):
        commands = blocks("sh")[:2]
        self.assertEqual([len(command.splitlines()) for command in commands], [1, 1])
        first_screen = "\n".join(README.splitlines()[:40])
        for command in commands:
            self.assertIn(command, first_screen)

    def test_shown_output_is_printed(self):
        shown = re.findall(r"^    \$ (.*)\n((?:    .*\n)+)", README, re.MULTILINE)
        self.assertEqual(len(shown), 1)
        for command, output in shown:
            printed = subprocess.run(
                command, shell=True, cwd=MQTT_INSPECT.parent, stderr=subprocess.STDOUT,
                stdout=subprocess.PIPE, encoding="utf-8", check=False).stdout
            self.assertEqual(re.sub("^", "    ", printed.rstrip("\n"), flags=re.MULTILINE),
                             output.rstrip("\n"))

    def test_every_function_is_named(self):
        header = (PROJECT / "mqtt_codec.h").read_text(encoding="utf-8")
        interface = header[:header.index("END OF THE INTERFACE\n *")]
        declared = set(re.findall(r"^MQTTI_API [^(]*?(mqtt_\w+)\(", interface, re.MULTILINE))
        named = set(re.findall(r"`(mqtt_[a-z_0-9]+)`", README))
        named |= {"mqtt_encode_" + name for name in re.findall(r"`…_([a-z]+)`", README)}
        self.assertGreater(len(declared), 30)
        self.assertEqual(declared - named, set())
        self.assertEqual({name for name in named if name.startswith(("mqtt_de", "mqtt_en"))}
                         - declared, set())

    def test_version_is_the_same_everywhere(self):
        header = (PROJECT / "mqtt_codec.h").read_text(encoding="utf-8")
        parts = re.findall(r"#define MQTT_CODEC_VERSION_[A-Z]+ (\d+)", header)
        build = (PROJECT / "meson.build").read_text(encoding="utf-8")
        self.assertIn("version: '%s'" % ".".join(parts), build)


if __name__ == "__main__":
    unittest.main()
