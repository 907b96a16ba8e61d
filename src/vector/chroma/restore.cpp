#include "vector/chroma/restore.hpp"

#include "core/shield.hpp"
#include "vector/chroma/collections.hpp"
#include "vector/chroma/names.hpp"
#include "vector/chroma/upload.hpp"
#include "vector/server/archive_stream.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <random>
#include <set>
#include <utility>

namespace whisperstore::chroma {

namespace {

constexpr std::string_view decision_key = "whisperstore:restore";
constexpr std::chrono::hours left_over_after{24};
constexpr int time_digits = 16;

struct Renaming
{
    std::string id;
    std::string name;
};

struct Decision
{
    std::string token;
    std::vector<Renaming> retired;
    std::vector<Renaming> restored;
};

std::int64_t microseconds_now()
{
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::string hex(std::uint64_t number)
{
    std::array<char, 2 * sizeof number> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16);
    const std::string text(digits.data(), end);
    return std::string(digits.size() - text.size(), '0') + text;
}

/// The time, by which a left-over is known, and something random.
std::string new_token()
{
    std::random_device random;
    return hex(static_cast<std::uint64_t>(microseconds_now())) + hex((std::uint64_t(random()) << 32U) | random());
}

bool is_old(std::string_view token)
{
    std::int64_t begun = 0;
    const std::string_view digits = token.substr(0, time_digits);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), begun, 16);
    return error == std::errc() &&
           std::chrono::microseconds(microseconds_now() - begun) > std::chrono::microseconds(left_over_after);
}

json::array to_json(const std::vector<Renaming>& renamings)
{
    json::array list;
    for (const Renaming& one : renamings) {
        json::object object;
        object["id"] = one.id;
        object["name"] = one.name;
        list.push_back(std::move(object));
    }
    return list;
}

std::vector<Renaming> renamings_of(const json::value& list)
{
    std::vector<Renaming> renamings;
    for (const json::value& item : list.as_array())
        renamings.push_back(Renaming{std::string(item.at("id").as_string()), std::string(item.at("name").as_string())});
    return renamings;
}

json::object stored(const Decision& decision)
{
    json::object content;
    content["retired"] = to_json(decision.retired);
    content["restored"] = to_json(decision.restored);
    json::object metadata;
    metadata[decision_key] = json::serialize(content);
    return metadata;
}

Decision decision_of(std::string token, const CollectionRow& row)
{
    try {
        const json::object content =
            parse_json_object(std::string(row.metadata.at(decision_key).as_string()), "restore");
        return Decision{std::move(token), renamings_of(content.at("retired")), renamings_of(content.at("restored"))};
    } catch (const std::exception& error) {
        throw StorageError(StorageErrc::corrupt, "a restore was decided, but what was decided cannot be read (" +
                                                     std::string(error.what()) + "): delete the collection '" +
                                                     row.name + "', then restore again");
    }
}

/// Nothing where the id is not there any more: somebody has gone on from here.
awaitable<std::optional<StorageError>> try_rename(std::shared_ptr<Api> api, Renaming renaming, OperationContext context)
{
    std::optional<StorageError> failure;
    try {
        co_await api->rename(renaming.id, renaming.name, std::move(context));
    } catch (const StorageError& error) {
        if (error.errc() != StorageErrc::not_found)
            failure = error;
    }
    co_return failure;
}

/// Gives a restored collection its name, which somebody may have taken since.
awaitable<void> give_name(std::shared_ptr<Api> api, Renaming renaming, std::string retired, OperationContext context)
{
    std::optional<StorageError> failure = co_await try_rename(api, renaming, context);
    if (failure && failure->errc() == StorageErrc::already_exists) {
        const std::optional<CollectionRow> other = co_await api->find(renaming.name, context);
        if (other) {
            Renaming away{other->id, retired};
            const auto ignored = co_await try_rename(api, std::move(away), context);
            static_cast<void>(ignored); // the next line tells
        }
        failure = co_await try_rename(api, renaming, context);
        co_await api->remove(std::move(retired), context);
    }
    if (failure)
        throw StorageError(*failure);
}

