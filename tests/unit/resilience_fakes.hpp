#pragma once
// Backends that do what a Script says. Each method notes its name and arguments.

#include "unit/resilience_support.hpp"

#include <whisperstore/cache/conversation_cache_manager.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

namespace whisperstore::test {

class FakeTransaction final : public TransactionBackend
{
public:
    explicit FakeTransaction(std::shared_ptr<Script> script) : script_(std::move(script)) {}

    awaitable<QueryResult> execute(std::string sql, Parameters parameters, OperationContext context) override
    {
        co_await script_->step("tx.execute " + sql + " " + std::to_string(parameters.size()), std::move(context));
        co_return QueryResult();
    }
    awaitable<void> savepoint(int level, OperationContext context) override
    {
        co_await script_->step("tx.savepoint " + std::to_string(level), std::move(context));
    }
    awaitable<void> release(int level, OperationContext context) override
    {
        co_await script_->step("tx.release " + std::to_string(level), std::move(context));
    }
    awaitable<void> commit(OperationContext context) override
    {
        co_await script_->step("tx.commit", std::move(context));
    }
    awaitable<void> rollback(int level) override
    {
        co_await script_->step("tx.rollback " + std::to_string(level), OperationContext());
    }
    void abandon(int level) noexcept override { abandoned.push_back(level); }

    std::vector<int> abandoned;

private:
    std::shared_ptr<Script> script_;
};

class FakeStream final : public RowStreamBackend
{
public:
    explicit FakeStream(std::shared_ptr<Script> script) : script_(std::move(script)) {}
    awaitable<Rows> next() override
    {
        co_await script_->step("stream.next", OperationContext());
        co_return Rows();
    }
    void close() noexcept override { closed = true; }
    bool closed = false;

private:
    std::shared_ptr<Script> script_;
};

class FakeDatabase final : public AbstractDatabaseAdapter
{
public:
    awaitable<void> connect(OperationContext context) override { return script->step("connect", std::move(context)); }
    awaitable<void> disconnect() override { return script->step("disconnect", OperationContext()); }
    awaitable<QueryResult> execute_query(std::string query, Parameters params, OperationContext context) override
    {
        co_await script->step("execute_query " + query + " " + std::to_string(params.size()), std::move(context));
        QueryResult result;
        result.row_count = row_count;
        co_return result;
    }
    awaitable<std::vector<QueryResult>> execute_transaction(std::vector<Query> queries,
                                                            OperationContext context) override
    {
        co_await script->step("execute_transaction " + std::to_string(queries.size()), std::move(context));
        co_return std::vector<QueryResult>(queries.size());
    }
    awaitable<Transaction> begin_transaction(OperationContext context) override
    {
        co_await script->step("begin_transaction", std::move(context));
        transaction = std::make_shared<FakeTransaction>(script);
        co_return Transaction(transaction);
    }
    awaitable<RowStream> stream_query(std::string query, Parameters params, OperationContext context) override
    {
        co_await script->step("stream_query " + query + " " + std::to_string(params.size()), std::move(context));
        stream = std::make_shared<FakeStream>(script);
        co_return RowStream(stream);
    }
    awaitable<void> create_tables(TableDefinitions schema, OperationContext context) override
    {
        return script->step("create_tables " + std::to_string(schema.size()), std::move(context));
    }
    awaitable<void> backup_database(std::filesystem::path path, OperationContext context) override
    {
        return script->step("backup_database " + path.string(), std::move(context));
    }
    awaitable<void> restore_database(std::filesystem::path path, OperationContext context) override
    {
        return script->step("restore_database " + path.string(), std::move(context));
    }
    std::string_view database_type() const noexcept override { return "fake"; }
    SqlDialect dialect() const noexcept override { return SqlDialect::postgresql; }
    std::vector<std::string> endpoints() const override { return nodes; }
    awaitable<std::size_t> get_pool_size() override { co_return 11; }
    awaitable<std::size_t> get_active_connections() override { co_return 12; }
    awaitable<double> get_avg_response_time() override { co_return 13.0; }
    awaitable<std::uint64_t> get_query_count() override { co_return 14; }
    awaitable<double> get_error_rate() override { co_return 0.15; }

