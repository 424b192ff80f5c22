#!/bin/sh
# ways.sh PROJECT WAY: builds and runs consumer.c as a project that uses the codec does, in a folder of
# its own: copy, two-files, c++, pkg-config, find_package, FetchContent, subproject, wrap. Exits 77 if a
# tool for it is not installed.
set -eu
project=$1
way=$2
here=$project/tests/builds/install
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/app"
cd "$work/app"
cp "$here/consumer.c" .

fail() {
    echo "$1" >&2
    exit 1
}

needs() {
    command -v "$1" >/dev/null || {
        echo "skipped: $1 is not installed"
        exit 77
    }
}

quietly() {
    "$@" >log 2>&1 || { cat log >&2; fail "failed: $*"; }
}

# A PINGREQ has two bytes.
runs() {
    [ "$("$@")" = 2 ] || fail "$1 does not run"
}

# Installs the project, and moves what is installed to $work/moved.
install_project() {
    quietly meson setup -Dtests=false --prefix="$work/prefix" -Dpkgconfig.relocatable=true "$@" ../build \
        "$project"
    quietly meson install --no-rebuild -C ../build
    mv ../prefix ../moved
    (cd ../moved && find . -type f | sort) >installed
    cmp "$project/mqtt_codec.h" "$(find ../moved -name mqtt_codec.h)" || fail "the header is another"
}

version=$(sed -n 's/.*define MQTT_CODEC_VERSION_[MP][AIT][A-Z]* //p' "$project/mqtt_codec.h" |
    paste -s -d .)

case $way in
copy)
    cp "$project/mqtt_codec.h" .
    quietly cc -I. -o consumer consumer.c
    runs ./consumer
    ;;
two-files)
    cp "$project/mqtt_codec.h" .
    echo '#define MQTT_CODEC_IMPLEMENTATION
#include "mqtt_codec.h"' >mqtt_codec.c
    quietly cc -c mqtt_codec.c
    quietly cc -DMQTT_CODEC_DECLARE_ONLY -I. -c consumer.c
    [ "$(nm consumer.o | grep mqtt)" = "                 U mqtt_encode_pingreq" ] ||
        fail "the program has a copy of its own"
    quietly cc -o consumer consumer.o mqtt_codec.o
    runs ./consumer
    ;;
c++)
    needs c++
    cp "$project/mqtt_codec.h" .
    quietly c++ -x c++ -std=c++11 -I. -o consumer consumer.c
    runs ./consumer
    ;;
pkg-config)
    needs pkg-config
    install_project
    [ "$(paste -s -d ' ' installed)" = "./include/mqtt_codec.h ./share/cmake/mqtt_codec/mqtt_codecConfig.cmake \
./share/cmake/mqtt_codec/mqtt_codecConfigVersion.cmake ./share/pkgconfig/mqtt_codec.pc" ] ||
        { cat installed; fail "more or less is installed than the header and what finds it"; }
    pkg-config --variable pc_path pkg-config | tr : '\n' | grep -qx /usr/local/share/pkgconfig ||
        fail "pkg-config does not look where the default prefix puts the .pc file"
    export PKG_CONFIG_PATH="$work/moved/share/pkgconfig"
    [ "$(pkg-config --modversion mqtt_codec)" = "$version" ] || fail "the version is not $version"
    # shellcheck disable=SC2046
    quietly cc $(pkg-config --cflags mqtt_codec) -o consumer consumer.c
    runs ./consumer
    ;;
find_package)
    needs cmake
    # Neither the default folders nor their default depth.
    install_project --includedir=include/mqtt --datadir=lib/share
    cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.13)
project(app C)
find_package(mqtt_codec ${wanted} REQUIRED)
add_executable(consumer consumer.c)
target_link_libraries(consumer PRIVATE mqtt_codec::mqtt_codec)
END
    set -- -S . -DCMAKE_PREFIX_PATH="$work/moved/lib"
    quietly cmake "$@" -B exact "-Dwanted=$version;EXACT"
    quietly cmake "$@" -B build "-Dwanted=${version%.*}"
    quietly cmake --build build
    runs build/consumer
    major=${version%%.*}
    minor=${version#*.} minor=${minor%.*}
    for wanted in $((major + 1)).0 "$major.$((minor + 1))" "$version.1"; do
        ! cmake "$@" -B "build-$wanted" "-Dwanted=$wanted" >log 2>&1 || fail "$version is taken for $wanted"
        grep -q 'compatible with requested version' log || { cat log; fail "not for its version"; }
    done
    ;;
FetchContent)
    needs cmake
    cat >CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.14)
project(app C)
include(FetchContent)
FetchContent_Declare(mqtt_codec SOURCE_DIR ${copy})
FetchContent_MakeAvailable(mqtt_codec)
add_executable(consumer consumer.c)
target_include_directories(consumer PRIVATE ${mqtt_codec_SOURCE_DIR})
END
    quietly cmake -S . -B build -Dcopy="$project"
    quietly cmake --build build
    runs build/consumer
    ;;
subproject | wrap)
    mkdir subprojects
    if [ "$way" = subproject ]; then
        ln -s "$project" subprojects/mqtt_codec
    else
        needs git
        # The project as its repository would give it.
        mkdir ../repository
        (cd "$project" && tar -c --exclude=./build --exclude=./.git .) | tar -x -C ../repository
        quietly git -C ../repository init -q
        quietly git -C ../repository add -A
        quietly git -C ../repository -c user.name=test -c user.email=test commit -q -m version
        sed "s|^url = .*|url = file://$work/repository|" "$project/examples/mqtt_codec.wrap" \
            >subprojects/mqtt_codec.wrap
    fi
    cat >meson.build <<'END'
project('app', 'c', meson_version: '>= 1.0.0')
executable('consumer', 'consumer.c', dependencies: dependency('mqtt_codec'))
END
    quietly meson setup build
    quietly ninja -C build
    runs build/consumer
    [ "$(find build -path '*/meson-private' -prune -o -type f -perm -100 -print | wc -l)" -eq 1 ] ||
        fail "more is built than the program"
    ;;
*)
    fail "ways.sh: no way named $way"
    ;;
esac
echo "$way: built and run"
