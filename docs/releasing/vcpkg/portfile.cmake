vcpkg_download_distfile(ARCHIVE
    URLS "https://example.invalid/mqtt_codec/archive/v${VERSION}.tar.gz"
    FILENAME "mqtt_codec-${VERSION}.tar.gz"
    SHA512 00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
)
vcpkg_extract_source_archive(SOURCE_PATH ARCHIVE "${ARCHIVE}")

set(VCPKG_BUILD_TYPE release) # header-only
vcpkg_cmake_configure(SOURCE_PATH "${SOURCE_PATH}/.cmake")
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(PACKAGE_NAME mqtt_codec CONFIG_PATH share/cmake/mqtt_codec)
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
