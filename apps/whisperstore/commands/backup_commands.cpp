// backup create, verify, restore, list, prune

#include "commands/command_tree.hpp"
#include "commands/passphrase.hpp"
#include "display/message_view.hpp"
#include "display/table.hpp"
#include "display/text_layout.hpp"
#include "display/work_progress.hpp"

#include <whisperstore/backup/backup_schedule.hpp>
#include <whisperstore/backup/unified_backup_manager.hpp>

#include <memory>
#include <optional>

namespace whisperstore::cli {

namespace {

struct BackupArguments
{
    std::string directory;
    bool compress = false;
    bool encrypt = false;
    bool unencrypted = false;
    std::string passphrase_file;
    bool quick = false;
    bool dry_run = false;
    std::optional<std::size_t> keep_last;
    std::optional<std::size_t> keep_daily;
    std::optional<std::size_t> keep_weekly;
    std::optional<std::size_t> keep_monthly;
};

std::string title_of(const BackupProgress& progress)
{
    std::string title;
    if (progress.phase == "snapshot")
        title = "Copying ";
    else if (progress.phase == "pack")
        title = "Writing ";
    else if (progress.phase == "check")
        title = "Checking ";
    else if (progress.phase == "unpack")
        title = "Unpacking ";
    else
        title = "Restoring ";
    return title.append(progress.component);
}

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
    for (const BackupComponent& component : manifest.components) {
        std::string how = "from " + component.backend;
        if (component.compressed)
            how += ", compressed from " + file_size(component.content_bytes);
        if (manifest.encryption)
            how += ", encrypted";
        table.row({Cell(component.type), Cell(file_size(component.size_bytes)), Cell(how, Tone::quiet)});
    }
    table.print(out);
}

/// What says how backups are made here, with what the command says.
BackupConfig configured(Invocation& invocation, const BackupArguments& arguments)
{
    BackupConfig config = invocation.configure().get_storage_configuration().backup;
    if (!arguments.passphrase_file.empty()) {
        config.passphrase.clear();
        config.passphrase_file = arguments.passphrase_file;
    }
    if (arguments.unencrypted) {
        config.passphrase.clear();
        config.passphrase_file.clear();
    }
    return config;
}

std::string folder_of(const BackupArguments& arguments, const BackupConfig& config)
{
    if (!arguments.directory.empty())
        return arguments.directory;
    if (config.folder.empty())
        throw StorageError(StorageErrc::invalid_argument,
                           "no folder is named, and WHISPERENGINE_BACKUP_DIR is not set either");
    return config.folder.string();
}

/// Runs `work` with the options of the command; where a passphrase turns out to be missing somebody is asked for it.
template <typename Result>
Result run_with_passphrase(Invocation& invocation, BackupOptions options,
                           const std::function<awaitable<Result>(BackupOptions)>& work)
{
    const auto run = [&] {
        WorkProgress told(invocation.json());
        options.progress = [&told](const BackupProgress& progress) {
            WorkStep step{title_of(progress), progress.component, progress.phase};
            step.bytes = progress.bytes;
            step.bytes_in_total = progress.bytes_in_total;
            told.update(step);
        };
        return invocation.run(work(options));
    };
    try {
        return run();
    } catch (const StorageError& error) {
        if (error.errc() != StorageErrc::authentication || !options.passphrase.empty())
            throw;
        if (!can_ask_for_passphrase())
            throw advised(error, ": give --passphrase-file FILE or set WHISPERENGINE_BACKUP_PASSPHRASE_FILE");
    }
    options.passphrase = ask_for_passphrase(false);
    return run();
}

BackupOptions options_of(const BackupArguments& arguments, const BackupConfig& config)
{
    BackupOptions options;
    options.passphrase = read_passphrase(config);
    options.deep = !arguments.quick;
    options.compress = arguments.compress;
    return options;
}

Exit create(Invocation& invocation, const BackupArguments& arguments)
{
    const BackupConfig config = configured(invocation, arguments);
    std::filesystem::path folder = folder_of(arguments, config);
    if (arguments.directory.empty())
        folder /= backup_name(now());
    BackupOptions options = options_of(arguments, config);
    if (arguments.encrypt && options.passphrase.empty())
        options.passphrase = ask_for_passphrase(true);
    BackupManifest manifest;
    {
        OpenStorage storage = invocation.open(Access::read);
        const std::function<awaitable<BackupManifest>(BackupOptions)> work = [&](BackupOptions given) {
            return UnifiedBackupManager().create_full_backup(*storage, folder, std::move(given), invocation.context());
        };
        manifest = run_with_passphrase(invocation, std::move(options), work);
        storage.close();
    }
    print_manifest(invocation, "Backup written to " + one_line(folder.string()), manifest);
    return Exit::done;
}

Exit verify(Invocation& invocation, const BackupArguments& arguments)
{
    const std::function<awaitable<BackupManifest>(BackupOptions)> work = [&](BackupOptions given) {
        return UnifiedBackupManager().verify_backup(arguments.directory, std::move(given), invocation.context());
    };
    const BackupManifest manifest =
        run_with_passphrase(invocation, options_of(arguments, configured(invocation, arguments)), work);
    print_manifest(invocation,
                   one_line(arguments.directory) + " is complete and undamaged, made on " +
                       short_time(format_timestamp(manifest.timestamp)) + " by whisperstore " +
                       manifest.library_version,
                   manifest);
    return Exit::done;
}

void print_report(Invocation& invocation, const BackupArguments& arguments, const RestoreReport& report)
{
    if (invocation.json()) {
        invocation.out().document(report.to_json());
        return;
    }
    print_manifest(invocation, "Restored from " + one_line(arguments.directory), report.manifest);
    Output& out = invocation.out();
    for (const std::string& note : report.notes)
        out.line("Note: " + note + ".");
    for (const OrphanCount& orphan : report.orphans)
        out.line("Points at nothing: " + grouped(orphan.rows) + " " + one_line(orphan.what) + ".");
}

Exit restore(Invocation& invocation, const BackupArguments& arguments)
{
    BackupOptions options = options_of(arguments, configured(invocation, arguments));
    // Before anything is opened: a wrong folder must not leave an empty database behind. The restore checks all.
    options.deep = false;
    const std::function<awaitable<std::string>(BackupOptions)> check =
        [&](BackupOptions given) -> awaitable<std::string> {
        const std::string passphrase = given.passphrase;
        co_await UnifiedBackupManager().verify_backup(arguments.directory, std::move(given), invocation.context());
        co_return passphrase;
    };
    options.passphrase = run_with_passphrase(invocation, options, check);
    RestoreReport report;
    {
        OpenStorage storage = invocation.open(Access::write);
        const std::function<awaitable<RestoreReport>(BackupOptions)> work = [&](BackupOptions given) {
            return UnifiedBackupManager().restore_from_backup(arguments.directory, *storage, std::move(given),
                                                              invocation.context());
        };
        report = run_with_passphrase(invocation, std::move(options), work);
        storage.close();
    }
    print_report(invocation, arguments, report);
    return Exit::done;
}

Exit list(Invocation& invocation, const BackupArguments& arguments)
{
    const std::string folder = folder_of(arguments, configured(invocation, arguments));
    const std::vector<ListedBackup> backups = invocation.run(UnifiedBackupManager().list(folder, invocation.context()));
    Output& out = invocation.out();
    if (invocation.json()) {
        JsonList items(out);
        for (const ListedBackup& backup : backups) {
            json::object item;
            item["path"] = backup.path.string();
            if (backup.damage.empty()) {
                item["timestamp"] = format_timestamp(backup.manifest.timestamp);
                item["size_bytes"] = backup.manifest.size_bytes();
                item["encrypted"] = backup.manifest.encryption.has_value();
            } else {
                item["damage"] = backup.damage;
            }
            items.add(item);
        }
        items.end();
        return Exit::done;
    }
    if (backups.empty()) {
        out.line("There is no backup in " + one_line(folder) + ".");
        return Exit::done;
    }
    Table table(invocation.terminal());
    table.column("backup").column("made", Align::left, Cut::never).column("size", Align::right).column("");
    for (const ListedBackup& backup : backups) {
        const std::string name = backup.path.filename().string();
        if (backup.damage.empty())
            table.row({Cell(name), Cell(short_time(format_timestamp(backup.manifest.timestamp))),
                       Cell(file_size(backup.manifest.size_bytes())),
                       Cell(backup.manifest.encryption ? "encrypted" : "", Tone::quiet)});
        else
            table.row({Cell(name), Cell(""), Cell(""), Cell("damaged: " + backup.damage, Tone::bad)});
    }
    table.print(out);
    return Exit::done;
}

RetentionRules rules_of(const BackupArguments& arguments, const BackupConfig& config)
{
    // Who says one of them means only that; the settings are for who says none.
    if (!arguments.keep_last && !arguments.keep_daily && !arguments.keep_weekly && !arguments.keep_monthly)
        return config.keep;
    RetentionRules rules;
    rules.last = arguments.keep_last.value_or(0);
    rules.daily = arguments.keep_daily.value_or(0);
    rules.weekly = arguments.keep_weekly.value_or(0);
    rules.monthly = arguments.keep_monthly.value_or(0);
    return rules;
}

json::array paths(const std::vector<std::filesystem::path>& list)
{
    json::array out;
    for (const std::filesystem::path& path : list)
        out.emplace_back(path.string());
    return out;
}

Exit prune(Invocation& invocation, const BackupArguments& arguments)
{
    const BackupConfig config = configured(invocation, arguments);
    const PruneReport report = invocation.run(UnifiedBackupManager().prune(
        folder_of(arguments, config), rules_of(arguments, config), arguments.dry_run, invocation.context()));
    Output& out = invocation.out();
    if (invocation.json()) {
        json::object document;
        document["dry_run"] = arguments.dry_run;
        document["removed"] = paths(report.removed);
        document["kept"] = paths(report.kept);
        json::array damaged;
        for (const ListedBackup& backup : report.damaged)
            damaged.emplace_back(backup.path.string());
        document["damaged"] = std::move(damaged);
        out.document(document);
        return Exit::done;
    }
    for (const std::filesystem::path& path : report.removed)
        out.line((arguments.dry_run ? "Would remove " : "Removed ") + one_line(path.filename().string()));
    for (const ListedBackup& backup : report.damaged)
        out.line("Damaged, left as it is: " + one_line(backup.path.filename().string()) + " (" +
                 one_line(backup.damage) + ")");
    out.line(counted(report.kept.size(), "backup") + " kept.");
    return Exit::done;
}

void add_passphrase_options(CLI::App& command, BackupArguments& arguments)
{
    command
        .add_option("--passphrase-file", arguments.passphrase_file,
                    "The passphrase is the first line of this file (WHISPERENGINE_BACKUP_PASSPHRASE_FILE)")
        ->option_text("FILE");
    command.add_flag("--unencrypted", arguments.unencrypted, "Without a passphrase, although one is set")
        ->excludes("--passphrase-file");
}

void add_keep_option(CLI::App& command, const char* name, std::optional<std::size_t>& value, const char* description)
{
    command.add_option(name, value, description)->option_text("N")->check(whole_number_from(0, 100000));
}

} // namespace