awaitable<void> finish(std::shared_ptr<Api> api, Decision decision, OperationContext context)
{
    for (const Renaming& old : decision.retired) {
        const std::optional<StorageError> failure = co_await try_rename(api, old, context);
        if (failure)
            throw StorageError(*failure);
    }
    std::size_t number = decision.retired.size();
    for (const Renaming& restored : decision.restored)
        co_await give_name(api, restored, retired_name(decision.token, number++), context);
    for (const Renaming& old : decision.retired)
        co_await api->remove(old.name, context);
    co_await api->remove(decision_name(decision.token), std::move(context));
}

/// Fills one collection beside the others.
awaitable<Renaming> stage(std::shared_ptr<Api> api, GraphSettings graph, std::string name,
                          std::shared_ptr<vector_server::RestoreSource> source,
                          const vector_archive::StoredCollection& collection, OperationContext context)
{
    const CollectionRow row = co_await api->create(std::move(name), stored_config(collection.config), graph, context);
    std::uint64_t documents = 0;
    while (true) {
        const std::vector<VectorDocument> some =
            co_await vector_server::RestoreSource::next(source, collection, context);
        if (some.empty())
            break;
        documents += some.size();
        co_await upload(api, row.id, some, context);
    }
    const std::uint64_t stored = co_await api->count(row.id, std::move(context));
    if (stored != documents)
        throw StorageError(StorageErrc::corrupt, "of " + std::to_string(documents) + " documents of '" +
                                                     collection.name + "' the server has " + std::to_string(stored));
    co_return Renaming{row.id, server_name(collection.name)};
}

awaitable<void> drop_staged(std::shared_ptr<Api> api, std::string token, std::size_t count)
{
    for (std::size_t number = 0; number < count; ++number)
        co_await api->remove(staged_name(token, number), OperationContext());
}

awaitable<void> decide(std::shared_ptr<Api> api, GraphSettings graph, Decision& decision, OperationContext context)
{
    const std::vector<CollectionRow> rows = co_await api->collections(context);
    for (const CollectionRow& row : rows)
        if (collection_of(row.name)) {
            std::string away = retired_name(decision.token, decision.retired.size());
            decision.retired.push_back(Renaming{row.id, std::move(away)});
        }
    co_await api->create(decision_name(decision.token), stored(decision), graph, std::move(context));
}

} // namespace

awaitable<void> restore_archive(std::shared_ptr<Api> api, GraphSettings graph, std::filesystem::path path,
                                OperationContext context)
{
    const auto source =
        co_await vector_server::RestoreSource::open(std::move(path), std::string(api->server().backend()), context);
    Decision decision;
    decision.token = new_token();
    std::size_t staged = 0;
    std::exception_ptr failure;
    bool decided = false;
    try {
        for (const vector_archive::StoredCollection& collection : source->collections()) {
            std::string name = staged_name(decision.token, staged++);
            Renaming renaming = co_await stage(api, graph, std::move(name), source, collection, context);
            decision.restored.push_back(std::move(renaming));
        }
        decided = true; // perhaps, from the request on
        co_await decide(api, graph, decision, std::move(context));
    } catch (...) {
        failure = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(false);
    if (failure) {
        // The next to open the database removes, or finishes, what cannot be cleared up now.
        if (!decided)
            co_await shielded(drop_staged(api, decision.token, staged));
        co_await asio::this_coro::throw_if_cancelled(true);
        std::rethrow_exception(failure);
    }
    const std::exception_ptr unfinished = co_await shielded(finish(api, std::move(decision), OperationContext()));
    co_await asio::this_coro::throw_if_cancelled(true);
    if (unfinished)
        std::rethrow_exception(unfinished);
}

awaitable<void> finish_restores(std::shared_ptr<Api> api, bool exclusive, OperationContext context)
{
    const std::vector<CollectionRow> rows = co_await api->collections(context);
    std::set<std::string> decided;
    for (const CollectionRow& row : rows)
        if (RestoreName name = restore_part(row.name); name.part == RestorePart::decision) {
            decided.insert(name.token);
            co_await finish(api, decision_of(std::move(name.token), row), context);
        }
    for (const CollectionRow& row : rows) {
        const RestoreName name = restore_part(row.name);
        const bool left_over =
            (name.part == RestorePart::retired && (exclusive || is_old(name.token))) ||
            (name.part == RestorePart::staged && !decided.contains(name.token) && (exclusive || is_old(name.token)));
        if (left_over)
            co_await api->remove(row.name, context);
    }
}

} // namespace whisperstore::chroma
