#pragma once

#include <whisperstore/vector/vector_database_manager.hpp>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace whisperstore::test {

/// A vector backend under test. Later backends add themselves in vector_backends.cpp.
struct VectorBackend
{
    std::string name;
    std::string type; ///< what vector_database_type() says
    /// A manager on an empty store of its own that lives in `directory` (or is named after it).
    std::function<std::shared_ptr<VectorDatabaseManager>(const std::filesystem::path& directory)> make;
    /// A batch is stored whole or not at all, and a search sees all of it or nothing.
    bool atomic_batches = true;
    /// How far a score may lie from the exact one.
    double score_tolerance = 1e-6;
    /// How far the evidence found on LoCoMo may lie from that of an exact search: what its graphs cost.
    double recall_tolerance = 0.001;
    /// Each write takes its server some ten milliseconds: tests of many writes do a quarter of them, and those of many
    /// filters a tenth. WHISPERSTORE_ALL_ROUNDS makes them whole.
    bool slow = false;
    std::size_t rounds(std::size_t all, std::size_t share) const
    {
        return slow && !std::getenv("WHISPERSTORE_ALL_ROUNDS") ? all / share : all;
    }
    friend std::ostream& operator<<(std::ostream& out, const VectorBackend& backend) { return out << backend.name; }
};

const std::vector<VectorBackend>& vector_backends();
/// Those on Chroma, where they are part of this build (vector_chroma_backends.cpp).
void add_chroma_backends(std::vector<VectorBackend>& backends);

} // namespace whisperstore::test
