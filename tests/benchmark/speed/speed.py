#!/usr/bin/env python3
"""speed.py [FOLDER]: how many instructions the codec takes, how long, and how both grow.

FOLDER is where Meson has built the programs, by default build/tests/benchmark/speed. It prints a
table, checks the shape of the curves and the limits, and writes speed.json and a picture of each
group of curves into FOLDER.

  --check         counts the instructions and compares them with limits.tsv, no more
  --write-limits  counts them and writes limits.tsv, and the table of docs/performance.md
  --svg PICTURES  draws the curves of FOLDER's speed.json into the folder PICTURES, no more

Instructions are counted by callgrind in a run of the program, those of a work with all that it
calls; works.c says what a work is. They are the same in every run with the same compiler and C
library. Nanoseconds are the least of many repeats, and are those of this machine.

speed.json:

  compiler, machine, simd         of the program built without -mavx2
  versions      {name: version}   of libmosquitto, mqtt-packet, node, as far as they are there
  instructions  {name: number}    per packet or string
  nanoseconds   {name: number}    likewise
  growth        {curve: {plot, unit, shape, points: [[units, instructions], ...]}}
  missing       [sentence]        what was left out, and why

The names are those of the works. "avx2/" stands before those of the build with -mavx2, "portable/"
before those with MQTT_CODEC_SIMD 0, "clang/" before those of clang, "mqtt-packet/" before what
JavaScript does.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parents[2]
SOURCES = ("main.c", "works.c", "works_v5.c")
LIMITS = HERE / "limits.tsv"
DOCUMENT = PROJECT / "docs" / "performance.md"
ROWS = {  # of its table: title and work
    "Decode a PUBLISH at QoS 0, 64 bytes of payload": "decode_publish_qos0",
    "Decode a PUBLISH at QoS 1, 16 bytes of payload": "decode_publish_qos1",
    "Decode the PUBLISH at QoS 0, topic of 1 byte": "decode_publish_topic_1",
    "… of 3 bytes": "decode_publish_topic_3",
    "… of 5 bytes": "decode_publish_topic_5",
    "… of 7 bytes": "decode_publish_topic_7",
    "… of 70 bytes": "decode_publish_topic_70",
    "… of 100 bytes": "decode_publish_topic_100",
    "… of 200 bytes": "decode_publish_topic_200",
    "Decode a CONNECT with will, user name and password": "decode_connect",
    "Decode a SUBSCRIBE of four filters": "decode_subscribe",
    "Decode a PUBACK": "decode_puback",
    "Decode a SUBACK of four codes": "decode_suback",
    "Decode a CONNACK": "decode_connack",
    "Decode a stream, per packet": "decode_stream",
    "… of MQTT 5.0": "v5_decode_stream",
    "Decode only the fixed header": "decode_fixed_header",
    "Encode the PUBLISH at QoS 0": "encode_publish_qos0",
    "Encode the PUBLISH at QoS 1": "encode_publish_qos1",
    "Encode the CONNECT": "encode_connect",
    "Encode the SUBSCRIBE": "encode_subscribe",
    "Encode a PUBACK": "encode_puback",
    "Encode the SUBACK": "encode_suback",
    "Encode a CONNACK": "encode_connack",
    "MQTT 5.0: decode the PUBLISH at QoS 0": "v5_decode_publish",
    "MQTT 5.0: decode it with a topic alias for its topic": "v5_decode_publish_alias",
    "MQTT 5.0: decode it with expiry, content type and a user property": "v5_decode_publish_list",
    "MQTT 5.0: decode the CONNECT": "v5_decode_connect",
    "MQTT 5.0: decode it with three properties": "v5_decode_connect_with_list",
    "MQTT 5.0: decode a PUBACK": "v5_decode_puback",
    "MQTT 5.0: decode it with a reason code": "v5_decode_puback_reason",
    "MQTT 5.0: encode the PUBLISH at QoS 0": "v5_encode_publish",
    "MQTT 5.0: encode it with a topic alias for its topic": "v5_encode_publish_alias",
    "MQTT 5.0: encode it with expiry, content type and a user property": "v5_encode_publish_list",
    "MQTT 5.0: encode the CONNECT": "v5_encode_connect",
    "MQTT 5.0: encode it with three properties": "v5_encode_connect_with_list",
    "MQTT 5.0: encode a PUBACK": "v5_encode_puback",
    "MQTT 5.0: encode it with a reason code": "v5_encode_puback_reason",
    "Match `sensors/+/floor-3/#`": "matches_wildcards",
    "Match the topic itself": "matches_exact",
    "Match `#`": "matches_everything",
    "Match what differs in the last level": "matches_all_but_the_last_level",
    "Validate 46 bytes of ASCII": "valid_ascii_46",
    "Validate 65,535 bytes of ASCII": "valid_ascii_65535",
    "Validate 60 bytes of Chinese": "valid_chinese_60",
    "Validate 65,535 bytes of Chinese": "valid_chinese_65535",
}
# Counts differ between patch releases of the compiler and the C library, and one instruction more
# in a work of fewer than 50 is too many all the same.
SLACK = 1.02
# Of a flat curve: one cost for each size of the remaining length, at most so far apart.
FLAT_COSTS = 4
FLAT_INSTRUCTIONS = 64
# Of a linear curve: a unit between a tenth of the top and the top may cost as much more than a unit
# between a hundredth and a tenth. n log n has 1.25, a square 10.
LINEAR_FACTOR = 1.1
# Of a smooth curve: one unit more or less may change the cost by at most so many instructions.
SMOOTH_INSTRUCTIONS = 40
BUILDS = ("", "avx2/", "portable/", "clang/")  # columns of the table
SECONDS = 6  # of a program's timing
SKIPPED = 77
NOT_OURS = ("nothing", "memcpy_", "mosquitto_")

missing = []
failures = []


def run(command, **options):
    """What a command prints, which has to succeed: lines of fields between tabs."""
    done = subprocess.run(
        [str(part) for part in command], check=False, encoding="utf-8", stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, **{"input": ""} | options,
    )  # fmt: skip
    if done.returncode != 0:
        sys.exit(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return [line.split("\t") for line in done.stdout.splitlines()]


# ---- Instructions --------------------------------------------------------------------------------


def call_costs(path):
    """{(caller, callee): [calls, cost with all that is called]} of a file of callgrind."""
    names = {}
    costs = collections.defaultdict(lambda: [0, 0])
    caller = callee = calls = None

    def name_of(text):  # "(7) main" the first time, then "(7)"
        number, _, name = text.partition(" ")
        return names.setdefault(number, name)

    with open(path, encoding="utf-8") as lines:
        for line in lines:
            key, _, value = line.rstrip("\n").partition("=")
            if calls is not None:  # the line after calls= is its cost: position, instructions
                entry = costs[caller, callee]
                entry[0] += calls
                entry[1] += int(key.split()[-1])
                calls = None
            elif key == "fn":
                caller = name_of(value)
            elif key == "cfn":
                callee = name_of(value)
            elif key == "calls":
                calls = int(value.split()[0])
    return costs


def callgrind(program, mode):
    """What the program prints, and its call_costs."""
    path = program.parent / f"{program.name}.{mode}.callgrind"
    # The C library chooses its memcpy by the processor and its cache: the same one everywhere.
    tunables = "glibc.cpu.hwcaps=-ERMS:glibc.cpu.x86_non_temporal_threshold=0x10000000"
    lines = run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={path}", program, mode],
        env=os.environ | {"GLIBC_TUNABLES": tunables},
    )
    return lines, call_costs(path)


def number(value):
    return int(value) if value == int(value) else round(value, 2)


def count(program, prefix):
    lines, costs = callgrind(program, "count")
    totals = collections.defaultdict(lambda: [0, 0])
    for (_, callee), (calls, cost) in costs.items():
        totals[callee][0] += calls
        totals[callee][1] += cost
    result = {}
    for name, packets in lines:
        calls, cost = totals[f"work_{name}"]
        result[prefix + name] = number(cost / calls / int(packets))
    return result


def grow(program):
    lines, costs = callgrind(program, "grow")
    curves = {}
    for name, plot, unit, shape, point, units in lines:
        curve = curves.setdefault(name, {"plot": plot, "unit": unit, "shape": shape, "points": []})
        calls, cost = costs[f"point_{point}", f"curve_{name}"]
        if calls != 1:
            sys.exit(f"{name} at {units} was called {calls} times")
        curve["points"].append([int(units), cost])
    return curves


# ---- Checks --------------------------------------------------------------------------------------


def is_flat(points):
    costs = {cost for _, cost in points}
    return len(costs) <= FLAT_COSTS and max(costs) - min(costs) <= FLAT_INSTRUCTIONS


def is_linear(points):
    top = points[-1][0]
    high, middle, low = (
        max(point for point in points if point[0] <= top / part) for part in (1, 10, 100)
    )

    def per_unit(first, last):
        return (last[1] - first[1]) / (last[0] - first[0])

    return per_unit(middle, high) <= LINEAR_FACTOR * per_unit(low, middle)


def is_smooth(points):
    costs = [cost for _, cost in points]
    return all(abs(a - b) <= SMOOTH_INSTRUCTIONS for a, b in zip(costs, costs[1:]))


def check_smooth(prefix, curves):
    smooth = {name: curve for name, curve in curves.items() if curve["shape"] == "smooth"}
    for name, curve in smooth.items():
        if not is_smooth(curve["points"]):
            failures.append(f"the curve {prefix}{name} is not smooth: {curve['points']}")
        # Whoever judges has to be able to say no: a cliff in the middle.
        if is_smooth([[n, cost + (cost if n > 64 else 0)] for n, cost in curve["points"]]):
            failures.append(f"the check takes the curve {prefix}{name} with a cliff for a smooth one")
    return {prefix + name: curve for name, curve in smooth.items()}


def check_growth(curves):
    for name, curve in curves.items():
        if curve["shape"] == "smooth":
            continue
        flat, linear = is_flat(curve["points"]), is_linear(curve["points"])
        if curve["shape"] == "flat" and not flat:
            failures.append(f"the curve {name} is not flat: {curve['points']}")
        if curve["shape"] == "linear" and not linear:
            failures.append(f"the curve {name} is worse than linear: {curve['points']}")
        # Whoever judges has to be able to say no.
        if curve["shape"] != "flat" and flat or curve["shape"] == "quadratic" and linear:
            failures.append(f"the check takes the {curve['shape']} curve {name} for a better one")


def ours(instructions):
    return {
        name: cost
        for name, cost in instructions.items()
        if not name.rpartition("/")[2].startswith(NOT_OURS)
    }


def limits_apply(result):
    built = f"{result['compiler']} on {result['machine']}"
    if re.fullmatch(r"gcc 12\..* on x86-64", built) and result["simd"] != "0":
        return True
    print(
        "The limits, which are those of gcc 12 on x86-64 with SSE2, are not looked at: this is"
        f" {built}, MQTT_CODEC_SIMD {result['simd']}."
    )
    return False


def row(title, counted):
    """The row of the table, but for its last column, which is that of others."""
    cells = (round(counted[prefix + ROWS[title]]) for prefix in BUILDS)
    return "".join([f"| {title} |", *(f" {cell:,} |" for cell in cells)])


def write_limits(instructions):
    for build in BUILDS:
        if not any(name.startswith(build) for name in instructions):
            sys.exit(f"To write the limits the build {build} is needed: a processor with AVX2, clang 14.")
    lines = (f"{name}\t{cost}\n" for name, cost in ours(instructions).items())
    LIMITS.write_text("".join(lines), "utf-8")
    document = DOCUMENT.read_text("utf-8")
    for title, work in ROWS.items():
        theirs = instructions.get(f"mosquitto_{work}")
        new = row(title, instructions) + (" |" if theirs is None else f" {theirs:,} |")
        document, found = re.subn(rf"(?m)^\| {re.escape(title)} \|.*$", new, document)
        if found != 1:
            sys.exit(f"{DOCUMENT} has {found} rows of the title {title}.")
    DOCUMENT.write_text(document, "utf-8")


def check_limits(instructions):
    counted = ours(instructions)
    lines = LIMITS.read_text("utf-8").splitlines() if LIMITS.is_file() else []
    limits = {name: float(limit) for name, limit in (line.split("\t") for line in lines)}
    document = DOCUMENT.read_text("utf-8")
    failures.extend(
        f"docs/performance.md has other figures than limits.tsv: {title}"
        for title in ROWS
        if row(title, limits) not in document
    )
    for build, without in (("avx2/", "a processor that has AVX2"), ("clang/", "clang 14")):
        if not any(name.startswith(build) for name in counted):
            print(f"Without {without} the limits of {build} are not checked.")
            limits = {name: limit for name, limit in limits.items() if not name.startswith(build)}
    for name, cost in counted.items():
        if name not in limits:
            failures.append(f"{name} has no limit in limits.tsv")
        elif cost > limits[name] * SLACK:
            failures.append(f"{name} takes {cost} instructions, the limit is {limits[name]:g}")
    failures.extend(f"no work has the name of the limit {name}" for name in limits.keys() - counted)


# ---- Time ----------------------------------------------------------------------------------------


def time_programs(programs):
    result = {}
    for prefix, program in programs.items():
        lines = run([program, "time", str(SECONDS)])
        result |= {prefix + name: float(nanoseconds) for name, nanoseconds in lines}
    return result


def time_javascript(program, folder):
    """The same streams by mqtt-packet, which the tests of the peers install."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        missing.append("mqtt-packet was not timed: install the packages nodejs and npm.")
        return {}, {}
    peers = PROJECT / "tests" / "peers"
    sys.path.insert(0, str(peers))
    import mqtt_packet_test  # pylint: disable=import-outside-toplevel

    try:
        mqtt_packet_test.install(folder)
    except SystemExit as ended:
        reasons = missing if ended.code == SKIPPED else failures
        reasons.append("mqtt-packet was not timed: npm could not install it.")
        return {}, {}
    times, node = {}, None
    for version, prefix in (("4", ""), ("5", "v5_")):
        stream = "".join(line[0] + "\n" for line in run([program, "stream", version]))
        found = dict(run(["node", HERE / "mqtt_packet_speed.js", version], cwd=folder, input=stream))
        node = found.pop("node")
        times |= {f"mqtt-packet/{prefix}{name}": float(time) for name, time in found.items()}
    version = json.loads((peers / "package.json").read_text("utf-8"))["dependencies"]["mqtt-packet"]
    return times, {"mqtt-packet": version, "node": node}


