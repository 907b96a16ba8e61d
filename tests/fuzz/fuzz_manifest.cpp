// The manifest of a backup.

#include "fuzz/fuzz_target.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace whisperstore;
    const std::filesystem::path folder = "/backups/monday";
    fuzz::accepts([&] {
        const json::object document = parse_json_object(fuzz::as_text(data, size), "backup_manifest.json");
        const BackupManifest manifest = BackupManifest::from_dict(document, folder);
        for (const BackupComponent& component : manifest.components)
            fuzz::require(component.path.lexically_normal().parent_path() == folder, "a component lies in its backup");
        const json::object written = manifest.to_dict();
        fuzz::require(BackupManifest::from_dict(written, folder).to_dict() == written, "a manifest is read as written");
    });
    return 0;
}
