#include "crash/stores.hpp"
#include "crash/writer.hpp"

#include <whisperstore/vector/vector_database_manager.hpp>

namespace whisperstore::test {

namespace {

VectorDocument document_of(const Change& change)
{
    VectorDocument document{change.key, content_of(change.key, change.version),
                            embedding_of(change.key, change.version, vector_dimension), json::object()};
    document.metadata["version"] = change.version;
    document.metadata["group"] = change.key.substr(0, change.key.find('.'));
    return document;
}

awaitable<void> store_one(VectorDatabaseManager& vectors, Change change)
{
    VectorDocument document = document_of(change);
    co_await vectors.store_document(collection_of(change.key), change.key, document.content, document.embedding,
                                    document.metadata);
}

awaitable<void> store_several(VectorDatabaseManager& vectors, std::vector<Change> changes)
{
    std::vector<VectorDocument> documents;
    for (const Change& change : changes)
        documents.push_back(document_of(change));
    co_await vectors.store_documents(collection_of(changes.front().key), std::move(documents));
}

awaitable<void> delete_one(VectorDatabaseManager& vectors, std::string key)
{
    co_await vectors.delete_document(collection_of(key), key);
}

awaitable<void> delete_group(VectorDatabaseManager& vectors, std::string group)
{
    Filter filter = filter::eq("group", json::value(group));
    co_await vectors.delete_documents(collection_of(group), std::move(filter));
}

} // namespace

awaitable<void> write_vectors(VectorDatabaseManager& vectors, Actor actor)
{
    while (true) {
        const std::uint64_t choice = actor.below(20);
        if (choice < 12) {
            const Change change{actor.name("v"), choice < 3 ? 0 : actor.next_version()};
            awaitable<void> call = change.version == 0 ? delete_one(vectors, change.key) : store_one(vectors, change);
            co_await actor.tell(std::vector<Change>(1, change), std::move(call));
            continue;
        }
        const std::string group = actor.name("w");
        const std::int64_t version = choice < 14 ? 0 : actor.next_version();
        std::vector<Change> changes;
        for (int i = 0; i < group_size; ++i)
            changes.push_back(Change{in_group(group, i), version});
        awaitable<void> call = version == 0 ? delete_group(vectors, group) : store_several(vectors, changes);
        co_await actor.tell(changes, std::move(call));
    }
}

} // namespace whisperstore::test