# ---- Results -------------------------------------------------------------------------------------


def print_table(result):
    counts, times = result["instructions"], result["nanoseconds"]
    versions = result["versions"]
    titles = ("instr.", "avx2", "ns", "avx2 ns", "memcpy ns", "mosquitto", "mosq. ns")
    print(
        f"Instructions and nanoseconds per packet or string, {result['compiler']} -O2, avx2: with"
        " -mavx2"
    )
    print("".join(["\n", " " * 34, *(f"{title:>11}" for title in titles)]))
    for name in [name for name in counts | times if "/" not in name]:
        if name.startswith(("memcpy_", "mosquitto_")):
            continue
        memcpy = "memcpy_" + name.partition("_")[2]
        cells = (
            counts.get(name), counts.get(f"avx2/{name}"), times.get(name),
            times.get(f"avx2/{name}"), times.get(memcpy), counts.get(f"mosquitto_{name}"),
            times.get(f"mosquitto_{name}"),
        )  # fmt: skip
        print(f"{name:34}" + "".join(f"{'' if cell is None else cell:>11}" for cell in cells))
    for name in [name for name in times if name.startswith("mqtt-packet/")]:
        print(f"{name:56}{times[name]:>11}  JavaScript, node {versions['node']}")
    if "libmosquitto" in versions:
        print(
            "\nlibmosquitto: its check of UTF-8 refuses control and non-characters too, its checks"
            "\nof names and filters look for wildcards alone, its matching checks what it matches."
        )
    print("\nVersions: " + ", ".join(f"{name} {version}" for name, version in versions.items()))


