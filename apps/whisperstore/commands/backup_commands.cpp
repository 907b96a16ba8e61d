// backup create, backup restore, backup verify

#include "commands/command_tree.hpp"
#include "display/message_view.hpp"
#include "display/progress.hpp"
#include "display/table.hpp"
#include "display/text_layout.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>

#include <memory>

namespace whisperstore::cli {

namespace {

void print_manifest(Invocation& invocation, const std::string& headline, const BackupManifest& manifest)
{
    Output& out = invocation.out();
    if (invocation.json()) {
        json::object document = manifest.to_dict();
        document["backup_path"] = manifest.backup_path.string();
        out.document(document);
        return;
    }
    out.line(headline);
    Table table(invocation.terminal(), "  ");
    table.column("").column("", Align::right).column("");
    for (const BackupComponent& component : manifest.components)
        table.row({Cell(component.type), Cell(file_size(component.size_bytes)),
                   Cell("from " + component.backend, Tone::quiet)});
    table.print(out);
}

Exit create(Invocation& invocation, const std::string& directory)
{
    BackupManifest manifest;
    {
        OpenStorage storage = invocation.open(Access::read);
        const Spinner spinner(invocation.runtime().io(), "Writing the backup");
        UnifiedBackupManager manager;
        manifest = invocation.run(manager.create_full_backup(*storage, directory, invocation.context()));
        storage.close();
    }
    print_manifest(invocation, "Backup written to " + one_line(directory), manifest);
    return Exit::done;
}

Exit verify(Invocation& invocation, const std::string& directory)
{
    BackupManifest manifest;
    {
        const Spinner spinner(invocation.runtime().io(), "Checking the backup");
        UnifiedBackupManager manager;
        manifest = invocation.run(manager.verify_backup(directory, invocation.context()));
    }
    print_manifest(invocation,
                   one_line(directory) + " is complete and undamaged, made on " +
                       short_time(format_timestamp(manifest.timestamp)) + " by whisperstore " +
                       manifest.library_version,
                   manifest);
    return Exit::done;
}

Exit restore(Invocation& invocation, const std::string& directory)
{
    BackupManifest manifest;
    {
        const Spinner spinner(invocation.runtime().io(), "Restoring the backup");
        UnifiedBackupManager manager;
        // Before anything is opened: a wrong folder must not leave an empty database behind.
        manifest = invocation.run(manager.verify_backup(directory, invocation.context()));
        OpenStorage storage = invocation.open(Access::write);
        invocation.run(manager.restore_from_backup(directory, *storage, invocation.context()));
        storage.close();
    }
    print_manifest(invocation, "Restored from " + one_line(directory), manifest);
    return Exit::done;
}

} // namespace

void add_backup_commands(CLI::App& program, Selected& selected)
{
    CLI::App* backup = program.add_subcommand("backup", "Back up everything, into SQLite files anyone can open");
    backup->require_subcommand(1);
    const auto add = [&](const char* name, const char* description, const char* directory_is,
                         Exit (*action)(Invocation&, const std::string&)) {
        auto directory = std::make_shared<std::string>();
        CLI::App* command = backup->add_subcommand(name, description);
        command->add_option("DIR", *directory, directory_is)->required();
        command->callback([&selected, directory, action] {
            selected.action = [directory, action](Invocation& invocation) { return action(invocation, *directory); };
        });
        return command;
    };
    add("create", "Write a backup, also while another process uses the data", "A new folder for it", create);
    add("restore", "Replace the content of all stores by a backup's", "The backup's folder", restore)
        ->footer("The backup is verified before anything is touched, and when a part cannot be\n"
                 "restored the old content stays.");
    add("verify", "Check that a backup is complete and undamaged", "The backup's folder", verify);
}

} // namespace whisperstore::cli
