#pragma once
// Compression of a component: one zstd frame, streamed.

#include "backup/byte_stream.hpp"

#include <memory>
#include <string>

namespace whisperstore::backup {

class CompressSink final : public ByteSink
{
public:
    explicit CompressSink(ByteSink& next);
    ~CompressSink() override;
    void write(std::span<const std::byte> bytes) override;
    void finish() override;

private:
    struct State;
    ByteSink& next_;
    const std::unique_ptr<State> state_;
};

/// Throws StorageError corrupt naming `name` for anything but one whole frame.
class DecompressSink final : public ByteSink
{
public:
    DecompressSink(ByteSink& next, std::string name);
    ~DecompressSink() override;
    void write(std::span<const std::byte> bytes) override;
    void finish() override;

private:
    struct State;
    ByteSink& next_;
    const std::string name_;
    const std::unique_ptr<State> state_;
};

} // namespace whisperstore::backup
