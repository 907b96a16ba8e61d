#pragma once
// The requests: one statement, a list of them as a transaction, and commands without results.

#include "database/postgresql/connection.hpp"
#include "database/postgresql/request.hpp"
#include "database/postgresql/statement.hpp"

#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/database/query_result.hpp>

#include <optional>
#include <string>
#include <vector>

namespace whisperstore::postgresql {

/// The rows or the count of an executed command.
/// Throws StorageError conflict where columns have changed so that their form is not one we read.
QueryResult read_result(const PGresult* result, const Description& description);
/// Whether a result has columns of other types than described.
bool has_other_types(const PGresult* result, const Description& description) noexcept;
/// What a statement may fail with, by its SQLSTATE, because tables have changed since it was described.
bool may_be_of_changed_tables(const StorageError& error) noexcept;
/// The StorageError of an error result for a caller who perhaps asked to stop.
StorageError answer_error(const PGresult* result, AbortReason abort);

/// One statement.
class StatementRequest final : public Request
{
public:
    struct Settings
    {
        /// Inside a transaction: its failure undoes it alone, by a savepoint around it.
        bool savepoint = false;
        /// On its own connection, inside or outside a transaction: never sent a second time elsewhere.
        bool leased = false;
        /// Ask for the position in the write-ahead log after it (for reading one's own writes from replicas).
        bool want_position = false;
        std::optional<OperationContext::Clock::time_point> deadline = std::nullopt;
    };

    StatementRequest(BoundStatement statement, Settings settings);

    Sharing sharing() const noexcept override { return sharing_; }
    int send(Connection& connection) override;
    void receive(Connection& connection, Result result) override;
    void command_ended() override;
    void synced() override;
    Next turn_ended(Connection& connection) override;
    Next lost(const Broken& broken, bool not_begun) override;

    QueryResult result;
    std::string position; ///< the answer to log_position_sql after it, where it was wanted

private:
    enum class Phase : std::uint8_t
    {
        describe,
        execute,
        undo,
    };
    enum class Command : std::uint8_t
    {
        control,
        prepare,
        describe,
        execute,
    };
    void send_statement(Connection& connection, const std::shared_ptr<const Description>& description,
                        const Arguments& arguments);
    void send_control(Connection& connection, const char* sql);
    void read_description(Connection& connection, const PGresult* described);
    /// It failed, perhaps only because the tables have changed since it was described.
    void doubt(Connection& connection, std::exception_ptr error);
    /// Whether a failed turn is worth another one: nothing was done, for a reason of ours.
    bool is_ours_to_mend(Connection& connection);

    const BoundStatement bound_;
    const Settings settings_;
    const Sharing sharing_;
    Phase phase_ = Phase::describe;
    std::shared_ptr<const Description> description_; // of this turn
    std::vector<Command> commands_;                  // of this turn
    std::size_t at_ = 0;                             // which of them is answered
    int leading_ = 0;                                // turns of the connection's own before them
    bool synced_ = false;                            // the statement's own Sync was answered
    bool executed_ = false;
    bool inside_ = false;                        // a transaction: it ends with its connection
    bool unprepared_ = false;                    // it was preparing that failed
    bool mend_ = false;                          // after the undoing: once more
    bool confirmed_ = false;                     // the columns are those of the description
    bool fresh_ = false;                         // described by this request
    std::shared_ptr<const Description> doubted_; // by what it was described when it failed,
    std::exception_ptr doubt_;                   // with this
    Result failure_;
    int attempts_ = 0;
};

/// Commands without parameters and results, in order, in one turn.
class CommandRequest final : public Request
{
public:
    /// \param commits the last of them is a COMMIT: when the connection breaks the outcome is unknown
    explicit CommandRequest(std::vector<std::string> commands, bool commits = false);

    int send(Connection& connection) override;
    void receive(Connection& connection, Result result) override;
    void command_ended() override { ++at_; }
    Next turn_ended(Connection& connection) override;
    Next lost(const Broken& broken, bool not_begun) override;

    std::optional<std::size_t> failed; ///< which command
    std::string position;              ///< the last command's value, if it has one

private:
    const std::vector<std::string> commands_;
    const bool commits_;
    std::size_t at_ = 0;
    bool committed_ = false;
};

/// Statements that have been described before, from BEGIN to COMMIT in one turn.
class ListRequest final : public Request
{
public:
    ListRequest(std::vector<BoundStatement> statements, bool want_position);
    /// Whether every statement is known to the server's catalog already.
    static bool is_possible(const std::vector<BoundStatement>& statements, const Options& options);

    int send(Connection& connection) override;
    void receive(Connection& connection, Result result) override;
    void command_ended() override { ++at_; }
    void synced() override;
    Next turn_ended(Connection& connection) override;
    Next lost(const Broken& broken, bool not_begun) override;

    std::vector<QueryResult> results;
    std::optional<std::size_t> failed; ///< which statement
    std::string position;

private:
    enum class Phase : std::uint8_t
    {
        run,
        roll_back,
    };
    static constexpr std::size_t no_statement = static_cast<std::size_t>(-1);

    const std::vector<BoundStatement> statements_;
    const bool want_position_;
    const bool only_reads_;
    Phase phase_ = Phase::run;
    std::vector<std::size_t> commands_; // which statement each of them executes, if any
    std::vector<std::shared_ptr<const Description>> descriptions_;
    std::size_t at_ = 0;
    int leading_ = 0;
    bool ran_ = false;
    bool committed_ = false;
    bool mend_ = false;
    Result failure_;
    int attempts_ = 0;
};

} // namespace whisperstore::postgresql
