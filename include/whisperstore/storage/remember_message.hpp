#pragma once
/// \file
/// One message into all stores.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/message.hpp>
#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/storage/storage_layer.hpp>

#include <string>

namespace whisperstore {

/// Stores a message as import_messages() does, with the vector of its text: the user's row, a document of the
/// collection with the message_id as id, a User and a Memory node with User-REMEMBERS->Memory and, for a reply,
/// Memory-REPLIES_TO->Memory, the rows of `conversations` and `messages` in one transaction, and the cached message.
///
/// The row of `messages` comes last: it says that the message is complete. A call that failed may be made again with
/// the same message_id, and leaves what was stored as it is.
/// \throws StorageError already_exists: another message has that id; invalid_argument: no text, channel or user;
/// those of StorageLayer::store_text() and of the stores.
awaitable<void> remember_message(StorageLayer& storage, UniversalMessage message,
                                 std::string collection = "user_memories",
                                 OperationContext context = OperationContext());

} // namespace whisperstore
