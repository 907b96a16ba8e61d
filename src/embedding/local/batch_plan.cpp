#include "embedding/local/batch_plan.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace whisperstore::local_embedding {

namespace {

// An inference of its own costs about as much as this many tokens more.
constexpr std::size_t tokens_of_an_inference = 64;

} // namespace

std::vector<std::vector<std::size_t>> plan_inferences(std::span<const std::size_t> lengths)
{
    std::vector<std::size_t> order(lengths.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    // clang finds fault with libstdc++'s stable_sort: the place decides between equal lengths.
    std::sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
        return std::pair(lengths[left], left) < std::pair(lengths[right], right);
    });
    std::vector<std::vector<std::size_t>> inferences;
    std::size_t longest = 0; // of the inference being filled
    for (const std::size_t text : order) {
        const std::size_t length = lengths[text];
        const std::size_t count = inferences.empty() ? 0 : inferences.back().size();
        // What padding those that are in it already to this text's length costs.
        const bool pads_too_much = count * (length - longest) > tokens_of_an_inference + length;
        if (count == 0 || pads_too_much || (count + 1) * length > maximum_tokens_at_once)
            inferences.emplace_back();
        inferences.back().push_back(text);
        longest = length;
    }
    return inferences;
}

} // namespace whisperstore::local_embedding
