#include "vector/chroma/collections.hpp"

#include "vector/chroma/layout.hpp"
#include "vector/chroma/names.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <utility>

namespace whisperstore::chroma {

namespace {

StorageError unknown(std::string_view name)
{
    return StorageError(StorageErrc::not_found, "there is no collection '" + std::string(name) + "'");
}

} // namespace

std::optional<std::uint64_t> RememberedSize::value() const noexcept
{
    if (std::chrono::steady_clock::now().time_since_epoch().count() >= until_.load(std::memory_order_relaxed))
        return std::nullopt;
    return count_.load(std::memory_order_relaxed);
}

void RememberedSize::set(std::uint64_t count) noexcept
{
    constexpr std::chrono::seconds kept{5};
    count_.store(count, std::memory_order_relaxed);
    until_.store((std::chrono::steady_clock::now() + kept).time_since_epoch().count(), std::memory_order_relaxed);
}

json::object stored_config(const CollectionConfig& config)
{
    // Apart from the collection's own metadata, whose keys may be anything.
    json::object shape;
    shape["description"] = config.description;
    shape["embedding_dimension"] = config.embedding_dimension;
    shape["distance_metric"] = config.distance_metric;
    shape["embedding_model"] = config.embedding_model;
    shape["lexical"] = config.lexical;
    shape["metadata"] = config.metadata;
    json::object stored;
    stored[collection_key] = json::serialize(shape);
    return stored;
}

Collection collection_of_row(std::string name, const CollectionRow& row)
{
    Collection collection;
    collection.id = row.id;
    collection.name = std::move(name);
    CollectionConfig& config = collection.config;
    const json::value* own = row.metadata.if_contains(collection_key);
    if (!own) {
        config.embedding_dimension = row.dimension.value_or(0);
        config.distance_metric = row.space.empty() ? "l2" : row.space; // Chroma's default
        config.metadata = row.metadata;
        return collection;
    }
    try {
        json::object shape = parse_json_object(std::string(own->as_string()), "collection");
        json::object metadata;
        if (json::value* inner = shape.if_contains("metadata"); inner && inner->is_object())
            metadata = std::move(inner->get_object());
        shape.erase("metadata");
        config = CollectionConfig::from_json(shape);
        config.metadata = std::move(metadata);
    } catch (const std::exception& error) {
        throw StorageError(StorageErrc::corrupt, "collection '" + collection.name + "': its '" +
                                                     std::string(collection_key) +
                                                     "' was changed by somebody else: " + error.what());
    }
    return collection;
}

void Collections::remember(std::shared_ptr<const Collection> collection)
{
    const std::lock_guard lock(mutex_);
    // Without a dimension it changes with the first record.
    if (collection->config.embedding_dimension > 0)
        known_.insert_or_assign(collection->name, std::move(collection));
}

void Collections::forget(const std::string& name)
{
    const std::lock_guard lock(mutex_);
    known_.erase(name);
}

void Collections::forget_all()
{
    const std::lock_guard lock(mutex_);
    known_.clear();
}

awaitable<Collections::Found> Collections::find(std::string name, OperationContext context)
{
    check_collection_name(name);
    {
        const std::lock_guard lock(mutex_);
        if (const auto known = known_.find(name); known != known_.end())
            co_return Found{known->second, true};
    }
    std::shared_ptr<const Collection> found = co_await find_now(std::move(name), std::move(context));
    co_return Found{std::move(found), false};
}

awaitable<std::shared_ptr<const Collection>> Collections::find_now(std::string name, OperationContext context)
{
    const std::optional<CollectionRow> row = co_await api_->find(server_name(name), std::move(context));
    if (!row) {
        forget(name);
        throw unknown(name);
    }
    auto found = std::make_shared<const Collection>(collection_of_row(std::move(name), *row));
    remember(found);
    co_return found;
}

awaitable<void> Collections::create(std::string name, CollectionConfig config, OperationContext context)
{
    check_collection_name(name);
    check_collection_config(config);
    const CollectionRow row = co_await api_->create(server_name(name), stored_config(config), graph_, context);
    auto made = std::make_shared<const Collection>(collection_of_row(name, row));
    const CollectionConfig& there = made->config;
    if (there.distance_metric != config.distance_metric ||
        (there.embedding_dimension != 0 && there.embedding_dimension != config.embedding_dimension))
        throw StorageError(StorageErrc::already_exists,
                           "collection '" + name + "' exists with " + std::to_string(there.embedding_dimension) +
                               " dimensions by " + there.distance_metric + "; asked for were " +
                               std::to_string(config.embedding_dimension) + " by " + config.distance_metric);
    remember(made);
    co_await complete(std::move(made), config.embedding_model, config.lexical, std::move(context));
}

awaitable<void> Collections::remember_model(std::string name, std::string model, OperationContext context)
{
    check_collection_name(name);
    std::shared_ptr<const Collection> found = co_await find_now(std::move(name), context);
    co_await complete(std::move(found), std::move(model), false, std::move(context));
}

awaitable<void> Collections::complete(std::shared_ptr<const Collection> collection, std::string model, bool lexical,
                                      OperationContext context)
{
    check_embedding_model(collection->name, collection->config.embedding_model, model);
    const bool new_model = !model.empty() && collection->config.embedding_model.empty();
    if (!new_model && (!lexical || collection->config.lexical))
        co_return;
    Collection changed = *collection;
    if (new_model)
        changed.config.embedding_model = std::move(model);
    changed.config.lexical = changed.config.lexical || lexical;
    // From here on a collection that others made is told by what is written here.
    if (changed.config.embedding_dimension == 0)
        throw StorageError(StorageErrc::unsupported, "collection '" + changed.name +
                                                         "' was made by another program and is empty: its dimension "
                                                         "is not known; delete it and create it here");
    co_await api_->set_metadata(changed.id, stored_config(changed.config), std::move(context));
    remember(std::make_shared<const Collection>(std::move(changed)));
}

awaitable<bool> Collections::remove(std::string name, OperationContext context)
{
    const std::string on_server = server_name(name);
    forget(name);
    const bool existed = co_await api_->remove(on_server, std::move(context));
    forget(name);
    co_return existed;
}

awaitable<std::vector<std::string>> Collections::names(OperationContext context)
{
    const std::vector<CollectionRow> rows = co_await api_->collections(std::move(context));
    std::vector<std::string> names;
    for (const CollectionRow& row : rows)
        if (auto name = collection_of(row.name))
            names.push_back(std::move(*name));
    std::ranges::sort(names);
    names.erase(std::unique(names.begin(), names.end()), names.end()); // a page may have moved while they were read
    co_return names;
}

} // namespace whisperstore::chroma
