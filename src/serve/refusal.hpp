#pragma once
// Why a request is not answered.

#include <string>

namespace whisperstore::serve {

struct Refusal
{
    int status = 400;
    std::string message; ///< what was wrong and what is allowed
};

} // namespace whisperstore::serve
