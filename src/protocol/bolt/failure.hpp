#pragma once
// What can go wrong on a connection before it becomes a StorageError: whoever used it knows what was sent.

#include <string>

namespace whisperstore::bolt {

/// The server, or whatever is there, does not keep to the protocol. The text never repeats what was received.
struct Malformed
{
    std::string text;
};

} // namespace whisperstore::bolt
