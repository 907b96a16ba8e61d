#pragma once
// The table itself, apart from the code that reads it.

#include <whisperstore/config/settings.hpp>

#include <array>

namespace whisperstore::config {

consteval Setting text(std::string_view name, std::string_view variable, std::string_view description)
{
    return {name, variable, SettingKind::text, "", 0, 0, false, description};
}
consteval Setting secret(std::string_view name, std::string_view variable, std::string_view description)
{
    return {name, variable, SettingKind::text, "", 0, 0, true, description};
}
consteval Setting choice(std::string_view name, std::string_view variable, std::string_view allowed,
                         std::string_view description)
{
    return {name, variable, SettingKind::choice, allowed, 0, 0, false, description};
}
consteval Setting boolean(std::string_view name, std::string_view variable, std::string_view description)
{
    return {name, variable, SettingKind::boolean, "", 0, 0, false, description};
}
consteval Setting integer(std::string_view name, std::string_view variable, double minimum, double maximum,
                          std::string_view description)
{
    return {name, variable, SettingKind::integer, "", minimum, maximum, false, description};
}
consteval Setting port(std::string_view name, std::string_view variable, std::string_view description)
{
    return integer(name, variable, 1, 65535, description);
}
consteval Setting number(std::string_view name, std::string_view variable, double minimum, double maximum,
                         std::string_view description)
{
    return {name, variable, SettingKind::number, "", minimum, maximum, false, description};
}
consteval Setting hosts(std::string_view name, std::string_view variable, std::string_view description)
{
    return {name, variable, SettingKind::hosts, "", 0, 0, false, description};
}
consteval Setting url(std::string_view name, std::string_view variable, std::string_view schemes,
                      std::string_view description)
{
    return {name, variable, SettingKind::url, schemes, 0, 0, false, description};
}
consteval Setting path(std::string_view name, std::string_view variable, std::string_view description)
{
    return {name, variable, SettingKind::path, "", 0, 0, false, description};
}

inline constexpr std::array settings_table = {
    path("general.data_dir", "WHISPERENGINE_DATA_DIR", "Folder of everything that is stored on this machine."),
    path("general.embedding_model_dir", "WHISPERENGINE_EMBEDDING_MODEL_DIR", "Folder of the local embedding model."),
    boolean("general.read_only", "WHISPERENGINE_READ_ONLY",
            "Open the local stores beside a process that writes them; nothing can be written."),
    boolean("general.backup_enabled", "WHISPERENGINE_BACKUP_ENABLED", "Whether scheduled backups include the stores."),
    number("general.backup_interval_hours", "WHISPERENGINE_BACKUP_INTERVAL_HOURS", 0.01, 8760,
           "Hours between scheduled backups."),
    path("general.backup_dir", "WHISPERENGINE_BACKUP_DIR",
         "Folder of the scheduled backups, and of those whose command names none; none are made without."),
    boolean("general.backup_compress", "WHISPERENGINE_BACKUP_COMPRESS", "Whether scheduled backups are compressed."),
    secret("general.backup_passphrase", "WHISPERENGINE_BACKUP_PASSPHRASE",
           "Backups are encrypted with a key made of it; lost, they are lost, too."),
    path("general.backup_passphrase_file", "WHISPERENGINE_BACKUP_PASSPHRASE_FILE",
         "File whose first line is the passphrase, where none is set."),
    integer("general.backup_keep_last", "WHISPERENGINE_BACKUP_KEEP_LAST", 1, 100000,
            "Scheduled backups that are kept: the newest so many."),
    integer("general.backup_keep_daily", "WHISPERENGINE_BACKUP_KEEP_DAILY", 0, 100000,
            "And the newest of each of so many days."),
    integer("general.backup_keep_weekly", "WHISPERENGINE_BACKUP_KEEP_WEEKLY", 0, 100000,
            "And the newest of each of so many weeks."),
    integer("general.backup_keep_monthly", "WHISPERENGINE_BACKUP_KEEP_MONTHLY", 0, 100000,
            "And the newest of each of so many months."),
    integer("general.metrics_interval_seconds", "WHISPERENGINE_METRICS_INTERVAL_SECONDS", 0, 86400,
            "Seconds between two entries of the history of metrics in performance_metrics; 0: none is kept."),
    integer("general.metrics_retention_hours", "WHISPERENGINE_METRICS_RETENTION_HOURS", 1, 87600,
            "Hours that entries of the history of metrics stay."),

    choice("database.type", "WHISPERENGINE_DATABASE_TYPE", "sqlite,postgresql,postgresql_cluster", "Database backend."),
    choice("database.availability", "WHISPERENGINE_DATABASE_AVAILABILITY", "required,degrade,disabled",
           "required: nothing starts without the database; degrade: it may be away; disabled: there is none."),
    url("database.url", "WHISPERENGINE_DATABASE_URL", "sqlite,postgresql,postgres",
        "The database as one URL; chooses the backend where no type is set."),
    url("database.platform_url", "DATABASE_URL", "",
        "The database as hosting platforms give it; used only where WHISPERENGINE_DATABASE_TYPE is set."),
    integer("database.pool_size", "WHISPERENGINE_DATABASE_POOL_SIZE", 1, 1000,
            "Connections; with SQLite the readers beside the one writer, at most 64."),
    choice("database.synchronous", "WHISPERENGINE_DATABASE_SYNCHRONOUS", "FULL,NORMAL",
           "SQLite: FULL survives power loss, NORMAL only a crash of the process."),
    integer("database.busy_timeout_ms", "WHISPERENGINE_DATABASE_BUSY_TIMEOUT_MS", 0, 3600000,
            "SQLite: milliseconds to wait for another process's lock."),
    integer("database.transaction_idle_limit_ms", "WHISPERENGINE_DATABASE_TRANSACTION_IDLE_LIMIT_MS", 1, 3600000,
            "Milliseconds after which an idle scoped transaction is rolled back."),

    hosts("postgres.host", "POSTGRES_HOST", "PostgreSQL server, or a cluster's as h1:5432,h2:5432."),
    port("postgres.port", "POSTGRES_PORT", "Port of hosts that name none."),
    text("postgres.db", "POSTGRES_DB", "Database name."),
    text("postgres.user", "POSTGRES_USER", "User name."),
    secret("postgres.password", "POSTGRES_PASSWORD", "Password; any characters."),
    choice("postgres.sslmode", "POSTGRES_SSLMODE", "disable,allow,prefer,require,verify-ca,verify-full",
           "TLS as libpq understands it."),
    path("postgres.sslrootcert", "POSTGRES_SSLROOTCERT", "PEM file of the authorities to trust."),
    path("postgres.sslcert", "POSTGRES_SSLCERT", "PEM file of the client certificate."),
    path("postgres.sslkey", "POSTGRES_SSLKEY", "PEM file of the client certificate's key."),
    choice("postgres.read_policy", "POSTGRES_READ_POLICY", "primary,prefer_replica,nearest",
           "postgresql_cluster: where reads go that no transaction holds."),
    integer("postgres.max_replica_lag_ms", "POSTGRES_MAX_REPLICA_LAG_MS", 0, 86400000,
            "postgresql_cluster: milliseconds after which a replica is too old to be read from; 0: never."),
    integer("postgres.failover_limit_ms", "POSTGRES_FAILOVER_LIMIT_MS", 1, 86400000,
            "postgresql_cluster: milliseconds that work without a deadline waits for a primary."),

    choice("vector_database.type", "WHISPERENGINE_VECTOR_DB_TYPE",
           "local_qdrant,http_qdrant,distributed_qdrant,local_chromadb,http_chromadb,distributed_chromadb",
           "Vector database backend."),
    choice("vector_database.availability", "WHISPERENGINE_VECTOR_DB_AVAILABILITY", "required,degrade,disabled",
           "The same for the vector database."),
    choice("vector_database.synchronous", "WHISPERENGINE_VECTOR_DB_SYNCHRONOUS", "FULL,NORMAL",
           "local_qdrant: as WHISPERENGINE_DATABASE_SYNCHRONOUS."),
    integer("vector_database.hnsw_threshold", "WHISPERENGINE_VECTOR_DB_HNSW_THRESHOLD", 0, 1000000000,
            "local_qdrant: documents from which on a collection has graphs; 0: never."),
    integer("vector_database.hnsw_ef", "WHISPERENGINE_VECTOR_DB_HNSW_EF", 1, 10000,
            "local_qdrant: candidates that a search by graph keeps; more: slower, fewer missed."),
    choice("vector_database.hnsw_quantization", "WHISPERENGINE_VECTOR_DB_HNSW_QUANTIZATION", "int8,none",
           "local_qdrant: int8 keeps a byte for each dimension beside the vectors, none nothing."),

    url("qdrant.url", "QDRANT_URL", "http,https", "Qdrant as one URL; chooses the backend where no type is set."),
    hosts("qdrant.host", "QDRANT_HOST", "Qdrant server."),
    port("qdrant.port", "QDRANT_PORT", "HTTP port of hosts that name none."),
    hosts("qdrant.nodes", "QDRANT_NODES", "Nodes of one Qdrant cluster: h1:6333,h2:6333."),
    secret("qdrant.api_key", "QDRANT_API_KEY", "API key."),
    boolean("qdrant.exact_search", "QDRANT_EXACT_SEARCH",
            "Compare with every document in the place of the server's graphs: slower, none is missed."),
    integer("qdrant.search_ef", "QDRANT_SEARCH_EF", 0, 100000,
            "Candidates that a search by graph keeps; more: slower, fewer missed; 0: the server's default."),
    text("qdrant.consistency", "QDRANT_CONSISTENCY",
         "Replicas that a read asks: all, majority, quorum or a number; distributed_qdrant: majority."),
    choice("qdrant.ordering", "QDRANT_ORDERING", "weak,medium,strong", "Ordering of writes among replicas."),
    integer("qdrant.shard_number", "QDRANT_SHARD_NUMBER", 0, 1000,
            "Shards of collections that are created; 0: the server's default."),
    integer("qdrant.replication_factor", "QDRANT_REPLICATION_FACTOR", 0, 1000,
            "Replicas of collections that are created; 0: the default, on distributed_qdrant 3 or as many as nodes."),
    integer("qdrant.write_consistency_factor", "QDRANT_WRITE_CONSISTENCY_FACTOR", 0, 1000,
            "Replicas that have to take a write; 0: the default, on distributed_qdrant most of them."),
    boolean("qdrant.snapshots", "QDRANT_SNAPSHOTS",
            "A backup also has the server make a snapshot of each collection, in its own folder."),
    boolean("qdrant.tls", "QDRANT_TLS", "Use TLS."),
    boolean("qdrant.tls_verify", "QDRANT_TLS_VERIFY", "Check the server's certificate and name."),
    path("qdrant.tls_ca_file", "QDRANT_TLS_CA_FILE", "PEM file of the authorities to trust."),
    path("qdrant.tls_cert_file", "QDRANT_TLS_CERT_FILE", "PEM file of the client certificate."),
    path("qdrant.tls_key_file", "QDRANT_TLS_KEY_FILE", "PEM file of the client certificate's key."),

    url("chromadb.url", "CHROMADB_URL", "http,https", "Chroma as one URL; chooses the backend where no type is set."),
    hosts("chromadb.host", "CHROMADB_HOST", "Chroma server."),
    port("chromadb.port", "CHROMADB_PORT", "Port of hosts that name none."),
    hosts("chromadb.nodes", "CHROMADB_NODES", "Nodes of one Chroma deployment: h1:8000,h2:8000."),
    secret("chromadb.token", "CHROMADB_TOKEN", "Token; sent as Authorization: Bearer and as X-Chroma-Token."),
    text("chromadb.tenant", "CHROMADB_TENANT", "Tenant; it has to exist."),
    text("chromadb.database", "CHROMADB_DATABASE", "Database of the tenant; it has to exist."),
    path("chromadb.command", "CHROMADB_COMMAND",
         "local_chromadb: the program that is started; a name without a slash is looked for in PATH."),
    integer("chromadb.ef_search", "CHROMADB_EF_SEARCH", 1, 100000,
            "Of collections that are created: candidates that a search keeps; more: slower, fewer missed."),
    integer("chromadb.ef_construction", "CHROMADB_EF_CONSTRUCTION", 1, 100000,
            "Of collections that are created: candidates that storing a document keeps; more: slower, fewer missed."),
    integer("chromadb.max_neighbors", "CHROMADB_MAX_NEIGHBORS", 2, 1000,
            "Of collections that are created: links of a document in the graph; more: larger, fewer missed."),
    boolean("chromadb.tls", "CHROMADB_TLS", "Use TLS."),
    boolean("chromadb.tls_verify", "CHROMADB_TLS_VERIFY", "Check the server's certificate and name."),
    path("chromadb.tls_ca_file", "CHROMADB_TLS_CA_FILE", "PEM file of the authorities to trust."),
    path("chromadb.tls_cert_file", "CHROMADB_TLS_CERT_FILE", "PEM file of the client certificate."),
    path("chromadb.tls_key_file", "CHROMADB_TLS_KEY_FILE", "PEM file of the client certificate's key."),

    choice("embedding.type", "WHISPERENGINE_EMBEDDING_TYPE", "local,openai,none",
           "Where vectors of texts come from: a model in this process, a server, or the caller (none)."),
    text("embedding.model", "WHISPERENGINE_EMBEDDING_MODEL", "The model's name; collections remember it."),
    integer("embedding.dimension", "WHISPERENGINE_EMBEDDING_DIMENSION", 1, 65536, "Dimensions of the model's vectors."),
    integer("embedding.batch_size", "WHISPERENGINE_EMBEDDING_BATCH_SIZE", 1, 2048, "Texts embedded at once."),
    choice("embedding.precision", "WHISPERENGINE_EMBEDDING_PRECISION", "float32,bfloat16,int8",
           "local: how the model computes; the others are faster and nearly as exact."),
    integer("embedding.threads", "WHISPERENGINE_EMBEDDING_THREADS", 0, 1024,
            "local: threads of the model; 0: one for each core."),
    url("embedding.url", "WHISPERENGINE_EMBEDDING_URL", "http,https",
        "Server with OpenAI's /v1/embeddings, up to /v1; chooses the type openai where no type is set."),
    secret("embedding.api_key", "WHISPERENGINE_EMBEDDING_API_KEY", "openai: API key."),
    boolean("embedding.tls_verify", "WHISPERENGINE_EMBEDDING_TLS_VERIFY", "Check the server's certificate and name."),
    path("embedding.tls_ca_file", "WHISPERENGINE_EMBEDDING_TLS_CA_FILE", "PEM file of the authorities to trust."),
    path("embedding.tls_cert_file", "WHISPERENGINE_EMBEDDING_TLS_CERT_FILE", "PEM file of the client certificate."),
    path("embedding.tls_key_file", "WHISPERENGINE_EMBEDDING_TLS_KEY_FILE", "PEM file of the client certificate's key."),
    integer("embedding.cache_entries", "WHISPERENGINE_EMBEDDING_CACHE_ENTRIES", 0, 100000000,
            "Vectors of texts kept in memory; 0: none."),
    integer("embedding.cache_file_entries", "WHISPERENGINE_EMBEDDING_CACHE_FILE_ENTRIES", 0, 1000000000,
            "Vectors of texts kept in the data folder (embeddings.db); 0: none."),

    choice("cache.type", "WHISPERENGINE_CACHE_TYPE", "memory,redis,redis_cluster", "Conversation cache backend."),
    choice("cache.availability", "WHISPERENGINE_CACHE_AVAILABILITY", "required,degrade,disabled",
           "The same for the cache."),
    number("cache.timeout_minutes", "WHISPERENGINE_CACHE_TIMEOUT_MINUTES", 0.01, 525600,
           "Minutes after its last write that a channel expires."),
    integer("cache.max_messages", "WHISPERENGINE_CACHE_MAX_MESSAGES", 1, 1000000, "Messages kept per channel."),
    integer("cache.bootstrap_limit", "WHISPERENGINE_CACHE_BOOTSTRAP_LIMIT", 0, 1000000,
            "Messages read from the history for a channel that is not cached."),
    integer("cache.max_channels", "WHISPERENGINE_CACHE_MAX_CHANNELS", 1, 100000000,
            "memory: channels kept; the least recently used go first."),

    url("redis.url", "REDIS_URL", "redis,rediss", "Redis as one URL; chooses the backend where no type is set."),
    hosts("redis.host", "REDIS_HOST",
          "Redis server, the path of its Unix socket, or the one address in front of a cluster."),
    port("redis.port", "REDIS_PORT", "Port of hosts that name none."),
    integer("redis.db", "REDIS_DB", 0, 1000000, "Database number; a cluster has only 0."),
    text("redis.username", "REDIS_USERNAME", "User name (Redis 6 access lists)."),
    secret("redis.password", "REDIS_PASSWORD", "Password."),
    hosts("redis.cluster_nodes", "REDIS_CLUSTER_NODES", "Some nodes of a Redis Cluster: h1:6379,h2:6379."),
    boolean("redis.tls", "REDIS_TLS", "Use TLS."),
    boolean("redis.tls_verify", "REDIS_TLS_VERIFY", "Check the server's certificate and name."),
    path("redis.tls_ca_file", "REDIS_TLS_CA_FILE", "PEM file of the authorities to trust."),
    path("redis.tls_cert_file", "REDIS_TLS_CERT_FILE", "PEM file of the client certificate."),
    path("redis.tls_key_file", "REDIS_TLS_KEY_FILE", "PEM file of the client certificate's key."),
    text("redis.key_prefix", "REDIS_KEY_PREFIX", "Before all keys; caches with the same prefix are the same cache."),
    boolean("redis.two_level", "REDIS_TWO_LEVEL",
            "Keep channels that were read in this process, too, until Redis says that they changed."),
    integer("redis.local_channels", "REDIS_LOCAL_CHANNELS", 1, 100000000,
            "Channels kept in this process with REDIS_TWO_LEVEL; the least recently used go first."),
    boolean("redis.degrade_to_memory", "REDIS_DEGRADE_TO_MEMORY",
            "Serve from memory while Redis is away, and tell it afterwards what was written."),
    boolean("redis.read_replicas", "REDIS_READ_REPLICAS", "Cluster: reads may come from replicas."),
    integer("redis.wait_replicas", "REDIS_WAIT_REPLICAS", 0, 100,
            "Replicas that must have a write before it is acknowledged; 0: none."),
    number("redis.wait_timeout_seconds", "REDIS_WAIT_TIMEOUT_SECONDS", 0.001, 3600, "How long they may take."),
    integer(
        "redis.warm_channels", "REDIS_WARM_CHANNELS", 0, 1000000,
        "Channels, the last written first, that are filled from the history on start and after a failover; 0: none."),
    integer("redis.warm_concurrency", "REDIS_WARM_CONCURRENCY", 1, 1000, "How many of them at once."),
    number("redis.connect_timeout_seconds", "REDIS_CONNECT_TIMEOUT_SECONDS", 0.001, 3600,
           "Limit for connecting to a server."),
    number("redis.patience_seconds", "REDIS_PATIENCE_SECONDS", 0.001, 3600,
           "How long a call waits for a failover, or for a server that reads its data."),
    number("redis.health_interval_seconds", "REDIS_HEALTH_INTERVAL_SECONDS", 0.001, 3600,
           "A connection on which nothing moved for twice so long is dead."),

    choice(
        "graph_database.type", "WHISPERENGINE_GRAPH_DB_TYPE", "sqlite,disabled,neo4j,neo4j_cluster,none",
        "Graph backend; disabled is another word for sqlite (the relationships tables), none switches the layer off."),
    choice("graph_database.availability", "WHISPERENGINE_GRAPH_DB_AVAILABILITY", "required,degrade,disabled",
           "The same for the graph."),

    url("neo4j.uri", "NEO4J_URI", "neo4j,neo4j+s,neo4j+ssc,bolt,bolt+s,bolt+ssc",
        "Neo4j as one URI; chooses the backend where no type is set."),
    hosts("neo4j.host", "NEO4J_HOST", "Neo4j server, or one address of a cluster."),
    port("neo4j.port", "NEO4J_PORT", "Bolt port of hosts that name none."),
    text("neo4j.username", "NEO4J_USERNAME", "User name."),
    secret("neo4j.password", "NEO4J_PASSWORD", "Password."),
    text("neo4j.database", "NEO4J_DATABASE", "Database name; empty for the server's default."),
    text("neo4j.namespace", "NEO4J_NAMESPACE",
         "Several graphs in one database, apart by this name; empty for the one without."),
    boolean("neo4j.tls", "NEO4J_TLS", "Use TLS."),
    boolean("neo4j.tls_verify", "NEO4J_TLS_VERIFY", "Check the server's certificate and name."),
    path("neo4j.tls_ca_file", "NEO4J_TLS_CA_FILE", "PEM file of the authorities to trust."),
    path("neo4j.tls_cert_file", "NEO4J_TLS_CERT_FILE", "PEM file of the client certificate."),
    path("neo4j.tls_key_file", "NEO4J_TLS_KEY_FILE", "PEM file of the client certificate's key."),

    boolean("resilience.enabled", "WHISPERENGINE_RESILIENCE_ENABLED",
            "Whether the stores stand behind retry, circuit breaker, limits and the rest (docs/resilience.md)."),
    boolean("resilience.metrics_enabled", "WHISPERENGINE_RESILIENCE_METRICS_ENABLED",
            "Whether calls, errors and latencies are counted per operation."),
    integer("resilience.retry_initial_backoff_ms", "WHISPERENGINE_RETRY_INITIAL_BACKOFF_MS", 1, 86400000,
            "The longest wait before the second attempt, in milliseconds; doubles after each."),
    integer("resilience.retry_max_backoff_ms", "WHISPERENGINE_RETRY_MAX_BACKOFF_MS", 1, 86400000,
            "The longest wait between two attempts, in milliseconds."),
    integer("resilience.retry_budget", "WHISPERENGINE_RETRY_BUDGET", 1, 10000,
            "Retries of one call over all layers below it, where its caller sets no budget."),
    integer("resilience.retry_reserve", "WHISPERENGINE_RETRY_RESERVE", 0, 1000000,
            "Retries of a store in hand: each takes one, ten calls that work give one back; 0: no limit."),
    integer("resilience.breaker_failures", "WHISPERENGINE_BREAKER_FAILURES", 0, 1000000,
            "Failures in a row after which an endpoint is left alone; 0: never."),
    integer("resilience.breaker_open_ms", "WHISPERENGINE_BREAKER_OPEN_MS", 1, 86400000,
            "Milliseconds until a failed endpoint is tried again; doubles while it fails."),
    integer("resilience.breaker_max_open_ms", "WHISPERENGINE_BREAKER_MAX_OPEN_MS", 1, 86400000,
            "The most milliseconds between two trials of a failed endpoint."),
    integer("resilience.breaker_probes", "WHISPERENGINE_BREAKER_PROBES", 1, 100,
            "Calls that try a failed endpoint at once; all must succeed."),
    integer("resilience.database_deadline_ms", "WHISPERENGINE_DATABASE_DEADLINE_MS", 0, 86400000,
            "Database: milliseconds a call without a deadline may take in all; 0: no limit."),
    integer("resilience.database_attempt_timeout_ms", "WHISPERENGINE_DATABASE_ATTEMPT_TIMEOUT_MS", 0, 86400000,
            "Database: milliseconds one attempt of a call may take; 0: no limit."),
    integer("resilience.database_retry_attempts", "WHISPERENGINE_DATABASE_RETRY_ATTEMPTS", 1, 100,
            "Database: attempts of a call in all; 1: no retries."),
    integer("resilience.database_max_concurrent", "WHISPERENGINE_DATABASE_MAX_CONCURRENT", 0, 1000000,
            "Database: calls in the backend at once; 0: no limit."),
    integer("resilience.database_max_queued", "WHISPERENGINE_DATABASE_MAX_QUEUED", 0, 100000000,
            "Database: calls that wait for their turn; more are refused."),
    integer("resilience.vector_database_deadline_ms", "WHISPERENGINE_VECTOR_DB_DEADLINE_MS", 0, 86400000,
            "Vector database: milliseconds a call without a deadline may take in all; 0: no limit."),
    integer("resilience.vector_database_attempt_timeout_ms", "WHISPERENGINE_VECTOR_DB_ATTEMPT_TIMEOUT_MS", 0, 86400000,
            "Vector database: milliseconds one attempt of a call may take; 0: no limit."),
    integer("resilience.vector_database_retry_attempts", "WHISPERENGINE_VECTOR_DB_RETRY_ATTEMPTS", 1, 100,
            "Vector database: attempts of a call in all; 1: no retries."),
    integer("resilience.vector_database_max_concurrent", "WHISPERENGINE_VECTOR_DB_MAX_CONCURRENT", 0, 1000000,
            "Vector database: calls in the backend at once; 0: no limit."),
    integer("resilience.vector_database_max_queued", "WHISPERENGINE_VECTOR_DB_MAX_QUEUED", 0, 100000000,
            "Vector database: calls that wait for their turn; more are refused."),
    integer("resilience.cache_deadline_ms", "WHISPERENGINE_CACHE_DEADLINE_MS", 0, 86400000,
            "Cache: milliseconds a call without a deadline may take in all; 0: no limit."),
    integer("resilience.cache_attempt_timeout_ms", "WHISPERENGINE_CACHE_ATTEMPT_TIMEOUT_MS", 0, 86400000,
            "Cache: milliseconds one attempt of a call may take; 0: no limit."),
    integer("resilience.cache_retry_attempts", "WHISPERENGINE_CACHE_RETRY_ATTEMPTS", 1, 100,
            "Cache: attempts of a call in all; 1: no retries."),
    integer("resilience.cache_max_concurrent", "WHISPERENGINE_CACHE_MAX_CONCURRENT", 0, 1000000,
            "Cache: calls in the backend at once; 0: no limit."),
    integer("resilience.cache_max_queued", "WHISPERENGINE_CACHE_MAX_QUEUED", 0, 100000000,
            "Cache: calls that wait for their turn; more are refused."),
    integer("resilience.graph_database_deadline_ms", "WHISPERENGINE_GRAPH_DB_DEADLINE_MS", 0, 86400000,
            "Graph database: milliseconds a call without a deadline may take in all; 0: no limit."),
    integer("resilience.graph_database_attempt_timeout_ms", "WHISPERENGINE_GRAPH_DB_ATTEMPT_TIMEOUT_MS", 0, 86400000,
            "Graph database: milliseconds one attempt of a call may take; 0: no limit."),
    integer("resilience.graph_database_retry_attempts", "WHISPERENGINE_GRAPH_DB_RETRY_ATTEMPTS", 1, 100,
            "Graph database: attempts of a call in all; 1: no retries."),
    integer("resilience.graph_database_max_concurrent", "WHISPERENGINE_GRAPH_DB_MAX_CONCURRENT", 0, 1000000,
            "Graph database: calls in the backend at once; 0: no limit."),
    integer("resilience.graph_database_max_queued", "WHISPERENGINE_GRAPH_DB_MAX_QUEUED", 0, 100000000,
            "Graph database: calls that wait for their turn; more are refused."),

    text("serve.listen", "WHISPERENGINE_SERVE_LISTEN",
         "Where the monitoring server listens, HOST:PORT; port 0: any free one (docs/serve.md)."),
    secret("serve.token", "WHISPERENGINE_SERVE_TOKEN",
           "What its clients send as Authorization: Bearer; needed where other machines reach it."),
    integer("serve.max_connections", "WHISPERENGINE_SERVE_MAX_CONNECTIONS", 1, 10000, "Its connections at once."),
    integer("serve.max_subscribers", "WHISPERENGINE_SERVE_MAX_SUBSCRIBERS", 0, 1000,
            "Those of its connections that read /api/events."),
    integer("serve.requests_per_second", "WHISPERENGINE_SERVE_REQUESTS_PER_SECOND", 0, 1000000,
            "Requests in a second that it answers; 0: no limit."),
    number("serve.event_interval_seconds", "WHISPERENGINE_SERVE_EVENT_INTERVAL_SECONDS", 0.1, 3600,
           "Seconds between two events of a kind."),

    url("tracing.endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", "http,https",
        "Where spans of every call go: OTLP over HTTP, /v1/traces is added (docs/tracing.md)."),
    text("tracing.service_name", "OTEL_SERVICE_NAME", "What spans call this process."),
    number("tracing.sampling_ratio", "OTEL_TRACES_SAMPLER_ARG", 0, 1,
           "Part of the traces that are kept, of those that begin here; others go by their caller."),
};

} // namespace whisperstore::config
