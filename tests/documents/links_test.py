#!/usr/bin/env python3
"""links_test.py PROJECT: what the pages name is there.

In README.md and in every page (*.md) of a folder of the project: each link leads to a file and, after
#, to a heading of it. Each path that begins with a folder of the project exists, in backticks, in a
command or elsewhere. Each file in backticks that is named without its folder is somewhere.
"""

import pathlib
import re
import sys
import unittest

PROJECT = pathlib.Path(sys.argv.pop(1)).resolve()
FOLDERS = ["docs", "examples", "fuzz", "tests", ".ci"]
FILES = [path for folder in FOLDERS for path in (PROJECT / folder).rglob("*")]
PAGES = [PROJECT / "README.md"] + sorted(path for path in FILES if path.suffix == ".md")
NAMES = {path.name for path in [*FILES, *PROJECT.iterdir()]}
PATH = r"(?<![\w./$…-])(?:\./)?((?:%s)/[\w./*…-]*)" % "|".join(map(re.escape, FOLDERS))
NAME = r"`([\w-]+\.(?:c|dict|h|js|md|py|sh|tsv|txt))`"
MADE = "fuzz/crashes"  # by fuzz/run.sh, when it has found something


def anchors(text):
    """Of the headings, as GitHub makes them."""
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def missing(page, text):
    """What the page names and is not there."""
    for link in re.findall(r"\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)", text, re.MULTILINE):
        target = "".join(link)
        path, _, anchor = target.partition("#")
        path = page.parent / path if path else page
        if not re.match("https?:", target) and not (
                path.exists() and (not anchor or anchor in anchors(path.read_text("utf-8")))):
            yield target
    # After -C stand targets of the build.
    for word in re.findall(PATH, re.sub(r"ninja -C \S+ .*", "", text)):
        # TARGET or … stands for something else.
        path = re.sub(r"[^/]*(TARGET|…).*", "", word).rstrip("./")
        if path != MADE and not any(PROJECT.glob(path)):
            yield word
    yield from (name for name in re.findall(NAME, text) if name not in NAMES)


class Links(unittest.TestCase):
    def test_every_page(self):
        for page in PAGES:
            with self.subTest(page=str(page.relative_to(PROJECT))):
                self.assertEqual(list(missing(page, page.read_text("utf-8"))), [])

    def test_what_is_not_there_is_found(self):
        page = PROJECT / "docs/page.md"
        text = """[a](../README.md#more) [b](../README.md#less) [c](nothing.md) [d](https://example.org/e)
            `fuzz/run.sh` and `fuzz/ran.sh`, `run.sh` and `ran.sh`, `fuzz/regressions/TARGET/`
            `fuzz/*.h`, `fuzz/*.hpp`, ./tests/run, build/tests/none, sh tests/ran, see `tests/peers/…`.\n"""
        self.assertEqual(list(missing(page, text + "[e]: ../LICENCE\n")),
                         ["../README.md#less", "nothing.md", "../LICENCE",
                          "fuzz/ran.sh", "fuzz/*.hpp", "tests/ran", "ran.sh"])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
