#include "vector/qdrant/collections.hpp"

#include "vector/qdrant/layout.hpp"

#include <algorithm>
#include <array>

namespace whisperstore::qdrant {

namespace {

constexpr std::string_view oldest_version = "1.10.0"; // the first with /points/query
constexpr std::string_view staging_mark = ".restore-";
constexpr std::string_view pending_key = "restore in progress"; // no collection can have this name
// What the assistant's documents are found by. Keys with numbers or times have no index: an index of one kind of number
// does not find the other.
constexpr std::array<std::string_view, 3> indexed_keys{"user_id", "channel_id", "memory_type"};
constexpr std::string_view tenant_key = "user_id";

bool is_name(std::string_view name)
{
    try {
        check_collection_name(name);
        return true;
    } catch (const StorageError&) {
        return false; // a collection of somebody else's, or one of ours that is no user's
    }
}

json::object entry_of(const CollectionConfig& config)
{
    json::object entry;
    entry["config"] = config.to_json();
    return entry;
}

CollectionConfig config_in(const json::object& entry)
{
    const json::value* config = entry.if_contains("config");
    if (!config || !config->is_object())
        throw StorageError(StorageErrc::corrupt, "an entry of the collection " + std::string(catalogue) +
                                                     " is not what whisperstore wrote: delete it there");
    return CollectionConfig::from_json(config->get_object());
}

json::object as_json(const PendingRestore& restore)
{
    json::array collections;
    for (const PendingRestore::Staged& staged : restore.collections) {
        json::object one = entry_of(staged.config);
        one["name"] = staged.name;
        one["collection"] = staged.collection;
        collections.emplace_back(std::move(one));
    }
    json::object document;
    document["collections"] = std::move(collections);
    return document;
}

PendingRestore restore_in(const json::object& document)
{
    PendingRestore restore;
    for (const json::value& item : document.at("collections").as_array()) {
        const json::object& one = item.as_object();
        restore.collections.push_back(PendingRestore::Staged{
            std::string(one.at("name").as_string()), std::string(one.at("collection").as_string()), config_in(one)});
    }
    return restore;
}

json::array points_named(std::string_view key)
{
    json::array points;
    points.emplace_back(point_id(key));
    return points;
}

StorageError not_found(const std::string& name)
{
    return StorageError(StorageErrc::not_found, "there is no collection '" + name + "'");
}

json::object alias_action(std::string_view action, const Alias& alias)
{
    json::object about;
    about["alias_name"] = alias.name;
    if (!alias.collection.empty())
        about["collection_name"] = alias.collection;
    json::object object;
    object[action] = std::move(about);
    return object;
}

} // namespace

std::string staged_name(std::string_view name, std::string_view restore)
{
    return std::string(name).append(staging_mark).append(restore);
}

awaitable<void> Collections::open(OperationContext context)
{
    Call about;
    about.target = "/";
    const std::string version = parse_version(co_await server_.send(std::move(about), context));
    if (Version::parse(version) < Version::parse(oldest_version))
        throw StorageError(StorageErrc::version_mismatch, "the server is Qdrant " + version + "; needed is " +
                                                              std::string(oldest_version) + " or newer");
    has_tenant_indexes_ = Version::parse(version) >= Version::parse("1.11.0");
    // Anybody may ask for the version. This is refused without the right key.
    const std::optional<json::object> pending = co_await find_entry(std::string(pending_key), context);
    if (pending)
        co_await finish_restore(restore_in(*pending), std::move(context));
}

awaitable<std::optional<CollectionInfo>> Collections::find_info(std::string name, OperationContext context)
{
    Call call;
    call.target = Server::target(name);
    const std::optional<std::string> body = co_await server_.find(std::move(call), std::move(context));
    if (!body)
        co_return std::nullopt;
    co_return parse_collection(*body);
}

awaitable<std::optional<json::object>> Collections::find_entry(std::string key, OperationContext context)
{
    json::object request;
    request["ids"] = points_named(key);
    request["with_payload"] = true;
    Call call{"POST", server_.read_target(catalogue, "/points"), json::serialize(request)};
    const std::optional<std::string> body = co_await server_.find(std::move(call), std::move(context));
    if (!body)
        co_return std::nullopt;
    std::vector<json::object> payloads = parse_payloads(*body);
    if (payloads.empty())
        co_return std::nullopt;
    co_return std::move(payloads.front());
}

awaitable<void> Collections::write_entry(std::string key, json::object entry, OperationContext context)
{
    entry["key"] = key;
    json::object point;
    point["id"] = point_id(key);
    point["vector"] = json::object();
    point["payload"] = std::move(entry);
    json::array points;
    points.emplace_back(std::move(point));
    json::object request;
    request["points"] = std::move(points);
    Call call{"PUT", server_.write_target(catalogue, "/points"), json::serialize(request),
              http::Effect::repeatable_write};
    std::optional<std::string> body = co_await server_.find(call, context);
    if (!body) {
        Call make{"PUT", Server::target(catalogue), R"({"vectors":{}})", http::Effect::repeatable_write};
        if (config_.replication_factor > 1)
            make.body = R"({"vectors":{},"replication_factor":)" + std::to_string(config_.replication_factor) + "}";
        std::optional<StorageError> failure;
        try {
            co_await server_.send(std::move(make), context);
        } catch (const StorageError& error) {
            failure = error;
        }
        if (failure && failure->errc() != StorageErrc::already_exists) // another process makes it, too
            throw StorageError(*failure);
        body = co_await server_.send(std::move(call), std::move(context));
    }
    check_completed(*body);
}

awaitable<void> Collections::erase_entry(std::string key, OperationContext context)
{
    json::object request;
    request["points"] = points_named(key);
    Call call{"POST", server_.write_target(catalogue, "/points/delete"), json::serialize(request),
              http::Effect::repeatable_write};
    const std::optional<std::string> body = co_await server_.find(std::move(call), std::move(context));
    if (body)
        check_completed(*body);
}

awaitable<void> Collections::write_config(std::string name, CollectionConfig config, OperationContext context)
{
    json::object entry = entry_of(config);
    co_await write_entry(name, std::move(entry), std::move(context));
    forget(name);
}

awaitable<std::vector<Alias>> Collections::aliases(OperationContext context)
{
    Call call;
    call.target = "/aliases";
    co_return parse_aliases(co_await server_.send(std::move(call), std::move(context)));
}

awaitable<std::vector<std::string>> Collections::names(OperationContext context)
{
    Call call;
    call.target = "/collections";
    std::vector<std::string> names = parse_names(co_await server_.send(std::move(call), context));
    for (Alias& alias : co_await aliases(std::move(context)))
        names.push_back(std::move(alias.name));
    std::erase_if(names, [](const std::string& name) { return !is_name(name); });
    std::ranges::sort(names);
    co_return names;
}

awaitable<Collection> Collections::read(std::string name, OperationContext context)
{
    const std::optional<CollectionInfo> info = co_await find_info(name, context);
    if (!info) {
        forget(name);
        throw not_found(name);
    }
    Collection collection;
    collection.info = *info;
    const std::optional<json::object> entry = co_await find_entry(name, std::move(context));
    if (entry)
        collection.config = config_in(*entry);
    collection.config.embedding_dimension = info->dimension;
    collection.config.lexical = collection.config.lexical && info->has_words;
    const std::lock_guard lock(mutex_);
    known_.insert_or_assign(std::move(name), std::make_shared<const Collection>(collection));
    co_return collection;
}

awaitable<std::shared_ptr<const Collection>> Collections::known(std::string name, std::size_t wanted_dimension,
                                                                OperationContext context)
{
    {
        const std::lock_guard lock(mutex_);
        const auto found = known_.find(name);
        if (found != known_.end() && (wanted_dimension == 0 || found->second->info.dimension == wanted_dimension))
            co_return found->second;
    }
    co_return std::make_shared<const Collection>(co_await read(std::move(name), std::move(context)));
}

void Collections::forget(const std::string& name)
{
    const std::lock_guard lock(mutex_);
    known_.erase(name);
}

awaitable<void> Collections::make(std::string collection, CollectionConfig config, OperationContext context)
{
    json::object dense;
    dense["size"] = config.embedding_dimension;
    dense["distance"] = "Cosine";
    json::object words;
    words["modifier"] = "idf";
    json::object sparse;
    sparse[words_vector] = std::move(words);
    json::object request;
    request["vectors"] = std::move(dense);
    request["sparse_vectors"] = std::move(sparse); // cannot be added later
    const auto set = [&](std::string_view key, std::size_t value) {
        if (value != 0)
            request[key] = value;
    };
    set("shard_number", config_.shard_number);
    set("replication_factor", config_.replication_factor);
    set("write_consistency_factor", config_.write_consistency_factor);
    Call call{"PUT", Server::target(collection), json::serialize(request), http::Effect::repeatable_write};
    parse_flag(co_await server_.send(std::move(call), context));
    co_await add_indexes(std::move(collection), std::move(context));
}

awaitable<void> Collections::add_indexes(std::string collection, OperationContext context)
{
    for (const std::string_view key : indexed_keys) {
        json::object schema;
        schema["type"] = "keyword";
        if (key == tenant_key && has_tenant_indexes_)
            schema["is_tenant"] = true;
        json::object request;
        request["field_name"] = std::string(metadata_key).append(".").append(key);
        request["field_schema"] = std::move(schema);
        Call call{"PUT", server_.write_target(collection, "/index"), json::serialize(request),
                  http::Effect::repeatable_write};
        check_completed(co_await server_.send(std::move(call), context));
    }
}

awaitable<void> Collections::create(std::string name, CollectionConfig config, OperationContext context)
{
    std::optional<CollectionInfo> info = co_await find_info(name, context);
    if (!info) {
        std::optional<StorageError> failure;
        try {
            co_await make(name, config, context);
        } catch (const StorageError& error) {
            failure = error;
        }
        if (!failure) {
            co_await write_config(name, std::move(config), std::move(context));
            co_return;
        }
        info = co_await find_info(name, context);
        if (!info || failure->errc() != StorageErrc::already_exists) // another process was first
            throw StorageError(*failure);
    }
    if (info->dimension != config.embedding_dimension || info->distance != "Cosine")
        throw StorageError(StorageErrc::already_exists,
                           "collection '" + name + "' exists with " + std::to_string(info->dimension) +
                               " dimensions and the metric " + info->distance + "; asked for were " +
                               std::to_string(config.embedding_dimension) + " and Cosine");
    Collection collection = co_await read(name, context);
    co_await learn(std::move(name), std::move(collection), std::move(config.embedding_model), config.lexical,
                   std::move(context));
}

awaitable<void> Collections::learn(std::string name, Collection collection, std::string model, bool lexical,
                                   OperationContext context)
{
    check_embedding_model(name, collection.config.embedding_model, model);
    const bool new_model = collection.config.embedding_model.empty() && !model.empty();
    const bool new_words = lexical && !collection.config.lexical && collection.info.has_words;
    if (!new_model && !new_words)
        co_return;
    if (new_model)
        collection.config.embedding_model = std::move(model);
    collection.config.lexical = collection.config.lexical || new_words;
    co_await write_config(std::move(name), std::move(collection.config), std::move(context));
}

awaitable<void> Collections::prepare_for_texts(std::string name, std::string embedding_model, OperationContext context)
{
    Collection collection = co_await read(name, context);
    co_await learn(std::move(name), std::move(collection), std::move(embedding_model), true, std::move(context));
}

awaitable<bool> Collections::drop(std::string collection, OperationContext context)
{
    Call call{"DELETE", Server::target(collection), {}, http::Effect::write};
    co_return parse_flag(co_await server_.send(std::move(call), std::move(context)));
}

awaitable<bool> Collections::remove(std::string name, OperationContext context)
{
    forget(name);
    std::string target = name;
    for (Alias& alias : co_await aliases(context))
        if (alias.name == name)
            target = std::move(alias.collection);
    // The entry first: a collection without one has defaults, an entry without one would be taken for the next one's.
    const std::optional<CollectionInfo> info = co_await find_info(target, context);
    if (!info)
        co_return false;
    co_await erase_entry(name, context);
    co_return co_await drop(std::move(target), std::move(context)); // and its aliases with it
}

awaitable<void> Collections::clear_staged(OperationContext context)
{
    // One that was decided and not finished needs what it filled: it comes first.
    const std::optional<json::object> pending = co_await find_entry(std::string(pending_key), context);
    if (pending)
        co_await finish_restore(restore_in(*pending), context);
    Call call;
    call.target = "/collections";
    const std::vector<std::string> names = parse_names(co_await server_.send(std::move(call), context));
    const std::vector<Alias> used = co_await aliases(context);
    for (const std::string& name : names)
        if (name.find(staging_mark) != std::string::npos &&
            std::ranges::find(used, name, &Alias::collection) == used.end())
            co_await drop(name, context);
}

awaitable<void> Collections::switch_to(PendingRestore restore, OperationContext context)
{
    co_await write_entry(std::string(pending_key), as_json(restore), context);
    co_await finish_restore(std::move(restore), std::move(context));
}

awaitable<void> Collections::finish_restore(PendingRestore restore, OperationContext context)
{
    const std::vector<std::string> old = co_await names(context);
    for (const std::string& name : old) {
        const bool stays = std::ranges::any_of(restore.collections, [&](const auto& one) { return one.name == name; });
        if (!stays)
            co_await remove(name, context);
    }
    for (const PendingRestore::Staged& staged : restore.collections) {
        std::string before; // what has the name now
        bool is_alias = false;
        for (const Alias& alias : co_await aliases(context))
            if (alias.name == staged.name) {
                is_alias = true;
                before = alias.collection;
            }
        if (!is_alias && std::ranges::find(old, staged.name) != old.end())
            before = staged.name;
        co_await write_config(staged.name, staged.config, context);
        if (before == staged.collection) // done before a crash
            continue;
        json::array actions;
        if (is_alias)
            actions.emplace_back(alias_action("delete_alias", Alias{staged.name, {}}));
        else if (!before.empty())
            co_await drop(before, context); // its name is needed
        actions.emplace_back(alias_action("create_alias", Alias{staged.name, staged.collection}));
        json::object request;
        request["actions"] = std::move(actions);
        Call call{"POST", "/collections/aliases", json::serialize(request), http::Effect::write};
        parse_flag(co_await server_.send(std::move(call), context));
        if (is_alias)
            co_await drop(before, context);
        forget(staged.name);
    }
    co_await erase_entry(std::string(pending_key), std::move(context));
}

} // namespace whisperstore::qdrant
