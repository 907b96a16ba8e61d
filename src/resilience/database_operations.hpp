#pragma once
// The operations of the database layer: which may be run twice, and what they pass through.

#include "resilience/decorated_store.hpp"

namespace whisperstore {

inline constexpr auto database_operations = numbered(std::array{
    Operation{"connect", 0, Repeatable::yes, opening},
    Operation{"disconnect", 0, Repeatable::no, observed},
    Operation{"execute_query", 0, Repeatable::depends, every_layer}, // on the SQL
    Operation{"execute_transaction", 0, Repeatable::depends, every_layer},
    // A transaction whose beginning got lost is rolled back by the server.
    Operation{"begin_transaction", 0, Repeatable::yes, every_layer},
    Operation{"stream_query", 0, Repeatable::yes, without_time_limits}, // takes reads only
    // Scripts may lack IF NOT EXISTS; a second backup finds the file of the first; a second restore would
    // undo what others wrote after the first.
    Operation{"create_tables", 0, Repeatable::no, without_time_limits},
    Operation{"run_script", 0, Repeatable::yes, without_time_limits}, // the probe finds the first run's record
    Operation{"run_statements", 0, Repeatable::no, without_time_limits},
    Operation{"lock_migrations", 0, Repeatable::yes, without_time_limits}, // a lock whose answer got lost went with it
    Operation{"backup_database", 0, Repeatable::no, without_time_limits},
    Operation{"restore_database", 0, Repeatable::no, without_time_limits},
    // A snapshot is for one reader; what a load took from it is gone.
    Operation{"open_snapshot", 0, Repeatable::yes, without_time_limits},
    Operation{"load_snapshot", 0, Repeatable::no, without_time_limits},
    Operation{"transaction.execute_query", 0, Repeatable::no, inside},
    Operation{"transaction.savepoint", 0, Repeatable::no, inside},
    Operation{"transaction.release", 0, Repeatable::no, inside},
    Operation{"transaction.commit", 0, Repeatable::no, inside},
    Operation{"transaction.rollback", 0, Repeatable::no, observed},
    Operation{"stream.next", 0, Repeatable::no, observed},
});

consteval const Operation& database_operation(std::string_view name)
{
    return database_operations[place_of(database_operations, name)];
}

} // namespace whisperstore
