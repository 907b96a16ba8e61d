#pragma once
// COPY, in pieces: each piece is a request, so the connection is read and written only while somebody waits.

#include "database/postgresql/request.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::postgresql {

/// A COPY on its way, over several requests.
struct CopyState
{
    enum class Stage : std::uint8_t
    {
        unsent,  ///< the command is to be sent
        sent,    ///< its answer is awaited
        copying, ///< data flow
        ending,  ///< the final answer is awaited
        ended,
    };
    std::string sql;
    Stage stage = Stage::unsent;
    std::uint64_t rows = 0;
    Result failure;
};

/// The next piece of COPY … TO STDOUT.
class CopyOutRequest final : public Request
{
public:
    explicit CopyOutRequest(std::shared_ptr<CopyState> state) : state_(std::move(state)) {}
    bool is_raw() const noexcept override { return true; }
    int send(Connection& connection) override;
    bool read_raw(Connection& connection) override;
    void receive(Connection&, Result) override {}
    Next turn_ended(Connection& connection) override;
    Next lost(const Broken& broken, bool not_begun) override;

    /// Whole messages, about 256 KiB of them; none at the end.
    std::string piece;

private:
    std::shared_ptr<CopyState> state_;
};

/// The next piece of COPY … FROM STDIN, or its end.
class CopyInRequest final : public Request
{
public:
    /// \param ends after this piece; with `abandons` the server is told to forget it all
    CopyInRequest(std::shared_ptr<CopyState> state, std::string piece, bool ends, bool abandons = false);
    bool is_raw() const noexcept override { return true; }
    bool wants_room() const noexcept override { return wants_room_; }
    int send(Connection& connection) override;
    bool read_raw(Connection& connection) override;
    void receive(Connection&, Result) override {}
    Next turn_ended(Connection& connection) override;
    Next lost(const Broken& broken, bool not_begun) override;

private:
    std::shared_ptr<CopyState> state_;
    const std::string piece_;
    const bool ends_;
    const bool abandons_;
    bool put_ = false;
    bool wants_room_ = false;
};

} // namespace whisperstore::postgresql
