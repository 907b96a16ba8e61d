#include "config/configuration_builder.hpp"

#include "config/backend_choice.hpp"
#include "config/resilience_settings.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <cstdlib>

namespace whisperstore::config {

namespace {

StorageError invalid(const std::string& message) { return StorageError(StorageErrc::invalid_argument, message); }

std::optional<std::string> path_part(const UrlSource* url)
{
    if (!url || url->url.path.size() < 2)
        return std::nullopt;
    return url->url.path.substr(1);
}

/// Only PostgreSQL's and Neo4j's URLs have parameters we pass on; elsewhere they would be ignored.
void refuse_query(const UrlSource& url)
{
    if (!url.url.query.empty())
        throw invalid(url.variable +
                      ": this URL takes no parameters after '?'; there are settings for TLS and the rest");
}

void refuse_several(const std::vector<HostPort>& hosts, const std::string& type, const char* cluster_type,
                    std::string_view type_variable)
{
    if (hosts.size() > 1)
        throw invalid("the type " + type + " takes one host, and several are set: set " + std::string(type_variable) +
                      "=" + cluster_type + " for a cluster");
}

UrlCandidate database_candidate(std::string_view variable, const GivenValue& given)
{
    if (given.value.starts_with("sqlite:"))
        return {variable, {"sqlite"}};
    if (given.value.starts_with("postgresql://") || given.value.starts_with("postgres://"))
        return {variable, {"postgresql", "postgresql_cluster"}};
    return {variable, {}};
}

} // namespace

ConfigurationBuilder::ConfigurationBuilder(SettingValues& values, Environment environment, int tier, std::string origin,
                                           bool laptop_defaults)
    : values_(values),
      environment_(environment),
      tier_(tier),
      origin_(std::move(origin)),
      laptop_defaults_(laptop_defaults)
{
}

StorageConfiguration ConfigurationBuilder::build()
{
    build_general();
    build_availability();
    build_database();
    build_vector();
    build_embedding();
    build_cache();
    build_graph();
    out_.resilience = build_resilience(values_, out_);
    build_monitoring();
    return std::move(out_);
}

void ConfigurationBuilder::build_availability()
{
    const auto take = [this](std::string_view variable, Availability& availability) {
        const std::string value = values_.take(variable, Fallback{std::string(to_string(availability))});
        availability = value == "required"  ? Availability::required
                       : value == "degrade" ? Availability::degrade
                                            : Availability::disabled;
    };
    take("WHISPERENGINE_DATABASE_AVAILABILITY", out_.availability.database);
    take("WHISPERENGINE_VECTOR_DB_AVAILABILITY", out_.availability.vector_database);
    take("WHISPERENGINE_CACHE_AVAILABILITY", out_.availability.cache);
    take("WHISPERENGINE_GRAPH_DB_AVAILABILITY", out_.availability.graph_database);
}

Fallback ConfigurationBuilder::by_tier(const char* tier1, const char* tier2, const char* tier4) const
{
    return Fallback{tier_ == 1 ? tier1 : tier_ == 2 ? tier2 : tier4, origin_};
}

Fallback ConfigurationBuilder::default_host(const char* service) const
{
    return Fallback{environment_ == Environment::desktop ? "localhost" : service,
                    "detected: " + std::string(to_string(environment_))};
}

std::filesystem::path ConfigurationBuilder::local_directory() const
{
    return std::filesystem::absolute(expand_home(data_dir_)).lexically_normal();
}

void ConfigurationBuilder::build_general()
{
    data_dir_ = values_.take("WHISPERENGINE_DATA_DIR", Fallback{"~/.whisperengine"});
    const char* home = std::getenv("HOME");
    const bool is_expandable = !data_dir_.starts_with('~') || (home && *home);
    // Without a home directory only the local backends fail; those that need it say so.
    out_.data_dir = is_expandable ? local_directory() : std::filesystem::path(data_dir_);
    out_.embedding_model_dir = values_.take_path("WHISPERENGINE_EMBEDDING_MODEL_DIR");

    const bool read_only = values_.take_boolean("WHISPERENGINE_READ_ONLY", Fallback{"false"});
    out_.database.read_only = read_only;
    out_.vector_database.read_only = read_only;
    const bool backup = values_.take_boolean("WHISPERENGINE_BACKUP_ENABLED", Fallback{"true"});
    out_.database.backup_enabled = backup;
    out_.vector_database.backup_enabled = backup;
    out_.database.backup_interval_hours = values_.take_number("WHISPERENGINE_BACKUP_INTERVAL_HOURS", Fallback{"24"});
    build_backup();
    out_.metrics.interval = std::chrono::seconds(
        static_cast<std::int64_t>(values_.take_number("WHISPERENGINE_METRICS_INTERVAL_SECONDS", Fallback{"300"})));
    out_.metrics.retention = std::chrono::hours(
        static_cast<std::int64_t>(values_.take_number("WHISPERENGINE_METRICS_RETENTION_HOURS", Fallback{"168"})));
}

void ConfigurationBuilder::build_backup()
{
    const auto count = [this](std::string_view variable, const char* fallback) {
        return static_cast<std::size_t>(values_.take_number(variable, Fallback{fallback}));
    };
    out_.backup.folder = values_.take_path("WHISPERENGINE_BACKUP_DIR");
    out_.backup.compress = values_.take_boolean("WHISPERENGINE_BACKUP_COMPRESS", Fallback{"true"});
    out_.backup.passphrase = values_.take("WHISPERENGINE_BACKUP_PASSPHRASE", Fallback{""});
    out_.backup.passphrase_file = values_.take_path("WHISPERENGINE_BACKUP_PASSPHRASE_FILE");
    out_.backup.keep.last = count("WHISPERENGINE_BACKUP_KEEP_LAST", "10");
    out_.backup.keep.daily = count("WHISPERENGINE_BACKUP_KEEP_DAILY", "14");
    out_.backup.keep.weekly = count("WHISPERENGINE_BACKUP_KEEP_WEEKLY", "8");
    out_.backup.keep.monthly = count("WHISPERENGINE_BACKUP_KEEP_MONTHLY", "12");
}

void ConfigurationBuilder::build_database()
{
    constexpr std::string_view type_variable = "WHISPERENGINE_DATABASE_TYPE";
    TypeQuestion question{
        "database",           type_variable,  by_tier("sqlite", "postgresql", "postgresql_cluster"), {}, "postgresql",
        "postgresql_cluster", "POSTGRES_HOST"};
    const GivenValue* type = values_.given(type_variable);
    if (const GivenValue* own = values_.given("WHISPERENGINE_DATABASE_URL"))
        question.urls.push_back(database_candidate("WHISPERENGINE_DATABASE_URL", *own));
    if (const GivenValue* platform = values_.given("DATABASE_URL"); platform && type)
        question.urls.push_back(database_candidate("DATABASE_URL", *platform));
    const TypeChoice choice = choose_type(values_, question);
    const UrlSource* url = choice.url ? &*choice.url : nullptr;

    out_.database.type = choice.type;
    const bool is_sqlite = choice.type == "sqlite";
    const int pool = tier_ == 1 && is_sqlite ? 2 : std::min(tier_ * 5, 50);
    out_.database.pool_size = static_cast<std::size_t>(
        values_.take_number("WHISPERENGINE_DATABASE_POOL_SIZE", Fallback{std::to_string(pool), origin_}));
    out_.database.transaction_idle_limit = std::chrono::milliseconds(static_cast<std::int64_t>(
        values_.take_number("WHISPERENGINE_DATABASE_TRANSACTION_IDLE_LIMIT_MS", Fallback{"5000"})));
    if (is_sqlite)
        build_sqlite(url);
    else
        build_postgresql(url);

    if (!type)
        values_.not_used("DATABASE_URL", "WHISPERENGINE_DATABASE_TYPE is not set, so it may be another program's");
    else if (url && url->variable != "DATABASE_URL")
        values_.not_used("DATABASE_URL", url->variable + " says it");
    if (url)
        values_.record(url->variable, out_.database.connection_string, url->origin);
    values_.not_used_group("database", choice.reason, true);
    if (!url)
        values_.record("WHISPERENGINE_DATABASE_URL", out_.database.connection_string,
                       is_sqlite ? "built from WHISPERENGINE_DATA_DIR" : "built from POSTGRES_ settings");
    values_.not_used_group("postgres", choice.reason, !choice.is_set && !laptop_defaults_);
}

void ConfigurationBuilder::build_sqlite(const UrlSource* url)
{
    DatabaseConfig& config = out_.database;
    if (url) {
        config.connection_string = url->text;
        config.read_only = config.read_only || sqlite_path(url->text).read_only;
    } else if (data_dir_.starts_with('~')) {
        local_directory(); // tells a missing home directory here, where the setting can be named
        config.connection_string = sqlite_url(std::filesystem::path(data_dir_) / "database.db");
    } else {
        config.connection_string = sqlite_url(local_directory() / "database.db");
    }
    if (config.pool_size > 64)
        throw invalid("WHISPERENGINE_DATABASE_POOL_SIZE is " + std::to_string(config.pool_size) +
                      "; allowed with SQLite: 1 to 64");
    config.synchronous = values_.take("WHISPERENGINE_DATABASE_SYNCHRONOUS", Fallback{"FULL"});
    config.busy_timeout = std::chrono::milliseconds(
        static_cast<std::int64_t>(values_.take_number("WHISPERENGINE_DATABASE_BUSY_TIMEOUT_MS", Fallback{"5000"})));
}

void ConfigurationBuilder::build_postgresql(const UrlSource* url)
{
    const char* service = out_.database.type == "postgresql_cluster" ? "postgres-cluster" : "postgres";
    const std::vector<HostPort> hosts =
        choose_hosts(values_, EndpointQuestion{"POSTGRES", {}, true, url, default_host(service), 5432});

    ConnectionUrl dsn;
    dsn.scheme = "postgresql";
    dsn.hosts = hosts;
    dsn.path = "/" + values_.take("POSTGRES_DB", url, path_part(url), Fallback{"whisperengine"});
    dsn.username =
        values_.take("POSTGRES_USER", url, url ? url->url.username : std::nullopt, Fallback{"whisperengine"});
    const std::string password =
        values_.take("POSTGRES_PASSWORD", url, url ? url->url.password : std::nullopt, Fallback{"", "not set"});
    if (!password.empty())
        dsn.password = password;

    // libpq's own parameters: those of ours are decided here, others are passed on as they are.
    const std::pair<const char*, const char*> parameters[] = {{"sslmode", "POSTGRES_SSLMODE"},
                                                              {"sslrootcert", "POSTGRES_SSLROOTCERT"},
                                                              {"sslcert", "POSTGRES_SSLCERT"},
                                                              {"sslkey", "POSTGRES_SSLKEY"}};
    for (const auto& [key, variable] : parameters) {
        const std::optional<std::string> in_url = url ? url->url.find(key) : std::nullopt;
        const bool is_mode = std::string_view(key) == "sslmode";
        std::string value =
            values_.take(variable, url, in_url, Fallback{is_mode ? "prefer" : "", is_mode ? "default" : "not set"});
        if (!in_url && !values_.given(variable))
            continue; // libpq's default
        dsn.query.emplace_back(key, is_mode ? value : expand_home(value).string());
    }
    if (url)
        for (const auto& [key, value] : url->url.query)
            if (std::none_of(std::begin(parameters), std::end(parameters),
                             [&](const auto& known) { return key == known.first; }))
                dsn.query.emplace_back(key, value);
    out_.database.connection_string = dsn.to_string();
    out_.database.cluster_nodes = host_texts(hosts);
    if (out_.database.type == "postgresql_cluster") {
        out_.database.read_policy = values_.take("POSTGRES_READ_POLICY", Fallback{out_.database.read_policy});
        out_.database.max_replica_lag = std::chrono::milliseconds(static_cast<std::int64_t>(values_.take_number(
            "POSTGRES_MAX_REPLICA_LAG_MS", Fallback{std::to_string(out_.database.max_replica_lag.count())})));
        out_.database.failover_limit = std::chrono::milliseconds(static_cast<std::int64_t>(values_.take_number(
            "POSTGRES_FAILOVER_LIMIT_MS", Fallback{std::to_string(out_.database.failover_limit.count())})));
    } else if (hosts.size() == 1) {
        out_.database.cluster_nodes.clear();
    }
}

void ConfigurationBuilder::build_vector()
{
    constexpr std::string_view type_variable = "WHISPERENGINE_VECTOR_DB_TYPE";
    TypeQuestion question{"vector database",
                          type_variable,
                          by_tier("local_qdrant", "http_qdrant", "distributed_qdrant"),
                          {},
                          "http_qdrant",
                          "distributed_qdrant",
                          "QDRANT_HOST",
                          "QDRANT_NODES"};
    if (values_.given("QDRANT_URL"))
        question.urls.push_back({"QDRANT_URL", {"http_qdrant", "distributed_qdrant"}});
    if (values_.given("CHROMADB_URL"))
        question.urls.push_back({"CHROMADB_URL", {"http_chromadb", "distributed_chromadb"}});
    const TypeChoice choice = choose_type(values_, question);
    const UrlSource* url = choice.url ? &*choice.url : nullptr;

    VectorDatabaseConfig& config = out_.vector_database;
    config.type = choice.type;
    const bool is_qdrant = choice.type.ends_with("qdrant");
    if (choice.type == "local_qdrant") {
        config.persist_directory = local_directory() / "vectors";
        config.synchronous = values_.take("WHISPERENGINE_VECTOR_DB_SYNCHRONOUS", Fallback{"FULL"});
        const auto count = [&](std::string_view variable, std::size_t fallback) {
            return static_cast<std::size_t>(values_.take_number(variable, Fallback{std::to_string(fallback)}));
        };
        config.hnsw_threshold = count("WHISPERENGINE_VECTOR_DB_HNSW_THRESHOLD", config.hnsw_threshold);
        config.hnsw_ef = count("WHISPERENGINE_VECTOR_DB_HNSW_EF", config.hnsw_ef);
        config.hnsw_quantization =
            values_.take("WHISPERENGINE_VECTOR_DB_HNSW_QUANTIZATION", Fallback{config.hnsw_quantization});
    } else if (choice.type == "local_chromadb") {
        config.persist_directory = local_directory() / "chromadb"; // Chroma's own files, apart from ours
        config.chroma_command = values_.take("CHROMADB_COMMAND", Fallback{"chroma"});
        take_chroma_settings(config);
    } else {
        const std::string prefix = is_qdrant ? "QDRANT" : "CHROMADB";
        const bool cluster = choice.type.starts_with("distributed_");
        const std::vector<HostPort> hosts =
            choose_hosts(values_, EndpointQuestion{prefix, is_qdrant ? "QDRANT_NODES" : "CHROMADB_NODES", cluster, url,
                                                   default_host(is_qdrant ? "qdrant" : "chromadb"),
                                                   static_cast<std::uint16_t>(is_qdrant ? 6333 : 8000)});
        if (!cluster)
            refuse_several(hosts, choice.type, is_qdrant ? "distributed_qdrant" : "distributed_chromadb",
                           type_variable);
        config.host = hosts.front().host;
        config.port = *hosts.front().port;
        if (cluster)
            config.cluster_nodes = host_texts(hosts);
        config.api_key = values_.take(is_qdrant ? "QDRANT_API_KEY" : "CHROMADB_TOKEN", Fallback{"", "not set"});
        config.tls = choose_tls(values_, prefix, url, UrlTls{url && url->url.scheme == "https"});
        if (is_qdrant)
            take_qdrant_settings(config);
        else
            take_chroma_settings(config);
        if (url) {
            refuse_query(*url);
            if (url->url.username || url->url.password)
                throw invalid(url->variable + " takes no user name and password: the key goes into " +
                              (is_qdrant ? "QDRANT_API_KEY" : "CHROMADB_TOKEN"));
            ConnectionUrl effective = url->url;
            effective.scheme = config.tls.enabled ? "https" : "http";
            effective.hosts = hosts;
            config.url = effective.to_string();
            values_.record(url->variable, config.url, url->origin);
        }
    }
    const bool warn = !choice.is_set && !laptop_defaults_;
    values_.not_used_group("qdrant", choice.reason, warn);
    values_.not_used_group("chromadb", choice.reason, warn);
    values_.not_used_group("vector_database", choice.reason, true);
}

void ConfigurationBuilder::take_qdrant_settings(VectorDatabaseConfig& config)
{
    const auto count = [&](std::string_view variable) {
        return static_cast<std::size_t>(values_.take_number(variable, Fallback{"0"}));
    };
    config.exact_search = values_.take_boolean("QDRANT_EXACT_SEARCH", Fallback{"false"});
    config.search_ef = count("QDRANT_SEARCH_EF");
    config.consistency = values_.take("QDRANT_CONSISTENCY", Fallback{"", "the default"});
    config.ordering = values_.take("QDRANT_ORDERING", Fallback{"", "the default"});
    config.shard_number = count("QDRANT_SHARD_NUMBER");
    config.replication_factor = count("QDRANT_REPLICATION_FACTOR");
    config.write_consistency_factor = count("QDRANT_WRITE_CONSISTENCY_FACTOR");
    config.server_snapshots = values_.take_boolean("QDRANT_SNAPSHOTS", Fallback{"false"});
}

void ConfigurationBuilder::take_chroma_settings(VectorDatabaseConfig& config)
{
    const auto count = [&](std::string_view variable, std::size_t fallback) {
        return static_cast<std::size_t>(values_.take_number(variable, Fallback{std::to_string(fallback)}));
    };
    config.chroma_tenant = values_.take("CHROMADB_TENANT", Fallback{config.chroma_tenant});
    config.chroma_database = values_.take("CHROMADB_DATABASE", Fallback{config.chroma_database});
    config.chroma_ef_search = count("CHROMADB_EF_SEARCH", config.chroma_ef_search);
    config.chroma_ef_construction = count("CHROMADB_EF_CONSTRUCTION", config.chroma_ef_construction);
    config.chroma_max_neighbors = count("CHROMADB_MAX_NEIGHBORS", config.chroma_max_neighbors);
}

void ConfigurationBuilder::build_embedding()
{
    EmbeddingConfig& config = out_.embedding;
    const auto count = [&](std::string_view variable, std::size_t fallback) {
        return static_cast<std::size_t>(values_.take_number(variable, Fallback{std::to_string(fallback)}));
    };
    TypeQuestion question{"embedding", "WHISPERENGINE_EMBEDDING_TYPE", Fallback{config.type}, {}};
    if (values_.given("WHISPERENGINE_EMBEDDING_URL"))
        question.urls.push_back({"WHISPERENGINE_EMBEDDING_URL", {"openai"}});
    const TypeChoice choice = choose_type(values_, question);
    config.type = choice.type;
    config.model_dir = out_.embedding_model_dir;
    if (config.type == "none") {
        values_.not_used_group("embedding", choice.reason, true);
        return;
    }
    config.model = values_.take("WHISPERENGINE_EMBEDDING_MODEL", Fallback{config.model});
    config.dimension = count("WHISPERENGINE_EMBEDDING_DIMENSION", config.dimension);
    config.batch_size = count("WHISPERENGINE_EMBEDDING_BATCH_SIZE", config.batch_size);
    config.cache_entries = count("WHISPERENGINE_EMBEDDING_CACHE_ENTRIES", config.cache_entries);
    config.cache_file_entries = count("WHISPERENGINE_EMBEDDING_CACHE_FILE_ENTRIES", config.cache_file_entries);
    if (config.cache_file_entries > 0 && out_.data_dir.is_absolute())
        config.cache_file = out_.data_dir / "embeddings.db";
    if (config.type == "local") {
        config.precision = values_.take("WHISPERENGINE_EMBEDDING_PRECISION", Fallback{config.precision});
        config.threads = count("WHISPERENGINE_EMBEDDING_THREADS", config.threads);
    } else {
        if (!choice.url)
            throw invalid("WHISPERENGINE_EMBEDDING_URL is not set, and the embedding type is openai: set it to the "
                          "server's address up to /v1, such as http://localhost:11434/v1");
        const UrlSource& url = *choice.url;
        if (url.url.username || url.url.password)
            throw invalid(url.variable +
                          " takes no user name and password: the key goes into WHISPERENGINE_EMBEDDING_API_KEY");
        config.url = url.text;
        values_.record(url.variable, config.url, url.origin);
        config.api_key = values_.take("WHISPERENGINE_EMBEDDING_API_KEY", Fallback{"", "not set"});
        config.tls.enabled = url.url.scheme == "https";
        config.tls.verify = values_.take_boolean("WHISPERENGINE_EMBEDDING_TLS_VERIFY", Fallback{"true"});
        config.tls.ca_file = values_.take_path("WHISPERENGINE_EMBEDDING_TLS_CA_FILE");
        config.tls.cert_file = values_.take_path("WHISPERENGINE_EMBEDDING_TLS_CERT_FILE");
        config.tls.key_file = values_.take_path("WHISPERENGINE_EMBEDDING_TLS_KEY_FILE");
        if (config.tls.cert_file.empty() != config.tls.key_file.empty())
            throw invalid("WHISPERENGINE_EMBEDDING_TLS_CERT_FILE and WHISPERENGINE_EMBEDDING_TLS_KEY_FILE belong "
                          "together: set both or none");
    }
    values_.not_used_group("embedding", choice.reason, true);
}

void ConfigurationBuilder::build_cache()
{
    const char* key = laptop_defaults_ || environment_ == Environment::desktop ? "desktop"
                      : environment_ == Environment::container                 ? "docker"
                                                                               : "kubernetes";
    const CacheConfig& defaults = CACHE_CONFIGS.at(key);
    const std::string origin = laptop_defaults_ ? origin_ : "detected: " + std::string(to_string(environment_));

    TypeQuestion question{"cache",
                          "WHISPERENGINE_CACHE_TYPE",
                          by_tier("memory", "redis", "redis_cluster"),
                          {},
                          "redis",
                          "redis_cluster",
                          "REDIS_HOST",
                          "REDIS_CLUSTER_NODES"};
    if (values_.given("REDIS_URL"))
        question.urls.push_back({"REDIS_URL", {"redis", "redis_cluster"}});
    const TypeChoice choice = choose_type(values_, question);

    CacheConfig& config = out_.cache;
    config.type = choice.type;
    const auto count = [&](std::string_view variable, std::size_t fallback) {
        return static_cast<std::size_t>(values_.take_number(variable, Fallback{std::to_string(fallback), origin}));
    };
    config.timeout_minutes =
        values_.take_number("WHISPERENGINE_CACHE_TIMEOUT_MINUTES",
                            Fallback{std::to_string(static_cast<int>(defaults.timeout_minutes)), origin});
    config.max_messages = count("WHISPERENGINE_CACHE_MAX_MESSAGES", defaults.max_messages);
    config.bootstrap_limit = count("WHISPERENGINE_CACHE_BOOTSTRAP_LIMIT", defaults.bootstrap_limit);
    if (choice.type == "memory")
        config.max_channels = count("WHISPERENGINE_CACHE_MAX_CHANNELS", defaults.max_channels);
    else
        build_redis(choice.url ? &*choice.url : nullptr);
    values_.not_used_group("cache", choice.reason, true);
    values_.not_used_group("redis", choice.reason, !choice.is_set && !laptop_defaults_);
}

void ConfigurationBuilder::build_redis(const UrlSource* url)
{
    CacheConfig& config = out_.cache;
    const bool cluster = config.type == "redis_cluster";
    Fallback hosts = default_host(CACHE_CONFIGS.at("docker").redis_host.c_str());
    if (cluster && environment_ == Environment::kubernetes) {
        hosts.value.clear();
        for (const std::string& node : CACHE_CONFIGS.at("kubernetes").cluster_nodes)
            hosts.value.append(hosts.value.empty() ? "" : ",").append(node);
    }
    const std::vector<HostPort> endpoints =
        choose_hosts(values_, EndpointQuestion{"REDIS", "REDIS_CLUSTER_NODES", cluster, url, hosts, 6379});
    if (!cluster)
        refuse_several(endpoints, config.type, "redis_cluster", "WHISPERENGINE_CACHE_TYPE");
    config.redis_host = endpoints.front().host;
    config.redis_port = *endpoints.front().port;
    if (cluster)
        config.cluster_nodes = host_texts(endpoints);
    config.redis_db = std::stoi(values_.take("REDIS_DB", url, path_part(url), Fallback{"0"}));
    if (cluster && config.redis_db != 0)
        throw invalid("REDIS_DB is " + std::to_string(config.redis_db) + "; allowed with a Redis Cluster: 0");
    config.redis_username =
        values_.take("REDIS_USERNAME", url, url ? url->url.username : std::nullopt, Fallback{"", "not set"});
    config.redis_password =
        values_.take("REDIS_PASSWORD", url, url ? url->url.password : std::nullopt, Fallback{"", "not set"});
    config.tls = choose_tls(values_, "REDIS", url, UrlTls{url && url->url.scheme == "rediss"});
    build_redis_behaviour();
    if (!url)
        return;
    refuse_query(*url);
    ConnectionUrl effective;
    effective.scheme = config.tls.enabled ? "rediss" : "redis";
    effective.hosts = endpoints;
    effective.path = "/" + std::to_string(config.redis_db);
    if (!config.redis_username.empty())
        effective.username = config.redis_username;
    if (!config.redis_password.empty())
        effective.password = config.redis_password;
    config.redis_url = effective.to_string();
    values_.record(url->variable, config.redis_url, url->origin);
}

void ConfigurationBuilder::build_redis_behaviour()
{
    CacheConfig& config = out_.cache;
    const CacheConfig defaults;
    const auto count = [&](std::string_view variable, std::size_t fallback) {
        return static_cast<std::size_t>(values_.take_number(variable, Fallback{std::to_string(fallback)}));
    };
    config.redis_key_prefix = values_.take("REDIS_KEY_PREFIX", Fallback{defaults.redis_key_prefix});
    config.redis_two_level = values_.take_boolean("REDIS_TWO_LEVEL", Fallback{"false"});
    config.max_channels = count("REDIS_LOCAL_CHANNELS", defaults.max_channels);
    config.redis_degrade_to_memory = values_.take_boolean("REDIS_DEGRADE_TO_MEMORY", Fallback{"false"});
    config.redis_read_replicas = values_.take_boolean("REDIS_READ_REPLICAS", Fallback{"false"});
    config.redis_wait_replicas = count("REDIS_WAIT_REPLICAS", 0);
    config.redis_wait_timeout_seconds = values_.take_number("REDIS_WAIT_TIMEOUT_SECONDS", Fallback{"1"});
    config.redis_warm_channels = count("REDIS_WARM_CHANNELS", defaults.redis_warm_channels);
    config.redis_warm_concurrency = count("REDIS_WARM_CONCURRENCY", defaults.redis_warm_concurrency);
    config.redis_connect_timeout_seconds = values_.take_number("REDIS_CONNECT_TIMEOUT_SECONDS", Fallback{"5"});
    config.redis_patience_seconds = values_.take_number("REDIS_PATIENCE_SECONDS", Fallback{"10"});
    config.redis_health_interval_seconds = values_.take_number("REDIS_HEALTH_INTERVAL_SECONDS", Fallback{"2"});
}

void ConfigurationBuilder::build_graph()
{
    TypeQuestion question{"graph database",
                          "WHISPERENGINE_GRAPH_DB_TYPE",
                          by_tier("sqlite", "neo4j", "neo4j_cluster"),
                          {},
                          "neo4j",
                          "neo4j_cluster",
                          "NEO4J_HOST"};
    if (values_.given("NEO4J_URI"))
        question.urls.push_back({"NEO4J_URI", {"neo4j", "neo4j_cluster"}});
    const TypeChoice choice = choose_type(values_, question);
    GraphDatabaseConfig& config = out_.graph_database;
    config.type = choice.type == "disabled" ? "sqlite" : choice.type; // one word for one thing from here on
    if (config.type.starts_with("neo4j"))
        build_neo4j(choice.url ? &*choice.url : nullptr);
    values_.not_used_group("neo4j", choice.reason, !choice.is_set && !laptop_defaults_);
}

void ConfigurationBuilder::build_neo4j(const UrlSource* url)
{
    GraphDatabaseConfig& config = out_.graph_database;
    const bool cluster = config.type == "neo4j_cluster";
    const std::string scheme = url ? url->url.scheme.substr(0, url->url.scheme.find('+')) : cluster ? "neo4j" : "bolt";
    if (cluster && scheme != "neo4j")
        throw invalid(url->variable + ": a Neo4j cluster is reached by neo4j://, neo4j+s:// or neo4j+ssc://, not by " +
                      url->url.scheme + "://, which does not route");
    if (path_part(url))
        throw invalid(url->variable + ": a Neo4j URI has no path; the database's name goes into NEO4J_DATABASE");
    const std::vector<HostPort> hosts =
        choose_hosts(values_, EndpointQuestion{"NEO4J", {}, cluster, url, default_host("neo4j"), 7687});
    if (!cluster)
        refuse_several(hosts, config.type, "neo4j_cluster", "WHISPERENGINE_GRAPH_DB_TYPE");
    config.host = hosts.front().host;
    config.port = *hosts.front().port;
    if (cluster)
        config.cluster_nodes = host_texts(hosts);
    config.username = values_.take("NEO4J_USERNAME", url, url ? url->url.username : std::nullopt, Fallback{"neo4j"});
    config.password =
        values_.take("NEO4J_PASSWORD", url, url ? url->url.password : std::nullopt, Fallback{"", "not set"});
    config.database = values_.take("NEO4J_DATABASE", Fallback{"", "not set"});
    config.graph_namespace = values_.take("NEO4J_NAMESPACE", Fallback{"", "not set"});
    const UrlTls in_url{url && url->url.scheme.find('+') != std::string::npos,
                        !(url && url->url.scheme.ends_with("+ssc"))};
    config.tls = choose_tls(values_, "NEO4J", url, in_url);

    ConnectionUrl effective;
    effective.scheme = scheme + (!config.tls.enabled ? "" : config.tls.verify ? "+s" : "+ssc");
    effective.hosts = hosts;
    if (url)
        effective.query = url->url.query; // the routing context
    config.uri = effective.to_string();
    values_.record("NEO4J_URI", config.uri, url ? url->origin : "built from NEO4J_ settings");
}

void ConfigurationBuilder::build_monitoring()
{
    const auto count = [this](std::string_view variable, std::size_t fallback) {
        return static_cast<std::size_t>(values_.take_number(variable, Fallback{std::to_string(fallback)}));
    };
    ServeConfig& serve = out_.serve;
    serve.listen = values_.take("WHISPERENGINE_SERVE_LISTEN", Fallback{serve.listen});
    serve.token = values_.take("WHISPERENGINE_SERVE_TOKEN", Fallback{"", "not set"});
    serve.max_connections = count("WHISPERENGINE_SERVE_MAX_CONNECTIONS", serve.max_connections);
    serve.max_subscribers = count("WHISPERENGINE_SERVE_MAX_SUBSCRIBERS", serve.max_subscribers);
    serve.requests_per_second =
        static_cast<std::uint32_t>(count("WHISPERENGINE_SERVE_REQUESTS_PER_SECOND", serve.requests_per_second));
    serve.event_interval = std::chrono::milliseconds(static_cast<std::int64_t>(
        values_.take_number("WHISPERENGINE_SERVE_EVENT_INTERVAL_SECONDS", Fallback{"5"}) * 1000));

    TraceExportConfig& tracing = out_.tracing;
    tracing.endpoint = values_.take("OTEL_EXPORTER_OTLP_ENDPOINT", Fallback{"", "not set"});
    tracing.service_name = values_.take("OTEL_SERVICE_NAME", Fallback{tracing.service_name});
    tracing.sampling_ratio = values_.take_number("OTEL_TRACES_SAMPLER_ARG", Fallback{"1"});
}

} // namespace whisperstore::config
