#include "core/failure.hpp"
#include "sqlite/store.hpp"
#include "storage/import_file.hpp"

#include <whisperstore/storage/message_importer.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace whisperstore {

namespace {

constexpr std::string_view backend = "import";
constexpr std::string_view operation = "import_messages";
constexpr std::size_t largest_batch = 1000;

/// `(?, ?, …)` and its arguments.
std::string placeholders(std::size_t count)
{
    std::string out = "(";
    for (std::size_t i = 0; i < count; ++i)
        out += i == 0 ? "?" : ", ?";
    return out + ")";
}

class Import
{
public:
    Import(StorageLayer& storage, ImportOptions options, OperationContext context)
        : storage_(storage), options_(std::move(options)), context_(std::move(context))
    {
    }

    awaitable<ImportReport> run(std::filesystem::path messages)
    {
        const auto start = std::chrono::steady_clock::now();
        if (options_.batch_size == 0 || options_.batch_size > largest_batch)
            throw StorageError(StorageErrc::invalid_argument, "batch_size is " + std::to_string(options_.batch_size) +
                                                                  "; allowed are 1 to " +
                                                                  std::to_string(largest_batch));
        std::size_t dimension = 0;
        if (!options_.embeddings.empty()) {
            const CollectionConfig collection =
                co_await storage_.vector_db().get_collection(options_.collection, context_);
            dimension = collection.embedding_dimension;
        }
        embeds_ = options_.embeddings.empty() && options_.embed_texts && storage_.has_embeddings();
        report_.messages = co_await check(messages, options_, dimension, context_);
        if (embeds_ && report_.messages > 0)
            co_await try_embeddings();
        ImportFile file(messages, options_, dimension);
        while (true) {
            std::vector<ImportedMessage> batch = file.read(options_.batch_size);
            if (batch.empty())
                break;
            co_await store(std::move(batch));
            if (options_.progress)
                options_.progress(file.messages(), report_.messages);
        }
        report_.skipped = file.skipped();
        report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        co_return report_;
    }

private:
    /// Before anything is stored. The text is the same each time, so a cache knows it.
    awaitable<void> try_embeddings()
    {
        try {
            co_await storage_.embeddings().embed_one("hello", context_);
        } catch (const StorageError& error) {
            throw error.prefixed("texts cannot be embedded (import without vectors, or bring them in a file): ");
        }
    }

    /// On a thread of its own, for a file may be large.
    static awaitable<std::uint64_t> check(std::filesystem::path messages, ImportOptions options, std::size_t dimension,
                                          OperationContext context)
    {
        auto stop = std::make_shared<std::atomic<bool>>(false);
        auto count = std::make_shared<std::uint64_t>(0);
        std::function<void()> work = [=] { *count = ImportFile::check(messages, options, dimension, *stop); };
        std::function<void()> interrupt = [stop] { *stop = true; };
        co_await sqlite::run_on_thread(std::move(work), context, std::move(interrupt));
        // Stopped in the middle it has not seen the end.
        if (*stop) {
            context.check_deadline(backend, operation);
            throw StorageError(StorageErrc::cancelled, "the import was cancelled by its caller");
        }
        co_return *count;
    }

    awaitable<void> store(std::vector<ImportedMessage> batch)
    {
        const std::unordered_set<std::int64_t> known = co_await known_ids(batch);
        std::vector<ImportedMessage> fresh;
        std::vector<ImportedMessage> present;
        for (ImportedMessage& item : batch)
            (known.contains(item.message.message_id) ? present : fresh).push_back(std::move(item));
        report_.known += present.size();
        report_.imported += fresh.size();

        // Users come first, with the time of their first message; the rows of messages come last, for
        // they say that a message is complete.
        co_await store_users(fresh);
        std::vector<ImportedMessage> missing = co_await without_document(present);
        if (embeds_)
            co_await store_texts(fresh, missing);
        else
            co_await store_documents(fresh, std::move(missing));
        if (storage_.has_graph())
            co_await store_graph(fresh, present, known);
        co_await store_rows(fresh);
        for (ImportedMessage& item : fresh)
            co_await storage_.cache().add_message(item.message.channel_id, std::move(item.message), context_);
    }

