#pragma once
// Answers and their bytes.

#include "serve/refusal.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/json.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace whisperstore::serve {

inline constexpr std::string_view json_type = "application/json";
inline constexpr std::string_view text_type = "text/plain; version=0.0.4; charset=utf-8"; // Prometheus's
inline constexpr std::string_view html_type = "text/html; charset=utf-8";
inline constexpr std::string_view event_type = "text/event-stream";

/// Bodies are shared: a thousand slow clients hold one.
struct Answer
{
    int status = 200;
    std::string_view content_type = json_type;
    std::shared_ptr<const std::string> body = {};
    std::string_view allow = {}; ///< of a 405
    bool authenticate = false;   ///< of a 401
    int retry_after = 0;         ///< seconds; 0: not said
};

Answer json_answer(int status, const json::value& document);
/// `{"error":{"status":404,"message":"…"}}`
Answer refusal_answer(const Refusal& refusal);
/// 503, with the error's code.
Answer failure_answer(const StorageError& error);
/// The list of what is served.
Answer index_answer();

/// Status line and headers with the empty line. \param close the connection ends after the answer
/// A body of unknown length (event streams) ends with the connection.
std::string answer_head(const Answer& answer, bool close, bool has_length, std::chrono::system_clock::time_point now);

} // namespace whisperstore::serve
