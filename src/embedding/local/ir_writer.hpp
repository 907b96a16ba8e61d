#pragma once
// OpenVINO's intermediate representation: a network as XML text, its constants as bytes beside it. The format is
// documented at https://docs.openvino.ai under "OpenVINO IR format" and "operation sets"; version 11 has been written
// since 2022. Pure code.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::local_embedding {

enum class ElementType
{
    f32,
    i64,
    i8
};

/// The output of a layer.
struct Port
{
    std::size_t layer = 0;
    std::size_t port = 0;
    ElementType type = ElementType::f32;
};

/// Writes a network layer by layer. Shapes of results are not written: OpenVINO works them out.
class IrWriter
{
public:
    /// "?" in the shape is a dimension that is known at the inference only: "?,?,384".
    Port parameter(std::string_view name, std::string_view shape, ElementType type);
    Port constant(std::span<const float> values, const std::vector<std::size_t>& shape);
    Port constant(std::span<const std::int8_t> values, const std::vector<std::size_t>& shape);
    /// A list of whole numbers: axes, shapes, permutations.
    Port numbers(std::initializer_list<std::int64_t> values);
    Port scalar(float value);
    /// Any other layer. `data`: attributes of its <data> element, `axis="-1"`.
    Port layer(std::string_view type, std::string_view version, std::string_view data,
               std::initializer_list<Port> inputs, ElementType output = ElementType::f32);
    void result(Port port);

    /// The whole XML. The writer is used up.
    std::string finish(std::string_view name);
    /// What the constants refer to, in its final state after the last constant.
    const std::vector<std::byte>& weights() const noexcept { return weights_; }
    std::vector<std::byte> take_weights() noexcept { return std::move(weights_); }

private:
    Port constant_bytes(std::span<const std::byte> bytes, const std::string& shape, ElementType type);
    std::size_t open_layer(std::string_view name, std::string_view type, std::string_view version,
                           std::string_view data);

    std::string layers_;
    std::string edges_;
    std::size_t count_ = 0;
    std::vector<std::byte> weights_;
};

} // namespace whisperstore::local_embedding
