// import

#include "commands/command_tree.hpp"
#include "display/progress.hpp"
#include "display/text_layout.hpp"

#include <whisperstore/storage/message_importer.hpp>

#include <chrono>
#include <map>
#include <memory>

namespace whisperstore::cli {

namespace {

struct ImportArguments
{
    std::string file;
    std::string format = "auto";
    std::string embeddings;
    bool no_vectors = false;
    std::string collection = ImportOptions().collection;
    std::string channel;
    std::string date_order = "auto";
    std::string utc_offset = "+00:00";
};

const std::map<std::string, ImportFormat> formats{{"auto", ImportFormat::automatic},
                                                  {"jsonl", ImportFormat::json_lines},
                                                  {"discord", ImportFormat::discord},
                                                  {"slack", ImportFormat::slack},
                                                  {"whatsapp", ImportFormat::whatsapp}};
const std::map<std::string, DateOrder> date_orders{
    {"auto", DateOrder::automatic}, {"day-first", DateOrder::day_first}, {"month-first", DateOrder::month_first}};

/// "+02:00" or "-03:30".
std::chrono::minutes offset_of(const std::string& text)
{
    const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9' ? text[at] - '0' : 100; };
    if (text.size() == 6 && (text[0] == '+' || text[0] == '-') && text[3] == ':') {
        const int hours = digit(1) * 10 + digit(2);
        const int minutes = digit(4) * 10 + digit(5);
        if (hours <= 14 && minutes <= 59)
            return std::chrono::minutes((text[0] == '-' ? -1 : 1) * (hours * 60 + minutes));
    }
    throw StorageError(StorageErrc::invalid_argument,
                       "--utc-offset is '" + text + "'; allowed are hours and minutes such as +02:00 or -03:30");
}

ImportOptions options_of(const ImportArguments& arguments)
{
    ImportOptions options;
    options.format = formats.at(arguments.format);
    options.embeddings = arguments.embeddings;
    options.embed_texts = !arguments.no_vectors;
    options.collection = arguments.collection;
    options.channel = arguments.channel;
    options.date_order = date_orders.at(arguments.date_order);
    options.utc_offset = offset_of(arguments.utc_offset);
    return options;
}

Exit import_file(Invocation& invocation, const ImportArguments& arguments)
{
    ImportReport report;
    ImportOptions options = options_of(arguments);
    {
        OpenStorage storage = invocation.open(Access::write);
        ProgressBar progress("Importing");
        options.progress = [&progress](std::uint64_t done, std::uint64_t total) { progress.update(done, total); };
        report = invocation.run(import_messages(*storage, arguments.file, std::move(options), invocation.context()));
        storage.close();
    }
    Output& out = invocation.out();
    if (invocation.json()) {
        out.document(report.to_json());
        return Exit::done;
    }
    std::string line = "Imported " + counted(report.imported, "message") + " in " + duration(report.seconds) + ": " +
                       counted(report.documents, "vector") + ", " + counted(report.relationships, "relationship");
    if (report.known > 0)
        line += report.imported == 0 ? "; all " + grouped(report.known) + " were there already"
                                     : "; " + grouped(report.known) + " were there already";
    if (report.skipped > 0)
        line += "; " + counted(report.skipped, "notice") + " (joins and the like) left out";
    out.line(line + ".");
    if (report.embedding_seconds > 0)
        out.line("Texts were embedded in " + duration(report.embedding_seconds) + " of them.");
    return Exit::done;
}

} // namespace

void add_import_command(CLI::App& program, Selected& selected)
{
    auto arguments = std::make_shared<ImportArguments>();
    CLI::App* command =
        program.add_subcommand("import", "Import conversations: JSON lines, Discord, Slack or WhatsApp exports");
    command->add_option("FILE", arguments->file, "A file of messages, or the folder of a Slack export")->required();
    command
        ->add_option("--format", arguments->format,
                     "auto (look at it), jsonl (examples/README.md), discord (DiscordChatExporter's JSON), slack "
                     "(unpacked folder), whatsapp (exported text)")
        ->check(CLI::IsMember(formats))
        ->option_text("FORMAT");
    command
        ->add_option(
            "--embeddings", arguments->embeddings,
            "The vectors: row i, little-endian 32-bit floats, belongs to message i. Without it texts are embedded")
        ->option_text("FILE.f32");
    command->add_flag("--no-vectors", arguments->no_vectors, "Store no vectors")->excludes("--embeddings");
    command->add_option("--collection", arguments->collection, "Where the vectors go (" + arguments->collection + ")")
        ->option_text("NAME");
    command->add_option("--channel", arguments->channel, "WhatsApp: the channel's id (made of the file's name)")
        ->option_text("ID");
    command
        ->add_option("--date-order", arguments->date_order,
                     "WhatsApp: day-first (31/12/2023), month-first (12/31/2023), or auto (found in the file)")
        ->check(CLI::IsMember(date_orders))
        ->option_text("ORDER");
    command
        ->add_option("--utc-offset", arguments->utc_offset,
                     "WhatsApp: how far its times, which name no zone, are ahead of UTC (+00:00)")
        ->option_text("+HH:MM");
    command->footer("Importing twice changes nothing. An import that was interrupted goes on where it\n"
                    "stopped when it is started again.");
    command->callback([&selected, arguments] {
        selected.action = [arguments](Invocation& invocation) { return import_file(invocation, *arguments); };
    });
}

} // namespace whisperstore::cli
