// Files of model weights: damaged ones are refused, and what is accepted lies inside of the file.

#include "embedding/local/safetensors.hpp"
#include "fuzz/fuzz_target.hpp"

#include <cstring>

namespace whisperstore::fuzz {

namespace {

void check_file(std::span<const std::byte> file)
{
    accepts([&] {
        const local_embedding::SafeTensors tensors(file);
        std::size_t bytes = 0;
        for (const auto& [name, tensor] : tensors.tensors()) {
            bytes += tensor.bytes.size();
            require(tensor.bytes.empty() || (tensor.bytes.data() >= file.data() &&
                                             tensor.bytes.data() + tensor.bytes.size() <= file.data() + file.size()),
                    "a tensor lies inside of the file");
            accepts([&] {
                const std::vector<float> numbers = tensors.floats(name, tensor.shape);
                require(numbers.size() <= tensor.bytes.size(), "no more numbers than bytes");
            });
        }
        require(bytes + 8 <= file.size(), "no byte belongs to two tensors");
    });
}

} // namespace

} // namespace whisperstore::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace whisperstore;
    const auto bytes = std::as_bytes(std::span(data, size));
    fuzz::check_file(bytes);
    // The same as header and data, so that the length is right: the first byte says where the header ends.
    if (size == 0)
        return 0;
    const std::uint64_t length = std::min<std::size_t>(size - 1, 4U * data[0]);
    std::vector<std::byte> file(sizeof(length));
    std::memcpy(file.data(), &length, sizeof(length));
    file.insert(file.end(), bytes.begin() + 1, bytes.end());
    fuzz::check_file(file);
    return 0;
}
