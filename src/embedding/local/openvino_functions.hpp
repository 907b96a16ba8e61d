#pragma once
// The functions of OpenVINO's C API that are used, found in the library when it is loaded.

#include <openvino/c/openvino.h>
#undef BOOLEAN // the header's way to keep a macro of Windows out

#include <memory>

namespace whisperstore::local_embedding {

struct OpenVino
{
    decltype(&::ov_core_create) core_create;
    decltype(&::ov_core_free) core_free;
    decltype(&::ov_core_read_model) core_read_model;
    decltype(&::ov_core_read_model_from_memory_buffer) core_read_model_from_memory_buffer;
    decltype(&::ov_core_compile_model) core_compile_model;
    decltype(&::ov_model_free) model_free;
    decltype(&::ov_compiled_model_inputs_size) compiled_model_inputs_size;
    decltype(&::ov_compiled_model_input_by_index) compiled_model_input_by_index;
    decltype(&::ov_compiled_model_create_infer_request) compiled_model_create_infer_request;
    decltype(&::ov_compiled_model_free) compiled_model_free;
    decltype(&::ov_port_get_any_name) port_get_any_name;
    decltype(&::ov_output_const_port_free) output_const_port_free;
    decltype(&::ov_infer_request_set_tensor) infer_request_set_tensor;
    decltype(&::ov_infer_request_get_output_tensor_by_index) infer_request_get_output_tensor_by_index;
    decltype(&::ov_infer_request_infer) infer_request_infer;
    decltype(&::ov_infer_request_free) infer_request_free;
    decltype(&::ov_tensor_create_from_host_ptr) tensor_create_from_host_ptr;
    decltype(&::ov_tensor_get_shape) tensor_get_shape;
    decltype(&::ov_tensor_get_element_type) tensor_get_element_type;
    decltype(&::ov_tensor_data) tensor_data;
    decltype(&::ov_tensor_free) tensor_free;
    decltype(&::ov_shape_create) shape_create;
    decltype(&::ov_shape_free) shape_free;
    decltype(&::ov_free) free;
    decltype(&::ov_get_last_err_msg) get_last_err_msg;
    decltype(&::ov_get_error_info) get_error_info;

    /// Loads the library at the first call: from the folder it was built with, else from where the system looks. It
    /// stays loaded. Throws StorageError unsupported; the next call tries again.
    static const OpenVino& instance();

    /// Throws StorageError unsupported with OpenVINO's own words when a call did not succeed.
    void check(ov_status_e status, const char* doing) const;
};

/// Owns an object of the C API.
template <typename Object, auto OpenVino::* Free>
struct FreeObject
{
    void operator()(Object* object) const noexcept { (OpenVino::instance().*Free)(object); }
};
using Core = std::unique_ptr<ov_core_t, FreeObject<ov_core_t, &OpenVino::core_free>>;
using Model = std::unique_ptr<ov_model_t, FreeObject<ov_model_t, &OpenVino::model_free>>;
using Compiled = std::unique_ptr<ov_compiled_model_t, FreeObject<ov_compiled_model_t, &OpenVino::compiled_model_free>>;
using Request = std::unique_ptr<ov_infer_request_t, FreeObject<ov_infer_request_t, &OpenVino::infer_request_free>>;
using Tensor = std::unique_ptr<ov_tensor_t, FreeObject<ov_tensor_t, &OpenVino::tensor_free>>;
using ConstPort =
    std::unique_ptr<ov_output_const_port_t, FreeObject<ov_output_const_port_t, &OpenVino::output_const_port_free>>;

} // namespace whisperstore::local_embedding
