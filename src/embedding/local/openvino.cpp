#include "embedding/local/openvino.hpp"

#include "embedding/local/openvino_functions.hpp"

#include <whisperstore/core/error.hpp>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <functional>
#include <numeric>

namespace whisperstore::local_embedding {

namespace {

/// What the network's matrices are multiplied in.
std::string inference_precision(Precision precision)
{
    // 8-bit weights are widened to what the processor multiplies fastest.
    return precision == Precision::float32 || !has_bfloat16() ? "f32" : "bf16";
}

/// The extents as the C API wants them.
class Shape
{
public:
    explicit Shape(const std::vector<std::size_t>& extents) : extents_(extents.begin(), extents.end())
    {
        shape_.rank = static_cast<std::int64_t>(extents_.size());
        shape_.dims = extents_.data();
    }
    const ov_shape_t& get() const noexcept { return shape_; }

private:
    std::vector<std::int64_t> extents_;
    ov_shape_t shape_{};
};

Tensor host_tensor(ov_element_type_e type, const std::vector<std::size_t>& extents, const void* data)
{
    const OpenVino& library = OpenVino::instance();
    ov_tensor_t* tensor = nullptr;
    const Shape shape(extents);
    library.check(library.tensor_create_from_host_ptr(type, shape.get(), const_cast<void*>(data), &tensor),
                  "making a tensor");
    return Tensor(tensor);
}

/// One for the process: devices and plugins are loaded by it, once.
ov_core_t* shared_core()
{
    static const Core core = [] {
        const OpenVino& library = OpenVino::instance();
        ov_core_t* created = nullptr;
        library.check(library.core_create(&created), "starting");
        return Core(created);
    }();
    return core.get();
}

} // namespace

struct CompiledNetwork::State
{
    std::vector<std::byte> weights; // the network reads them in place; they go last
    Compiled compiled;
    Request request;
    Tensor output;

    void compile(const ov_model_t* model, const CompileOptions& options)
    {
        const OpenVino& library = OpenVino::instance();
        const std::string threads = std::to_string(options.threads);
        const std::string precision = inference_precision(options.precision);
        const bool dynamic = options.precision == Precision::int8 && precision == "f32";
        ov_compiled_model_t* out = nullptr;
        constexpr std::size_t arguments = 12;                                                   // names and values
        library.check(library.core_compile_model(shared_core(), model, "CPU", arguments, &out,  //
                                                 "PERFORMANCE_HINT", "LATENCY",                 //
                                                 "NUM_STREAMS", "1",                            //
                                                 "INFERENCE_NUM_THREADS", threads.c_str(),      //
                                                 "ENABLE_CPU_PINNING", "NO",                    //
                                                 "INFERENCE_PRECISION_HINT", precision.c_str(), //
                                                 "DYNAMIC_QUANTIZATION_GROUP_SIZE", dynamic ? "32" : "0"), //
                      "compiling the network");
        compiled.reset(out);
        ov_infer_request_t* made = nullptr;
        library.check(library.compiled_model_create_infer_request(out, &made), "making an inference request");
        request.reset(made);
    }
};

CompiledNetwork::CompiledNetwork(std::unique_ptr<State> state) : state_(std::move(state)) {}
CompiledNetwork::CompiledNetwork(CompiledNetwork&&) noexcept = default;
CompiledNetwork& CompiledNetwork::operator=(CompiledNetwork&&) noexcept = default;
CompiledNetwork::~CompiledNetwork() = default;

CompiledNetwork CompiledNetwork::from_ir(const std::string& xml, std::vector<std::byte> weights,
                                         const CompileOptions& options)
{
    const OpenVino& library = OpenVino::instance();
    auto state = std::make_unique<State>();
    state->weights = std::move(weights);
    const Tensor constants = host_tensor(U8, {state->weights.size()}, state->weights.data());
    ov_model_t* read = nullptr;
    library.check(
        library.core_read_model_from_memory_buffer(shared_core(), xml.data(), xml.size(), constants.get(), &read),
        "reading the network");
    const Model model(read);
    state->compile(model.get(), options);
    return CompiledNetwork(std::move(state));
}

CompiledNetwork CompiledNetwork::from_file(const std::filesystem::path& file, const CompileOptions& options)
{
    const OpenVino& library = OpenVino::instance();
    ov_model_t* read = nullptr;
    try {
        library.check(library.core_read_model(shared_core(), file.c_str(), nullptr, &read), "reading it");
    } catch (const StorageError& error) {
        throw StorageError(StorageErrc::corrupt, file.string() + ": " + error.message());
    }
    const Model model(read);
    auto state = std::make_unique<State>();
    state->compile(model.get(), options);
    return CompiledNetwork(std::move(state));
}

std::vector<std::string> CompiledNetwork::input_names() const
{
    const OpenVino& library = OpenVino::instance();
    std::size_t count = 0;
    library.check(library.compiled_model_inputs_size(state_->compiled.get(), &count), "counting the inputs");
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i) {
        ov_output_const_port_t* found = nullptr;
        library.check(library.compiled_model_input_by_index(state_->compiled.get(), i, &found), "reading an input");
        const ConstPort port(found);
        char* name = nullptr;
        library.check(library.port_get_any_name(port.get(), &name), "reading an input's name");
        names.emplace_back(name);
        library.free(name);
    }
    return names;
}

CompiledNetwork::Output CompiledNetwork::run(std::span<const InputTensor> inputs)
{
    const OpenVino& library = OpenVino::instance();
    std::vector<Tensor> tensors; // until the inference is over
    for (const InputTensor& input : inputs) {
        tensors.push_back(input.whole.empty() ? host_tensor(F32, input.shape, input.floats.data())
                                              : host_tensor(I64, input.shape, input.whole.data()));
        library.check(library.infer_request_set_tensor(state_->request.get(), input.name.c_str(), tensors.back().get()),
                      "setting an input");
    }
    library.check(library.infer_request_infer(state_->request.get()), "running the network");
    ov_tensor_t* found = nullptr;
    library.check(library.infer_request_get_output_tensor_by_index(state_->request.get(), 0, &found),
                  "reading the output");
    state_->output.reset(found);
    ov_element_type_e type = DYNAMIC;
    library.check(library.tensor_get_element_type(found, &type), "reading the output's type");
    if (type != F32)
        throw StorageError(StorageErrc::unsupported, "the network's output is no float32");
    ov_shape_t shape{};
    library.check(library.tensor_get_shape(found, &shape), "reading the output's shape");
    Output output;
    output.shape.assign(shape.dims, shape.dims + shape.rank);
    library.check(library.shape_free(&shape), "freeing a shape");
    void* data = nullptr;
    library.check(library.tensor_data(found, &data), "reading the output");
    const std::size_t size =
        std::accumulate(output.shape.begin(), output.shape.end(), std::size_t{1}, std::multiplies<>());
    output.values = {static_cast<const float*>(data), size};
    return output;
}

bool has_bfloat16() noexcept
{
#if defined(__x86_64__)
    // Intel's manual, CPUID leaf 7: AMX-BF16 is bit 22 of EDX, AVX512_BF16 bit 5 of EAX in subleaf 1.
    static const bool found = [] {
        unsigned a = 0;
        unsigned b = 0;
        unsigned c = 0;
        unsigned d = 0;
        if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0)
            return false;
        const bool amx = (d >> 22U & 1U) != 0;
        return amx || (__get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a >> 5U & 1U) != 0);
    }();
    return found;
#else
    return false;
#endif
}

} // namespace whisperstore::local_embedding
