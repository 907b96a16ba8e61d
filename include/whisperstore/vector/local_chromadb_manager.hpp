#pragma once
/// \file
/// Vectors on a Chroma server of our own.

#include <whisperstore/vector/chromadb_manager.hpp>

namespace whisperstore {

/// A Chroma server that belongs to this process, over `persist_directory`, whose files Chroma's own programs read.
///
/// The server is `chroma run`, on a free port of 127.0.0.1; it has to be installed (`chroma_command`, else `chroma` in
/// PATH). initialize() starts it, and it takes about 0.2 s and 120 MB. When it dies it is started again, after pauses
/// that grow from 0.1 to 10 s; calls wait for it, within their deadlines, and go on with the next one where they may be
/// repeated, which all are. After three starts that fail the waiting calls are told, with the server's last words.
///
/// It ends with cleanup() (about a second) or the destructor (at once), and with this process however that ends: the
/// kernel kills it when its owner is killed. Acknowledged writes survive that. `chroma_command` has to be the server
/// itself or a script that becomes it (`exec`): the children of another one would be left behind.
///
/// One process uses a folder: a second owner gets `unavailable` naming the first. Programs that do not know of this (a
/// `chroma run` by hand) are not kept out. With `read_only` a manager uses the server of the folder's owner, and sees
/// its writes at once; where there is no owner it runs a server itself, and keeps writers out for as long.
class LocalChromaDBManager final : public ChromaDBManager
{
public:
    /// Starts nothing yet. \throws StorageError invalid_argument without a folder.
    explicit LocalChromaDBManager(VectorDatabaseConfig config);
};

} // namespace whisperstore
