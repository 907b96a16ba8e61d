// The backups of a folder: listing, removing, and making them by themselves.
#include "integration/backup_fixture.hpp"

#include <whisperstore/backup/backup_schedule.hpp>

#include <atomic>
#include <mutex>

namespace whisperstore::test {
namespace {

using namespace std::chrono_literals;

class BackupFolder : public Backup
{
protected:
    /// A backup that says it was made so long ago.
    fs::path make(const std::string& name, std::chrono::hours ago)
    {
        const fs::path place = folder / name;
        BackupManifest made = run(manager.create_full_backup(*storage, place));
        json::object data = made.to_dict();
        data["timestamp"] = format_timestamp(now() - ago);
        data["checksum"] = "";
        data["checksum"] = sha256_hex(json::serialize(data) + "\n");
        write_file(place / "backup_manifest.json", json::serialize(data) + "\n");
        return place;
    }
    std::vector<std::string> names()
    {
        std::vector<std::string> found;
        for (const ListedBackup& backup : run(manager.list(folder)))
            found.push_back(backup.path.filename().string() + (backup.damage.empty() ? "" : " damaged"));
        return found;
    }
    static void damage(const fs::path& file)
    {
        std::string content = read_file(file);
        content[content.size() / 2] = static_cast<char>(content[content.size() / 2] ^ 1);
        write_file(file, content);
    }
    static bool is_due(BackupSchedule& schedule)
    {
        const Timestamp due = run(schedule.next_due());
        return due <= now();
    }
    BackupSchedule::Stores stores()
    {
        return [this] { return BackupTarget(*storage); };
    }
    BackupConfig config() const
    {
        BackupConfig made;
        made.folder = folder;
        made.keep.last = 3;
        return made;
    }
    static std::vector<std::string> list(std::initializer_list<const char*> names)
    {
        return {names.begin(), names.end()};
    }

