#include "backup/component_compression.hpp"

#include <whisperstore/core/error.hpp>

#include <vector>
#include <zstd.h>

namespace whisperstore::backup {

namespace {

constexpr int level = 3;
constexpr int largest_window_log = 27; // 128 MiB, whatever a file asks for

template <typename Context>
void check(const Context& context, const char* doing)
{
    if (!context)
        throw StorageError(StorageErrc::resource_exhausted, std::string("no memory for ") + doing);
}

} // namespace

struct CompressSink::State
{
    std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context{ZSTD_createCCtx(), &ZSTD_freeCCtx};
    std::vector<std::byte> out = std::vector<std::byte>(ZSTD_CStreamOutSize());

    void run(ByteSink& next, std::span<const std::byte> bytes, ZSTD_EndDirective directive)
    {
        ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
        std::size_t left = 0;
        do {
            ZSTD_outBuffer output{out.data(), out.size(), 0};
            left = ZSTD_compressStream2(context.get(), &output, &input, directive);
            if (ZSTD_isError(left))
                throw StorageError(StorageErrc::resource_exhausted,
                                   std::string("zstd cannot compress: ") + ZSTD_getErrorName(left));
            next.write(std::span<const std::byte>(out).first(output.pos));
        } while (directive == ZSTD_e_end ? left != 0 : input.pos < input.size);
    }
};

CompressSink::CompressSink(ByteSink& next) : next_(next), state_(std::make_unique<State>())
{
    check(state_->context, "compressing");
    ZSTD_CCtx_setParameter(state_->context.get(), ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(state_->context.get(), ZSTD_c_checksumFlag, 1);
}
CompressSink::~CompressSink() = default;

void CompressSink::write(std::span<const std::byte> bytes) { state_->run(next_, bytes, ZSTD_e_continue); }

void CompressSink::finish()
{
    state_->run(next_, {}, ZSTD_e_end);
    next_.finish();
}

struct DecompressSink::State
{
    std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context{ZSTD_createDCtx(), &ZSTD_freeDCtx};
    std::vector<std::byte> out = std::vector<std::byte>(ZSTD_DStreamOutSize());
    bool complete = false;
};

DecompressSink::DecompressSink(ByteSink& next, std::string name)
    : next_(next), name_(std::move(name)), state_(std::make_unique<State>())
{
    check(state_->context, "decompressing");
    ZSTD_DCtx_setParameter(state_->context.get(), ZSTD_d_windowLogMax, largest_window_log);
}
DecompressSink::~DecompressSink() = default;

void DecompressSink::write(std::span<const std::byte> bytes)
{
    ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
    bool full = false; // then zstd may hold more of what it has read already
    while (input.pos < input.size || full) {
        if (state_->complete)
            throw StorageError(StorageErrc::corrupt, name_ + " has something behind its end");
        ZSTD_outBuffer output{state_->out.data(), state_->out.size(), 0};
        const std::size_t left = ZSTD_decompressStream(state_->context.get(), &output, &input);
        if (ZSTD_isError(left))
            throw StorageError(StorageErrc::corrupt, name_ + " cannot be decompressed: " + ZSTD_getErrorName(left));
        state_->complete = left == 0;
        full = output.pos == output.size && !state_->complete;
        next_.write(std::span<const std::byte>(state_->out).first(output.pos));
    }
}

void DecompressSink::finish()
{
    if (!state_->complete)
        throw StorageError(StorageErrc::corrupt, name_ + " is cut off");
    next_.finish();
}

} // namespace whisperstore::backup
