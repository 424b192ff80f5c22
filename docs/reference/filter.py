#!/usr/bin/env python3
"""filter.py FILE: the interface of mqtt_codec.h in the words of Doxygen.

In the header a plain comment stands in front of what it tells of, or of several declarations in a row,
and behind a member, enumerator or macro; a section has a heading between two rules. Doxygen wants
/** and /**<, one comment for each declaration, and groups.
"""

import re
import sys

RULE = r"-{20,}"
DECLARATION = r"^(?=MQTTI_API |struct |enum |#define MQTT_)"


def of_section(paragraph, number):
    """A group; and what begins with the name of a macro and a colon, as the documentation of that."""
    text = re.sub(RULE, "", paragraph)
    title = re.search(r"[A-Z][A-Z ]+", text)[0]
    text = text.replace(title, f"@defgroup section{number} {title.capitalize()}", 1)
    text = re.sub(r"^ \* (MQTT_\w+): ", r" * @def \1\n * ", text, flags=re.MULTILINE)
    parts = re.split(r"(?=@def MQTT)", text.replace("*/", "").replace("/*", "", 1))
    end = "/** @} */\n" if number else ""
    parts = [part.strip(" *\n") for part in parts]
    return end + f"/** {parts[0]}\n * @{{ */\n" + "".join(f"/** {part} */\n" for part in parts[1:])


def of_declarations(paragraph):
    comment, declarations = "", paragraph
    if paragraph.startswith("/*"):
        comment, declarations = re.match(r"(/\*.*?\*/\n)(.*)", paragraph, re.DOTALL).groups()
        comment = "/**" + comment[2:]
    if not declarations.startswith("#if"):
        declarations = re.sub(r"(?<=\S)( +)/\* ", r"\1/**< ", declarations)
    return "".join(
        (comment if re.match(DECLARATION, part) else "") + part
        for part in re.split(DECLARATION, declarations, flags=re.MULTILINE))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read().split("\n/* ====")[0]
    text = re.sub(r"(?<=[ ;])#(?=if|include)", r"\\#", text)  # no link
    paragraphs = text.split("\n\n")
    number = 0
    for i, paragraph in enumerate(paragraphs):
        if re.match(r"/\* " + RULE, paragraph):
            paragraphs[i] = of_section(paragraph, number)
            number += 1
        else:
            paragraphs[i] = of_declarations(paragraph + "\n")
    text = "\n".join(paragraphs).replace("/**", "/** @file\n *", 1)
    print(text + "\n/** @} */\n#endif")


if __name__ == "__main__":
    main()
