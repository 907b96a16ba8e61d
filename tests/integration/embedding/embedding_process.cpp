// The local embedding model as a program, for comparisons with other tools' answers.
//
//   embedding_process tokens FOLDER                       token ids
//   embedding_process vectors FOLDER PRECISION THREADS    vectors
//
// Standard input: a JSON text a line, one list of texts. Standard output: the ids of each in a line of JSON; or the
// vectors as little-endian float32, one after the other.

#include "embedding/local/model_folder.hpp"

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/embedding/local_embedding_provider.hpp>

#include <cstdio>
#include <iostream>

namespace {

using namespace whisperstore;

std::vector<std::string> read_texts()
{
    std::vector<std::string> texts;
    for (std::string line; std::getline(std::cin, line);)
        texts.emplace_back(json::parse(line).as_string());
    return texts;
}

void write_tokens(const std::filesystem::path& folder)
{
    const auto found = local_embedding::ModelFolder::find(folder, local_embedding::Precision::float32);
    const local_embedding::WordPiece tokenizer = found.tokenizer();
    const std::size_t maximum = found.maximum_tokens();
    for (const std::string& text : read_texts()) {
        json::array ids;
        for (const local_embedding::TokenId id : tokenizer.encode(text, maximum))
            ids.push_back(id);
        std::cout << json::serialize(ids) << '\n';
    }
}

void write_vectors(EmbeddingConfig config)
{
    asio::io_context io;
    LocalEmbeddingProvider provider(std::move(config));
    for (const std::vector<float>& vector : blocking::run(io, provider.embed(read_texts())))
        std::cout.write(reinterpret_cast<const char*>(vector.data()),
                        static_cast<std::streamsize>(vector.size() * sizeof(float)));
}

} // namespace

int main(int count, char** arguments)
{
    try {
        const std::vector<std::string> given(arguments + 1, arguments + count);
        if (given.size() == 2 && given[0] == "tokens") {
            write_tokens(given[1]);
        } else if (given.size() == 4 && given[0] == "vectors") {
            EmbeddingConfig config;
            config.model_dir = given[1];
            config.precision = given[2];
            config.threads = std::stoul(given[3]);
            write_vectors(std::move(config));
        } else {
            std::cerr << "usage: embedding_process tokens FOLDER | vectors FOLDER PRECISION THREADS\n";
            return 2;
        }
        std::cout.flush();
        return std::cout ? 0 : 1;
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
