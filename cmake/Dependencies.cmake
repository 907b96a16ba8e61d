# Boost comes from the system where it is new enough, else from wherever CMAKE_PREFIX_PATH points
# (tools/quickstart and tools/test put the PyPI package cmeel-boost there). Header-only use: built
# and installed binaries do not depend on a Boost folder.
if(POLICY CMP0167)
  cmake_policy(SET CMP0167 NEW)
endif()
find_package(Boost 1.88 CONFIG REQUIRED)
find_package(Threads REQUIRED)
find_package(ICU REQUIRED COMPONENTS uc i18n)
find_package(OpenSSL REQUIRED COMPONENTS Crypto SSL)
# Of answers of HTTP servers.
find_package(ZLIB REQUIRED)
# Of backups. Debian's package has no CMake files.
find_package(PkgConfig REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
# Text of metrics. Its CMake files want libcurl and civetweb, which only its other parts use.
pkg_check_modules(PROMETHEUS_CPP REQUIRED IMPORTED_TARGET prometheus-cpp-core)
# Archives are SQLite files, whatever the backends.
find_package(SQLite3 3.38 REQUIRED)
if(WHISPERSTORE_WITH_POSTGRESQL)
  # libpq, with pipelines.
  find_package(PostgreSQL 14 REQUIRED)
endif()
if(WHISPERSTORE_WITH_LOCAL_QDRANT)
  find_package(hnswlib 0.8 REQUIRED)
endif()
if(WHISPERSTORE_WITH_LOCAL_EMBEDDING)
  find_package(openvino_c REQUIRED)
endif()
if(WHISPERSTORE_BUILD_CLI)
  find_package(CLI11 2.1 REQUIRED)
  find_package(spdlog REQUIRED)
endif()
if(WHISPERSTORE_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()
