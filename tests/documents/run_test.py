#!/usr/bin/env python3
"""run_test.py PROJECT: tests/run says what it installs before it does, installs nothing without apt-get,
and sums up in one line what was skipped. The programs that it calls are stand-ins."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

PROJECT = pathlib.Path(sys.argv.pop(1))
TEST = "> meson test -C build --print-errorlogs --num-processes 9"
LOG = """
test:         mqtt_codec:header / reference
skipped: needs doxygen
test:         mqtt_codec:interop / tap
skipped: needs mosquitto, mosquitto_pub, mosquitto_sub
test:         mqtt_codec:interop / client
skipped: needs mosquitto, mosquitto_pub
test:         mqtt_codec:strings / paths, AVX2
skipped: this processor has no AVX2
Ok:                 48
Fail:               1
Skipped:            4
"""


class Run(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "tests").mkdir()
        shutil.copy(PROJECT / "tests/run", self.folder / "tests")
        (self.folder / "bin").mkdir()
        for program in ("sh", "dirname", "grep", "sed", "awk", "sort", "id", "env", "mkdir", "cat"):
            (self.folder / "bin" / program).symlink_to(shutil.which(program))
        getconf = self.folder / "bin" / "getconf"
        getconf.write_text("#!/bin/sh\necho 3\n", encoding="utf-8")
        getconf.chmod(0o755)

    def stand_in(self, name, script="exit 0"):
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\necho \"$0 $*\" | sed 's|.*/bin/|> |'\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def run_it(self):
        done = subprocess.run(
            ["sh", self.folder / "tests/run"], env={"PATH": str(self.folder / "bin")}, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", timeout=60)
        return done.returncode, done.stdout.splitlines()

    def meson(self, status=0):
        """It leaves a log, as `meson test` does."""
        (self.folder / "log").write_text(LOG, encoding="utf-8")
        self.stand_in("meson", f"mkdir -p build/meson-logs\ncat log >build/meson-logs/testlog.txt\n"
                      f"[ $1 = setup ] || exit {status}")

    def test_without_apt_get_it_names_what_is_missing(self):
        for program in ("cc", "python3", "pkg-config"):
            self.stand_in(program, "exit 1")
        status, lines = self.run_it()
        self.assertEqual((status, len(lines)), (1, 2))
        self.assertTrue(lines[0].endswith(
            ": meson ninja Check (a library, https://libcheck.github.io/check)"), lines)
        self.assertTrue(lines[1].endswith("meson setup build && meson test -C build"), lines)

    def test_without_apt_get_it_runs_the_tests(self):
        for program in ("cc", "python3", "pkg-config", "ninja"):
            self.stand_in(program)
        self.meson()
        status, lines = self.run_it()
        self.assertEqual((status, lines[:2]), (0, ["> meson setup build",
                                                   TEST]))

    def test_it_says_what_it_installs(self):
        self.stand_in("dpkg-query", 'case $* in *check|*meson) exit 1 ;; esac\necho install ok installed')
        self.stand_in("apt-get")
        self.stand_in("sudo", '"$@"')
        self.meson(3)
        status, lines = self.run_it()
        self.assertEqual(status, 3)
        self.assertEqual(lines[0], "The tests need these packages, which apt-get now installs: meson check")
        lines = [line for line in lines[1:] if not line.startswith("> sudo ")]
        self.assertEqual(lines, [
            "> apt-get update -q",
            "> apt-get install -q -y --no-install-recommends meson check",
            "> meson setup build",
            TEST,
            "skipped: this processor has no AVX2",
            "49 tests ran; 1 needs doxygen, 2 need mosquitto, 2 need mosquitto-clients. "
            "To run all: sudo apt-get install doxygen mosquitto mosquitto-clients",
        ])


if __name__ == "__main__":
    unittest.main()
