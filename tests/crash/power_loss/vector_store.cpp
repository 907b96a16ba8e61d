#include "crash/power_loss/vector_store.hpp"

#include "support/run.hpp"

#include <cmath>
#include <stdexcept>

namespace whisperstore::test {

namespace {

constexpr std::size_t dimension = 8;
constexpr std::size_t collection_writer = 0;
const std::string collection_prefix = "extra_";

VectorDatabaseConfig configuration(const std::filesystem::path& folder)
{
    VectorDatabaseConfig config;
    config.persist_directory = folder / "data" / "vectors";
    return config;
}

CollectionConfig shape()
{
    CollectionConfig config;
    config.embedding_dimension = dimension;
    return config;
}

std::string collection_of(std::size_t writer) { return writer % 4 < 2 ? "memories" : "facts"; }

VectorDocument document(std::size_t writer, std::int64_t slot, std::int64_t version)
{
    VectorDocument made;
    made.id = std::to_string(writer) + "-" + std::to_string(slot);
    made.content = slot_content(writer, slot, version);
    made.metadata["writer"] = writer;
    made.metadata["slot"] = slot;
    made.metadata["version"] = version;
    std::mt19937_64 random(static_cast<std::uint64_t>(version) * 64 + static_cast<std::uint64_t>(slot) * 8 + writer);
    for (std::size_t i = 0; i < dimension; ++i)
        made.embedding.push_back(static_cast<float>(random() % 2000) - 999.5F);
    normalize(made.embedding);
    return made;
}

bool is_equal(const VectorDocument& a, const VectorDocument& b)
{
    bool equal = a.content == b.content && a.metadata == b.metadata && a.embedding.size() == b.embedding.size();
    for (std::size_t i = 0; equal && i < a.embedding.size(); ++i)
        equal = std::abs(a.embedding[i] - b.embedding[i]) < 1e-6F;
    return equal;
}

} // namespace

VectorStore::VectorStore(const std::filesystem::path& folder) : manager_(configuration(folder))
{
    run(manager_.initialize());
    try {
        run(manager_.create_collection("memories", shape()));
        run(manager_.create_collection("facts", shape()));
    } catch (...) {
        run(manager_.cleanup());
        throw;
    }
}

awaitable<void> VectorStore::write(Oracle& oracle, std::size_t writer, std::uint64_t seed, int operations)
{
    std::mt19937_64 random(seed + writer);
    for (int i = 0; i < operations; ++i) {
        if (writer == collection_writer) {
            co_await write_collection(oracle, writer, random);
            continue;
        }
        switch (random() % 5) {
        case 0:
            co_await delete_matches(oracle, writer, random);
            break;
        case 1:
            co_await write_batch(oracle, writer, random);
            break;
        default:
            co_await write_document(oracle, writer, random);
            break;
        }
    }
}

awaitable<void> VectorStore::write_document(Oracle& oracle, std::size_t writer, std::mt19937_64& random)
{
    SlotState after = oracle.state(writer);
    const SlotChange change = change_slot(after, random);
    oracle.begin(writer, after);
    const VectorDocument made = document(writer, change.slot, change.version.value_or(0));
    if (!change.version)
        co_await manager_.delete_document(collection_of(writer), made.id);
    else
        co_await manager_.store_document(collection_of(writer), made.id, made.content, made.embedding, made.metadata);
    oracle.acknowledge(writer);
}

awaitable<void> VectorStore::write_batch(Oracle& oracle, std::size_t writer, std::mt19937_64& random)
{
    SlotState after = oracle.state(writer);
    std::vector<VectorDocument> batch;
    for (std::uint64_t count = 2 + random() % 4; count > 0; --count) {
        const auto slot = static_cast<std::int64_t>(count);
        after[slot] = static_cast<std::int64_t>(random() % 1'000'000);
        batch.push_back(document(writer, slot, after[slot]));
    }
    oracle.begin(writer, after);
    co_await manager_.store_documents(collection_of(writer), std::move(batch));
    oracle.acknowledge(writer);
}

awaitable<void> VectorStore::delete_matches(Oracle& oracle, std::size_t writer, std::mt19937_64& random)
{
    SlotState after = oracle.state(writer);
    const auto above = static_cast<std::int64_t>(random() % 4);
    std::erase_if(after, [&](const auto& slot) { return slot.first > above; });
    oracle.begin(writer, after);
    const Filter filter = filter::eq("writer", writer) && filter::gt("slot", above);
    co_await manager_.delete_documents(collection_of(writer), filter);
    oracle.acknowledge(writer);
}

awaitable<void> VectorStore::write_collection(Oracle& oracle, std::size_t writer, std::mt19937_64& random)
{
    SlotState after = oracle.state(writer);
    const auto slot = static_cast<std::int64_t>(random() % 3);
    const std::string name = collection_prefix + std::to_string(slot);
    const bool existed = after.erase(slot) > 0;
    if (!existed)
        after[slot] = 1;
    oracle.begin(writer, after);
    if (existed)
        co_await manager_.delete_collection(name);
    else
        co_await manager_.create_collection(name, shape());
    oracle.acknowledge(writer);
}

std::vector<SlotState> VectorStore::read(std::size_t writers)
{
    std::vector<SlotState> found(writers);
    for (const std::string& name : run(manager_.list_collections())) {
        const std::vector<VectorDocument> documents = run(manager_.export_collection(name)).documents;
        if (name.starts_with(collection_prefix))
            found[collection_writer][std::stoll(name.substr(collection_prefix.size()))] = 1;
        for (const VectorDocument& stored : documents) {
            const auto writer = json::value_to<std::size_t>(stored.metadata.at("writer"));
            const auto slot = json::value_to<std::int64_t>(stored.metadata.at("slot"));
            const auto version = json::value_to<std::int64_t>(stored.metadata.at("version"));
            const VectorDocument expected = document(writer, slot, version);
            if (writer >= writers || stored.id != expected.id || collection_of(writer) != name ||
                !is_equal(stored, expected))
                throw std::runtime_error("document " + stored.id + " of " + name + " is nothing that anybody wrote");
            found[writer][slot] = version;
            // What is stored is found, filtered and not.
            const Filter filter = filter::eq("writer", writer) && filter::eq("version", version);
            for (const Filter& filters : {Filter(), filter}) {
                const auto hits = run(manager_.search_similar(name, expected.embedding, 1, filters));
                if (hits.size() != 1 || hits[0].id != stored.id || hits[0].content != stored.content)
                    throw std::runtime_error("a search in " + name + " does not find document " + stored.id);
            }
        }
        if (run(manager_.count_documents(name)) != documents.size())
            throw std::runtime_error("the index of " + name + " has another number of documents than its file");
    }
    return found;
}

awaitable<void> VectorStore::back_up(std::filesystem::path path)
{
    return manager_.backup_collections(std::move(path));
}

awaitable<void> VectorStore::restore(std::filesystem::path path)
{
    return manager_.restore_collections(std::move(path));
}

void VectorStore::close() { run(manager_.cleanup()); }

OpenPowerStore vector_store()
{
    return [](const std::filesystem::path& folder) { return std::make_unique<VectorStore>(folder); };
}

} // namespace whisperstore::test