def draw(curves, folder):
    """A picture of each group of curves, by gnuplot: the same curves give the same bytes."""
    if shutil.which("gnuplot") is None:
        missing.append("The curves were not drawn: install the package gnuplot-nox.")
        return
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {name: curve for name, curve in curves.items() if curve["shape"] != "quadratic"}
    for plot in dict.fromkeys(curve["plot"] for curve in drawn.values()):
        group = {name: curve for name, curve in drawn.items() if curve["plot"] == plot}
        script = [
            "set terminal svg size 720,480 font 'sans-serif,13' background 'white'",
            "set encoding utf8",
            "set logscale xy",
            "set format '%.0s%c'",
            "unset mxtics; unset mytics; set tics scale 0.5 nomirror; set border 3",
            # A curve of every length from 1 to 300 shows its steps best on plain scales.
            *(["unset logscale", "set format '%g'"] if plot == "short_topic" else []),
            "set grid",
            "set key left top Left reverse",
            f"set xlabel '{plot}: {next(iter(group.values()))['unit']}'",
            "set ylabel 'instructions'",
        ]
        for index, curve in enumerate(group.values()):
            # There is no logarithm of 0.
            points = "".join(f"{units} {cost}\n" for units, cost in curve["points"] if units > 0)
            script.append(f"$curve{index} << END\n{points}END")
        lines = ", ".join(
            f"$curve{index} with lines linewidth 2 title '{name}' noenhanced"
            for index, name in enumerate(group)
        )
        script += ["set yrange [1:*]", f"plot {lines}\n"]
        svg = run(["gnuplot"], input="\n".join(script))
        (folder / f"{plot}.svg").write_text("".join("\t".join(x) + "\n" for x in svg), "utf-8")


