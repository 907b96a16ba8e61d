// schema status, schema plan, schema apply, schema undo

#include "commands/command_tree.hpp"
#include "commands/schema_database.hpp"
#include "display/message_view.hpp"
#include "display/progress.hpp"
#include "display/table.hpp"
#include "display/text_layout.hpp"

#include <whisperstore/database/migration_folder.hpp>
#include <whisperstore/database/schema_migrator.hpp>

#include <algorithm>
#include <memory>

namespace whisperstore::cli {

namespace {

struct SchemaArguments
{
    std::string folder = "migrations";
    std::string to;
    bool out_of_order = false;
    bool resume = false;
    bool undoes = false;
    double wait = 60;
};

SchemaMigrationOptions options_of(const SchemaArguments& arguments)
{
    SchemaMigrationOptions options;
    options.to = arguments.to;
    options.allow_out_of_order = arguments.out_of_order;
    options.resume = arguments.resume;
    options.wait = std::chrono::milliseconds(static_cast<std::int64_t>(arguments.wait * 1000));
    return options;
}

SchemaMigrator migrator_of(AbstractDatabaseAdapter& database, const SchemaArguments& arguments)
{
    return SchemaMigrator(database, read_migration_folder(arguments.folder, database.dialect()));
}

Tone tone_of(MigrationState state) noexcept
{
    switch (state) {
    case MigrationState::applied:
        return Tone::good;
    case MigrationState::pending:
        return Tone::plain;
    case MigrationState::out_of_order:
    case MigrationState::missing:
        return Tone::warning;
    case MigrationState::begun:
    case MigrationState::changed:
        return Tone::bad;
    }
    return Tone::plain;
}

std::string words_of(MigrationState state)
{
    std::string words(to_string(state));
    std::replace(words.begin(), words.end(), '_', ' ');
    return words;
}

std::string shown_time(std::chrono::milliseconds time)
{
    constexpr std::chrono::milliseconds second{1000};
    return time < second ? std::to_string(time.count()) + " ms" : duration(std::chrono::duration<double>(time).count());
}

json::value text_or_null(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }

json::object json_of(const MigrationStatus& status)
{
    json::object out;
    out["version"] = status.version;
    out["name"] = status.name;
    out["state"] = to_string(status.state);
    out["applied_at"] = status.applied_at ? json::value(format_timestamp(*status.applied_at)) : json::value(nullptr);
    out["execution_time_ms"] =
        status.execution_time ? json::value(status.execution_time->count()) : json::value(nullptr);
    out["checksum"] = text_or_null(status.checksum);
    out["recorded_checksum"] = text_or_null(status.recorded_checksum);
    out["transactional"] = status.transactional;
    out["can_undo"] = status.can_undo;
    return out;
}

json::object json_of(const PlannedMigration& planned)
{
    json::object out;
    out["version"] = planned.version;
    out["name"] = planned.name;
    out["direction"] = planned.undoes ? "down" : "up";
    out["transactional"] = planned.transactional;
    out["resumes"] = planned.resumes;
    return out;
}

Exit show_status(Invocation& invocation, const SchemaArguments& arguments)
{
    SchemaDatabase database(invocation, Access::read, arguments.wait);
    SchemaMigrator migrator = migrator_of(*database, arguments);
    const std::vector<MigrationStatus> statuses = invocation.run(migrator.status(invocation.context()));
    database.close();
    Output& out = invocation.out();
    if (invocation.json()) {
        json::array list;
        for (const MigrationStatus& status : statuses)
            list.push_back(json_of(status));
        out.document(list);
        return Exit::done;
    }
    if (statuses.empty()) {
        out.line("There are no migrations in " + one_line(arguments.folder) + ", and none are applied.");
        return Exit::done;
    }
    Table table(invocation.terminal());
    table.column("VERSION").column("NAME").column("STATE", Align::left, Cut::never);
    table.column("APPLIED").column("TOOK", Align::right).column("");
    for (const MigrationStatus& status : statuses)
        table.row({Cell(status.version), Cell(status.name), Cell(words_of(status.state), tone_of(status.state)),
                   Cell(status.applied_at ? short_time(format_timestamp(*status.applied_at)) : ""),
                   Cell(status.execution_time ? shown_time(*status.execution_time) : ""),
                   Cell(status.transactional ? "" : "no transaction", Tone::quiet)});
    table.print(out);
    return Exit::done;
}

Exit show_plan(Invocation& invocation, const SchemaArguments& arguments)
{
    SchemaDatabase database(invocation, Access::read, arguments.wait);
    SchemaMigrator migrator = migrator_of(*database, arguments);
    const std::vector<PlannedMigration> plan =
        invocation.run(arguments.undoes ? migrator.plan_undo(options_of(arguments), invocation.context())
                                        : migrator.plan(options_of(arguments), invocation.context()));
    database.close();
    Output& out = invocation.out();
    if (invocation.json()) {
        json::array list;
        for (const PlannedMigration& planned : plan) {
            json::object one = json_of(planned);
            one["script"] = planned.script;
            list.push_back(std::move(one));
        }
        out.document(list);
        return Exit::done;
    }
    if (plan.empty())
        out.line("There is nothing to do.");
    for (const PlannedMigration& planned : plan) {
        std::string title = "-- " + planned.version + " " + one_line(planned.name);
        title += planned.undoes ? ", undone" : "";
        title += planned.transactional ? "" : ", without a transaction";
        title += planned.resumes ? ", begun before" : "";
        out.line(invocation.terminal().paint(Tone::strong, title));
        std::string_view script = planned.script;
        while (!script.empty()) {
            const std::size_t end = std::min(script.find('\n'), script.size());
            std::string_view line = script.substr(0, end);
            if (line.ends_with('\r'))
                line.remove_suffix(1);
            out.line(one_line(line));
            script.remove_prefix(std::min(end + 1, script.size()));
        }
        out.line();
    }
    return Exit::done;
}

/// Tells of each script: a line when it is done, and with --json what happens on standard error.
class RunReport
{
public:
    RunReport(Invocation& invocation, bool undoes) : invocation_(invocation), undoes_(undoes) {}

