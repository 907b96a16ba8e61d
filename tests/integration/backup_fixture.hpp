#pragma once
// A layer that is backed up to a folder.

#include "core/hash.hpp"
#include "support/layer.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>
#include <whisperstore/storage/message_importer.hpp>

namespace whisperstore::test {

namespace fs = std::filesystem;

class Backup : public testing::Test
{
protected:
    void SetUp() override { storage = open("data"); }
    void TearDown() override { run(storage->close()); }

    std::shared_ptr<StorageLayer> open(const std::string& name)
    {
        return run(initialize_storage_layer(laptop_configuration(directory / name)));
    }
    /// Imports messages of these ids into the layer.
    void fill(StorageLayer& layer, std::size_t count, std::int64_t first_id = 1)
    {
        const std::vector<SampleMessage> messages = sample_messages(count, first_id);
        write_messages(directory / "messages.jsonl", messages);
        write_embeddings(directory / "messages.f32", messages);
        ImportOptions options;
        options.embeddings = directory / "messages.f32";
        run(import_messages(layer, directory / "messages.jsonl", options));
    }
    BackupManifest create_of(StorageLayer& layer) { return create_of(layer, path); }
    BackupManifest create_of(StorageLayer& layer, const fs::path& place)
    {
        return run(manager.create_full_backup(layer, place));
    }
    BackupManifest create() { return run(manager.create_full_backup(*storage, path)); }
    json::object manifest() { return parse_json_object(read_file(path / "backup_manifest.json"), "manifest"); }
    /// With the checksum that belongs to it.
    void write_manifest(json::object data)
    {
        if (data.contains("checksum")) {
            data["checksum"] = "";
            data["checksum"] = sha256_hex(json::serialize(data) + "\n");
        }
        write_file(path / "backup_manifest.json", json::serialize(data) + "\n");
    }

    /// Neither verify nor restore accepts the backup; both name `word`, and the stores stay as they are.
    void expect_refused(StorageErrc code, const std::string& word)
    {
        const Dump before = run(dump(*storage));
        const StorageError verifying = error_of([&] { run(manager.verify_backup(path)); });
        const StorageError restoring = error_of([&] { run(manager.restore_from_backup(path, *storage)); });
        for (const StorageError& error : {verifying, restoring}) {
            EXPECT_EQ(to_string(error.errc()), to_string(code)) << error.what();
            EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << word << " in: " << error.what();
        }
        EXPECT_EQ(difference(run(dump(*storage)), before), "");
    }

    /// Neither work nor old content lies around.
    void expect_no_work_folders() const
    {
        for (const fs::directory_entry& entry : fs::directory_iterator(directory / "data"))
            EXPECT_EQ(entry.path().string().find("restore"), std::string::npos) << entry.path();
    }
    /// Where a restore that could not be undone left the old content.
    fs::path kept_folder() const
    {
        for (const fs::directory_entry& entry : fs::directory_iterator(directory / "data"))
            if (entry.path().filename().string().starts_with("before-restore-"))
                return entry.path();
        ADD_FAILURE() << "nothing was kept";
        return fs::path();
    }

    TestDirectory directory;
    const fs::path path = directory / "backups" / "today";
    std::shared_ptr<StorageLayer> storage;
    UnifiedBackupManager manager;
};

} // namespace whisperstore::test
