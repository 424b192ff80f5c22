#!/bin/bash -eu
# Builds every fuzz target into $OUT, as OSS-Fuzz asks, with its dictionary and its seed corpus.
# CC, CXX, CFLAGS, CXXFLAGS, LIB_FUZZING_ENGINE, OUT and SRC are set by OSS-Fuzz.
: "${CC:?}" "${CXX:?}" "${LIB_FUZZING_ENGINE:?}" "${OUT:?}" "${SRC:?}"
project=$SRC/mqtt_codec
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

compile() {
    # The flags are words.
    # shellcheck disable=SC2086
    "$CC" ${CFLAGS:-} -std=c99 -I"$project" -I"$project/tests/support" -c "$1" \
        -o "$work/$(basename "$1" .c).o"
}

python3 "$project/fuzz/make_seeds.py" "$work/seeds"
compile "$project/tests/support/path_default.c"
compile "$project/tests/support/path_portable.c"
for source in "$project"/fuzz/fuzz_*.c; do
    target=$(basename "$source" .c)
    compile "$source"
    # shellcheck disable=SC2086
    "$CXX" ${CXXFLAGS:-} "$work/$target.o" "$work/path_default.o" "$work/path_portable.o" \
        $LIB_FUZZING_ENGINE -o "$OUT/$target"
    cp "$project/fuzz/mqtt.dict" "$OUT/$target.dict"
    cp "$project/fuzz/regressions/$target"/* "$work/seeds/$target"
    python3 -m zipfile -c "$OUT/${target}_seed_corpus.zip" "$work/seeds/$target"/*
done
