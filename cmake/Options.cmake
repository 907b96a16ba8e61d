# What is built. Every backend is an option and a target of its own, so a build needs only the
# client libraries of the backends it contains.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()

option(WHISPERSTORE_WITH_SQLITE "SQLite database adapter and the SQLite graph fallback" ON)
option(WHISPERSTORE_WITH_POSTGRESQL "PostgreSQL database adapters" ON)
option(WHISPERSTORE_WITH_QDRANT "Vectors on Qdrant servers (HTTPQdrantManager, DistributedQdrantManager)" ON)
option(WHISPERSTORE_WITH_LOCAL_QDRANT "Embedded vector store (LocalQdrantManager)" ON)
option(WHISPERSTORE_WITH_CHROMADB "Vectors on Chroma servers, or on one of our own (LocalChromaDBManager)" ON)
option(WHISPERSTORE_WITH_NEO4J "The Bolt driver and the graph on Neo4j" ON)
option(WHISPERSTORE_WITH_MEMORY_CACHE "In-memory conversation cache" ON)
option(WHISPERSTORE_WITH_REDIS "Conversation caches on Redis and Redis Cluster (need the in-memory one)" ON)
if(WHISPERSTORE_WITH_REDIS AND NOT WHISPERSTORE_WITH_MEMORY_CACHE)
  message(FATAL_ERROR "WHISPERSTORE_WITH_REDIS needs WHISPERSTORE_WITH_MEMORY_CACHE: it serves while Redis is away")
endif()
option(WHISPERSTORE_WITH_OPENAI_EMBEDDING "Embeddings of servers with OpenAI's interface" ON)
option(WHISPERSTORE_WITH_LOCAL_EMBEDDING "Embeddings by a model in this process (LocalEmbeddingProvider, OpenVINO)" ON)

option(WHISPERSTORE_BUILD_CLI "The whisperstore command" ${PROJECT_IS_TOP_LEVEL})
option(WHISPERSTORE_BUILD_TESTS "Tests" ${PROJECT_IS_TOP_LEVEL})
option(WHISPERSTORE_WARNINGS_AS_ERRORS "Treat warnings as errors" ${PROJECT_IS_TOP_LEVEL})
option(WHISPERSTORE_BUILD_BENCHMARKS "Benchmarks beside raw drivers (bench/)" OFF)
option(WHISPERSTORE_BUILD_FUZZERS "Fuzz targets as libFuzzer programs (tests/fuzz/, needs clang)" OFF)
set(WHISPERSTORE_SANITIZE "" CACHE STRING "Sanitizers to build with: address,undefined or thread")

find_program(WHISPERSTORE_CCACHE ccache)
if(WHISPERSTORE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The sloppiness settings are what ccache's manual asks for with precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${WHISPERSTORE_CCACHE})
endif()
