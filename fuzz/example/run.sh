#!/bin/sh
# run.sh: builds the example with libFuzzer and ASan and fuzzes it from the seed corpus, for a minute
# at most. Succeeds when the mistake in broker.c is found, and prints where it is.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"${CLANG:-clang}" -std=c99 -g -O1 -I../.. -fsanitize=fuzzer,address -o "$work/fuzz_broker" \
    fuzz_broker.c broker.c
../make_seeds.py "$work/seeds" >"$work/log"
mkdir "$work/corpus"
if "$work/fuzz_broker" -max_total_time=60 -dict=../mqtt.dict -artifact_prefix="$work/" \
    "$work/corpus" "$work/seeds/fuzz_decode" >"$work/log" 2>&1; then
    echo "The mistake is not found." >&2
    exit 1
fi
grep -m 1 'ERROR: AddressSanitizer: heap-buffer-overflow' "$work/log"
grep -m 1 'in receive_subscribe' "$work/log"
