#!/bin/sh
# warnings.sh COMPILER LANGUAGE PROJECT [oldest]: compiles every way of using the header with all warnings
# as errors, for each standard of the LANGUAGE (c or c++) at -O0, -O2 and -Os, links and runs it; and
# functions that use it in the usual ways at -O1 and -O3. With `oldest` only the most usual ways, for
# C99 or C++11 at -O2.
# Exits with 77, a skip, if the COMPILER is not installed.
set -eu
compiler=$1 language=$2 project=$3 only=${4:-}
here=$project/tests/header

if ! command -v "$compiler" >/dev/null; then
    echo "skipped: needs $compiler"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

flags="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wcast-qual -Wcast-align
    -Wundef -Wvla -Werror"
if [ "$language" = c ]; then
    standards="c99 c11 c17 c2x"
    flags="$flags -Wstrict-prototypes"
else
    standards="c++11 c++14 c++17 c++20"
    # Of any "= {0}", which is a whole initializer only in C.
    own="-Wno-missing-field-initializers"
fi
levels="-O0 -O2 -Os"
more_levels="-O1 -O3"
if [ "$only" = oldest ]; then
    standards=${standards%% *}
    levels=-O2
    more_levels=
fi

# Every word of an attribute in the header, as a macro that breaks what it replaces.
words=$(grep -o '__attribute__((.*))' "$project/mqtt_codec.h" | grep -o '__[a-z_]*__' | sort -u |
    sed 's/^__\(.*\)__$/-D\1=!!/; /^-Dattribute=/d')
[ "$(echo "$words" | wc -l)" -ge 6 ] || { echo "the attributes of the header are not found"; exit 1; }

programs=0
build() { # OUTPUT FLAG-OR-FILE...: compiles, links and runs
    output=$work/$1
    shift
    # shellcheck disable=SC2086
    "$compiler" -x "$language" -std="$standard" "$level" $flags ${own-} -I"$project" -o "$output" "$@"
    "$output" >"$work/out"
    programs=$((programs + 1))
}

set -- "$here/every_function.c" "$here/every_v5_function.c"
machine=$("$compiler" -dumpmachine)
compiled_with_avx2() { # FILE: not run, this machine may not have it
    case $machine in x86_64*)
        # shellcheck disable=SC2086
        "$compiler" -x "$language" -std="$standard" "$level" $flags ${own-} -mavx2 -I"$project" -c \
            -o "$work/avx2.o" "$here/$1"
        ;;
    esac
}

for standard in $standards; do
    for level in $levels; do
        # shellcheck disable=SC2086
        "$compiler" -x "$language" -std="$standard" "$level" $flags -fsyntax-only \
            "$project/mqtt_codec.h" 2>"$work/alone" || { cat "$work/alone"; exit 1; }
        build declared -DMQTT_CODEC_DECLARE_ONLY "$here/two_files.c" "$@" "$here/implementation.c"
        build callers "$here/callers.c"
        build v5_callers "$here/v5_callers.c"
        [ "$only" != oldest ] || continue
        build twice "$here/included_twice.c"
        # shellcheck disable=SC2086
        build words $words "$here/included_twice.c"
        build linked "$here/two_files.c" "$@"
        build implemented "$here/declared_then_implemented.c" "$here/included_twice.c"
        build portable -DMQTT_CODEC_SIMD=0 "$here/two_files.c" "$@"
        build freestanding "$here/freestanding.c"
        [ "$level" = -O0 ] || compiled_with_avx2 callers.c
    done
    for level in $more_levels; do
        build callers "$here/callers.c"
        build v5_callers "$here/v5_callers.c"
        compiled_with_avx2 callers.c
    done
done
echo "$compiler: $programs programs"