    void operator()(const SchemaMigrationProgress& progress)
    {
        spinner_.reset();
        count_ = std::max(count_, progress.count);
        if (progress.stage == SchemaMigrationProgress::Stage::waiting)
            return tell_waiting(progress.holder);
        running_ =
            progress.stage == SchemaMigrationProgress::Stage::begun ? std::optional(*progress.migration) : std::nullopt;
        if (invocation_.json())
            tell_event(progress);
        else if (running_)
            spinner_ = std::make_unique<Spinner>(invocation_.runtime().io(), title(progress));
        else
            tell_done(progress);
        if (!running_)
            done_.push_back(progress.migration->version);
    }

    /// What is to be said where the run was stopped.
    std::string outcome() const
    {
        std::string text = std::to_string(done_.size()) + " of " + counted(count_, "migration") +
                           (done_.size() == 1 ? " is " : " are ") + (undoes_ ? "undone" : "applied");
        if (running_ && running_->transactional)
            text += "; " + running_->version + " was under way and is rolled back";
        else if (running_)
            text += "; " + running_->version + " was under way without a transaction: what it did so far stays, and " +
                    "`whisperstore schema apply --resume` runs it again";
        return text;
    }
    void end() noexcept { spinner_.reset(); }

private:
    void tell_waiting(const std::string& holder)
    {
        if (!invocation_.json())
            return report_note("Waiting for " + one_line(holder) + ", which applies migrations …");
        json::object event;
        event["event"] = "waiting";
        event["holder"] = holder;
        report_note(compact(event));
    }
    void tell_event(const SchemaMigrationProgress& progress)
    {
        json::object event;
        event["event"] = running_ ? "begun" : "done";
        event["number"] = progress.number;
        event["count"] = progress.count;
        for (auto& [key, value] : json_of(*progress.migration))
            event[key] = std::move(value);
        if (!running_)
            event["execution_time_ms"] = progress.execution_time.count();
        report_note(compact(event));
    }
    void tell_done(const SchemaMigrationProgress& progress)
    {
        const Terminal& terminal = invocation_.terminal();
        invocation_.out().line(terminal.paint(Tone::good, undoes_ ? "Undone  " : "Applied ") +
                               progress.migration->version + " " + one_line(progress.migration->name) +
                               terminal.paint(Tone::quiet, " (" + shown_time(progress.execution_time) + ")"));
        invocation_.out().flush();
    }
    std::string title(const SchemaMigrationProgress& progress) const
    {
        return (undoes_ ? "Undoing " : "Applying ") + progress.migration->version + " " +
               one_line(progress.migration->name) + " (" + std::to_string(progress.number) + " of " +
               std::to_string(progress.count) + ")";
    }

