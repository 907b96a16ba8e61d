#pragma once
// Reports to the watched Disk what is done to files outside SQLite.
//
// The recorder defines the C library's file calls (open, write, fsync, rename, link, unlink …) in the
// test program itself, where they take precedence over the library's, for our own code as well as for
// the shared libraries below it (libstdc++ with std::filesystem, libsqlite3). So nothing under test
// knows of it. Names are always recorded here, SQLite's too; contents only while no VFS of ours is on
// the way to the real one, for then the VFS records them.
//
// No call really syncs: in these tests the disk is a model.

namespace whisperstore::test {

/// While it lives, what this thread writes and syncs is reported by somebody else: the SQLite VFS.
class RecordedElsewhere
{
public:
    RecordedElsewhere() noexcept;
    ~RecordedElsewhere();
    RecordedElsewhere(const RecordedElsewhere&) = delete;
    RecordedElsewhere& operator=(const RecordedElsewhere&) = delete;
};

} // namespace whisperstore::test
