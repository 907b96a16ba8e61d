#include "embedding/local/batch_plan.hpp"
#include "embedding/local/model_folder.hpp"
#include "embedding/local/processors.hpp"
#include "embedding/local/safetensors.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <cstring>
#include <numeric>

namespace whisperstore::local_embedding {
namespace {

using test::error_of;
using test::TestDirectory;
using test::write_file;

std::string safetensors(const std::string& header, const std::string& data)
{
    const std::uint64_t length = header.size();
    std::string file(sizeof(length), '\0');
    std::memcpy(file.data(), &length, sizeof(length));
    return file + header + data;
}

void open(const std::string& file) { static_cast<void>(SafeTensors(std::as_bytes(std::span(file)))); }

TEST(SafeTensors, FloatsOfEveryWidthAreRead)
{
    const float numbers[] = {1.5F, -2.0F};
    std::string data(reinterpret_cast<const char*>(numbers), sizeof(numbers));
    data += std::string("\xC0\x3F\x00\xC0", 4);                 // bfloat16
    data += std::string("\x00\x3E\x00\xC0\x01\x00\x00\x80", 8); // half
    const std::string file = safetensors(R"({"__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "b": {"dtype": "BF16", "shape": [1, 2], "data_offsets": [8, 12]},
        "c": {"dtype": "F16", "shape": [4], "data_offsets": [12, 20]}})",
                                         data);
    const SafeTensors tensors(std::as_bytes(std::span(file)));
    EXPECT_EQ(tensors.floats("a", {2}), (std::vector<float>{1.5F, -2}));
    EXPECT_EQ(tensors.floats("b", {1, 2}), (std::vector<float>{1.5F, -2}));
    EXPECT_EQ(tensors.floats("c", {4}), (std::vector<float>{1.5F, -2, 5.9604645e-8F, -0.0F}));
    EXPECT_STORAGE_ERROR(tensors.floats("a", {1, 2}), corrupt);
    EXPECT_STORAGE_ERROR(tensors.floats("d", {2}), corrupt);
}

TEST(SafeTensors, NumbersThatAreNotFiniteAndOtherTypesAreRefused)
{
    const std::string nan = safetensors(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})",
                                        std::string("\x00\x00\xC0\x7F", 4));
    EXPECT_STORAGE_ERROR(SafeTensors(std::as_bytes(std::span(nan))).floats("a", {1}), corrupt);
    const std::string whole =
        safetensors(R"({"a": {"dtype": "I32", "shape": [1], "data_offsets": [0, 4]}})", std::string(4, '\0'));
    EXPECT_STORAGE_ERROR(SafeTensors(std::as_bytes(std::span(whole))).floats("a", {1}), corrupt);
}

TEST(SafeTensors, DamagedFilesAreRefused)
{
    const std::string data(8, '\0');
    const auto with = [&](const std::string& tensors) { return safetensors("{" + tensors + "}", data); };
    const std::vector<std::pair<const char*, std::string>> files = {
        {"empty", ""},
        {"shorter than a length", "abc"},
        {"a header of no length", std::string(8, '\0')},
        {"a header longer than the file", std::string("\x10\0\0\0\0\0\0\0{}", 10)},
        {"a huge header", std::string("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{}", 10)},
        {"no JSON", safetensors("{", data)},
        {"no object", safetensors("[]", data)},
        {"cut off", with(R"("a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]})").substr(0, 60)},
        {"outside", with(R"("a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]})")},
        {"backwards", with(R"("a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]})")},
        {"negative", with(R"("a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]})")},
        {"overflow", with(R"("a": {"dtype": "F32", "shape": [4611686018427387904, 4], "data_offsets": [0, 8]})")},
        {"another size", with(R"("a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 8]})")},
        {"another type", with(R"("a": {"dtype": "F99", "shape": [2], "data_offsets": [0, 8]})")},
        {"no type", with(R"("a": {"shape": [2], "data_offsets": [0, 8]})")},
        {"one offset", with(R"("a": {"dtype": "F32", "shape": [2], "data_offsets": [0]})")},
        {"no tensor", with(R"("a": 3)")},
        {"a gap", with(R"("a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]})")},
        {"a rest", with(R"("a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]})")},
        {"overlapping", with(R"("a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
                                "b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]})")},
    };
    for (const auto& [what, file] : files)
        EXPECT_EQ(error_of([&] { open(file); }).errc(), StorageErrc::corrupt) << what;
}

