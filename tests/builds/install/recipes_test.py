#!/usr/bin/env python3
"""recipes_test.py PROJECT: the recipes of docs/releasing/ have the form that WrapDB, vcpkg and Conan Center
ask for, and the version of the header. The vcpkg and the Conan recipe run on the project, with
stand-ins for the functions of vcpkg and Conan. docs/releasing.md lists every placeholder."""

import configparser
import json
import pathlib
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import types
import unittest

PROJECT = pathlib.Path(sys.argv.pop(1)).resolve()
RECIPES = PROJECT / "docs/releasing"
VERSION = ".".join(re.findall(r"#define MQTT_CODEC_VERSION_[A-Z]+ (\d+)",
                              (PROJECT / "mqtt_codec.h").read_text(encoding="utf-8")))

VCPKG = """
function(vcpkg_download_distfile out)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "URLS;FILENAME;SHA512" "")
  if(NOT arg_SHA512 MATCHES "^[0-9a-f]+$" OR NOT arg_URLS MATCHES "${VERSION}")
    message(FATAL_ERROR "not an archive of this version")
  endif()
  set(${out} archive PARENT_SCOPE)
endfunction()
function(vcpkg_extract_source_archive out)
  set(${out} "${project}" PARENT_SCOPE)
endfunction()
function(vcpkg_cmake_configure)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "SOURCE_PATH" "")
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${arg_SOURCE_PATH}" -B "${build}"
    "-DCMAKE_INSTALL_PREFIX=${packages}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()
function(vcpkg_cmake_install)
  execute_process(COMMAND "${CMAKE_COMMAND}" --install "${build}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()
function(vcpkg_cmake_config_fixup)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "PACKAGE_NAME;CONFIG_PATH" "")
  file(RENAME "${packages}/${arg_CONFIG_PATH}" "${packages}/share/${arg_PACKAGE_NAME}")
endfunction()
function(vcpkg_install_copyright)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "" "FILE_LIST")
  file(COPY ${arg_FILE_LIST} DESTINATION "${packages}/share/mqtt-codec")
endfunction()
"""


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def text(path):
    return path.read_text(encoding="utf-8")


class Recipes(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_wrapdb(self):
        wrap = configparser.ConfigParser(interpolation=None)
        wrap.read_string(text(RECIPES / "wrapdb/mqtt_codec.wrap"))
        archive = wrap["wrap-file"]
        self.assertEqual(set(archive), {"directory", "source_url", "source_filename", "source_hash"})
        self.assertEqual(archive["directory"], "mqtt_codec-" + VERSION)
        self.assertEqual(archive["source_filename"], f"mqtt_codec-{VERSION}.tar.gz")
        self.assertIn("v" + VERSION, archive["source_url"])
        self.assertRegex(archive["source_hash"], "^[0-9a-f]{64}$")
        self.assertEqual(dict(wrap["provide"]), {"mqtt_codec": "mqtt_codec_dep"})
        self.assertIn("mqtt_codec_dep = declare_dependency", text(PROJECT / "meson.build"))
        self.assertEqual(json.loads(text(RECIPES / "wrapdb/releases.json")), {
            "mqtt_codec": {"dependency_names": ["mqtt_codec"], "versions": [VERSION + "-1"]}})

    def test_vcpkg(self):
        port = json.loads(text(RECIPES / "vcpkg/vcpkg.json"))
        self.assertEqual(list(port), ["name", "version", "description", "homepage", "license",
                                      "dependencies"])
        self.assertRegex(port["name"], "^[a-z0-9]+(-[a-z0-9]+)*$")
        self.assertEqual(port["version"], VERSION)
        self.assertEqual(port["license"], "MIT")
        used = set(re.findall(r"^(vcpkg_cmake\w+)", text(RECIPES / "vcpkg/portfile.cmake"), re.M))
        self.assertEqual(used, {"vcpkg_cmake_configure", "vcpkg_cmake_install",
                                "vcpkg_cmake_config_fixup"})
        self.assertEqual(port["dependencies"], [{"name": "vcpkg-cmake", "host": True},
                                                {"name": "vcpkg-cmake-config", "host": True}])

    @unittest.skipUnless(shutil.which("cmake"), "needs cmake")
    def test_vcpkg_runs(self):
        (self.folder / "port.cmake").write_text(
            VCPKG + text(RECIPES / "vcpkg/portfile.cmake"), encoding="utf-8")
        subprocess.run(
            ["cmake", f"-DVERSION={VERSION}", f"-Dproject={PROJECT}", f"-Dbuild={self.folder}/build",
             f"-Dpackages={self.folder}/packages", "-P", "port.cmake"],
            cwd=self.folder, check=True, stdout=subprocess.DEVNULL)
        self.assertEqual(files(self.folder / "packages"), [
            "include/mqtt_codec.h", "share/mqtt-codec/LICENSE",
            "share/mqtt_codec/mqtt_codecConfig.cmake",
            "share/mqtt_codec/mqtt_codecConfigVersion.cmake"])

    def test_conan(self):
        recipe = RECIPES / "conan"
        self.assertEqual(text(recipe / "config.yml"), f'versions:\n  "{VERSION}":\n    folder: all\n')
        self.assertRegex(text(recipe / "all/conandata.yml"), (
            rf'^sources:\n  "{re.escape(VERSION)}":\n    url: "\S+v{re.escape(VERSION)}\S+"\n'
            r'    sha256: "[0-9a-f]{64}"\n$'))

        def copy(_, name, source, target):
            pathlib.Path(target).mkdir()
            shutil.copy(pathlib.Path(source) / name, target)
        modules = {name: types.ModuleType(name) for name in ("conan", "conan.tools",
                                                             "conan.tools.files")}
        modules["conan"].ConanFile = object
        modules["conan.tools.files"].copy = copy
        modules["conan.tools.files"].get = None
        sys.modules.update(modules)
        package = runpy.run_path(str(recipe / "all/conanfile.py"))["MqttCodecConan"]()
        self.assertEqual((package.name, package.license, package.package_type),
                         ("mqtt_codec", "MIT", "header-library"))
        package.source_folder, package.package_folder = str(PROJECT), str(self.folder)
        package.package()
        self.assertEqual(files(self.folder), ["include/mqtt_codec.h", "licenses/LICENSE"])
        program = self.folder / "test_package"
        subprocess.run(["cc", "-I", self.folder / "include", "-o", program,
                        recipe / "all/test_package/test_package.c"], check=True)
        subprocess.run([program], check=True)

    def test_placeholders_are_listed(self):
        found = set()
        for name in ("README.md", "docs", "fuzz", "examples", "meson.build", ".cmake"):
            root = PROJECT / name
            for path in ([root] if root.is_file() else root.rglob("*")):
                if path.is_file() and b"example.invalid" in path.read_bytes():
                    found.add(str(path.relative_to(PROJECT)))
        page = text(PROJECT / "docs/releasing.md")
        listed = re.findall(r"^\| `([^`]+[^/])` \|", page, re.M)
        self.assertEqual(found - {"docs/releasing.md"}, set(listed))


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    for _, reason in result.skipped:
        print(f"skipped: {reason}")
    sys.exit(not result.wasSuccessful())