    const fs::path folder = directory / "backups";
};

TEST_F(BackupFolder, ListsTheNewestFirstAndNamesDamage)
{
    EXPECT_STORAGE_ERROR(run(manager.list(folder)), not_found);
    fs::create_directories(folder);
    EXPECT_TRUE(names().empty());
    make("old", 48h);
    make("new", 1h);
    make("middle", 24h);
    fs::create_directory(folder / "something else");
    write_file(folder / "file", "x");
    fs::create_directory(folder / "half.partial");
    write_file(folder / "half.partial/backup_manifest.json", "{}");
    fs::create_directory(folder / "broken");
    write_file(folder / "broken/backup_manifest.json", "{}");
    make("cut", 2h);
    fs::resize_file(folder / "cut/vector_db", 100);
    EXPECT_EQ(names(), list({"new", "middle", "old", "broken damaged", "cut damaged"}));
}

TEST_F(BackupFolder, PruneKeepsWhatTheRulesSay)
{
    for (int days = 0; days < 6; ++days)
        make("day-" + std::to_string(days), 24h * days);
    RetentionRules rules;
    EXPECT_STORAGE_ERROR(run(manager.prune(folder, rules)), invalid_argument);
    rules.last = 2;
    PruneReport report = run(manager.prune(folder, rules, true));
    EXPECT_EQ(report.removed.size(), 4U);
    EXPECT_EQ(names().size(), 6U) << "a dry run removes nothing";
    fs::create_directory(folder / "dead.partial");
    fs::create_directory(folder / "dead.removed");
    report = run(manager.prune(folder, rules));
    EXPECT_EQ(report.removed.size(), 4U);
    EXPECT_EQ(names(), list({"day-0", "day-1"}));
    EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 2);
    run(manager.verify_backup(folder / "day-0"));
}

TEST_F(BackupFolder, PruneNeverRemovesTheNewestGoodOne)
{
    make("good", 72h);
    make("rotten", 48h);
    make("broken", 1h);
    damage(folder / "rotten/database"); // the size is right
    fs::resize_file(folder / "broken/database", 10);
    RetentionRules rules;
    rules.last = 1;
    const PruneReport report = run(manager.prune(folder, rules));
    EXPECT_TRUE(report.removed.empty());
    ASSERT_EQ(report.damaged.size(), 2U);
    ASSERT_EQ(report.kept.size(), 1U);
    EXPECT_EQ(report.kept[0].filename(), "good");
    EXPECT_TRUE(fs::exists(folder / "rotten"));
}

TEST_F(BackupFolder, TheNewestBackupSaysWhenTheNextIsDue)
{
    BackupSchedule schedule(stores(), config(), 24h);
    EXPECT_TRUE(is_due(schedule));
    make("yesterday", 25h);
    EXPECT_TRUE(is_due(schedule));
    make("today", 1h);
    const Timestamp due = run(schedule.next_due());
    EXPECT_GT(due, now() + 22h);
    EXPECT_LT(due, now() + 24h);
    EXPECT_FALSE(run(schedule.run_due()));
    // Neither one of tomorrow nor a damaged one says anything.
    make("tomorrow", -30h);
    fs::resize_file(make("cut", 0h) / "database", 1);
    EXPECT_EQ(run(schedule.next_due()), due);
    fs::remove_all(folder / "today");
    const std::optional<BackupManifest> made = run(schedule.run_due());
    ASSERT_TRUE(made);
    run(manager.verify_backup(made->backup_path));
    EXPECT_TRUE(made->components[0].compressed);
    EXPECT_TRUE(made->backup_path.filename().string().starts_with("whisperstore-2"));
    EXPECT_FALSE(run(schedule.run_due())) << "nothing is due any more";
}

TEST_F(BackupFolder, OfTwoSchedulesOneMakesIt)
{
    BackupSchedule first(stores(), config(), 24h);
    BackupSchedule second(stores(), config(), 24h);
    auto one = start(first.run_due());
    auto two = start(second.run_due());
    EXPECT_NE(wait(std::move(one)).has_value(), wait(std::move(two)).has_value());
    EXPECT_EQ(names().size(), 1U);
}

TEST_F(BackupFolder, AScheduleMakesAndPrunesThem)
{
    BackupSchedule schedule(stores(), config(), std::chrono::duration<double, std::ratio<3600>>(0.5 / 3600));
    schedule.start();
    schedule.start();
    std::size_t seen = 0;
    EXPECT_TRUE(eventually([&] {
        const std::vector<std::string> found = fs::exists(folder) ? names() : std::vector<std::string>();
        seen = found.size();
        return seen == 3;
    }));
    const std::string oldest = names().back();
    EXPECT_TRUE(eventually([&] { return !fs::exists(folder / oldest); })) << "three are kept";
    EXPECT_EQ(schedule.trouble(), "");
    run(schedule.stop());
    run(schedule.stop());
    for (const ListedBackup& backup : run(manager.list(folder)))
        EXPECT_EQ(backup.damage, "");
}

TEST_F(BackupFolder, AFailureIsToldAndTriedAgain)
{
    write_file(folder, "no folder");
    std::mutex mutex;
    std::string logged;
    const Logger logger = [&](LogLevel, std::string_view, std::string_view text) {
        const std::lock_guard lock(mutex);
        logged = text;
    };
    BackupSchedule schedule(stores(), config(), std::chrono::duration<double, std::ratio<3600>>(1.0 / 3600), logger);
    schedule.start();
    EXPECT_TRUE(eventually([&] { return !schedule.trouble().empty(); }));
    {
        const std::lock_guard lock(mutex);
        EXPECT_NE(logged.find("failed"), std::string::npos) << logged;
    }
    fs::remove(folder);
    EXPECT_TRUE(eventually([&] { return schedule.trouble().empty() && !names().empty(); }));
    run(schedule.stop());
}

TEST_F(BackupFolder, ALayerMakesThemWhereItHasAFolder)
{
    StorageConfiguration configuration = laptop_configuration(directory / "scheduled");
    configuration.backup = config();
    configuration.backup.passphrase_file = directory / "passphrase";
    write_file(directory / "passphrase", "from a file\nand more\n");
    const auto layer = run(initialize_storage_layer(configuration));
    ASSERT_NE(layer->backup_schedule(), nullptr);
    EXPECT_TRUE(eventually([&] { return fs::exists(folder) && !names().empty(); }));
    const HealthReport health = run(layer->health());
    ASSERT_EQ(health.components.size(), 5U);
    EXPECT_EQ(health.components[4].component, "backup");
    EXPECT_EQ(health.components[4].status, HealthStatus::ok) << health.components[4].reason;
    run(layer->close());
    BackupOptions options;
    options.passphrase = "from a file";
    run(manager.verify_backup(run(manager.list(folder)).at(0).path, options));

    configuration.database.backup_enabled = false;
    const auto without = run(initialize_storage_layer(configuration));
    EXPECT_EQ(without->backup_schedule(), nullptr);
    run(without->close());
}

TEST_F(BackupFolder, PassphrasesComeFromTheSettingOrAFile)
{
    BackupConfig made;
    EXPECT_EQ(read_passphrase(made), "");
    made.passphrase_file = directory / "passphrase";
    EXPECT_STORAGE_ERROR(read_passphrase(made), not_found);
    write_file(made.passphrase_file, "\nsecond");
    EXPECT_STORAGE_ERROR(read_passphrase(made), invalid_argument);
    write_file(made.passphrase_file, "with blanks  \r\n");
    EXPECT_EQ(read_passphrase(made), "with blanks  ");
    made.passphrase = "set";
    EXPECT_EQ(read_passphrase(made), "set");
}

} // namespace
} // namespace whisperstore::test
