#pragma once
// Archives that are damaged by the bytes of a fuzzer, and given to a store to restore.

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace whisperstore::fuzz {

/// A store with an archive of its old content, and another content now. A damaged archive is restored
/// whole or refused, and then the present content is there.
class ArchiveTarget
{
public:
    /// \param name of its files in the scratch folder.
    explicit ArchiveTarget(std::string name) : name_(std::move(name)) {}
    virtual ~ArchiveTarget() = default;
    void try_damaged(const std::uint8_t* data, std::size_t size);

protected:
    /// To be called with the old content, and then with the present one.
    void keep_old();
    void keep_present();

private:
    virtual void back_up(const std::string& path) = 0;
    virtual void restore(const std::string& path) = 0;
    /// Everything the store was given.
    virtual std::string content() = 0;
    /// Requires that what was restored can be read.
    virtual void check_restored() = 0;

    std::string file(const std::string& what) const;

    std::string name_;
    std::string archive_;
    std::string present_;
};

/// The content after a list of changes of four bytes each: what to do, where (16 bits), and a value. So a few bytes
/// of input reach every place of a file of some pages.
std::string damaged(std::string content, const std::uint8_t* data, std::size_t size);

/// A folder in memory for files, the same on each call.
std::string scratch_folder();

} // namespace whisperstore::fuzz
