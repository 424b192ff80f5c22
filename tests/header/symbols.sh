#!/bin/sh
# symbols.sh PROJECT: checks what object files made with the header hold. In the implementation mode
# they hold the functions of the interface and nothing else, in the plain mode no name that can clash.
# They never hold data that can be written. A client holds only the decoders that a client needs, and a
# server only its own.
set -eu
project=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
    echo "$1" >&2
    exit 1
}
compile() { # OUTPUT FLAG-OR-FILE...
    output=$1
    shift
    cc -std=c99 -fno-pie -I"$project" -c -o "$output" "$@"
}

# Every name that is declared before the end of the interface and after it defined.
sed '/^ \* END OF THE INTERFACE$/q' "$project/mqtt_codec.h" >interface
grep -o '^MQTTI_API [^(]*(' interface | sed 's/.*[ *]\(mqtt_[a-z_0-9]*\)($/\1/' | sort >declared
[ "$(wc -l <declared)" -ge 35 ] || fail "the interface is not found in the header"

for level in -O0 -O2 -Os; do
    compile implementation.o "$level" "$project/tests/header/implementation.c"
    nm implementation.o | awk '$2 == "T" { print $3 }' | sort >defined
    cmp declared defined || fail "$level: declared and defined differ: $(comm -3 declared defined)"
    compile freestanding.o "$level" -ffreestanding "$project/tests/header/implementation.c"
    compile bare.o "$level" -ffreestanding -nostdinc -isystem "$(cc -print-file-name=include)" \
        "$project/tests/header/freestanding.c" ||
        fail "$level: needs more headers than a freestanding compiler has"
    nm -u freestanding.o | awk '{ print $2 }' | grep -vx 'memcpy\|_GLOBAL_OFFSET_TABLE_' &&
        fail "$level: needs more than memcpy"

    for version in "" v5_; do
        compile "plain$version.o" "$level" "$project/tests/header/every_${version}function.c"
        [ "$(nm --defined-only -g "plain$version.o" | awk '{ print $3 }')" = \
            "call_every_${version}function" ] ||
            fail "$level: the plain mode defines an external name"
    done
    for object in implementation.o plain.o plainv5_.o; do
        nm "$object" | grep -i ' [bdcsg] ' && fail "$level: $object holds data that can be written"
    done

    for version in "" v5_; do
        for side in client server; do
            printf '%s\n' '#include "mqtt_codec.h"' \
                "int32_t f(struct mqtt_${version}packet *p, const void *b);" \
                "int32_t f(struct mqtt_${version}packet *p, const void *b)" \
                "{ return mqtt_${version}decode_from_$side(p, b, 9); }" >"$side.c"
            compile "$side.o" "$level" -fno-inline "$side.c"
            nm "$side.o" | awk '{ print $3 }' | grep "^mqtti_$version\(read\|decode\)_" >"$side"
        done
        grep 'connack\|suback\|codes\|return_code' client &&
            fail "$level: a server links what a client decodes"
        grep '_connect\|scri\|filter\|will' server &&
            fail "$level: a client links what a server decodes"
        if ! grep -q '_connect$' client || ! grep -q '_suback$' server; then
            fail "$level: the decoders are not found by their names"
        fi
    done
done

compile plain.o "$project/tests/header/plain_then_implemented.c" 2>error &&
    fail "the plain mode and then the implementation in one file are let pass"
grep -q 'MQTT_CODEC_DECLARE_ONLY' error || fail "the error does not tell what to do"
echo "symbols: $(wc -l <declared) functions"
