#pragma once
/// \file
/// Settings of the embeddings.

#include <whisperstore/core/tls_config.hpp>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>

namespace whisperstore {

/// Where vectors of texts come from.
struct EmbeddingConfig
{
    /// local (a model in this process), openai (any server with OpenAI's `/v1/embeddings`: Ollama, llama.cpp, vLLM,
    /// OpenAI), none (callers pass vectors).
    std::string type = "local";
    std::string model = "sentence-transformers/all-MiniLM-L6-v2"; ///< its name; collections remember it
    std::size_t dimension = 384;                                  ///< of its vectors; checked against every answer
    std::size_t batch_size = 64;                                  ///< texts that are embedded at once, 1-2,048

    /// \name local
    ///@{
    std::filesystem::path model_dir; ///< its standard folder; empty: where tools/quickstart puts it
    /// float32; bfloat16: faster where the processor has it, cosine to float32 at least 0.999; int8: smaller, and
    /// faster than float32, cosine at least 0.995.
    std::string precision = "float32";
    std::size_t threads = 0; ///< 0: the processor's cores, within the limits of a container
    ///@}

    /// \name openai
    ///@{
    std::string url;                                   ///< "https://api.openai.com/v1"; `/embeddings` is appended
    std::string api_key;                               ///< a secret; sent as bearer token
    TlsConfig tls = {};                                ///< the URL's scheme says whether it is used
    std::size_t requests_in_flight = 4;                ///< batches of one call on their way at once, 1-64
    std::chrono::milliseconds connect_timeout{5'000};  ///< look-up, TCP and TLS
    std::chrono::milliseconds attempt_timeout{60'000}; ///< of one request; a deadline of the call ends it sooner
    int max_retries = 3;                               ///< of one request; a retry budget of the call limits them, too
    /// How vectors are asked for: base64 (half of the bytes, exact), float, or empty for servers that refuse the
    /// parameter. Answers are understood in either form.
    std::string encoding_format = "base64";
    ///@}

    /// \name Cache in front of either
    ///@{
    std::size_t cache_entries = 10'000;         ///< vectors in memory; 0: none
    std::filesystem::path cache_file;           ///< SQLite file; empty: memory only
    std::size_t cache_file_entries = 1'000'000; ///< vectors in the file; the least recently used go first
    ///@}
};

} // namespace whisperstore
