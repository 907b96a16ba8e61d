// The Qdrant manager under measurement, one side of bench/qdrant_client.py.
//
//   qdrant_client_bench FOLDER BATCHES QUESTIONS < commands
//
// Starts a server below FOLDER (or takes the one of WHISPERSTORE_BENCH_QDRANT_URL), makes the collection, writes what
// is to be stored and asked into FOLDER/memories.jsonl (a batch a line) and FOLDER/questions.jsonl, and prints a line
// of JSON: url, collection. Then a command a line:
//
//   reset                   makes the collection anew, empty
//   store COUNT IN_FLIGHT   stores so many batches
//   search COUNT IN_FLIGHT  asks so many questions
//
// Each is answered by a line of JSON: seconds, cpu_seconds.

#include "harness.hpp"
#include "protocol/http/float_text.hpp"
#include "qdrant_points.hpp"
#include "qdrant_server.hpp"

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/core/json.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

namespace {

using namespace whisperstore;

constexpr const char* collection = "qdrant_client_bench";

/// Numbers in the fewest digits that give the same float again, as we send them: a double has twice as many.
std::string vector_text(const std::vector<float>& vector)
{
    std::string text;
    http::append_float_array(text, vector);
    return text;
}

void write_memories(const std::filesystem::path& file, const std::vector<std::vector<VectorDocument>>& batches)
{
    std::ofstream out(file);
    for (const std::vector<VectorDocument>& batch : batches) {
        for (const VectorDocument& document : batch) {
            json::object rest;
            rest["id"] = document.id;
            rest["content"] = document.content;
            rest["metadata"] = document.metadata;
            const std::string text = json::serialize(rest);
            out << (&document == &batch.front() ? '[' : ',') << text.substr(0, text.size() - 1)
                << ",\"embedding\":" << vector_text(document.embedding) << '}';
        }
        out << "]\n";
    }
}

void write_questions(const std::filesystem::path& file, const std::vector<bench::MemoryQuestion>& questions)
{
    std::ofstream out(file);
    for (const bench::MemoryQuestion& question : questions)
        out << "{\"user_id\":\"" << question.user_id << "\",\"embedding\":" << vector_text(question.embedding) << "}\n";
}

void measure(const std::filesystem::path& folder, std::size_t batches, std::size_t questions)
{
    const std::vector<std::vector<VectorDocument>> memories = bench::make_memories(batches);
    const std::vector<bench::MemoryQuestion> asked = bench::make_questions(questions);
    write_memories(folder / "memories.jsonl", memories);
    write_questions(folder / "questions.jsonl", asked);
    const bench::QdrantServer server(folder);
    HTTPQdrantManager manager(bench::qdrant_config(server.url()));
    blocking::run(manager.initialize());
    bench::reset_collection(manager, collection);
    json::object place;
    place["url"] = server.url();
    place["collection"] = collection;
    std::cout << json::serialize(place) << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream words(line);
        std::string command;
        std::size_t count = 0;
        std::size_t in_flight = 0;
        words >> command >> count >> in_flight;
        std::vector<std::vector<VectorDocument>> given;
        if (command == "store")
            for (std::size_t i = 0; i < count; ++i)
                given.push_back(memories[i % memories.size()]);
        const double cpu = bench::cpu_seconds();
        json::object answer;
        answer["seconds"] = bench::milliseconds([&] {
                                if (command == "reset")
                                    bench::reset_collection(manager, collection);
                                else if (command == "store")
                                    bench::store_in_flight(manager, collection, in_flight, std::move(given));
                                else if (command == "search")
                                    bench::search_in_flight(manager, collection, in_flight, asked, count);
                                else
                                    throw std::runtime_error("unknown command: " + line);
                            }) /
                            1000;
        answer["cpu_seconds"] = bench::cpu_seconds() - cpu;
        std::cout << json::serialize(answer) << std::endl;
    }
    blocking::run(manager.delete_collection(collection));
    blocking::run(manager.cleanup());
}

} // namespace

int main(int count, char** arguments)
{
    try {
        if (count != 4) {
            std::cerr << "usage: qdrant_client_bench FOLDER BATCHES QUESTIONS (see bench/qdrant_client.py)\n";
            return 2;
        }
        measure(arguments[1], std::stoul(arguments[2]), std::stoul(arguments[3]));
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "qdrant_client_bench: " << error.what() << '\n';
        return 1;
    }
}
