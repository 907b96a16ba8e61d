// Moving the collections of a vector database.
//
// They go through an archive: it is one snapshot where the source has such, and it can be looked things up in. An empty
// target is filled batch by batch, and one that holds some of it already (an earlier run was cut off) gets the rest;
// one that is to be replaced gets all of it at once, by its own restore.

#include "core/failure.hpp"
#include "migration/content.hpp"
#include "migration/layer_migration.hpp"
#include "vector/server/archive_stream.hpp"

#include <whisperstore/migration/storage_migration_manager.hpp>

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <utility>

namespace whisperstore {

namespace {

using migration::Running;
using vector_archive::StoredCollection;
using vector_server::RestoreSource;

constexpr std::string_view backend = "migration";
constexpr std::size_t documents_at_once = 512;
// Servers get them in batches, several of which are under way at once.
constexpr std::size_t documents_stored_at_once = 2048;

std::vector<std::string> ids_of(const std::vector<VectorDocument>& documents)
{
    std::vector<std::string> ids;
    ids.reserve(documents.size());
    for (const VectorDocument& document : documents)
        ids.push_back(document.id);
    return ids;
}

std::uint64_t bytes_of(const VectorDocument& document)
{
    return document.id.size() + document.content.size() + document.embedding.size() * sizeof(float);
}

std::uint64_t bytes_of(const std::vector<VectorDocument>& documents)
{
    std::uint64_t bytes = 0;
    for (const VectorDocument& document : documents)
        bytes += bytes_of(document);
    return bytes;
}

std::string named(const std::string& collection, const std::string& id)
{
    return "document '" + id + "' of the collection '" + collection + "'";
}

class VectorMigration
{
public:
    VectorMigration(VectorDatabaseManager& source, VectorDatabaseManager& target, MigrationOptions options,
                    OperationContext context)
        : source_(source),
          target_(target),
          context_(std::move(context)),
          running_(std::move(options), "vector_db", source.vector_database_type(), target.vector_database_type())
    {
    }

    awaitable<MigrationReport> run()
    {
        migration::check_different(&source_, &target_);
        co_await count_both();
        if (running_.options().dry_run) {
            plan();
            co_return running_.finish();
        }
        folder_.emplace(std::filesystem::temp_directory_path(), "migration");
        running_.begin_phase("read", 0);
        const std::filesystem::path file = folder_->file("vectors");
        co_await source_.backup_collections(file, context_);
        archive_ = co_await RestoreSource::open(file, std::string(backend), context_);
        if (running_.refuses())
            co_await check_target();
        running_.begin_phase("copy", in_total_);
        if (running_.replaces() && in_target_ > 0)
            co_await replace(file);
        else
            for (const StoredCollection& collection : archive_->collections())
                co_await copy(collection);
        running_.report.already_there = stored_ == 0 && in_total_ > 0 && !running_.replaces();
        running_.copied();
        if (running_.options().verify)
            co_await verify();
        co_return running_.finish();
    }

private:
    awaitable<void> count_both()
    {
        const std::vector<std::string> here = co_await source_.list_collections(context_);
        for (const std::string& name : here) {
            source_counts_[name] = co_await source_.count_documents(name, Filter(), context_);
            in_total_ += source_counts_[name];
        }
        const std::vector<std::string> there = co_await target_.list_collections(context_);
        for (const std::string& name : there) {
            target_counts_[name] = co_await target_.count_documents(name, Filter(), context_);
            in_target_ += target_counts_[name];
        }
    }

    /// What can be told without reading documents.
    void plan()
    {
        for (const auto& [name, count] : source_counts_) {
            MigratedItem item;
            item.name = name;
            item.rows = count;
            running_.report.items.push_back(std::move(item));
        }
        if (running_.refuses())
            for (const auto& [name, count] : target_counts_)
                if (const auto found = source_counts_.find(name);
                    count > 0 && (found == source_counts_.end() || count > found->second))
                    migration::refuse_target("the collection '" + name + "' holds " + std::to_string(count) +
                                             " documents");
    }

    const StoredCollection* archived(const std::string& name) const
    {
        for (const StoredCollection& collection : archive_->collections())
            if (collection.name == name)
                return &collection;
        return nullptr;
    }

    /// An earlier run may have left what the source holds, and nothing else.
    awaitable<void> check_target()
    {
        for (const auto& [name, count] : target_counts_) {
            if (count == 0)
                continue;
            const StoredCollection* collection = archived(name);
            if (!collection)
                migration::refuse_target("its collection '" + name + "', with " + std::to_string(count) +
                                         " documents, is not in the source");
            std::optional<PageCursor> cursor;
            do {
                Page<VectorDocument> page =
                    co_await target_.scroll(name, documents_at_once, std::move(cursor), Filter(), context_);
                cursor = std::move(page.next);
                const std::vector<VectorDocument> same =
                    co_await RestoreSource::find(archive_, *collection, ids_of(page.items), context_);
                std::size_t at = 0;
                for (const VectorDocument& document : page.items) {
                    if (at == same.size() || !migration::same_document(document, same[at]))
                        migration::refuse_target(named(name, document.id) +
                                                 " is another one than the source's, or only "
                                                 "there");
                    ++at;
                }
            } while (cursor);
        }
    }

