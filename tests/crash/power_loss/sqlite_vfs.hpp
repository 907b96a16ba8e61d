#pragma once
// The SQLite VFS of the power-loss tests.

namespace whisperstore::test {

/// Makes the VFS "power_loss" SQLite's default in this process, once. It passes everything on to the
/// usual one and reports to the watched Disk what SQLite writes, resizes and syncs there, or fails
/// instead where the disk says so. Files that lie elsewhere are opened by the usual VFS itself.
void install_sqlite_vfs();

} // namespace whisperstore::test