    std::shared_ptr<Script> script = std::make_shared<Script>();
    std::vector<std::string> nodes{"db1:5432"};
    decltype(QueryResult::row_count) row_count = 7;
    std::shared_ptr<FakeTransaction> transaction; // the last
    std::shared_ptr<FakeStream> stream;           // the last

private:
    awaitable<void> run_script(std::string text, Query probe, std::function<Query(std::int64_t)> record,
                               OperationContext context) override
    {
        return script->step("run_script " + text + " " + std::to_string(probe.params.size()) + " " +
                                std::to_string(record(5).params.size()),
                            std::move(context));
    }
};

class FakeCache final : public ConversationCacheManager
{
public:
    awaitable<void> initialize(OperationContext context) override
    {
        return script->step("initialize", std::move(context));
    }
    awaitable<void> cleanup() override { return script->step("cleanup", OperationContext()); }
    void set_history_source(HistorySource given) override { source = std::move(given); }
    /// As a cache does on a cold channel: prefixes what the source throws.
    awaitable<std::vector<CachedMessage>> get_conversation_context(std::string channel_id, std::int64_t limit,
                                                                   std::optional<std::int64_t> exclude_message_id,
                                                                   OperationContext context) override
    {
        co_await script->step("get_conversation_context " + channel_id + " " + std::to_string(limit) + " " +
                                  std::to_string(exclude_message_id.value_or(-1)),
                              context);
        if (source) {
            try {
                awaitable<std::vector<UniversalMessage>> reading = source(channel_id, 20, context);
                co_await std::move(reading);
            } catch (const StorageError& error) {
                throw error.prefixed("the history cannot be read: ").within("fake", "get_conversation_context");
            }
        }
        co_return std::vector<CachedMessage>();
    }
    awaitable<void> add_message(std::string channel_id, UniversalMessage message, OperationContext context) override
    {
        return script->step("add_message " + channel_id + " " + message.content, std::move(context));
    }
    awaitable<bool> remove_message(std::string channel_id, std::int64_t message_id, OperationContext context) override
    {
        co_await script->step("remove_message " + channel_id + " " + std::to_string(message_id), std::move(context));
        co_return true;
    }
    awaitable<void> clear_channel_cache(std::string channel_id, OperationContext context) override
    {
        return script->step("clear_channel_cache " + channel_id, std::move(context));
    }
    awaitable<CacheStats> get_cache_stats(OperationContext context) override
    {
        co_await script->step("get_cache_stats", std::move(context));
        co_return CacheStats();
    }
    awaitable<std::uint64_t> backup_cache(std::filesystem::path path, OperationContext context) override
    {
        co_await script->step("backup_cache " + path.string(), std::move(context));
        co_return 3;
    }
    awaitable<std::uint64_t> restore_cache(std::filesystem::path path, OperationContext context) override
    {
        co_await script->step("restore_cache " + path.string(), std::move(context));
        co_return 3;
    }
    std::string_view cache_type() const noexcept override { return "fake"; }
    std::vector<std::string> endpoints() const override { return {}; }

