#!/usr/bin/env python3
"""reference.py PROJECT: Doxygen makes the reference without a warning, and every public name, number
and member that interface.txt records is in it with words of its own. Exits 77 without Doxygen."""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree


def documented(folder):
    """The names of all that has a description, those of members behind their struct's."""
    names = set()
    for file in folder.glob("*.xml"):
        for compound in ElementTree.parse(file).getroot().iter("compounddef"):
            struct = compound.findtext("compoundname") if compound.get("kind") == "struct" else ""
            for entity in [compound, *compound.iter("memberdef"), *compound.iter("enumvalue")]:
                text = "".join("".join(entity.find(part).itertext()) for part in
                               ("briefdescription", "detaileddescription")).strip()
                name = entity.findtext("compoundname") or entity.findtext("name")
                if text:
                    names.add(f"{struct}.{name}" if struct and entity is not compound else name)
    return names


def recorded(interface):
    for line in interface.splitlines()[1:]:
        kind, first, second = (line.split(" ", 2) + [""])[:3]
        if kind == "macro":
            yield first
        elif kind == "enum":
            yield first
            yield second.split()[0]
        elif kind == "struct":
            yield first
            outer = re.sub(r"union \{.*?\}", "union", second)
            yield from (f"{first}.{member}" for member in re.findall(r"(\w+);", outer))
        else:
            yield re.search(r"(\w+)\(", line)[1]


def main():
    project = pathlib.Path(sys.argv[1])
    if shutil.which("doxygen") is None:
        print("skipped: doxygen is not installed")
        return 77
    with tempfile.TemporaryDirectory() as output:
        settings = (project / "docs/reference/Doxyfile").read_text(encoding="utf-8")
        run = subprocess.run(
            ["doxygen", "-"], cwd=project, check=False, encoding="utf-8", stderr=subprocess.PIPE,
            input=f"{settings}\nOUTPUT_DIRECTORY = {output}\nGENERATE_HTML = NO\nGENERATE_XML = YES\n")
        if run.returncode != 0 or run.stderr:
            sys.exit(f"{run.stderr}doxygen exits with {run.returncode}.")
        names = documented(pathlib.Path(output) / "xml")
    # These two are for the user to define.
    wanted = set(recorded((project / "tests/header/interface.txt").read_text(encoding="utf-8")))
    wanted -= {"MQTT_CODEC_DECLARE_ONLY", "MQTT_CODEC_IMPLEMENTATION"}
    if wanted - names:
        sys.exit(f"Without a description: {', '.join(sorted(wanted - names))}")
    print(f"{len(wanted)} names are described")
    return 0


if __name__ == "__main__":
    sys.exit(main())
