#pragma once
// The safetensors format (https://github.com/huggingface/safetensors): eight bytes of header length, a JSON header,
// then the tensors' bytes without gaps. Pure code over bytes.

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::local_embedding {

/// One tensor of a file; its bytes are the file's own.
struct TensorView
{
    std::string type; ///< "F32", "F16", "BF16", "I64", …
    std::vector<std::size_t> shape;
    std::span<const std::byte> bytes;
};

/// The tensors of a file, checked when it is opened: every byte belongs to exactly one tensor. Views go with the bytes
/// they were made of.
class SafeTensors
{
public:
    /// Throws StorageError corrupt that says what is wrong; it does not name the file.
    explicit SafeTensors(std::span<const std::byte> file);

    const std::map<std::string, TensorView, std::less<>>& tensors() const noexcept { return tensors_; }
    bool contains(std::string_view name) const noexcept { return tensors_.find(name) != tensors_.end(); }

    /// The numbers of a tensor of floating point with this shape. Throws corrupt when there is none.
    std::vector<float> floats(std::string_view name, const std::vector<std::size_t>& shape) const;

private:
    std::map<std::string, TensorView, std::less<>> tensors_;
};

} // namespace whisperstore::local_embedding
