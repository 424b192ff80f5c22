#!/bin/sh
# install.sh PROJECT: installs the project into a folder, builds a program with what pkg-config says
# of it there, and another one in a project that has it as a Meson subproject.
set -eu
project=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
    echo "$1" >&2
    exit 1
}

meson setup --prefix="$work/prefix" -Dpkgconfig.relocatable=true build "$project" >log 2>&1 ||
    { cat log; fail "meson setup"; }
meson install --no-rebuild -C build >log 2>&1 || { cat log; fail "meson install"; }
(cd prefix && find . -type f | sort) >installed
cmp "$project/mqtt_codec.h" prefix/include/mqtt_codec.h || fail "the header is another"
[ "$(wc -l <installed)" -eq 2 ] || { cat installed; fail "not the header and a .pc file alone"; }
pkg-config --variable pc_path pkg-config | tr : '\n' | grep -qx /usr/local/share/pkgconfig ||
    fail "pkg-config does not look where the default prefix puts the .pc file"
export PKG_CONFIG_PATH="$work/prefix/share/pkgconfig"
version=$(sed -n 's/.*define MQTT_CODEC_VERSION_[MP][AIT][A-Z]* //p' "$project/mqtt_codec.h" |
    paste -s -d .)
[ "$(pkg-config --modversion mqtt_codec)" = "$version" ] || fail "the version is not $version"
# shellcheck disable=SC2046
cc $(pkg-config --cflags mqtt_codec) -o consumer "$project/tests/install/consumer.c"
[ "$(./consumer)" = 2 ] || fail "the program does not run"

mkdir -p parent/subprojects
ln -s "$project" parent/subprojects/mqtt_codec
cp "$project/tests/install/consumer.c" parent/
cat >parent/meson.build <<END
project('parent', 'c', meson_version: '>= 1.0.0')
executable('consumer', 'consumer.c', dependencies: dependency('mqtt_codec',
  fallback: ['mqtt_codec', 'mqtt_codec_dep']))
END
unset PKG_CONFIG_PATH
meson setup parent/build parent >log 2>&1 || { cat log; fail "as a subproject: meson setup"; }
ninja -C parent/build >log 2>&1 || { cat log; fail "as a subproject: ninja"; }
[ "$(parent/build/consumer)" = 2 ] || fail "as a subproject: the program does not run"
[ "$(find parent/build -path '*/meson-private' -prune -o -type f -perm -100 -print | wc -l)" -eq 1 ] ||
    fail "as a subproject: more is built than the program"
echo "installed: $(paste -s -d ' ' installed)"
