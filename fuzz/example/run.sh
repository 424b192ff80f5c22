#!/bin/sh
# run.sh: builds the example with libFuzzer and ASan, with each of the mistakes in broker.c, and fuzzes
# it from the seed corpora of both versions of MQTT, for a minute at most. Succeeds when both mistakes
# are found, and prints where they are.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
../make_seeds.py "$work/seeds" >"$work/log"

# find_mistake NUMBER FUNCTION
find_mistake() {
    "${CLANG:-clang}" -std=c99 -g -O1 -I../.. -DMISTAKE="$1" -fsanitize=fuzzer,address \
        -o "$work/fuzz_broker" fuzz_broker.c broker.c
    rm -rf "$work/corpus"
    mkdir "$work/corpus"
    if "$work/fuzz_broker" -max_total_time=60 -dict=../mqtt.dict -artifact_prefix="$work/" \
        "$work/corpus" "$work/seeds/fuzz_decode" "$work/seeds/fuzz_v5_decode" >"$work/log" 2>&1; then
        echo "Mistake $1 is not found." >&2
        exit 1
    fi
    grep -m 1 'ERROR: AddressSanitizer: heap-buffer-overflow' "$work/log"
    grep -m 1 "in $2" "$work/log"
}

find_mistake 1 receive_subscribe
find_mistake 2 receive_properties
