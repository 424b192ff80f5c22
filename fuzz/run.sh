#!/usr/bin/env bash
# run.sh [--msan] SECONDS [TARGET...]: builds the fuzz targets with libFuzzer in a temporary folder and
# runs each for SECONDS from its seed corpus, under ASan and UBSan; with --msan fuzz_decode, or the
# targets named, under MSan. An input that breaks a property is kept in fuzz/crashes/, and the run
# fails. FUZZ_CORPUS=FOLDER keeps what is found of interest, in FOLDER/TARGET.corpus, for the next run.
set -u
cd "$(dirname "$0")" || exit 1

usage() {
    sed -n '2,5s/^# //p' "$0" >&2
    exit 2
}

sanitizers=address,undefined
targets=(fuzz_decode fuzz_stream fuzz_encode fuzz_prefix fuzz_utf8 fuzz_topics fuzz_session)
if [ "${1:-}" = --msan ]; then
    sanitizers=memory
    targets=(fuzz_decode)
    shift
fi
[[ ${1:-} =~ ^[1-9][0-9]*$ ]] || usage
seconds=$1
shift
[ $# -eq 0 ] || targets=("$@")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p crashes

build() {
    "${CLANG:-clang}" -std=c99 -g -O1 -fno-omit-frame-pointer -I.. "-fsanitize=fuzzer,$sanitizers" \
        -fno-sanitize-recover=all -o "$work/$1" "$1.c" path_default.c path_portable.c
}

# The last line of libFuzzer's account, or what it has found.
run() {
    local corpus=${FUZZ_CORPUS:-$work}/$1.corpus
    mkdir -p "$corpus" "regressions/$1"
    UBSAN_OPTIONS=print_stacktrace=1 "$work/$1" -max_total_time="$seconds" -max_len=2048 -timeout=10 \
        -print_final_stats=1 -dict=mqtt.dict -artifact_prefix="crashes/$1-" \
        "$corpus" "corpus/$1" "regressions/$1" >"$work/log" 2>&1
}

status=0
for target in "${targets[@]}"; do
    if ! build "$target"; then
        echo "FAILED  $target: does not build"
        status=1
    elif run "$target"; then
        echo "ok      $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log") inputs"
    else
        echo "FAILED  $target"
        grep -aE 'broken property|ERROR: |runtime error|Test unit written' "$work/log" |
            sed 's/^/        /'
        status=1
    fi
done
exit $status