void add_backup_commands(CLI::App& program, Selected& selected)
{
    CLI::App* backup = program.add_subcommand("backup", "Back up everything, into SQLite files anyone can open");
    backup->require_subcommand(1);
    struct Added
    {
        CLI::App* command;
        std::shared_ptr<BackupArguments> arguments;
    };
    const auto add = [&](const char* name, const char* description, const char* directory_is, bool required,
                         Exit (*action)(Invocation&, const BackupArguments&)) {
        auto arguments = std::make_shared<BackupArguments>();
        CLI::App* command = backup->add_subcommand(name, description);
        command->add_option("DIR", arguments->directory, directory_is)->required(required);
        command->callback([&selected, arguments, action] {
            selected.action = [arguments, action](Invocation& invocation) { return action(invocation, *arguments); };
        });
        return Added{command, arguments};
    };
    const Added creating =
        add("create", "Write a backup, also while another process uses the data",
            "A new folder for it; a new one in WHISPERENGINE_BACKUP_DIR where none is named", false, create);
    creating.command->add_flag("--compress", creating.arguments->compress, "Compress it (zstd)");
    add_passphrase_options(*creating.command, *creating.arguments);
    creating.command
        ->add_flag("--encrypt", creating.arguments->encrypt,
                   "Encrypt it (AES-256-GCM), as it is wherever a passphrase is set; without one you are asked")
        ->excludes("--unencrypted");
    creating.command->footer("Interrupted with Ctrl-C it leaves nothing behind.");

    const Added restoring =
        add("restore", "Replace the content of all stores by a backup's", "The backup's folder", true, restore);
    add_passphrase_options(*restoring.command, *restoring.arguments);
    restoring.command->footer("The backup is verified before anything is touched, and when a part cannot be\n"
                              "restored, or with Ctrl-C, the old content stays. A restore that was killed is\n"
                              "completed by the same command.");

    const Added verifying =
        add("verify", "Check that a backup is complete and undamaged", "The backup's folder", true, verify);
    verifying.command->add_flag("--quick", verifying.arguments->quick,
                                "Checksums only; do not read what is in the archives");
    add_passphrase_options(*verifying.command, *verifying.arguments);

    add("list", "The backups in a folder, the newest first", "The folder (WHISPERENGINE_BACKUP_DIR)", false, list);

    const Added pruning =
        add("prune", "Remove the backups that no rule keeps", "The folder (WHISPERENGINE_BACKUP_DIR)", false, prune);
    add_keep_option(*pruning.command, "--keep-last", pruning.arguments->keep_last, "Keep the newest N");
    add_keep_option(*pruning.command, "--keep-daily", pruning.arguments->keep_daily,
                    "And the newest of each of N days");
    add_keep_option(*pruning.command, "--keep-weekly", pruning.arguments->keep_weekly,
                    "And the newest of each of N weeks");
    add_keep_option(*pruning.command, "--keep-monthly", pruning.arguments->keep_monthly,
                    "And the newest of each of N months");
    pruning.command->add_flag("--dry-run", pruning.arguments->dry_run, "Only tell what would be removed");
    pruning.command->footer("Without a rule those of WHISPERENGINE_BACKUP_KEEP_LAST, _DAILY, _WEEKLY and _MONTHLY\n"
                            "hold. The newest good backup is never removed, and damaged ones are left for you.");
}

} // namespace whisperstore::cli