    std::shared_ptr<Script> script = std::make_shared<Script>();
    HistorySource source;
};

class FakeGraph final : public GraphDatabaseManager
{
public:
    awaitable<void> initialize(OperationContext context) override
    {
        return script->step("initialize", std::move(context));
    }
    awaitable<void> cleanup() override { return script->step("cleanup", OperationContext()); }
    awaitable<void> create_user_node(std::string user_id, json::object properties, OperationContext context) override
    {
        return script->step("create_user_node " + user_id + " " + std::to_string(properties.size()),
                            std::move(context));
    }
    awaitable<void> create_memory_node(std::string memory_id, std::string content, json::object properties,
                                       OperationContext context) override
    {
        return script->step("create_memory_node " + memory_id + " " + content + " " + std::to_string(properties.size()),
                            std::move(context));
    }
    awaitable<void> create_node(NodeRef node, std::string content, json::object properties,
                                OperationContext context) override
    {
        return script->step("create_node " + node.text() + " " + content + " " + std::to_string(properties.size()),
                            std::move(context));
    }
    awaitable<void> create_nodes(std::vector<GraphNode> nodes, OperationContext context) override
    {
        return script->step("create_nodes " + std::to_string(nodes.size()), std::move(context));
    }
    awaitable<void> create_relationship(std::string from_node, std::string to_node, std::string relationship_type,
                                        json::object properties, OperationContext context) override
    {
        return script->step("create_relationship " + from_node + " " + to_node + " " + relationship_type + " " +
                                std::to_string(properties.size()),
                            std::move(context));
    }
    awaitable<void> create_relationships(std::vector<Relationship> relationships, OperationContext context) override
    {
        return script->step("create_relationships " + std::to_string(relationships.size()), std::move(context));
    }
    awaitable<std::vector<ConnectedMemory>> find_connected_memories(std::string user_id, std::string context_words,
                                                                    int max_depth, std::int64_t limit,
                                                                    OperationContext context) override
    {
        co_await script->step("find_connected_memories " + user_id + " " + context_words + " " +
                                  std::to_string(max_depth) + " " + std::to_string(limit),
                              std::move(context));
        co_return std::vector<ConnectedMemory>();
    }
    awaitable<RelationshipNetwork> get_user_relationship_network(std::string user_id, int max_depth, std::int64_t limit,
                                                                 OperationContext context) override
    {
        co_await script->step("get_user_relationship_network " + user_id + " " + std::to_string(max_depth) + " " +
                                  std::to_string(limit),
                              std::move(context));
        co_return RelationshipNetwork();
    }
    awaitable<bool> delete_node(NodeRef node, OperationContext context) override
    {
        co_await script->step("delete_node " + node.text(), std::move(context));
        co_return true;
    }
    awaitable<GraphPart> export_part(std::string from, std::int64_t limit, OperationContext context) override
    {
        co_await script->step("export_part " + from + " " + std::to_string(limit), std::move(context));
        co_return GraphPart();
    }
    awaitable<void> clear(OperationContext context) override { return script->step("clear", std::move(context)); }
    awaitable<void> import_part(GraphPart part, OperationContext context) override
    {
        return script->step("import_part " + std::to_string(part.nodes.size()), std::move(context));
    }
    awaitable<void> ping(OperationContext context) override { return script->step("ping", std::move(context)); }
    std::string_view graph_database_type() const noexcept override { return "fake"; }
    std::vector<std::string> endpoints() const override { return {"a:7687", "b:7687"}; }

    std::shared_ptr<Script> script = std::make_shared<Script>();
};

class FakeVectors final : public VectorDatabaseManager
{
public:
    using VectorDatabaseManager::create_collection;

