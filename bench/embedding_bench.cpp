// The local embedding model under measurement, one side of bench/embeddings.py.
//
//   embedding_bench FOLDER PRECISION THREADS < texts and commands
//
// First line: a JSON list of texts. Then a batch size a line; each is answered, when all texts have been embedded, by a
// line of JSON: seconds, cpu_seconds, resident_bytes. Batch size 1 embeds one text after the other, any other all in
// one call. "vectors" as a line writes the vectors as a line of JSON.

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/embedding/local_embedding_provider.hpp>

#include <chrono>
#include <fstream>
#include <iostream>
#include <sys/resource.h>
#include <unistd.h>

namespace {

using namespace whisperstore;
using Vectors = std::vector<std::vector<float>>;

double cpu_seconds()
{
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::size_t resident_bytes()
{
    std::size_t pages = 0;
    std::size_t resident = 0;
    std::ifstream("/proc/self/statm") >> pages >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

Vectors embed(asio::io_context& io, EmbeddingConfig config, const std::vector<std::string>& texts, std::size_t batch)
{
    config.batch_size = std::max<std::size_t>(batch, 1);
    LocalEmbeddingProvider provider(config); // of one model: they share it
    if (batch != 1)
        return blocking::run(io, provider.embed(texts));
    Vectors vectors;
    for (const std::string& text : texts)
        vectors.push_back(blocking::run(io, provider.embed_one(text)));
    return vectors;
}

} // namespace

int main(int count, char** arguments)
{
    try {
        if (count != 4) {
            std::cerr << "usage: embedding_bench FOLDER PRECISION THREADS (see bench/embeddings.py)\n";
            return 2;
        }
        EmbeddingConfig config;
        config.model_dir = arguments[1];
        config.precision = arguments[2];
        config.threads = std::stoul(arguments[3]);
        const LocalEmbeddingProvider keeps_the_model(config);
        asio::io_context io;

        std::string line;
        std::getline(std::cin, line);
        std::vector<std::string> texts;
        const json::value list = json::parse(line);
        for (const json::value& text : list.as_array())
            texts.emplace_back(text.as_string());
        while (std::getline(std::cin, line)) {
            if (line == "vectors") {
                std::cout << json::serialize(json::value_from(embed(io, config, texts, 64))) << std::endl;
                continue;
            }
            const std::size_t batch = std::stoul(line);
            const auto start = std::chrono::steady_clock::now();
            const double cpu = cpu_seconds();
            embed(io, config, texts, batch);
            json::object result;
            result["cpu_seconds"] = cpu_seconds() - cpu;
            result["seconds"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
            result["resident_bytes"] = resident_bytes();
            std::cout << json::serialize(result) << std::endl;
        }
        return 0;
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
