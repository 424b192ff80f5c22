#!/usr/bin/env bash
# measure.sh SECONDS: fuzzes from an empty corpus, all targets together for SECONDS, one after the other,
# under ASan and UBSan, without dictionary or seeds. Prints for each target its inputs in a second, the
# edges and the corpus that it reached, and at last what of mqtt_codec.h all of them together reached.
set -u
cd "$(dirname "$0")" || exit 1

targets=(fuzz_decode fuzz_stream fuzz_encode fuzz_prefix fuzz_utf8 fuzz_topics fuzz_session
    fuzz_v5_decode fuzz_v5_encode fuzz_v5_stream fuzz_v5_properties)
[[ ${1:-} =~ ^[1-9][0-9]*$ ]] || {
    sed -n '2,4s/^# //p' "$0" >&2
    exit 2
}
seconds=$(($1 / ${#targets[@]}))
version=$("${CLANG:-clang}" --version | sed -n '1s/.*version \([0-9]*\).*/\1/p')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

build() {
    "${CLANG:-clang}" -std=c99 -g -O1 -I.. -I../tests/support -fsanitize=fuzzer,address,undefined \
        -fno-sanitize-recover=all -fprofile-instr-generate -fcoverage-mapping \
        -o "$work/$1" "$1.c" ../tests/support/path_*.c
}

# The N in "word: N" of libFuzzer's last account of what it has reached.
last() {
    sed -n "s/^#.*$1: \([0-9]*\).*/\1/p" "$work/log" | tail -n 1
}

echo "| Target | Inputs in a second | Edges | Corpus |"
echo "| --- | ---: | ---: | ---: |"
objects=()
for target in "${targets[@]}"; do
    build "$target" || exit 1
    mkdir "$work/$target.corpus"
    LLVM_PROFILE_FILE=$work/$target.profraw "$work/$target" -max_total_time="$seconds" -max_len=2048 \
        -print_final_stats=1 "$work/$target.corpus" >"$work/log" 2>&1 || {
        tail -n 20 "$work/log"
        exit 1
    }
    echo "| \`$target\` | $(sed -n 's/^stat::average_exec_per_sec: *//p' "$work/log") | $(last cov) |" \
        "$(find "$work/$target.corpus" -type f | wc -l) |"
    objects+=(-object "$work/$target")
done
"llvm-profdata-$version" merge -o "$work/all.profdata" "$work"/*.profraw || exit 1
echo
"llvm-cov-$version" report "$work/${targets[0]}" -instr-profile "$work/all.profdata" "${objects[@]}" |
    awk '$1 ~ /mqtt_codec.h$/ { print "mqtt_codec.h: lines " $10 ", branches " $13 }'