    /// Which of a batch's messages, and of those they reply to, have their row.
    awaitable<std::unordered_set<std::int64_t>> known_ids(const std::vector<ImportedMessage>& batch)
    {
        std::set<std::int64_t> asked;
        for (const ImportedMessage& item : batch) {
            asked.insert(item.message.message_id);
            if (item.replies)
                asked.insert(*item.replies);
        }
        Parameters values;
        for (const std::int64_t id : asked)
            values.add("", id);
        const QueryResult result = co_await storage_.database().execute_query(
            "SELECT message_id FROM messages WHERE message_id IN " + placeholders(asked.size()), std::move(values),
            context_);
        std::unordered_set<std::int64_t> known;
        for (const Row& row : result)
            known.insert(row["message_id"].as_int());
        co_return known;
    }

    /// Whether there is anything to embed: attachments may come without a text.
    static bool has_text(const ImportedMessage& item)
    {
        return item.message.content.find_first_not_of(" \t\r\n") != std::string::npos;
    }

    /// Of messages that are there, those whose document is missing: imported without embeddings before.
    awaitable<std::vector<ImportedMessage>> without_document(std::vector<ImportedMessage> present)
    {
        if (embeds_)
            std::erase_if(present, [](const ImportedMessage& item) { return !has_text(item); });
        if ((options_.embeddings.empty() && !embeds_) || present.empty())
            co_return std::vector<ImportedMessage>();
        std::vector<std::string> ids;
        for (const ImportedMessage& item : present)
            ids.push_back(std::to_string(item.message.message_id));
        const std::vector<VectorDocument> documents =
            co_await storage_.vector_db().get_documents(options_.collection, std::move(ids), context_);
        std::unordered_set<std::string> stored;
        for (const VectorDocument& document : documents)
            stored.insert(document.id);
        std::erase_if(present, [&](const ImportedMessage& item) {
            return stored.contains(std::to_string(item.message.message_id));
        });
        co_return present;
    }

    awaitable<void> store_documents(const std::vector<ImportedMessage>& fresh, std::vector<ImportedMessage> missing)
    {
        std::vector<VectorDocument> documents;
        const auto add = [&](const ImportedMessage& item) {
            if (!item.embedding.empty())
                documents.push_back(VectorDocument{std::to_string(item.message.message_id), item.message.content,
                                                   item.embedding, item.document_metadata});
        };
        std::for_each(fresh.begin(), fresh.end(), add);
        std::for_each(missing.begin(), missing.end(), add);
        if (documents.empty())
            co_return;
        report_.documents += documents.size();
        co_await storage_.vector_db().store_documents(options_.collection, std::move(documents), context_);
    }

    awaitable<void> store_texts(const std::vector<ImportedMessage>& fresh, const std::vector<ImportedMessage>& missing)
    {
        std::vector<TextDocument> documents;
        for (const std::vector<ImportedMessage>* items : {&fresh, &missing})
            for (const ImportedMessage& item : *items)
                if (has_text(item))
                    documents.push_back(TextDocument{std::to_string(item.message.message_id), item.message.content,
                                                     item.document_metadata});
        if (documents.empty())
            co_return;
        report_.documents += documents.size();
        const auto start = std::chrono::steady_clock::now();
        co_await storage_.store_texts(options_.collection, std::move(documents), context_);
        report_.embedding_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }

    static GraphNode user_node(const UniversalMessage& message)
    {
        GraphNode node;
        node.node = NodeRef::user(message.user_id);
        if (!message.username.empty())
            node.properties["username"] = message.username;
        return node;
    }

    static std::string memory_ref(std::int64_t message_id)
    {
        return NodeRef::memory(std::to_string(message_id)).text();
    }

    static GraphNode memory_node(const ImportedMessage& item)
    {
        GraphNode node;
        node.node = NodeRef::memory(std::to_string(item.message.message_id));
        node.content = item.message.content;
        node.properties["user_id"] = item.message.user_id;
        node.properties["channel_id"] = item.message.channel_id;
        node.properties["timestamp"] = format_timestamp(item.message.timestamp);
        return node;
    }

