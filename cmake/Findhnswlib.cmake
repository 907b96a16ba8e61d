# hnswlib, the headers of nearest-neighbour graphs: hnswlib::hnswlib, hnswlib_VERSION.
#
# From the system, or from a folder in CMAKE_PREFIX_PATH (tools/lib/hnswlib.sh makes one from PyPI's source package). The headers do not say their version; those of 0.8 are the first with stop_condition.h.
find_path(hnswlib_INCLUDE_DIR hnswlib/hnswlib.h)
mark_as_advanced(hnswlib_INCLUDE_DIR)
if(hnswlib_INCLUDE_DIR AND EXISTS ${hnswlib_INCLUDE_DIR}/hnswlib/stop_condition.h)
  set(hnswlib_VERSION 0.8)
elseif(hnswlib_INCLUDE_DIR)
  set(hnswlib_VERSION 0.7)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(hnswlib REQUIRED_VARS hnswlib_INCLUDE_DIR VERSION_VAR hnswlib_VERSION
  REASON_FAILURE_MESSAGE "0.8.0 or newer is needed: tools/test fetches it from PyPI, or name its folder in CMAKE_PREFIX_PATH, or build with WHISPERSTORE_WITH_LOCAL_QDRANT=OFF")
if(hnswlib_FOUND AND NOT TARGET hnswlib::hnswlib)
  add_library(hnswlib::hnswlib INTERFACE IMPORTED)
  target_include_directories(hnswlib::hnswlib SYSTEM INTERFACE ${hnswlib_INCLUDE_DIR})
endif()