    awaitable<void> initialize(OperationContext context) override
    {
        return script->step("initialize", std::move(context));
    }
    awaitable<void> cleanup() override { return script->step("cleanup", OperationContext()); }
    awaitable<void> create_collection(std::string name, CollectionConfig config, OperationContext context) override
    {
        return script->step("create_collection " + name + " " + std::to_string(config.embedding_dimension),
                            std::move(context));
    }
    awaitable<bool> delete_collection(std::string name, OperationContext context) override
    {
        co_await script->step("delete_collection " + name, std::move(context));
        co_return true;
    }
    awaitable<std::vector<std::string>> list_collections(OperationContext context) override
    {
        co_await script->step("list_collections", std::move(context));
        co_return std::vector<std::string>();
    }
    awaitable<CollectionConfig> get_collection(std::string name, OperationContext context) override
    {
        co_await script->step("get_collection " + name, std::move(context));
        co_return CollectionConfig();
    }
    awaitable<void> store_documents(std::string collection, std::vector<VectorDocument> documents,
                                    OperationContext context) override
    {
        return script->step("store_documents " + collection + " " + std::to_string(documents.size()) +
                                (documents.empty() ? "" : " " + documents[0].content),
                            std::move(context));
    }
    awaitable<std::vector<SearchResult>> search_similar(std::string collection, std::span<const float> query_embedding,
                                                        std::size_t limit, Filter filters,
                                                        OperationContext context) override
    {
        co_await script->step("search_similar " + collection + " " + std::to_string(query_embedding.size()) + " " +
                                  std::to_string(limit) + " " + json::serialize(filters.to_json()),
                              std::move(context));
        co_return std::vector<SearchResult>();
    }
    awaitable<std::vector<std::vector<SearchResult>>>
    search_batch(std::string collection, std::vector<SearchQuery> queries, OperationContext context) override
    {
        co_await script->step("search_batch " + collection + " " + std::to_string(queries.size()), std::move(context));
        co_return std::vector<std::vector<SearchResult>>();
    }
    awaitable<void> prepare_for_texts(std::string collection, std::string embedding_model,
                                      OperationContext context) override
    {
        co_await script->step("prepare_for_texts " + collection + " " + embedding_model, std::move(context));
    }
    awaitable<SearchCandidates> search_candidates(std::string collection, CandidateQuery query,
                                                  OperationContext context) override
    {
        co_await script->step("search_candidates " + collection + " " + std::to_string(query.words.size()),
                              std::move(context));
        co_return SearchCandidates();
    }
    awaitable<std::vector<VectorDocument>> get_documents(std::string collection, std::vector<std::string> doc_ids,
                                                         OperationContext context) override
    {
        co_await script->step("get_documents " + collection + " " + std::to_string(doc_ids.size()), std::move(context));
        co_return std::vector<VectorDocument>();
    }
    awaitable<bool> delete_document(std::string collection, std::string doc_id, OperationContext context) override
    {
        co_await script->step("delete_document " + collection + " " + doc_id, std::move(context));
        co_return true;
    }
    awaitable<std::uint64_t> delete_documents(std::string collection, Filter filters, OperationContext context) override
    {
        co_await script->step("delete_documents " + collection + " " + json::serialize(filters.to_json()),
                              std::move(context));
        co_return 3;
    }
    awaitable<Page<VectorDocument>> scroll(std::string collection, std::size_t page_size,
                                           std::optional<PageCursor> cursor, Filter filters,
                                           OperationContext context) override
    {
        co_await script->step("scroll " + collection + " " + std::to_string(page_size) +
                                  (cursor ? " cursor " : " start ") + json::serialize(filters.to_json()),
                              std::move(context));
        co_return Page<VectorDocument>();
    }
    awaitable<std::uint64_t> count_documents(std::string collection, Filter filters, OperationContext context) override
    {
        co_await script->step("count_documents " + collection + " " + json::serialize(filters.to_json()),
                              std::move(context));
        co_return 4;
    }
    awaitable<CollectionStats> get_collection_stats(std::string collection, OperationContext context) override
    {
        co_await script->step("get_collection_stats " + collection, std::move(context));
        co_return CollectionStats();
    }
    awaitable<void> backup_collections(std::filesystem::path path, OperationContext context) override
    {
        return script->step("backup_collections " + path.string(), std::move(context));
    }
    awaitable<void> restore_collections(std::filesystem::path path, OperationContext context) override
    {
        return script->step("restore_collections " + path.string(), std::move(context));
    }
    std::string_view vector_database_type() const noexcept override { return "fake"; }
    std::vector<std::string> endpoints() const override { return {"v:6333"}; }
    awaitable<std::uint64_t> get_total_documents() override { co_return 21; }
    awaitable<std::size_t> get_collections_count() override { co_return 22; }
    awaitable<double> get_avg_search_time() override { co_return 23.0; }
    awaitable<double> get_cache_hit_rate() override { co_return 0.24; }

    std::shared_ptr<Script> script = std::make_shared<Script>();
};

} // namespace whisperstore::test
