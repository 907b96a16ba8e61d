#pragma once
/// \file
/// A cache in front of a provider.

#include <whisperstore/core/json.hpp>
#include <whisperstore/embedding/embedding_provider.hpp>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace whisperstore {

/// Settings of a CachedEmbeddingProvider.
struct EmbeddingCacheOptions
{
    std::size_t entries = 10'000;         ///< vectors in memory; 0: none
    std::filesystem::path file = {};      ///< SQLite file; empty: memory only
    std::size_t file_entries = 1'000'000; ///< vectors in the file; 0: memory only
    bool read_only = false;               ///< the file is only read, and not made
};

/// What a cache did since it was made.
struct EmbeddingCacheStats
{
    std::uint64_t hits = 0;   ///< texts found in memory, in the file, or being embedded for another caller
    std::uint64_t misses = 0; ///< texts that the provider embedded
    std::uint64_t file_hits = 0;
    std::size_t entries = 0; ///< in memory now
    /// Why the file is not used, or was not the last time: another process writes it, the disk is full, …; empty when
    /// all is well.
    std::string file_failure;
    double hit_rate() const noexcept;
    json::object to_json() const;
};

/// Embeds each text once: a decorator of any provider. Vectors are kept by model and the text's SHA-256, in memory and,
/// where there is a file, across processes; of both levels the least recently used go first. Callers that ask for the
/// same text at the same time share one embedding: when the one whose call it is gives up, another one's takes over. A
/// call embeds only what is in neither level, all of it together.
///
/// One process writes the file (docs/text-search.md); others beside it read it. A file of ours that is damaged is made
/// anew; one that is something else is never touched: embed() fails with `invalid_argument` and says so. Failures to
/// read or write the file do not fail a call: the text is embedded, and stats() tells.
///
/// Thread safe.
class CachedEmbeddingProvider final : public EmbeddingProvider
{
public:
    /// Opens nothing yet. \throws StorageError invalid_argument without a provider.
    CachedEmbeddingProvider(std::shared_ptr<EmbeddingProvider> provider, EmbeddingCacheOptions options = {});
    /// Waits for what is written to the file.
    ~CachedEmbeddingProvider() override;

    awaitable<std::vector<std::vector<float>>> embed(std::vector<std::string> texts,
                                                     OperationContext context = OperationContext()) override;
    std::size_t dimension() const noexcept override;
    std::string_view model_name() const noexcept override;
    std::string_view provider_type() const noexcept override;
    double cache_hit_rate() const noexcept override;

    EmbeddingCacheStats stats() const;
    /// Closes the file, which the next call opens again. A second call does nothing.
    awaitable<void> close();
    const std::shared_ptr<EmbeddingProvider>& provider() const noexcept;

private:
    class Impl;
    std::shared_ptr<Impl> impl_; // shared with running calls
};

} // namespace whisperstore
