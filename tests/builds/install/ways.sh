#!/bin/sh
# ways.sh PROJECT WAY: builds and runs a program that uses the codec in one of the ways of docs/adding.md,
# in a folder of its own. What the page says to write is taken from the page. Exits with 77, a skip, if a
# tool for it is not installed.
set -eu
project=$1
way=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/app"
cd "$work/app"
cp "$project/tests/builds/install/consumer.c" main.c

fail() {
    echo "$1" >&2
    exit 1
}

needs() { # PROGRAM-OR-FOLDER PACKAGE ...
    missing=
    while [ $# -gt 0 ]; do
        command -v "$1" >/dev/null || [ -d "$1" ] || missing="$missing, $2"
        shift 2
    done
    [ -z "$missing" ] || { echo "skipped: needs ${missing#, }"; exit 77; }
}

quietly() {
    "$@" >log 2>&1 || { cat log >&2; fail "failed: $*"; }
}

# The first block of LANGUAGE under the HEADING of the page, or its Nth.
block() { # HEADING LANGUAGE [N]
    awk -v heading="## $1" -v fence="\`\`\`$2" -v wanted="${3:-1}" '
        /^## / { under = $0 == heading }
        /^```$/ { inside = 0 }
        inside
        under && $0 == fence { inside = ++n == wanted }' "$project/docs/adding.md" >"$work/block"
    [ -s "$work/block" ] || fail "docs/adding.md has no $2 under $1"
    cat "$work/block"
}

# A PINGREQ has two bytes.
runs() {
    [ "$("$@")" = 2 ] || fail "$1 does not run"
}

with_cmake() {
    quietly cmake -S . -B build "$@"
    quietly cmake --build build
    runs build/app
}

# The project as its repository would give it, without what is built.
repository() {
    needs git git
    mkdir "$work/repository"
    (cd "$project" && tar -c --exclude='./build*' --exclude=./.git .) | tar -x -C "$work/repository"
    quietly git -C "$work/repository" init -q
    quietly git -C "$work/repository" add -A
    quietly git -C "$work/repository" -c user.name=test -c user.email=test commit -q -m version
}

# Installs the project with Meson, and moves what is installed to $work/moved.
install_with_meson() {
    quietly meson setup --prefix="$work/prefix" -Dpkgconfig.relocatable=true "$@" ../build "$project"
    quietly meson install --no-rebuild -C ../build
    mv ../prefix ../moved
    is_installed
}

# The header, and nothing but what finds it.
is_installed() {
    (cd ../moved && find . -type f | sort) >installed
    cmp "$project/mqtt_codec.h" "$(find ../moved -name mqtt_codec.h)" || fail "the header is another"
    grep -v '/mqtt_codec\.h$\|/mqtt_codecConfig\(Version\)\?\.cmake$\|/mqtt_codec\.pc$' installed &&
        fail "more is installed than the header and what finds it"
    [ "$(grep -c cmake installed)" -eq 2 ] || fail "the files for CMake are not installed"
}

version=$(sed -n 's/.*define MQTT_CODEC_VERSION_[MP][AIT][A-Z]* //p' "$project/mqtt_codec.h" |
    paste -s -d .)

# find_package finds what is installed in $work/moved, for the versions that it is compatible with.
found_by_cmake() {
    block 'CMake, installed' cmake >CMakeLists.txt
    grep -q "find_package(mqtt_codec ${version%.*} REQUIRED)" CMakeLists.txt || fail "for another version"
    with_cmake "-DCMAKE_PREFIX_PATH=$1"
    major=${version%%.*}
    minor=${version#*.} minor=${minor%.*}
    sed "s/mqtt_codec ${version%.*}/mqtt_codec \${wanted}/" CMakeLists.txt >generic
    mv generic CMakeLists.txt
    quietly cmake -S . -B exact "-DCMAKE_PREFIX_PATH=$1" "-Dwanted=$version;EXACT"
    for wanted in $((major + 1)).0 "$major.$((minor + 1))" "$version.1"; do
        ! cmake -S . -B "build-$wanted" "-DCMAKE_PREFIX_PATH=$1" "-Dwanted=$wanted" >log 2>&1 ||
            fail "$version is taken for $wanted"
        grep -q 'compatible with requested version' log || { cat log; fail "not for its version"; }
    done
}

case $way in
copy)
    cp "$project/mqtt_codec.h" .
    [ "$(block 'A copy' c)" = '#include "mqtt_codec.h"' ] || fail "the page has another line"
    quietly cc -I. -o app main.c
    runs ./app
    ;;
two-files)
    cp "$project/mqtt_codec.h" .
    block 'A copy' c 2 >mqtt_codec.c
    quietly cc -DMQTT_CODEC_DECLARE_ONLY -I. -c main.c mqtt_codec.c
    [ "$(nm main.o | grep mqtt)" = "                 U mqtt_encode_pingreq" ] ||
        fail "the program has a copy of its own"
    quietly cc -o app main.o mqtt_codec.o
    runs ./app
    ;;
c++)
    needs c++ g++
    cp "$project/mqtt_codec.h" .
    quietly c++ -x c++ -std=c++11 -I. -o app main.c
    runs ./app
    ;;
cmake-copy)
    needs cmake cmake
    ln -s "$project" mqtt_codec
    block 'CMake, with a copy of the project' cmake >CMakeLists.txt
    with_cmake
    # A project that is installed does not install the header.
    echo 'install(TARGETS app DESTINATION bin)' >>CMakeLists.txt
    quietly cmake -S . -B build
    quietly cmake --install build --prefix ../moved
    [ "$(cd ../moved && find . -type f)" = ./bin/app ] || fail "more is installed than the program"
    ;;
cmake-fetched)
    needs cmake cmake
    repository
    block 'CMake, with FetchContent' cmake | sed "s|ADDRESS|file://$work/repository|" >CMakeLists.txt
    with_cmake
    ;;
cmake-fetched-from-a-path)
    needs cmake cmake
    ln -s "$project" ../mqtt_codec
    # shellcheck disable=SC2016 # for CMake
    path='SOURCE_DIR ${CMAKE_CURRENT_SOURCE_DIR}/../mqtt_codec'
    grep -qF "\`$path\`" "$project/docs/adding.md" || fail "docs/adding.md does not say $path"
    block 'CMake, with FetchContent' cmake | sed "s|GIT_REPOSITORY.*|$path|; /GIT_TAG/d" >CMakeLists.txt
    with_cmake
    ;;
cmake-installed)
    needs cmake cmake
    (
        cd "$project"
        eval "$(cd "$work/app" && block 'CMake, installed' sh |
            sed "s|-B build-cmake|-B '$work/build-cmake'|; s|install build-cmake|install '$work/build-cmake' --prefix '$work/prefix'|")"
    ) >log 2>&1 || { cat log >&2; fail "not installed"; }
    mv ../prefix ../moved
    is_installed
    found_by_cmake "$work/moved"
    ;;
meson-installed)
    needs cmake cmake
    # Neither the default folders nor their default depth.
    install_with_meson --includedir=include/mqtt --datadir=lib/share
    found_by_cmake "$work/moved/lib"
    ;;
pkg-config)
    needs pkg-config pkg-config
    [ "$(block pkg-config sh)" = 'meson setup build && meson install -C build --no-rebuild' ] ||
        fail "the page installs in another way"
    install_with_meson
    pkg-config --variable pc_path pkg-config | tr : '\n' | grep -qx /usr/local/share/pkgconfig ||
        fail "pkg-config does not look where the default prefix puts the .pc file"
    export PKG_CONFIG_PATH="$work/moved/share/pkgconfig"
    [ "$(pkg-config --modversion mqtt_codec)" = "$version" ] || fail "the version is not $version"
    quietly eval "$(block pkg-config sh 2)"
    runs ./app
    ;;
subproject | wrap)
    mkdir subprojects
    if [ "$way" = subproject ]; then
        ln -s "$project" subprojects/mqtt_codec
    else
        repository
        block Meson ini | sed "s|ADDRESS|file://$work/repository|" >subprojects/mqtt_codec.wrap
    fi
    block Meson meson >meson.build
    quietly meson setup build
    quietly ninja -C build
    runs build/app
    [ "$(find build -path '*/meson-private' -prune -o -type f -perm -100 -print | wc -l)" -eq 1 ] ||
        fail "more is built than the program"
    ;;
arduino)
    needs arduino-builder arduino-builder simavr simavr \
        /usr/share/arduino/hardware/arduino/avr arduino-core-avr
    mkdir sketch built "$work/libraries"
    # In the end it stops the simulator. Debian's avr-gcc is older than the one that the core is for.
    block Arduino cpp | sed '$s/}/    Serial.flush();\n    cli();\n    sleep_mode();\n}/
        1s/^/#include <avr\/sleep.h>\n/' >sketch/sketch.ino
    arduino() {
        quietly arduino-builder -compile -fqbn arduino:avr:uno -build-path "$work/app/built" -tools /usr/bin \
            -hardware /usr/share/arduino/hardware -hardware /usr/share/arduino-builder \
            -prefs=compiler.cpp.extra_flags=-DDECIMAL_DIG=__DECIMAL_DIG__ "$@" sketch/sketch.ino
        timeout 20 simavr -m atmega328p built/sketch.ino.elf >log 2>&1 || { cat log; fail "does not end"; }
        sed 's/\x1b\[[0-9]*m//g' log | grep -q '^2\.*$' || { cat log; fail "it does not print 2"; }
        rm -r built/* log
    }
    mkdir "$work/libraries/mqtt_codec"
    cp "$project/mqtt_codec.h" "$work/libraries/mqtt_codec"
    arduino -libraries "$work/libraries"
    sed -i 's/<mqtt_codec.h>/"mqtt_codec.h"/' sketch/sketch.ino
    cp "$project/mqtt_codec.h" sketch
    arduino
    ;;
*)
    fail "ways.sh: no way named $way"
    ;;
esac
echo "$way: built and run"
