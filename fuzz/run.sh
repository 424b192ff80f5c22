#!/usr/bin/env bash
# run.sh [--msan] SECONDS [TARGET...]: builds the fuzz targets with libFuzzer in a temporary folder and
# runs each for SECONDS from its seed corpus, as many at a time as there are cores, under ASan and
# UBSan; with --msan fuzz_decode and fuzz_v5_decode, or the targets named, under MSan. An input that
# breaks a property is kept in fuzz/crashes/, and the run fails. FUZZ_CORPUS=FOLDER keeps what is found
# of interest, in FOLDER/TARGET.corpus, for the next run.
set -u
cd "$(dirname "$0")" || exit 1

usage() {
    sed -n '2,6s/^# //p' "${0##*/}" >&2
    exit 2
}

sanitizers=address,undefined
targets=(fuzz_decode fuzz_stream fuzz_encode fuzz_prefix fuzz_utf8 fuzz_topics fuzz_session
    fuzz_v5_decode fuzz_v5_encode fuzz_v5_stream fuzz_v5_properties)
if [ "${1:-}" = --msan ]; then
    sanitizers=memory
    targets=(fuzz_decode fuzz_v5_decode)
    shift
fi
[[ ${1:-} =~ ^[1-9][0-9]*$ ]] || usage
seconds=$1
shift
[ $# -eq 0 ] || targets=("$@")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p crashes
./make_seeds.py "$work/seeds" >/dev/null || exit 1

build() {
    local sources=("$1.c")
    ! grep -q '"paths.h"' "$1.c" || sources+=(../tests/support/path_*.c)
    "${CLANG:-clang}" -std=c99 -g -O1 -fno-omit-frame-pointer "-fsanitize=fuzzer,$sanitizers" \
        -fno-sanitize-recover=all -I.. -I../tests/support -o "$work/$1" "${sources[@]}"
}

# The last line of libFuzzer's account, or what it has found.
run() {
    local corpus=${FUZZ_CORPUS:-$work}/$1.corpus
    mkdir -p "$corpus" "regressions/$1"
    UBSAN_OPTIONS=print_stacktrace=1 "$work/$1" -max_total_time="$seconds" -max_len=2048 -timeout=10 \
        -print_final_stats=1 -dict=mqtt.dict -artifact_prefix="crashes/$1-" \
        "$corpus" "$work/seeds/$1" "regressions/$1" >"$work/$1.log" 2>&1
}

fuzz() {
    local log=$work/$1.log
    if ! build "$1"; then
        echo "FAILED  $1: does not build"
    elif run "$1"; then
        echo "ok      $1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs"
        return
    else
        echo "FAILED  $1"
        grep -aE 'broken property|ERROR: |runtime error|Test unit written' "$log" | sed 's/^/        /'
    fi
    return 1
}

# As many at a time as there are cores.
status=0
running=0
for target in "${targets[@]}"; do
    fuzz "$target" &
    running=$((running + 1))
    if [ "$running" -ge "$(nproc)" ]; then
        wait -n || status=1
        running=$((running - 1))
    fi
done
while [ "$running" -gt 0 ]; do
    wait -n || status=1
    running=$((running - 1))
done
exit $status
