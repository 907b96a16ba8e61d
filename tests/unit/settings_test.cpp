#include "support/run.hpp"
#include "unit/config_support.hpp"

#include <whisperstore/config/settings.hpp>
#include <whisperstore/core/connection_url.hpp>

#include <gtest/gtest.h>

#include <set>

namespace whisperstore {
namespace {

using test::options_in;
using test::TestDirectory;

/// A world in which a setting is in use.
EnvironmentMap world_of(const Setting& setting)
{
    const std::string_view group = setting.group();
    if (setting.variable == "DATABASE_URL")
        return {{"WHISPERENGINE_DATABASE_TYPE", "postgresql"}};
    if (setting.name == "postgres.read_policy" || setting.name == "postgres.max_replica_lag_ms" ||
        setting.name == "postgres.failover_limit_ms")
        return {{"WHISPERENGINE_DATABASE_TYPE", "postgresql_cluster"}};
    if (group == "postgres")
        return {{"WHISPERENGINE_DATABASE_TYPE", "postgresql"}};
    if (setting.variable == "QDRANT_NODES")
        return {{"WHISPERENGINE_VECTOR_DB_TYPE", "distributed_qdrant"}};
    if (setting.variable == "CHROMADB_NODES")
        return {{"WHISPERENGINE_VECTOR_DB_TYPE", "distributed_chromadb"}};
    if (setting.variable == "CHROMADB_COMMAND")
        return {{"WHISPERENGINE_VECTOR_DB_TYPE", "local_chromadb"}};
    if (group == "qdrant")
        return {{"WHISPERENGINE_VECTOR_DB_TYPE", "http_qdrant"}};
    if (group == "chromadb")
        return {{"WHISPERENGINE_VECTOR_DB_TYPE", "http_chromadb"}};
    if (setting.variable == "REDIS_CLUSTER_NODES")
        return {{"WHISPERENGINE_CACHE_TYPE", "redis_cluster"}};
    if (group == "redis")
        return {{"WHISPERENGINE_CACHE_TYPE", "redis"}};
    if (group == "neo4j")
        return {{"WHISPERENGINE_GRAPH_DB_TYPE", "neo4j"}};
    if (setting.name == "embedding.api_key" || setting.name.starts_with("embedding.tls"))
        return {{"WHISPERENGINE_EMBEDDING_URL", "https://models.example.com/v1"}};
    return {};
}

/// A value that is nobody's default.
std::string sample(const Setting& setting)
{
    switch (setting.kind) {
    case SettingKind::choice:
        return std::string(setting.allowed.substr(setting.allowed.rfind(',') + 1)); // the first ones are defaults
    case SettingKind::boolean:
        return setting.name.ends_with("tls_verify") || setting.name.ends_with("enabled") ||
                       setting.name == "general.backup_compress"
                   ? "false"
                   : "true";
    case SettingKind::integer:
    case SettingKind::number:
        return setting.maximum < 7 ? "0.5" : "7";
    case SettingKind::hosts:
        return "sample.example.com:4321";
    case SettingKind::url:
        if (setting.allowed.empty() || setting.allowed.find("postgres") != std::string_view::npos)
            return "postgresql://sample-user:sample-secret@sample.example.com:4321/sample-db";
        return std::string(setting.allowed.substr(0, setting.allowed.find(','))) + "://sample.example.com:4321";
    case SettingKind::path:
        return "/sample/path";
    case SettingKind::text:
        return setting.secret ? "s3cr3t-sample" : "sample-text";
    }
    return {};
}

// Seen in an earlier implementation: overrides read and ignored.
TEST(Settings, EveryOneReachesTheConfigurationAndItsReport)
{
    const TestDirectory root;
    for (const Setting& setting : settings()) {
        const EnvironmentMap world = world_of(setting);
        const AdaptiveConfigManager before(options_in(root.path(), world));
        EnvironmentMap changed = world;
        changed[std::string(setting.variable)] = sample(setting);
        // A certificate without its key is refused.
        if (setting.name.ends_with("tls_cert_file") || setting.name.ends_with("tls_key_file")) {
            const std::string prefix(setting.variable.substr(0, setting.variable.find("_TLS")));
            changed[prefix + (setting.name.ends_with("tls_cert_file") ? "_TLS_KEY_FILE" : "_TLS_CERT_FILE")] = "/other";
        }
        const AdaptiveConfigManager after(options_in(root.path(), changed));
        const std::string everything = test::everything(after.get_storage_configuration());
        EXPECT_NE(everything, test::everything(before.get_storage_configuration()))
            << setting.variable << " is read and ignored";
        // A host and its port may be fields of their own.
        const std::vector<std::string> expected =
            setting.kind == SettingKind::hosts ? std::vector<std::string>{"sample.example.com", "4321"}
            : setting.kind == SettingKind::text || setting.kind == SettingKind::path
                ? std::vector<std::string>{sample(setting)}
                : std::vector<std::string>();
        for (const std::string& part : expected)
            EXPECT_NE(percent_decode(everything).find(part), std::string::npos) << setting.variable;

        const SettingReport& report = test::report_of(after, setting.variable);
        EXPECT_EQ(report.origin, "environment " + std::string(setting.variable));
        EXPECT_EQ(report.note, "");
        // A URL is reported as it is used, with the parts it left out.
        EXPECT_TRUE(report.value.starts_with(shown_value(setting, sample(setting))))
            << setting.variable << report.value;
        EXPECT_FALSE(report.description.empty());
    }
}

TEST(Settings, ArgumentsAndFilesReachTheConfigurationTheSameWay)
{
    const TestDirectory root;
    for (const Setting& setting : settings()) {
        if (setting.name.ends_with("tls_cert_file") || setting.name.ends_with("tls_key_file"))
            continue; // need each other; covered above
        EnvironmentMap environment = world_of(setting);
        environment[std::string(setting.variable)] = sample(setting);
        const AdaptiveConfigManager by_environment(options_in(root.path(), environment));

        ConfigOptions by_argument = options_in(root.path(), world_of(setting));
        by_argument.settings[std::string(setting.name)] = sample(setting);
        ConfigOptions by_file = options_in(root.path(), world_of(setting));
        by_file.config_file = root / "x.env";
        test::write_file(root / "x.env", std::string(setting.variable) + "='" + sample(setting) + "'\n");
        const std::string expected = test::everything(by_environment.get_storage_configuration());
        EXPECT_EQ(test::everything(AdaptiveConfigManager(by_argument).get_storage_configuration()), expected)
            << setting.name;
        EXPECT_EQ(test::everything(AdaptiveConfigManager(by_file).get_storage_configuration()), expected)
            << setting.name;
    }
}

TEST(Settings, BadValuesNameTheVariableTheValueAndWhatIsAllowed)
{
    const TestDirectory root;
    for (const Setting& setting : settings()) {
        if (setting.kind == SettingKind::text || setting.kind == SettingKind::path ||
            setting.variable == "DATABASE_URL")
            continue;
        EnvironmentMap variables = {{std::string(setting.variable), "b a d"}};
        const StorageError error = test::error_of([&] { AdaptiveConfigManager{options_in(root.path(), variables)}; });
        EXPECT_EQ(error.errc(), StorageErrc::invalid_argument);
        const std::string what = error.what();
        EXPECT_NE(what.find(setting.variable), std::string::npos) << what;
        EXPECT_NE(what.find(allowed_values(setting)), std::string::npos) << what;
        if (setting.kind != SettingKind::url) { // may hold a password
            EXPECT_NE(what.find("'b a d'"), std::string::npos) << what;
        }
    }
}

TEST(Settings, ValuesAreChecked)
{
    const struct
    {
        const char* variable;
        const char* value;
        const char* expected; ///< null: refused
    } cases[] = {
        {"POSTGRES_PORT", "5432", "5432"},
        {"POSTGRES_PORT", " 5432\n", "5432"},
        {"POSTGRES_PORT", "0", nullptr},
        {"POSTGRES_PORT", "65536", nullptr},
        {"POSTGRES_PORT", "-1", nullptr},
        {"POSTGRES_PORT", "5432.0", nullptr},
        {"POSTGRES_PORT", "0x10", nullptr},
        {"POSTGRES_PORT", "1e3", nullptr},
        {"POSTGRES_PORT", "99999999999999999999", nullptr},
        {"WHISPERENGINE_CACHE_TIMEOUT_MINUTES", "0.5", "0.5"},
        {"WHISPERENGINE_CACHE_TIMEOUT_MINUTES", "0", nullptr},
        {"WHISPERENGINE_CACHE_TIMEOUT_MINUTES", "nan", nullptr},
        {"WHISPERENGINE_CACHE_TIMEOUT_MINUTES", "inf", nullptr},
        {"WHISPERENGINE_DATABASE_TYPE", "SQLite", "sqlite"},
        {"WHISPERENGINE_DATABASE_TYPE", "mysql", nullptr},
        {"WHISPERENGINE_DATABASE_SYNCHRONOUS", "normal", "NORMAL"},
        {"REDIS_TLS", "Yes", "true"},
        {"REDIS_TLS", "0", "false"},
        {"REDIS_TLS", "2", nullptr},
        {"REDIS_URL", "http://h", nullptr},
        {"REDIS_URL", "rediss://h", "rediss://h"},
        {"WHISPERENGINE_DATABASE_URL", "sqlite://x", nullptr},
        {"POSTGRES_HOST", "a,,b", nullptr},
        {"POSTGRES_HOST", "/var/run/postgresql", "/var/run/postgresql"},
        {"POSTGRES_USER", "a\xFF", nullptr},
        {"POSTGRES_PASSWORD", " p ", " p "},
    };
    for (const auto& [variable, value, expected] : cases) {
        const Setting& setting = *find_setting(variable);
        if (expected)
            EXPECT_EQ(check_setting(setting, value), expected) << variable;
        else
            EXPECT_STORAGE_ERROR(check_setting(setting, value), invalid_argument) << variable << "=" << value;
    }
}

TEST(Settings, NoSecretIsEverShown)
{
    const TestDirectory root;
    const EnvironmentMap worlds[] = {
        {{"WHISPERENGINE_DATABASE_TYPE", "postgresql"},
         {"WHISPERENGINE_CACHE_TYPE", "redis"},
         {"WHISPERENGINE_VECTOR_DB_TYPE", "http_qdrant"},
         {"WHISPERENGINE_GRAPH_DB_TYPE", "neo4j"}},
        {{"WHISPERENGINE_VECTOR_DB_TYPE", "http_chromadb"}},
        {}, // nothing in use: still reported as given
        {{"WHISPERENGINE_DATABASE_URL", "postgresql://u:sesame-x%40@h/db?sslpassword=sesame"},
         {"REDIS_URL", "redis://:sesame@h"},
         {"NEO4J_URI", "bolt://n:sesame@h"}},
        {{"WHISPERENGINE_DATABASE_TYPE", "postgresql"}, {"DATABASE_URL", "postgresql://u:sesame@h/db"}},
        {{"DATABASE_URL", "mysql://u:sesame@h/db"}, {"WHISPERENGINE_DATABSE_URL", "sesame"}},
    };
    for (EnvironmentMap world : worlds) {
        for (const Setting& setting : settings())
            if (setting.secret)
                world[std::string(setting.variable)] = "sesame/@:" + std::string(setting.name);
        const AdaptiveConfigManager manager(options_in(root.path(), world));
        const std::string output = test::shown(manager);
        EXPECT_EQ(output.find("sesame"), std::string::npos) << output;
        EXPECT_NE(output.find("***"), std::string::npos);
    }
}

TEST(Settings, ErrorsHoldNoSecret)
{
    const TestDirectory root;
    const EnvironmentMap worlds[] = {
        {{"REDIS_HOST", "redis://u:sesame@h"}},
        {{"POSTGRES_PORT", "postgresql://u:sesame@h:5432/db"}},
        {{"WHISPERENGINE_DATABASE_TYPE", "postgresql://u:sesame@h/db"}},
        {{"REDIS_URL", "redis://u:se/sesame@h"}},
        {{"REDIS_URL", "http://u:sesame@h"}},
        {{"QDRANT_URL", "https://u:sesame@h"}},
        {{"POSTGRES_PASSWORD", "sesame\xFF"}},
        {{"WHISPERENGINE_DATABASE_TYPE", "sqlite"}, {"WHISPERENGINE_DATABASE_URL", "postgresql://u:sesame@h/db"}},
        {{"WHISPERENGINE_DATABASE_TYPE", "postgresql"}, {"DATABASE_URL", "postgresql://u:1/sesame@h/db"}},
    };
    for (const EnvironmentMap& world : worlds) {
        const StorageError error = test::error_of([&] { AdaptiveConfigManager{options_in(root.path(), world)}; });
        EXPECT_EQ(std::string(error.what()).find("sesame"), std::string::npos) << error.what();
    }
}

TEST(Settings, NamesAreUniqueAndFound)
{
    std::set<std::string_view> seen;
    for (const Setting& setting : settings()) {
        EXPECT_TRUE(seen.insert(setting.name).second) << setting.name;
        EXPECT_TRUE(seen.insert(setting.variable).second) << setting.variable;
        EXPECT_EQ(find_setting(setting.name), &setting);
        EXPECT_EQ(find_setting(setting.variable), &setting);
    }
    EXPECT_EQ(find_setting("postgres"), nullptr);
    EXPECT_EQ(nearest_variable("POSTGRES_PASSWROD"), "POSTGRES_PASSWORD");
    EXPECT_EQ(nearest_variable("HOME"), "");
}

TEST(Settings, DocumentationListsEveryOne)
{
    const std::string page = test::read_file(std::filesystem::path(WHISPERSTORE_CONFIGURATION_PAGE));
    for (const Setting& setting : settings()) {
        const std::string row = "| `" + std::string(setting.variable) + "` | `" + std::string(setting.name) + "` | " +
                                (setting.secret ? "secret; " : "") + allowed_values(setting) + " | " +
                                std::string(setting.description) + " |";
        EXPECT_NE(page.find(row), std::string::npos) << "docs/configuration.md lacks this row:\n" << row;
    }
}

} // namespace
} // namespace whisperstore
