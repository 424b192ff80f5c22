#!/usr/bin/env bash
# check.sh: runs build.sh with the variables that OSS-Fuzz sets, with the clang of this machine, into
# a temporary folder, and each target that it builds for a second from its packed seed corpus.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export SRC=$work/src OUT=$work/out
mkdir -p "$SRC" "$OUT"
ln -s "$(cd "$here/../.." && pwd)" "$SRC/mqtt_codec"
export CC=${CLANG:-clang} CXX=${CLANGXX:-clang++}
export CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link"
export CXXFLAGS=$CFLAGS
export LIB_FUZZING_ENGINE=-fsanitize=fuzzer

bash -eu "$here/build.sh"
built=0
for target in "$OUT"/fuzz_*; do
    [ -x "$target" ] || continue
    name=$(basename "$target")
    mkdir "$work/corpus-$name"
    python3 -m zipfile -e "$OUT/${name}_seed_corpus.zip" "$work/corpus-$name"
    if ! "$target" -max_total_time=1 -dict="$OUT/$name.dict" -artifact_prefix="$work/" \
        "$work/corpus-$name" >"$work/log" 2>&1; then
        tail -n 30 "$work/log"
        echo "FAILED  $name"
        exit 1
    fi
    echo "ok      $name: $(find "$work/corpus-$name" -type f | wc -l) inputs then"
    built=$((built + 1))
done
wanted=$(find "$here/.." -maxdepth 1 -name 'fuzz_*.c' | wc -l)
echo "$built of $wanted targets"
[ "$built" -eq "$wanted" ]