    Invocation& invocation_;
    const bool undoes_;
    std::size_t count_ = 0;
    std::vector<std::string> done_;
    std::optional<PlannedMigration> running_;
    std::unique_ptr<Spinner> spinner_;
};

Exit carry_out(Invocation& invocation, const SchemaArguments& arguments)
{
    // Before anything is opened: a wrong folder must not leave an empty database behind.
    const AdaptiveConfigManager manager = invocation.configure();
    static_cast<void>(
        read_migration_folder(arguments.folder, dialect_of(manager.get_storage_configuration().database)));
    SchemaDatabase database(invocation, manager, Access::write, arguments.wait);
    SchemaMigrator migrator = migrator_of(*database, arguments);
    RunReport report(invocation, arguments.undoes);
    SchemaMigrationOptions options = options_of(arguments);
    options.progress = std::ref(report);
    std::vector<PlannedMigration> done;
    try {
        done = invocation.run(arguments.undoes ? migrator.undo(options, invocation.context())
                                               : migrator.apply(options, invocation.context()));
    } catch (const Interrupted& interrupted) {
        report.end();
        throw Interrupted{interrupted.signal, report.outcome()};
    }
    database.close();
    Output& out = invocation.out();
    if (invocation.json()) {
        json::array list;
        for (const PlannedMigration& one : done)
            list.push_back(json_of(one));
        out.document(list);
    } else if (done.empty()) {
        out.line(arguments.undoes ? "There is nothing to undo." : "Everything is applied already.");
    }
    return Exit::done;
}

} // namespace

void add_schema_commands(CLI::App& program, Selected& selected)
{
    CLI::App* schema = program.add_subcommand("schema", "Apply the migrations of an application, and take them back");
    schema->require_subcommand(1);
    schema->footer("A migration is a file VERSION_NAME.up.sql, and VERSION_NAME.down.sql takes it back;\n"
                   "docs/schema-migrations.md has more.");
    const auto add = [&](const char* name, const char* description,
                         Exit (*action)(Invocation&, const SchemaArguments&)) {
        auto arguments = std::make_shared<SchemaArguments>();
        CLI::App* command = schema->add_subcommand(name, description);
        command
            ->add_option("--dir", arguments->folder, "The folder of the migrations; ./migrations where it is not given")
            ->option_text("DIR");
        command->callback([&selected, arguments, action] {
            selected.action = [arguments, action](Invocation& invocation) { return action(invocation, *arguments); };
        });
        return std::pair(command, arguments);
    };
    const auto add_limits = [](CLI::App* command, const std::shared_ptr<SchemaArguments>& arguments, const char* to) {
        command->add_option("--to", arguments->to, to)->option_text("VERSION");
    };
    const auto add_apply = [](CLI::App* command, const std::shared_ptr<SchemaArguments>& arguments) {
        command->add_flag("--out-of-order", arguments->out_of_order,
                          "Apply versions too that are older than one that is applied");
        command->add_flag("--resume", arguments->resume,
                          "Run a script again that has begun without a transaction and did not end");
    };
    const auto add_wait = [](CLI::App* command, const std::shared_ptr<SchemaArguments>& arguments) {
        command
            ->add_option("--wait", arguments->wait,
                         "How long to wait while another process applies migrations or has the data; 60 where it is "
                         "not given")
            ->option_text("SECONDS")
            ->check(number_from(0, 1e9));
    };
    constexpr const char* up_to = "The last version to apply; all where it is not given";
    constexpr const char* down_to = "The version to go back to, which stays; 0 undoes all. Only the last one is undone "
                                    "where it is not given";

    add("status", "Show which migrations are applied, which are not, and what is wrong with them", show_status);

    const auto [plan, plan_arguments] =
        add("plan", "Show what apply would do, with its SQL; changes nothing", show_plan);
    add_limits(plan, plan_arguments, "As for apply, or for undo with --undo");
    add_apply(plan, plan_arguments);
    plan->add_flag("--undo", plan_arguments->undoes, "Show what undo would do");

    const auto [apply, apply_arguments] =
        add("apply", "Apply what is not applied yet, in the order of versions", carry_out);
    add_limits(apply, apply_arguments, up_to);
    add_apply(apply, apply_arguments);
    add_wait(apply, apply_arguments);
    apply->footer("Each script runs in a transaction of its own: one that fails leaves nothing, and\n"
                  "those before it stay. A script that says `-- no-transaction` in its first lines is\n"
                  "run without one, and when it does not end --resume runs it again.");

    const auto [undo, undo_arguments] = add("undo", "Take the last migration back, or all after a version", carry_out);
    undo_arguments->undoes = true;
    add_limits(undo, undo_arguments, down_to);
    add_wait(undo, undo_arguments);
}

} // namespace whisperstore::cli
