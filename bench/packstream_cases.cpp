// PackStream: values to bytes and back, beside copying those bytes.

#include "harness.hpp"
#include "protocol/bolt/packstream.hpp"
#include "protocol/bolt/responses.hpp"

#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace whisperstore::bench {

namespace {

using namespace bolt;

/// What the graph layer sends with a batch of memories.
List memory_rows(std::size_t count)
{
    List rows;
    for (std::size_t i = 0; i < count; ++i) {
        Map row;
        row.set("id", std::to_string(1'000'000 + i));
        row.set("user_id", "user-" + std::to_string(i % 50));
        row.set("content", "They talked about the garden, and what to plant there when spring comes again.");
        row.set("importance", 0.5);
        row.set("created_at", "2026-11-30T10:00:00.000000Z");
        row.set("tags", List{"garden", "spring", i});
        rows.push_back(std::move(row));
    }
    return rows;
}

/// Such a batch as records of nodes, as a server sends them.
std::vector<std::string> node_records(const List& rows)
{
    std::vector<std::string> records;
    for (const Value& row : rows) {
        std::string& bytes = records.emplace_back();
        Packer out(bytes);
        out.list(2);
        out.structure('N', 4);
        out.integer(static_cast<std::int64_t>(records.size()));
        out.list(1);
        out.string("Memory");
        out.value(row, Dialect());
        out.string("4:7e0a1b6b-493d-42c5-bff0-e606947fd8c9:" + std::to_string(records.size()));
        out.integer(3);
    }
    return records;
}

/// MB/s of handling `bytes` in `times` rounds.
template <typename Work>
double throughput(std::size_t bytes, std::size_t times, const Work& work)
{
    const double rounds = rate(times, [&] {
        for (std::size_t i = 0; i < times; ++i)
            work();
    });
    return rounds * static_cast<double>(bytes) / 1e6;
}

std::vector<Result> packstream(const Settings& settings)
{
    const auto times = static_cast<std::size_t>(std::max(1.0, 100 * settings.scale));
    const List rows = memory_rows(2000);
    const std::vector<std::string> records = node_records(rows);
    std::string packed;
    Packer(packed).value(rows, Dialect());
    std::size_t record_bytes = 0;
    for (const std::string& record : records)
        record_bytes += record.size();

    std::string buffer;
    const auto encode = [&] {
        return throughput(packed.size(), times, [&] {
            buffer.clear();
            Packer(buffer).value(rows, Dialect());
            if (buffer.size() != packed.size())
                throw std::runtime_error("it was packed in another way");
        });
    };
    const auto decode_rows = [&] {
        return throughput(packed.size(), times, [&] {
            if (Unpacker(packed).value().as_list().size() != rows.size())
                throw std::runtime_error("rows are missing");
        });
    };
    const auto decode_records = [&] {
        return throughput(record_bytes, times, [&] {
            for (const std::string& record : records)
                if (read_record(record, Dialect()).size() != 2)
                    throw std::runtime_error("a value is missing");
        });
    };
    const auto copy = [&] {
        buffer.resize(packed.size());
        return throughput(packed.size(), times, [&] {
            std::memcpy(buffer.data(), packed.data(), packed.size());
            if (buffer.back() != packed.back())
                throw std::runtime_error("it was not copied");
        });
    };
    const std::string note = "memcpy of the same bytes";
    return {compare("packstream_encode", "MB/s", note, settings.rounds, encode, copy),
            compare("packstream_decode_maps", "MB/s", note, settings.rounds, decode_rows, copy),
            compare("packstream_decode_nodes", "MB/s", note, settings.rounds, decode_records, copy)};
}

} // namespace

std::vector<Case> packstream_cases()
{
    return {
        {"packstream", "Bolt values to bytes and back: 2,000 memories as maps, and as records of nodes", packstream}};
}

} // namespace whisperstore::bench
