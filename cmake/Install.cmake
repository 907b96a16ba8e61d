include(CMakePackageConfigHelpers)

add_library(whisperstore INTERFACE)
add_library(whisperstore::whisperstore ALIAS whisperstore)
target_link_libraries(whisperstore INTERFACE ${WHISPERSTORE_LIBRARIES})

install(TARGETS whisperstore ${WHISPERSTORE_LIBRARIES} EXPORT whisperstoreTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT whisperstoreTargets NAMESPACE whisperstore::
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/whisperstore)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/whisperstoreConfig.cmake.in
  ${CMAKE_BINARY_DIR}/whisperstoreConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/whisperstore)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/whisperstoreConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/whisperstoreConfig.cmake ${CMAKE_BINARY_DIR}/whisperstoreConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/whisperstore)
if(TARGET whisperstore_cli)
  install(TARGETS whisperstore_cli DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