    /// What a batch adds to the graph.
    struct GraphBatch
    {
        std::vector<GraphNode> nodes;
        std::vector<Relationship> edges;
        std::vector<Relationship> replies_to_earlier; ///< an end of it is a message that this run did not store
    };

    awaitable<void> store_graph(const std::vector<ImportedMessage>& fresh, const std::vector<ImportedMessage>& present,
                                const std::unordered_set<std::int64_t>& known)
    {
        for (const ImportedMessage& item : present)
            if (item.replies && !known.contains(*item.replies) && !memories_.contains(*item.replies))
                waiting_[*item.replies].push_back(item.message.message_id);
        GraphBatch batch;
        for (const ImportedMessage& item : fresh)
            add_to_graph(batch, item, known);
        if (batch.nodes.empty())
            co_return;
        report_.relationships += batch.edges.size();
        co_await storage_.graph().create_nodes(std::move(batch.nodes), context_);
        co_await storage_.graph().create_relationships(std::move(batch.edges), context_);
        for (Relationship& reply : batch.replies_to_earlier)
            co_await store_reply(std::move(reply));
    }

    void add_to_graph(GraphBatch& batch, const ImportedMessage& item, const std::unordered_set<std::int64_t>& known)
    {
        const std::int64_t id = item.message.message_id;
        if (users_.insert(item.message.user_id).second)
            batch.nodes.push_back(user_node(item.message));
        batch.nodes.push_back(memory_node(item));
        memories_.insert(id);
        batch.edges.push_back(edge(NodeRef::user(item.message.user_id).text(), memory_ref(id), "REMEMBERS"));
        if (item.replies) {
            if (memories_.contains(*item.replies) || known.contains(*item.replies))
                add_reply(batch, id, *item.replies);
            else
                waiting_[*item.replies].push_back(id);
        }
        if (const auto replies = waiting_.extract(id))
            for (const std::int64_t reply : replies.mapped())
                add_reply(batch, reply, id);
    }

    void add_reply(GraphBatch& batch, std::int64_t from, std::int64_t to)
    {
        const bool is_of_this_run = memories_.contains(from) && memories_.contains(to);
        (is_of_this_run ? batch.edges : batch.replies_to_earlier)
            .push_back(edge(memory_ref(from), memory_ref(to), "REPLIES_TO"));
    }

    /// A message may have been stored without the graph; a reply to it is then kept in its row only.
    awaitable<void> store_reply(Relationship reply)
    {
        std::vector<Relationship> one;
        one.push_back(std::move(reply));
        try {
            co_await storage_.graph().create_relationships(std::move(one), context_);
            ++report_.relationships;
        } catch (const StorageError& error) {
            if (error.errc() != StorageErrc::not_found)
                throw;
        }
    }

    static Relationship edge(std::string from, std::string to, std::string type)
    {
        Relationship out;
        out.from_node = std::move(from);
        out.to_node = std::move(to);
        out.relationship_type = std::move(type);
        out.keep_existing = true;
        return out;
    }

    awaitable<void> store_users(const std::vector<ImportedMessage>& fresh)
    {
        std::vector<Query> queries;
        for (const auto& [user, message] : first_messages(fresh))
            queries.push_back(user_row(*message));
        if (!queries.empty())
            co_await storage_.database().execute_transaction(std::move(queries), context_);
    }

    /// Of each user, sorted: two imports that write the same rows in one order do not wait for each other.
    static std::map<std::string_view, const UniversalMessage*>
    first_messages(const std::vector<ImportedMessage>& messages)
    {
        std::map<std::string_view, const UniversalMessage*> first;
        for (const ImportedMessage& item : messages)
            first.emplace(item.message.user_id, &item.message);
        return first;
    }

    static Query user_row(const UniversalMessage& message)
    {
        const Value username = message.username.empty() ? message.user_id : message.username;
        return query("INSERT INTO users (user_id, username, created_at, last_seen) VALUES (:user, :name, :time, :time) "
                     "ON CONFLICT (user_id) DO NOTHING",
                     params(arg("user", message.user_id), arg("name", username), arg("time", message.timestamp)));
    }

