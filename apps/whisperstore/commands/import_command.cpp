// import

#include "commands/command_tree.hpp"
#include "display/progress.hpp"
#include "display/text_layout.hpp"

#include <whisperstore/storage/message_importer.hpp>

#include <memory>

namespace whisperstore::cli {

namespace {

struct ImportArguments
{
    std::string file;
    std::string embeddings;
    std::string collection = ImportOptions().collection;
};

Exit import_file(Invocation& invocation, const ImportArguments& arguments)
{
    ImportReport report;
    {
        OpenStorage storage = invocation.open(Access::write);
        ProgressBar progress("Importing");
        ImportOptions options;
        options.embeddings = arguments.embeddings;
        options.collection = arguments.collection;
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
    out.line(line + ".");
    return Exit::done;
}

} // namespace

void add_import_command(CLI::App& program, Selected& selected)
{
    auto arguments = std::make_shared<ImportArguments>();
    CLI::App* command = program.add_subcommand("import", "Import messages, one JSON object a line, and their vectors");
    command->add_option("FILE.jsonl", arguments->file, "The messages; examples/README.md describes the format")
        ->required();
    command
        ->add_option("--embeddings", arguments->embeddings,
                     "The vectors: row i, little-endian 32-bit floats, belongs to line i. Without it none are stored")
        ->option_text("FILE.f32");
    command->add_option("--collection", arguments->collection, "Where the vectors go (" + arguments->collection + ")")
        ->option_text("NAME");
    command->footer("Importing a file twice changes nothing. An import that was interrupted goes on\n"
                    "where it stopped when it is started again.");
    command->callback([&selected, arguments] {
        selected.action = [arguments](Invocation& invocation) { return import_file(invocation, *arguments); };
    });
}

} // namespace whisperstore::cli
