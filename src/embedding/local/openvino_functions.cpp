#include "embedding/local/openvino_functions.hpp"

#include <whisperstore/core/error.hpp>

#include <dlfcn.h>
#include <mutex>
#include <optional>
#include <string>

namespace whisperstore::local_embedding {

namespace {

/// Where the build found the library, and its name for wherever the system has it.
constexpr const char* built_with = WHISPERSTORE_OPENVINO_LIBRARY;

void* open_library()
{
    const std::string path = built_with;
    std::string failures;
    for (const std::string& name : {path, path.substr(path.rfind('/') + 1)}) {
        if (void* library = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL))
            return library;
        const char* reason = ::dlerror();
        failures += (failures.empty() ? "" : "; ") + std::string(reason ? reason : name);
    }
    throw StorageError(StorageErrc::unsupported,
                       "OpenVINO, which runs the local embedding model, cannot be loaded (" + failures +
                           "). tools/quickstart fetches it; LD_LIBRARY_PATH may name the folder of another copy");
}

template <typename Function>
void find(void* library, const char* name, Function& function)
{
    void* address = ::dlsym(library, name);
    if (!address)
        throw StorageError(StorageErrc::unsupported,
                           "OpenVINO's C library has no function " + std::string(name) + ": it is too old");
    function = reinterpret_cast<Function>(address);
}

OpenVino load()
{
    void* library = open_library();
    OpenVino out{};
    find(library, "ov_core_create", out.core_create);
    find(library, "ov_core_free", out.core_free);
    find(library, "ov_core_read_model", out.core_read_model);
    find(library, "ov_core_read_model_from_memory_buffer", out.core_read_model_from_memory_buffer);
    find(library, "ov_core_compile_model", out.core_compile_model);
    find(library, "ov_model_free", out.model_free);
    find(library, "ov_compiled_model_inputs_size", out.compiled_model_inputs_size);
    find(library, "ov_compiled_model_input_by_index", out.compiled_model_input_by_index);
    find(library, "ov_compiled_model_create_infer_request", out.compiled_model_create_infer_request);
    find(library, "ov_compiled_model_free", out.compiled_model_free);
    find(library, "ov_port_get_any_name", out.port_get_any_name);
    find(library, "ov_output_const_port_free", out.output_const_port_free);
    find(library, "ov_infer_request_set_tensor", out.infer_request_set_tensor);
    find(library, "ov_infer_request_get_output_tensor_by_index", out.infer_request_get_output_tensor_by_index);
    find(library, "ov_infer_request_infer", out.infer_request_infer);
    find(library, "ov_infer_request_free", out.infer_request_free);
    find(library, "ov_tensor_create_from_host_ptr", out.tensor_create_from_host_ptr);
    find(library, "ov_tensor_get_shape", out.tensor_get_shape);
    find(library, "ov_tensor_get_element_type", out.tensor_get_element_type);
    find(library, "ov_tensor_data", out.tensor_data);
    find(library, "ov_tensor_free", out.tensor_free);
    find(library, "ov_shape_create", out.shape_create);
    find(library, "ov_shape_free", out.shape_free);
    find(library, "ov_free", out.free);
    find(library, "ov_get_last_err_msg", out.get_last_err_msg);
    find(library, "ov_get_error_info", out.get_error_info);
    return out;
}

} // namespace

const OpenVino& OpenVino::instance()
{
    static const OpenVino functions = load(); // an exception leaves it to the next call
    return functions;
}

void OpenVino::check(ov_status_e status, const char* doing) const
{
    if (status == OK)
        return;
    const char* last = get_last_err_msg();
    const char* general = get_error_info(status);
    std::string reason = last && *last ? last : general ? general : "no reason given";
    throw StorageError(StorageErrc::unsupported, std::string("OpenVINO failed ") + doing + ": " + reason,
                       ErrorDetails{.native_code = std::to_string(static_cast<int>(status))});
}

} // namespace whisperstore::local_embedding
