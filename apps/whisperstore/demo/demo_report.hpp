#pragma once
// What the demo finds out, and how it is shown.

#include "demo/demo_sample.hpp"
#include "invocation.hpp"

#include <whisperstore/cache/conversation_cache_manager.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>
#include <whisperstore/storage/message_importer.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace whisperstore::cli {

/// One question answered as a chat assistant does: context, similar memories, connected ones.
struct DemoAnswer
{
    SampleQuestion question;
    std::size_t context_messages = 0;
    std::vector<SearchResult> memories;
    std::size_t connected_memories = 0;
    double milliseconds = 0;

    /// Rank of the first expected message among the memories, from 0; their number when it is not there.
    std::size_t rank() const;
};

/// Somebody of the conversation.
struct DemoPerson
{
    std::string user_id;
    std::string username;
    std::uint64_t messages = 0;
    std::vector<std::uint64_t> replies_to; ///< to the others, in the order of DemoReport::people
};

/// What one of the stores holds.
struct DemoStore
{
    std::string name;
    std::string type;
    std::string holds;
};

/// Everything the demo shows.
struct DemoReport
{
    std::filesystem::path data_dir;
    std::string server;  ///< that has the database, with its type; empty where that is a file of the data directory
    std::string vectors; ///< what has the vectors, with its type; empty where they are files of the data directory
    std::filesystem::path sample;
    bool by_text = false; ///< texts were embedded here; else the sample's own vectors were used
    std::string model;    ///< that embedded them
    ImportReport import;
    std::vector<DemoStore> stores;
    std::string channel;
    std::vector<CachedMessage> conversation; ///< the newest messages of the channel
    std::vector<DemoAnswer> answers;
    std::vector<DemoPerson> people;
    std::string user; ///< whose graph is shown
    std::string words;
    RelationshipNetwork network;
    std::vector<ConnectedMemory> connected;
    json::object metrics;

    json::object to_json() const;
};

/// Shows it to people.
void print_demo(Output& out, const Terminal& terminal, const DemoReport& report);

} // namespace whisperstore::cli
