#pragma once
// What is sent over a connection and waited for.

#include "core/job.hpp"
#include "database/postgresql/link.hpp"

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>

namespace whisperstore::postgresql {

class Connection;
class Pool;

/// One turn of a conversation with the server, from its first message to its last Sync, and perhaps further turns.
///
/// The connection calls the virtual functions one at a time, under its lock. Once `begin()` was called it completes
/// exactly once: after done(), or when its connection is lost.
class Request : public Job
{
public:
    /// How it shares a connection.
    enum class Sharing : std::uint8_t
    {
        packed, ///< short and only reading: as many as possible on one connection
        spread, ///< short: on the connection with the least to do
        alone,  ///< of unknown or long duration: nobody should wait behind it
    };
    /// What follows a turn.
    enum class Next : std::uint8_t
    {
        done,
        again,     ///< another turn on this connection
        elsewhere, ///< from the beginning, on any connection
    };

    virtual Sharing sharing() const noexcept { return Sharing::alone; }
    /// Sends a turn. Throws StorageError where nothing can be sent (the request ends with it), and Broken.
    /// Returns the number of Syncs sent, at least one.
    virtual int send(Connection& connection) = 0;
    /// A result of the turn, Syncs excepted.
    virtual void receive(Connection& connection, Result result) = 0;
    /// The end of one command's results.
    virtual void command_ended() {}
    /// A Sync of the turn, but the last.
    virtual void synced() {}
    /// The last Sync of the turn.
    virtual Next turn_ended(Connection& connection) = 0;
    /// COPY: it reads the connection by itself, outside pipeline mode, and is alone on it.
    virtual bool is_raw() const noexcept { return false; }
    /// Of a raw one whose read_raw() waits: for room to write, and not for something to read.
    virtual bool wants_room() const noexcept { return false; }
    /// Something came, or room to send: true when its turn has ended.
    virtual bool read_raw(Connection&) { return true; }
    /// What the caller is told; null for success.
    virtual std::exception_ptr outcome() noexcept { return error_; }
    /// The connection broke. `not_begun`: the server certainly did nothing of this turn, or undid it. Sets the outcome;
    /// or `elsewhere`.
    virtual Next lost(const Broken& broken, bool not_begun) = 0;

    void fail(std::exception_ptr error) noexcept { error_ = std::move(error); }
    void fail(const StorageError& error) noexcept { error_ = std::make_exception_ptr(error); }

    /// \name Kept by connection and pool
    ///@{
    std::weak_ptr<Connection> connection() const;
    void set_connection(const std::shared_ptr<Connection>& connection);
    void set_pool(const std::shared_ptr<Pool>& pool);
    int syncs = 0;                                ///< still to come in this turn
    std::chrono::steady_clock::time_point sent{}; ///< when its turn was sent
    std::uint64_t cancels_seen = 0;               ///< of its connection, when its turn was sent
    bool prompt = false;                          ///< an answer is due soon, or the connection is given up
    bool given_up = false;                        ///< its caller was told already: what comes of it is read and dropped
    std::chrono::steady_clock::time_point stopping_since{}; ///< when it was first seen to want to stop
    ///@}

protected:
    void on_abort() noexcept override;
    std::exception_ptr error_;

private:
    mutable std::mutex mutex_;
    std::weak_ptr<Connection> connection_;
    std::weak_ptr<Pool> pool_;
};

} // namespace whisperstore::postgresql
