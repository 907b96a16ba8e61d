# Uses the library as a stranger would: installs the build into an empty folder, configures an example of its own
# against that with find_package, builds it, runs it, and looks at what it prints.
#
#   cmake -DBUILD_FOLDER=… -DEXAMPLE=… -DWORK_FOLDER=… -DCOMPILER=… -DBOOST=… -DPROGRAM=… -DEXPECTED=… -P this file
#
# WORK_FOLDER is emptied first. BOOST is the folder of BoostConfig.cmake, EXPECTED a regular expression.
foreach(name BUILD_FOLDER EXAMPLE WORK_FOLDER COMPILER BOOST PROGRAM EXPECTED)
  if(NOT DEFINED ${name} OR "${${name}}" STREQUAL "")
    message(FATAL_ERROR "-D${name}=… is missing")
  endif()
endforeach()

function(step)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE ${WORK_FOLDER})
step(${CMAKE_COMMAND} --install ${BUILD_FOLDER} --prefix ${WORK_FOLDER}/installed)
step(${CMAKE_COMMAND} -G Ninja -S ${EXAMPLE} -B ${WORK_FOLDER}/build -DCMAKE_BUILD_TYPE=Release
     -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_PREFIX_PATH=${WORK_FOLDER}/installed -DBoost_DIR=${BOOST})
step(${CMAKE_COMMAND} --build ${WORK_FOLDER}/build)

# Boost was needed to build only.
execute_process(COMMAND ldd ${WORK_FOLDER}/build/${PROGRAM} OUTPUT_VARIABLE libraries COMMAND_ERROR_IS_FATAL ANY)
if(libraries MATCHES "boost|not found")
  message(FATAL_ERROR "the example cannot run everywhere:\n${libraries}")
endif()

# The backends of a laptop, wherever the test runs.
execute_process(
  COMMAND ${CMAKE_COMMAND} -E env
          WHISPERENGINE_DATA_DIR=${WORK_FOLDER}/data WHISPERENGINE_DATABASE_TYPE=sqlite
          WHISPERENGINE_VECTOR_DB_TYPE=local_qdrant WHISPERENGINE_CACHE_TYPE=memory WHISPERENGINE_GRAPH_DB_TYPE=sqlite
          ${WORK_FOLDER}/build/${PROGRAM}
  WORKING_DIRECTORY ${WORK_FOLDER} OUTPUT_VARIABLE output ECHO_OUTPUT_VARIABLE COMMAND_ERROR_IS_FATAL ANY)
if(NOT output MATCHES "${EXPECTED}")
  message(FATAL_ERROR "the example's output does not match '${EXPECTED}'")
endif()
