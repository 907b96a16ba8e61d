// Backups that were damaged or attacked, and passphrases.
#include "integration/backup_fixture.hpp"

#include <random>

namespace whisperstore::test {
namespace {

constexpr const char* passphrase = "correct horse battery staple";

BackupOptions with_passphrase(const char* text = passphrase)
{
    BackupOptions options;
    options.passphrase = text;
    return options;
}

class BackupDamage : public Backup
{
protected:
    BackupManifest create(bool compress, bool encrypt)
    {
        BackupOptions options = encrypt ? with_passphrase() : BackupOptions();
        options.compress = compress;
        return run(manager.create_full_backup(*storage, path, options));
    }

    /// Flips `count` bits in random places, one at a time; every one is found, and nothing is touched.
    void flip_bits(int count, const BackupOptions& options)
    {
        const Dump before = run(dump(*storage));
        std::vector<fs::path> files;
        std::vector<std::uintmax_t> ends; // a place is as likely in a file as it is large
        std::uintmax_t size = 0;
        for (const char* name : {"backup_manifest.json", "database", "vector_db"}) {
            files.push_back(path / name);
            ends.push_back(size += fs::file_size(files.back()));
        }
        std::mt19937_64 random(20261130);
        for (int i = 0; i < count; ++i) {
            // Every fourth in the manifest, which is small.
            std::size_t file = 0;
            std::uintmax_t at = random() % (i % 4 == 0 ? ends[0] : size);
            while (at >= ends[file])
                ++file;
            at -= file == 0 ? 0 : ends[file - 1];
            const std::string original = read_file(files[file]);
            std::string changed = original;
            changed[at] = static_cast<char>(changed[at] ^ (1 << (random() % 8)));
            write_file(files[file], changed);
            const StorageError error = error_of([&] { run(manager.restore_from_backup(path, *storage, options)); });
            const bool found = error.errc() == StorageErrc::corrupt || error.errc() == StorageErrc::version_mismatch ||
                               error.errc() == StorageErrc::authentication;
            EXPECT_TRUE(found) << files[file] << " at " << at << ": " << error.what();
            EXPECT_EQ(error.outcome(), Outcome::not_applied);
            write_file(files[file], original);
        }
        EXPECT_EQ(difference(run(dump(*storage)), before), "");
        expect_no_work_folders();
        run(manager.restore_from_backup(path, *storage, options)); // it was the bits
    }
    static int rounds() { return std::getenv("WHISPERSTORE_ALL_ROUNDS") ? 200 : 60; }
};

TEST_F(BackupDamage, EveryFlippedBitIsFoundBeforeTheStoresAreTouched)
{
    fill(*storage, 30);
    create(false, false);
    flip_bits(rounds(), BackupOptions());
}

TEST_F(BackupDamage, EveryFlippedBitOfACompressedBackupIsFound)
{
    fill(*storage, 30);
    create(true, false);
    flip_bits(rounds() / 2, BackupOptions());
}

TEST_F(BackupDamage, EveryFlippedBitOfAnEncryptedBackupIsFound)
{
    fill(*storage, 30);
    create(true, true);
    flip_bits(rounds() / 10, with_passphrase()); // each makes its key anew, which is slow on purpose
}

// ---- attacks

TEST_F(BackupDamage, ManifestAttacksAreRefused)
{
    create(false, false);
    const json::object whole = manifest();
    const auto refused = [&](StorageErrc code, const char* word, const std::function<void(json::object&)>& change) {
        json::object data = whole;
        change(data);
        write_manifest(data);
        expect_refused(code, word);
    };
    const auto component = [](json::object& data) -> json::object& {
        return data["components"].as_array()[0].as_object();
    };
    refused(StorageErrc::corrupt, "no component of the type", [&](json::object& d) { component(d)["type"] = "shell"; });
    refused(StorageErrc::corrupt, "bytes", [&](json::object& d) {
        component(d)["size_bytes"] = std::int64_t{1} << 62;
        component(d)["content_bytes"] = std::int64_t{1} << 62;
    });
    refused(StorageErrc::corrupt, "negative", [&](json::object& d) { component(d)["size_bytes"] = -1; });
    refused(StorageErrc::corrupt, "do not fit", [&](json::object& d) { component(d)["content_bytes"] = 1; });
    refused(StorageErrc::version_mismatch, "lz4", [&](json::object& d) { component(d)["compression"] = "lz4"; });
    refused(StorageErrc::corrupt, "encrypted", [&](json::object& d) { component(d)["encryption"] = "aes-256-gcm"; });
    refused(StorageErrc::corrupt, "rows", [&](json::object& d) { component(d)["counts"].as_object()["messages"] = 7; });
    refused(StorageErrc::corrupt, "twice", [&](json::object& d) { component(d)["path"] = "vector_db"; });
    refused(StorageErrc::corrupt, "checksum", [](json::object& d) { d.erase("checksum"); });
    // As a person might write it.
    write_file(path / "backup_manifest.json", " " + json::serialize(whole) + "\n");
    expect_refused(StorageErrc::corrupt, "not written as");
    fs::remove(path / "backup_manifest.json");
    write_file(directory / "elsewhere.json", json::serialize(whole) + "\n");
    fs::create_symlink(directory / "elsewhere.json", path / "backup_manifest.json");
    expect_refused(StorageErrc::not_found, "not a backup");
}

TEST_F(BackupDamage, CompressedContentThatGrowsBeyondItsSizeIsRefused)
{
    create(true, false);
    json::object data = manifest();
    json::object& component = data["components"].as_array()[0].as_object();
    component["content_bytes"] = component["content_bytes"].as_int64() - 4096;
    write_manifest(data);
    expect_refused(StorageErrc::corrupt, "more than the manifest says");
    component["content_bytes"] = std::int64_t{1} << 60;
    write_manifest(data);
    expect_refused(StorageErrc::resource_exhausted, "bytes");
}

TEST_F(BackupDamage, BackupsOfFormat1AreStillRead)
{
    fill(*storage, 10);
    BackupManifest created = create(false, false);
    const Dump before = run(dump(*storage));
    created.format = 1;
    write_file(path / "backup_manifest.json", json::serialize(created.to_dict()));
    fill(*storage, 10, 500);
    EXPECT_EQ(run(manager.verify_backup(path)).format, 1);
    run(manager.restore_from_backup(path, *storage));
    EXPECT_EQ(difference(run(dump(*storage)), before), "");
}

// ---- encryption

TEST_F(BackupDamage, AnEncryptedBackupComesBackAndShowsNothing)
{
    fill(*storage, 30);
    const Dump before = run(dump(*storage));
    for (const bool compressed : {false, true}) {
        const BackupManifest made = create(compressed, true);
        ASSERT_TRUE(made.encryption);
        for (const char* name : {"database", "vector_db"}) {
            const std::string content = read_file(path / name);
            EXPECT_EQ(content.find("SQLite"), std::string::npos);
            EXPECT_EQ(content.find("user-1"), std::string::npos);
        }
        EXPECT_EQ(std::distance(fs::directory_iterator(path), fs::directory_iterator()), 3);
        EXPECT_EQ(read_file(path / "backup_manifest.json").find(passphrase), std::string::npos);
        fill(*storage, 10, 500);
        run(manager.verify_backup(path, with_passphrase()));
        run(manager.restore_from_backup(path, *storage, with_passphrase()));
        EXPECT_EQ(difference(run(dump(*storage)), before), "");
        expect_no_work_folders();
        fs::remove_all(path);
    }
}

TEST_F(BackupDamage, PassphrasesFailClosed)
{
    fill(*storage, 10);
    create(false, true);
    const Dump before = run(dump(*storage));
    const auto refused = [&](const BackupOptions& options, const char* word) {
        for (const StorageError& error : {error_of([&] { run(manager.verify_backup(path, options)); }), error_of([&] {
                                              run(manager.restore_from_backup(path, *storage, options));
                                          })}) {
            EXPECT_EQ(error.errc(), StorageErrc::authentication) << error.what();
            EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
            EXPECT_EQ(std::string(error.what()).find("wrong horse"), std::string::npos) << error.what();
        }
        EXPECT_EQ(difference(run(dump(*storage)), before), "");
        expect_no_work_folders();
    };
    refused(BackupOptions(), "takes its passphrase");
    refused(with_passphrase("wrong horse"), "not that of");
    // A manifest with other counts and a right checksum, by somebody without the passphrase.
    json::object data = manifest();
    data["timestamp"] = "2020-01-01T00:00:00.000000Z";
    write_manifest(data);
    refused(with_passphrase(), "was changed");
    // A whole backup in the place of the encrypted one.
    fs::remove_all(path);
    create(false, false);
    refused(with_passphrase(), "is not encrypted");
}

TEST_F(BackupDamage, EncryptedComponentsCannotBeExchanged)
{
    fill(*storage, 10);
    create(false, true);
    const std::string first = read_file(path / "vector_db");
    fs::rename(path, directory / "first");
    create(false, true);
    write_file(path / "vector_db", first); // of another backup, with the same passphrase
    EXPECT_STORAGE_ERROR(run(manager.restore_from_backup(path, *storage, with_passphrase())), corrupt);
}

} // namespace
} // namespace whisperstore::test