    awaitable<void> replace(const std::filesystem::path& file)
    {
        co_await target_.restore_collections(file, context_);
        stored_ = in_total_;
        // The hashes are of what was read.
        for (const StoredCollection& collection : archive_->collections()) {
            ContentHash hash;
            while (true) {
                std::vector<VectorDocument> documents = co_await RestoreSource::next(archive_, collection, context_);
                if (documents.empty())
                    break;
                for (const VectorDocument& document : documents)
                    migration::add_document(hash, document);
                running_.advance(collection.name, documents.size(), bytes_of(documents));
            }
            add_item(collection.name, hash);
        }
    }

    awaitable<void> copy(const StoredCollection& collection)
    {
        co_await target_.create_collection(collection.name, collection.config, context_);
        const bool compare = target_counts_[collection.name] > 0;
        ContentHash hash;
        bool more = true;
        while (more) {
            std::vector<VectorDocument> documents;
            while (more && documents.size() < documents_stored_at_once) {
                std::vector<VectorDocument> some = co_await RestoreSource::next(archive_, collection, context_);
                more = !some.empty();
                std::move(some.begin(), some.end(), std::back_inserter(documents));
            }
            for (const VectorDocument& document : documents)
                migration::add_document(hash, document);
            const std::size_t count = documents.size();
            const std::uint64_t bytes = bytes_of(documents);
            if (compare)
                documents = co_await missing(collection, std::move(documents));
            stored_ += documents.size();
            if (!documents.empty())
                co_await target_.store_documents(collection.name, std::move(documents), context_);
            running_.advance(collection.name, count, bytes);
        }
        add_item(collection.name, hash);
    }

    /// Those that the target has not, or has otherwise.
    awaitable<std::vector<VectorDocument>> missing(const StoredCollection& collection,
                                                   std::vector<VectorDocument> documents)
    {
        const std::vector<VectorDocument> there =
            co_await target_.get_documents(collection.name, ids_of(documents), context_);
        std::size_t at = 0;
        std::vector<VectorDocument> out;
        for (VectorDocument& document : documents) {
            const bool known = at < there.size() && there[at].id == document.id;
            const bool same = known && migration::same_document(document, there[at]);
            at += known ? 1 : 0;
            if (!same)
                out.push_back(std::move(document));
        }
        co_return out;
    }

    void add_item(const std::string& name, const ContentHash& hash)
    {
        MigratedItem item;
        item.name = name;
        item.rows = hash.rows();
        item.bytes = hash.bytes();
        item.content_hash = hash.hex();
        running_.report.items.push_back(std::move(item));
    }

    awaitable<void> verify()
    {
        running_.begin_phase("verify", in_total_);
        std::size_t item = 0;
        for (const StoredCollection& collection : archive_->collections()) {
            ContentHash hash;
            while (true) {
                std::vector<VectorDocument> documents = co_await RestoreSource::next(archive_, collection, context_);
                if (documents.empty())
                    break;
                const std::vector<VectorDocument> there =
                    co_await target_.get_documents(collection.name, ids_of(documents), context_);
                for (std::size_t i = 0; i < documents.size(); ++i) {
                    if (i >= there.size() || !migration::same_document(documents[i], there[i]))
                        migration::differs(named(collection.name, documents[i].id) + " is missing or another one");
                    migration::add_document(hash, there[i]);
                }
                running_.advance(collection.name, documents.size(), bytes_of(documents));
            }
            const MigratedItem& moved = running_.report.items[item++];
            if (hash.hex() != moved.content_hash)
                migration::differs("the content hash of the collection '" + collection.name + "' is " + hash.hex() +
                                   ", not " + moved.content_hash);
            const std::uint64_t count = co_await target_.count_documents(collection.name, Filter(), context_);
            if (count != moved.rows && !running_.merges())
                migration::differs("the collection '" + collection.name + "' has " + std::to_string(count) +
                                   " documents, not " + std::to_string(moved.rows));
        }
        running_.report.verified = true;
    }

    VectorDatabaseManager& source_;
    VectorDatabaseManager& target_;
    const OperationContext context_;
    Running running_;
    std::map<std::string, std::uint64_t> source_counts_;
    std::map<std::string, std::uint64_t> target_counts_;
    std::uint64_t in_total_ = 0;
    std::uint64_t in_target_ = 0;
    std::uint64_t stored_ = 0;
    std::optional<sqlite::WorkFolder> folder_;
    std::shared_ptr<RestoreSource> archive_;
};

} // namespace

awaitable<MigrationReport> StorageMigrationManager::migrate_vector_database(VectorDatabaseManager& source_manager,
                                                                            VectorDatabaseManager& target_manager,
                                                                            MigrationOptions options,
                                                                            OperationContext context)
{
    context.check_deadline(backend, "migrate_vector_database");
    try {
        VectorMigration migration(source_manager, target_manager, std::move(options), std::move(context));
        co_return co_await migration.run();
    } catch (...) {
        rethrow_as_storage_error(backend, "migrate_vector_database");
    }
}

} // namespace whisperstore
