include(GNUInstallDirs)

# Flags for our own sources only: nothing here reaches the users of an installed package.
add_library(whisperstore_build_flags INTERFACE)
target_compile_options(whisperstore_build_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-unknown-warning-option -fPIC)
if(WHISPERSTORE_WARNINGS_AS_ERRORS)
  target_compile_options(whisperstore_build_flags INTERFACE -Werror)
endif()
if(WHISPERSTORE_SANITIZE)
  target_compile_options(whisperstore_build_flags INTERFACE
    -fsanitize=${WHISPERSTORE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(whisperstore_build_flags INTERFACE -fsanitize=${WHISPERSTORE_SANITIZE})
  if(WHISPERSTORE_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(whisperstore_build_flags INTERFACE -Wno-tsan)
  endif()
endif()
if(WHISPERSTORE_BUILD_FUZZERS)
  target_compile_options(whisperstore_build_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # -fpch-preprocess lets ccache see through the precompiled header; GCC 12 gives false
  # -Wmaybe-uninitialized, -Wmismatched-new-delete and -Wrestrict reports inside coroutine frames and std::string.
  target_compile_options(whisperstore_build_flags INTERFACE
    -fpch-preprocess -Wno-maybe-uninitialized -Wno-mismatched-new-delete -Wno-restrict -Wno-dangling-pointer)
elseif(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # Where the standard library comes out of the precompiled header, Clang reports what libstdc++'s own stable_sort and
  # stable_partition use. Our own use of what is deprecated is reported by GCC.
  target_compile_options(whisperstore_build_flags INTERFACE -Xclang -fno-pch-timestamp -Wno-deprecated-declarations)
endif()

# The heavy headers (Asio, JSON) are parsed once for the whole tree.
file(WRITE ${CMAKE_BINARY_DIR}/pch.cpp.in "// Carries the precompiled header.\n")
configure_file(${CMAKE_BINARY_DIR}/pch.cpp.in ${CMAKE_BINARY_DIR}/pch.cpp COPYONLY)
add_library(whisperstore_pch OBJECT ${CMAKE_BINARY_DIR}/pch.cpp)
target_link_libraries(whisperstore_pch PRIVATE whisperstore_build_flags Boost::headers Threads::Threads)
target_precompile_headers(whisperstore_pch PRIVATE ${PROJECT_SOURCE_DIR}/src/pch.hpp)

set(WHISPERSTORE_LIBRARIES "" CACHE INTERNAL "Library targets to install")

# whisperstore_library(<name> SOURCES ... [PUBLIC ...] [PRIVATE ...]): one static library
# whisperstore_<name>, alias whisperstore::<name>, installed and exported.
function(whisperstore_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  set(target whisperstore_${name})
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(whisperstore::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(${target}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE} $<BUILD_INTERFACE:whisperstore_build_flags>)
  target_precompile_headers(${target} REUSE_FROM whisperstore_pch)
  set(WHISPERSTORE_LIBRARIES ${WHISPERSTORE_LIBRARIES} ${target} CACHE INTERNAL "Library targets to install")
endfunction()

# whisperstore_executable(<name> SOURCES ... LIBRARIES ...): a program of ours.
function(whisperstore_executable name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} whisperstore_build_flags)
  # The precompiled header is position-independent library code; CMake's -fPIE for programs would not fit it.
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_precompile_headers(${name} REUSE_FROM whisperstore_pch)
endfunction()