TEST(ModelFolder, MissingModelsSayWhereAndWhatToDo)
{
    const TestDirectory folder;
    const StorageError error = error_of([&] { ModelFolder::find(folder.path() / "nowhere", Precision::float32); });
    EXPECT_EQ(error.errc(), StorageErrc::not_found);
    EXPECT_NE(error.message().find((folder.path() / "nowhere").string()), std::string::npos);
    EXPECT_NE(error.message().find("tools/quickstart"), std::string::npos);
    EXPECT_NE(error.message().find("WHISPERENGINE_EMBEDDING_MODEL_DIR"), std::string::npos);
}

TEST(ModelFolder, OnnxFilesAreChosenByPrecision)
{
    const TestDirectory folder;
    std::filesystem::create_directory(folder / "onnx");
    write_file(folder / "onnx/model.onnx", "");
    write_file(folder / "onnx/model_quantized.onnx", "");
    EXPECT_EQ(ModelFolder::find(folder.path(), Precision::float32).weights, folder / "onnx/model.onnx");
    EXPECT_EQ(ModelFolder::find(folder.path(), Precision::int8).weights, folder / "onnx/model_quantized.onnx");
    write_file(folder / "model.safetensors", "");
    EXPECT_EQ(ModelFolder::find(folder.path(), Precision::int8).weights, folder / "model.safetensors");
}

TEST(ModelFolder, PrecisionsAreNamed)
{
    EXPECT_EQ(parse_precision("bfloat16"), Precision::bfloat16);
    const StorageError error = error_of([] { parse_precision("float64"); });
    EXPECT_EQ(error.errc(), StorageErrc::invalid_argument);
    EXPECT_NE(error.message().find("float32, bfloat16 and int8"), std::string::npos);
}

TEST(BatchPlan, EveryTextIsInOneInferenceWithOthersOfItsLength)
{
    std::vector<std::size_t> lengths;
    for (std::size_t i = 0; i < 500; ++i)
        lengths.push_back(3 + i * 7919 % 254);
    const auto inferences = plan_inferences(lengths);
    std::vector<std::size_t> seen;
    std::size_t padded = 0;
    for (const auto& inference : inferences) {
        std::size_t longest = 0;
        for (const std::size_t text : inference) {
            seen.push_back(text);
            longest = std::max(longest, lengths[text]);
        }
        EXPECT_LE(longest * inference.size(), maximum_tokens_at_once);
        padded += longest * inference.size();
    }
    std::sort(seen.begin(), seen.end());
    std::vector<std::size_t> all(lengths.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    EXPECT_EQ(seen, all);
    const std::size_t real = std::accumulate(lengths.begin(), lengths.end(), std::size_t{0});
    EXPECT_LT(static_cast<double>(padded), 1.2 * static_cast<double>(real));
    EXPECT_TRUE(plan_inferences({}).empty());
    const std::size_t one_long[] = {100'000};
    EXPECT_EQ(plan_inferences(one_long).size(), 1U);
}

TEST(Processors, AContainersShareIsTheLimit)
{
    const TestDirectory root;
    const std::size_t all = usable_processors(root.path());
    EXPECT_GE(all, 1U);
    std::filesystem::create_directories(root / "sys/fs/cgroup/cpu");
    write_file(root / "sys/fs/cgroup/cpu.max", "50000 100000\n");
    EXPECT_EQ(usable_processors(root.path()), 1U);
    write_file(root / "sys/fs/cgroup/cpu.max", "max 100000\n");
    EXPECT_EQ(usable_processors(root.path()), all);
    std::filesystem::remove(root / "sys/fs/cgroup/cpu.max");
    write_file(root / "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "20000\n");
    write_file(root / "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(usable_processors(root.path()), 1U);
    write_file(root / "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    EXPECT_EQ(usable_processors(root.path()), all);
}

} // namespace
} // namespace whisperstore::local_embedding
