#include "backup/byte_stream.hpp"

#include "sqlite/connection.hpp"
#include "sqlite/files.hpp"

#include <whisperstore/core/error.hpp>

#include <openssl/evp.h>
#include <sqlite3.h>

#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace whisperstore::backup {

namespace {

constexpr std::string_view backend = "backup";
constexpr std::size_t block_bytes = std::size_t{1} << 18;

[[noreturn]] void fail(int error, const std::string& what) { sqlite::throw_errno(error, what, backend); }

class OpenFile
{
public:
    explicit OpenFile(const std::filesystem::path& path)
        : descriptor_(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK))
    {
        if (descriptor_ < 0)
            fail(errno, "cannot read " + path.string());
        struct stat status{};
        if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
            ::close(descriptor_);
            throw StorageError(StorageErrc::not_found, path.string() + " is no file");
        }
    }
    ~OpenFile() { ::close(descriptor_); }
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;
    int descriptor() const noexcept { return descriptor_; }

private:
    int descriptor_;
};

} // namespace

struct HashSink::Digest
{
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};

    Digest() { check(context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1); }
    static void check(bool ok)
    {
        if (!ok)
            throw StorageError(StorageErrc::resource_exhausted, "SHA-256 is not available in this OpenSSL");
    }
};

HashSink::HashSink(ByteSink* next) : next_(next), digest_(std::make_unique<Digest>()) {}
HashSink::~HashSink() = default;

void HashSink::write(std::span<const std::byte> bytes)
{
    Digest::check(EVP_DigestUpdate(digest_->context.get(), bytes.data(), bytes.size()) == 1);
    if (next_)
        next_->write(bytes);
}

void HashSink::finish()
{
    std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
    unsigned int size = 0;
    Digest::check(EVP_DigestFinal_ex(digest_->context.get(), hash.data(), &size) == 1);
    for (unsigned int i = 0; i < size; ++i) {
        hex_.push_back("0123456789abcdef"[hash[i] >> 4]);
        hex_.push_back("0123456789abcdef"[hash[i] & 15]);
    }
    if (next_)
        next_->finish();
}

FileSink::FileSink(std::filesystem::path path)
    : path_(std::move(path)), file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600))
{
    if (file_ < 0)
        fail(errno, "cannot create " + path_.string());
}

FileSink::~FileSink()
{
    if (file_ >= 0)
        ::close(file_);
}

void FileSink::write(std::span<const std::byte> bytes)
{
    while (!bytes.empty()) {
        const ssize_t count = ::write(file_, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            fail(errno, "cannot write " + path_.string());
        bytes = bytes.subspan(static_cast<std::size_t>(count));
        size_ += static_cast<std::uint64_t>(count);
    }
}

void FileSink::finish()
{
    if (::fsync(file_) != 0)
        fail(errno, "cannot write " + path_.string());
    ::close(file_);
    file_ = -1;
}

LimitSink::LimitSink(ByteSink& next, std::uint64_t promised, std::string name)
    : next_(next), left_(promised), name_(std::move(name))
{
}

void LimitSink::write(std::span<const std::byte> bytes)
{
    if (bytes.size() > left_)
        throw StorageError(StorageErrc::corrupt, name_ + " holds more than the manifest says");
    left_ -= bytes.size();
    next_.write(bytes);
}

void LimitSink::finish()
{
    if (left_ != 0)
        throw StorageError(StorageErrc::corrupt, name_ + " holds less than the manifest says");
    next_.finish();
}

void send_file(const std::filesystem::path& path, ByteSink& sink, const Watched& watched)
{
    const OpenFile file(path);
    std::vector<std::byte> block(block_bytes);
    while (true) {
        if (watched.stopper.stopped()) // run_on_thread turns it into `timeout` or `cancelled`
            throw sqlite::make_error(SQLITE_INTERRUPT, "interrupted", {}, backend);
        const ssize_t count = ::read(file.descriptor(), block.data(), block.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            fail(errno, "cannot read " + path.string());
        if (count == 0)
            break;
        sink.write(std::span(block).first(static_cast<std::size_t>(count)));
        watched.bytes += static_cast<std::uint64_t>(count);
    }
    sink.finish();
}

} // namespace whisperstore::backup
