// chroma_owner FOLDER: owns a local Chroma until it is killed, or its input ends. Says "open" when it does.
#include "servers/chroma_servers.hpp"
#include "support/run.hpp"

#include <whisperstore/vector/local_chromadb_manager.hpp>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <sys/prctl.h>

int main(int count, char** values)
{
    using namespace whisperstore;
    if (count != 2)
        return 2;
    // No owner outlives a test that was itself ended.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    VectorDatabaseConfig config;
    config.persist_directory = values[1];
    config.chroma_command = test::chroma_program();
    LocalChromaDBManager vectors(config);
    try {
        test::run(vectors.initialize());
    } catch (const std::exception& error) {
        std::cout << error.what() << std::endl;
        return 1;
    }
    std::cout << "open" << std::endl;
    std::string line;
    std::getline(std::cin, line);
    // Without cleanup, and without any destructor: as a program does that calls exit() somewhere.
    std::_Exit(0);
}
