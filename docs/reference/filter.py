#!/usr/bin/env python3
"""filter.py FILE: the interface of mqtt_codec.h in the words of Doxygen.

In the header a plain comment describes what follows it, one declaration or several in a row, or the
member, enumerator or macro before it. A section has a heading between two rules. Doxygen needs /** and
/**<, a comment for each declaration, and groups. The comment at the top becomes the first page.
"""

import re
import sys

RULE = r"-{20,}"
DECLARATION = r"^(?=MQTTI_API |struct |enum |#define MQTT_)"


def of_section(paragraph, number):
    """A group. A paragraph that begins with the name of a macro and a colon documents that macro."""
    text = re.sub(RULE, "", paragraph)
    title = re.search(r"(?:MQTT 5\.0: )?[A-Z][A-Z, ]+", text)[0]
    heading = title.capitalize().replace("Mqtt", "MQTT")
    text = text.replace(title, f"@defgroup section{number} {heading}", 1)
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


def as_code(indented):
    return "@code{.c}\n" + re.sub("^    ", "", indented[0], flags=re.MULTILINE) + "@endcode\n"


def first_page(comment):
    """The manual. Its indented example becomes code, and its rules, each after a name, a list."""
    text = re.sub(r"^ \*/?$|^/\*.*$|^ \* ?", "", comment, flags=re.MULTILINE)
    text = re.sub(r"\nSections: .*", "", text, flags=re.DOTALL)
    text = re.sub(r"(?<=\n\n)(    .*\n)+", as_code, text)
    text = re.sub(r"^  (\w+) +(?=\S)", r"- **\1**: ", text, flags=re.MULTILINE)
    text = re.sub(r"^ {11}(?=\S| +\S)", "  ", text, flags=re.MULTILINE)
    return f"/** @file */\n/** @mainpage One C header for MQTT packets\n{text}\n*/\n"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        text = file.read().split("\n/* ====")[0]
    text = re.sub(r"(?<=[ ;])#(?=if|include)", r"\\#", text)  # no link
    manual, text = re.match(r"(.*?^ \*/\n)(.*)", text, re.DOTALL | re.MULTILINE).groups()
    paragraphs = text.split("\n\n")
    number = 0
    for i, paragraph in enumerate(paragraphs):
        if re.match(r"/\* " + RULE, paragraph):
            paragraphs[i] = of_section(paragraph, number)
            number += 1
        else:
            paragraphs[i] = of_declarations(paragraph + "\n")
    print(first_page(manual) + "\n".join(paragraphs) + "\n/** @} */\n#endif")


if __name__ == "__main__":
    main()
