#!/usr/bin/env python3
"""reference.py PROJECT: the command for the reference works in a fresh clone, without a warning. Its
first page is the manual of the header. Every public name, number and member that interface.txt
records has a description, and that of a struct or function begins with a sentence. Exits with 77, a
skip, without Doxygen."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree


def is_sentence(brief):
    """Whether it says what a struct or function is: three words, two of which are no names in capitals."""
    words = re.sub(r"\[.*?\]", "", brief).split()
    plain = [word for word in words if re.search("[a-z]", word)]
    return brief[:1].isupper() and brief.endswith(".") and len(words) >= 3 and len(plain) >= 2


def documented(folder):
    """The names of all that has a description, a member's after that of its struct; and the first
    sentences that say nothing."""
    names = set()
    empty = []
    for file in folder.glob("*.xml"):
        for compound in ElementTree.parse(file).getroot().iter("compounddef"):
            struct = compound.findtext("compoundname") if compound.get("kind") == "struct" else ""
            for entity in [compound, *compound.iter("memberdef"), *compound.iter("enumvalue")]:
                text = "".join("".join(entity.find(part).itertext()) for part in
                               ("briefdescription", "detaileddescription")).strip()
                name = entity.findtext("compoundname") or entity.findtext("name")
                if text:
                    names.add(f"{struct}.{name}" if struct and entity is not compound else name)
                brief = "".join(entity.find("briefdescription").itertext()).strip()
                if entity.get("kind") in ("struct", "function") and not is_sentence(brief):
                    empty.append(f"{name}: {brief}")
    return names, empty


def recorded(interface):
    for line in interface.splitlines()[1:]:
        kind, first, second = (line.split(" ", 2) + ["", ""])[:3]
        if kind == "macro":
            yield first.split("(")[0]
        elif kind == "enum":
            yield first
            yield second.split()[0]
        elif kind == "struct":
            yield first
            outer = re.sub(r"union \{.*?\}", "union", second)
            yield from (f"{first}.{member}" for member in re.findall(r"(\w+);", outer))
        elif kind == "function":
            yield re.search(r"(\w+)\(", line)[1]


def doxygen(folder):
    run = subprocess.run(["doxygen", "docs/reference/Doxyfile"], cwd=folder, check=False,
                         encoding="utf-8", stderr=subprocess.PIPE)
    if run.returncode != 0 or run.stderr:
        sys.exit(f"{run.stderr}doxygen exits with {run.returncode}.")


def main():
    project = pathlib.Path(sys.argv[1])
    if shutil.which("doxygen") is None:
        print("skipped: needs doxygen")
        return 77
    with tempfile.TemporaryDirectory() as name:
        clone = pathlib.Path(name)
        (clone / "docs").mkdir()
        shutil.copytree(project / "docs/reference", clone / "docs/reference")
        shutil.copy(project / "mqtt_codec.h", clone)
        doxygen(clone)
        page = (clone / "build-reference/html/index.html").read_text(encoding="utf-8")
        with (clone / "docs/reference/Doxyfile").open("a", encoding="utf-8") as file:
            file.write("GENERATE_HTML = NO\nGENERATE_XML = YES\n")
        doxygen(clone)
        names, empty = documented(clone / "build-reference/xml")
    for words in ("encodes and decodes MQTT", "These rules hold for every function", "Bounds"):
        if words not in page:
            sys.exit(f"The first page does not say: {words}")
    if empty:
        sys.exit("These begin with no sentence:\n" + "\n".join(sorted(set(empty))))
    # These two are for the user to define.
    wanted = set(recorded((project / "tests/header/interface.txt").read_text(encoding="utf-8")))
    wanted -= {"MQTT_CODEC_DECLARE_ONLY", "MQTT_CODEC_IMPLEMENTATION"}
    if wanted - names:
        sys.exit(f"Without a description: {', '.join(sorted(wanted - names))}")
    print(f"{len(wanted)} names are described")
    return 0


if __name__ == "__main__":
    sys.exit(main())
