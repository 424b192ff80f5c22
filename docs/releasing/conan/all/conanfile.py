import os

from conan import ConanFile
from conan.tools.files import copy, get

required_conan_version = ">=2.0"


class MqttCodecConan(ConanFile):
    name = "mqtt_codec"
    description = "Encodes and decodes MQTT 3.1.1 and 5.0 packets: one C header"
    license = "MIT"
    url = "https://github.com/conan-io/conan-center-index"
    homepage = "https://example.invalid/mqtt_codec"
    topics = ("mqtt", "codec", "embedded", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    no_copy_source = True

    def package_id(self):
        self.info.clear()

    def source(self):
        get(self, **self.conan_data["sources"][self.version], strip_root=True)

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "mqtt_codec.h", self.source_folder, os.path.join(self.package_folder, "include"))

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_file_name", "mqtt_codec")
        self.cpp_info.set_property("cmake_target_name", "mqtt_codec::mqtt_codec")
        self.cpp_info.set_property("pkg_config_name", "mqtt_codec")