# --------------------------------------------------------------------------------------------------


def programs_in(folder):
    """{prefix of the names: program}, of those that this machine can build and run."""
    if not (folder / "speed").is_file():
        sys.exit(f"{folder / 'speed'} is not there: meson setup build && meson compile -C build")
    programs = {"": folder / "speed", "portable/": folder / "speed_portable"}
    if shutil.which("clang") is None:
        missing.append("clang was not measured: install the package clang.")
    elif "clang version 14." in run(["clang", "--version"])[0][0]:
        programs["clang/"] = folder / "speed_clang"
        run(["clang", "-std=c99", "-O2", "-gdwarf-4", "-DHAVE_MOSQUITTO=0", "-Wl,-z,now", f"-I{PROJECT}",
             "-o", programs["clang/"], *(HERE / name for name in SOURCES)])  # fmt: skip
    cpu = pathlib.Path("/proc/cpuinfo")
    if (folder / "speed_avx2").is_file() and "avx2" in cpu.read_text("utf-8").split():
        programs["avx2/"] = folder / "speed_avx2"
    return programs


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=pathlib.Path)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true")
    mode.add_argument("--write-limits", action="store_true")
    mode.add_argument("--svg", metavar="PICTURES", type=pathlib.Path)
    options = parser.parse_args()
    folder = (options.folder or PROJECT / "build" / "tests" / "benchmark" / "speed").resolve()

    if options.svg:
        draw(json.loads((folder / "speed.json").read_text("utf-8"))["growth"], options.svg)
        finish()
    programs = programs_in(folder)
    about = dict(run([programs[""], "about"]))
    result = {name: about.pop(name) for name in ("compiler", "machine", "simd")}
    result |= {"versions": about, "instructions": {}, "nanoseconds": {}, "growth": {}}
    if shutil.which("valgrind") is None:
        missing.append("No instruction was counted: install the package valgrind.")
    else:
        for prefix, program in programs.items():
            result["instructions"] |= count(program, prefix)
        if limits_apply(result):
            (write_limits if options.write_limits else check_limits)(result["instructions"])
    if options.check or options.write_limits:
        finish()

    if result["instructions"]:
        result["growth"] = grow(programs[""])
        check_growth(result["growth"])
        for prefix, program in programs.items():
            result["growth"] |= check_smooth(prefix, grow(program) if prefix else result["growth"])
        draw(result["growth"], folder)
    result["nanoseconds"] = time_programs(programs)
    times, versions = time_javascript(
        programs[""], folder.parents[1] / "peers" / "mqtt-packet"
    )
    result["nanoseconds"] |= times
    result["versions"] |= versions
    if "libmosquitto" not in result["versions"]:
        missing.append("libmosquitto was not measured: install libmosquitto-dev, set up anew.")
    result["missing"] = missing
    print_table(result)
    (folder / "speed.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    finish()


def finish():
    for failure in failures:
        print(f"FAILED: {failure}")
    for sentence in missing:
        print(f"skipped: {sentence}")
    sys.exit(1 if failures else SKIPPED if missing else 0)


if __name__ == "__main__":
    main()
