// The file of a whole graph: what is read is written, and read again as it was.

#include "fuzz/fuzz_target.hpp"
#include "migration/graph_file.hpp"

#include <sstream>

namespace {

using namespace whisperstore;

/// A few lines at a time.
GraphPart read_all(const std::string& text)
{
    std::istringstream in(text);
    migration::GraphFileReader reader(in);
    GraphPart all;
    while (true) {
        GraphPart part = reader.read(3);
        if (part.nodes.empty() && part.edges.empty())
            return all;
        for (GraphNode& node : part.nodes)
            all.nodes.push_back(std::move(node));
        for (NetworkEdge& edge : part.edges)
            all.edges.push_back(std::move(edge));
    }
}

std::string written(const GraphPart& part)
{
    std::ostringstream out;
    migration::GraphFileWriter writer(out);
    writer.write(part);
    writer.finish();
    return out.str();
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz::accepts([&] {
        const std::string text = written(read_all(std::string(fuzz::as_text(data, size))));
        fuzz::require(written(read_all(text)) == text, "a written graph is read as it was");
    });
    return 0;
}
