#pragma once
// Records by their ids.

#include "vector/chroma/answer.hpp"
#include "vector/chroma/api.hpp"
#include "vector/chroma/request.hpp"

#include <memory>
#include <string>
#include <vector>

namespace whisperstore::chroma {

/// Those of the ids that are there, in no order; each id is given once. In pieces that an answer holds.
awaitable<std::vector<Record>> records_of(std::shared_ptr<Api> api, std::string collection,
                                          std::vector<std::string> ids, Include include, OperationContext context);

} // namespace whisperstore::chroma
