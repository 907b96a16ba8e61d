// local_qdrant_process FOLDER: opens a folder of vectors beside the process that writes it, and tells
// line by line what it gets: why it may not write, what it finds, and what it finds when that changes.
#include "support/run.hpp"

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/vector/local_qdrant_manager.hpp>

#include <iostream>
#include <string>

namespace {

using namespace whisperstore;

std::string found(LocalQdrantManager& reader)
{
    const std::vector<float> query{1, 0, 0};
    std::string ids;
    for (const SearchResult& result : blocking::run(reader.search_similar("docs", query, 10)))
        ids += (ids.empty() ? "" : " ") + result.id;
    return ids;
}

void look(const std::string& folder)
{
    VectorDatabaseConfig config;
    config.persist_directory = folder;
    LocalQdrantManager second(config);
    try {
        blocking::run(second.initialize());
        std::cout << "opened" << std::endl;
    } catch (const StorageError& error) {
        std::cout << to_string(error.errc()) << ": " << error.message() << std::endl;
    }
    config.read_only = true;
    LocalQdrantManager reader(config);
    blocking::run(reader.initialize());
    const std::string before = found(reader);
    std::cout << before << std::endl;
    test::eventually([&] { return found(reader) != before; });
    std::cout << found(reader) << std::endl;
    blocking::run(reader.cleanup());
}

} // namespace

int main(int argc, char** argv)
{
    if (argc != 2) {
        std::cerr << "usage: local_qdrant_process FOLDER\n";
        return 2;
    }
    try {
        look(argv[1]);
    } catch (const std::exception& error) {
        std::cerr << "local_qdrant_process: " << error.what() << '\n';
        return 1;
    }
    return 0;
}
