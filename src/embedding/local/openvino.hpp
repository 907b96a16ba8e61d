#pragma once
// OpenVINO, loaded when it is first needed: its libraries are large, and most commands need no model. Through its C
// API, which does not care which compiler and standard library built either side.

#include "embedding/local/model_folder.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace whisperstore::local_embedding {

struct CompileOptions
{
    Precision precision = Precision::float32;
    std::size_t threads = 1;
};

/// An input of a network: whole numbers or floats.
struct InputTensor
{
    std::string name;
    std::vector<std::size_t> shape;
    std::span<const float> floats;       ///< either these
    std::span<const std::int64_t> whole; ///< or these
};

/// A network ready to be run. One thread at a time.
class CompiledNetwork
{
public:
    /// From the text of an IR and its constants. Throws StorageError unsupported when OpenVINO cannot be loaded or
    /// refuses the network.
    static CompiledNetwork from_ir(const std::string& xml, std::vector<std::byte> weights,
                                   const CompileOptions& options);
    /// From an ONNX file. Throws corrupt, naming the file, when it cannot be read.
    static CompiledNetwork from_file(const std::filesystem::path& file, const CompileOptions& options);

    CompiledNetwork(CompiledNetwork&&) noexcept;
    CompiledNetwork& operator=(CompiledNetwork&&) noexcept;
    ~CompiledNetwork();

    std::vector<std::string> input_names() const;

    struct Output
    {
        std::vector<std::size_t> shape;
        std::span<const float> values; ///< until the next run
    };
    /// Runs the network; the first output.
    Output run(std::span<const InputTensor> inputs);

private:
    struct State;
    explicit CompiledNetwork(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

/// Whether the processor multiplies bfloat16 numbers by itself.
bool has_bfloat16() noexcept;

} // namespace whisperstore::local_embedding
