// Gives every fuzz target the inputs of its corpus, and some made from them by random changes. A finding
// of a fuzzer goes into the corpus when it is mended.

#include "support/test_directory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#define TARGET(name) extern "C" int fuzz_##name(const std::uint8_t* data, std::size_t size);
WHISPERSTORE_FUZZ_TARGETS
#undef TARGET

namespace whisperstore::test {

namespace {

constexpr int changed_inputs = 5000;
// Each of these is a file that is written, checked and restored.
constexpr int changed_archives = 60;

struct Target
{
    std::string name;
    int (*run)(const std::uint8_t* data, std::size_t size);
};

const std::vector<Target> targets{
#define TARGET(name) Target{#name, fuzz_##name},
    WHISPERSTORE_FUZZ_TARGETS
#undef TARGET
};

std::vector<std::string> corpus(const std::string& target)
{
    std::vector<std::filesystem::path> files;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::filesystem::path(WHISPERSTORE_FUZZ_CORPORA) / target))
        files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    std::vector<std::string> inputs;
    for (const std::filesystem::path& file : files)
        inputs.push_back(read_file(file));
    return inputs;
}

/// The input with some bytes changed, removed, doubled, or taken from another input.
std::string changed(const std::vector<std::string>& inputs, std::mt19937_64& random)
{
    std::string input = inputs[random() % inputs.size()];
    for (std::uint64_t changes = 1 + random() % 5; changes > 0; --changes) {
        const std::size_t at = random() % (input.size() + 1);
        const std::size_t length = 1 + random() % 8;
        const std::string& other = inputs[random() % inputs.size()];
        switch (random() % 5) {
        case 0:
            input.insert(at, 1, static_cast<char>(random() % 256));
            break;
        case 1:
            input.erase(at, length);
            break;
        case 2:
            if (at < input.size())
                input[at] = static_cast<char>(input[at] ^ (1 << random() % 8));
            break;
        case 3:
            input.insert(at, input.substr(random() % (input.size() + 1), length));
            break;
        default:
            input.insert(at, other.substr(random() % (other.size() + 1), 4 * length));
            break;
        }
    }
    return input;
}

std::string as_hex(const std::string& input)
{
    std::string hex;
    for (const char c : input) {
        constexpr std::string_view digits = "0123456789abcdef";
        hex.push_back(digits[static_cast<unsigned char>(c) / 16]);
        hex.push_back(digits[static_cast<unsigned char>(c) % 16]);
    }
    return hex;
}

/// False when the target throws. (Of a crash a sanitizer tells.)
bool withstands(const Target& target, const std::string& input)
{
    // A copy of exactly its size, so that reading past its end is seen.
    const std::vector<std::uint8_t> bytes(input.begin(), input.end());
    try {
        return target.run(bytes.data(), bytes.size()) == 0;
    } catch (const std::exception& error) {
        ADD_FAILURE() << target.name << ": " << error.what() << "; input, as hex: " << as_hex(input);
        return false;
    }
}

class FuzzCorpus : public testing::TestWithParam<Target>
{
};

std::string name_of(const testing::TestParamInfo<Target>& target) { return target.param.name; }

} // namespace

TEST_P(FuzzCorpus, IsAcceptedOrRefusedWithoutHarm)
{
    const std::vector<std::string> inputs = corpus(GetParam().name);
    ASSERT_FALSE(inputs.empty());
    for (const std::string& input : inputs)
        withstands(GetParam(), input);
    std::mt19937_64 random(20260131); // NOLINT: the same inputs on every run
    const bool archive = GetParam().name.ends_with("_archive");
    for (int i = 0; i < (archive ? changed_archives : changed_inputs); ++i)
        if (!withstands(GetParam(), changed(inputs, random)))
            break;
}

INSTANTIATE_TEST_SUITE_P(Targets, FuzzCorpus, testing::ValuesIn(targets), name_of);

} // namespace whisperstore::test