    /// Whoever stores messages of the same users meanwhile goes first or waits, so that what add_rows() looks for is
    /// seen.
    static Query lock_users(const std::vector<ImportedMessage>& messages)
    {
        Query lock;
        const auto users = first_messages(messages);
        for (const auto& [user, message] : users)
            lock.params.add("", user);
        lock.sql = "SELECT user_id FROM users WHERE user_id IN " + placeholders(users.size()) +
                   " ORDER BY user_id FOR NO KEY UPDATE";
        return lock;
    }

    /// The rows of one message. Each looks for the message itself, so that a message stored by
    /// someone else meanwhile is not counted or told twice.
    static void add_rows(std::vector<Query>& queries, const UniversalMessage& message)
    {
        // Once more, for the user may have been deleted meanwhile.
        queries.push_back(user_row(message));
        queries.push_back(
            query("UPDATE users SET message_count = message_count + 1, "
                  "last_seen = CASE WHEN last_seen < :time OR message_count = 0 THEN :time ELSE last_seen END "
                  "WHERE user_id = :user AND NOT EXISTS (SELECT 1 FROM messages WHERE message_id = :id)",
                  params(arg("time", message.timestamp), arg("user", message.user_id), arg("id", message.message_id))));
        queries.push_back(query("INSERT INTO conversations (user_id, channel_id, message_content, timestamp) "
                                "SELECT :user, :channel, :content, :time "
                                "WHERE NOT EXISTS (SELECT 1 FROM messages WHERE message_id = :id)",
                                params(arg("user", message.user_id), arg("channel", message.channel_id),
                                       arg("content", message.content), arg("time", message.timestamp),
                                       arg("id", message.message_id))));
        queries.push_back(query(
            "INSERT INTO messages (message_id, channel_id, user_id, username, content, timestamp, is_bot, reply_to, "
            "attachments, metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (message_id) DO NOTHING",
            params(arg(message.message_id), arg(message.channel_id), arg(message.user_id), arg(message.username),
                   arg(message.content), arg(message.timestamp), arg(message.is_bot), arg(message.reply_to),
                   arg(json::serialize(message.attachments)), arg(json::serialize(message.metadata)))));
    }

    awaitable<void> store_rows(const std::vector<ImportedMessage>& fresh)
    {
        if (fresh.empty())
            co_return;
        std::vector<Query> queries;
        if (storage_.database().dialect() == SqlDialect::postgresql)
            queries.push_back(lock_users(fresh));
        for (const ImportedMessage& item : fresh)
            add_rows(queries, item.message);
        co_await storage_.database().execute_transaction(std::move(queries), context_);
    }

    StorageLayer& storage_;
    const ImportOptions options_;
    const OperationContext context_;
    ImportReport report_;
    bool embeds_ = false;                       // texts, rather than reading their vectors from a file
    std::unordered_set<std::string> users_;     // whose node this run created
    std::unordered_set<std::int64_t> memories_; // likewise
    // Messages that are not there yet, with those that reply to them.
    std::unordered_map<std::int64_t, std::vector<std::int64_t>> waiting_;
};

} // namespace

json::object ImportReport::to_json() const
{
    json::object out;
    out["messages"] = static_cast<std::int64_t>(messages);
    out["skipped"] = static_cast<std::int64_t>(skipped);
    out["imported"] = static_cast<std::int64_t>(imported);
    out["known"] = static_cast<std::int64_t>(known);
    out["documents"] = static_cast<std::int64_t>(documents);
    out["relationships"] = static_cast<std::int64_t>(relationships);
    out["seconds"] = seconds;
    out["embedding_seconds"] = embedding_seconds;
    return out;
}

awaitable<ImportReport> import_messages(StorageLayer& storage, std::filesystem::path messages, ImportOptions options,
                                        OperationContext context)
{
    context.check_deadline(backend, operation);
    Import import(storage, std::move(options), std::move(context));
    try {
        co_return co_await import.run(std::move(messages));
    } catch (...) {
        rethrow_as_storage_error(backend, operation);
    }
}

} // namespace whisperstore
