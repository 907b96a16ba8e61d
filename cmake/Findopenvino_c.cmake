# openvino_c, the headers of OpenVINO's C API and the place of its library: openvino_c::openvino_c (headers only),
# openvino_c_LIBRARY.
#
# From the system, or from a folder in CMAKE_PREFIX_PATH (tools/lib/openvino.sh makes one of PyPI's package). Programs open the
# library by themselves, so nothing is linked. PyPI's package has no name without a version for it.
find_path(openvino_c_INCLUDE_DIR openvino/c/openvino.h PATH_SUFFIXES runtime/include)
find_library(openvino_c_LIBRARY NAMES openvino_c PATH_SUFFIXES runtime/lib/intel64)
if(NOT openvino_c_LIBRARY)
  foreach(prefix ${CMAKE_PREFIX_PATH})
    file(GLOB found ${prefix}/lib/libopenvino_c.so.*)
    if(found)
      list(GET found 0 found)
      set(openvino_c_LIBRARY ${found} CACHE FILEPATH "OpenVINO's C library" FORCE)
      break()
    endif()
  endforeach()
endif()
mark_as_advanced(openvino_c_INCLUDE_DIR openvino_c_LIBRARY)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(openvino_c REQUIRED_VARS openvino_c_INCLUDE_DIR openvino_c_LIBRARY
  REASON_FAILURE_MESSAGE "tools/test fetches OpenVINO from PyPI, or name its folder in CMAKE_PREFIX_PATH, or build with WHISPERSTORE_WITH_LOCAL_EMBEDDING=OFF")
if(openvino_c_FOUND AND NOT TARGET openvino_c::openvino_c)
  add_library(openvino_c::openvino_c INTERFACE IMPORTED)
  target_include_directories(openvino_c::openvino_c SYSTEM INTERFACE ${openvino_c_INCLUDE_DIR})
endif()
