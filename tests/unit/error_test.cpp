#include "core/failure.hpp"
#include "support/run.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <filesystem>
#include <new>
#include <set>

namespace whisperstore {
namespace {

constexpr StorageErrc all_codes[] = {
    StorageErrc::invalid_argument,
    StorageErrc::syntax,
    StorageErrc::not_found,
    StorageErrc::already_exists,
    StorageErrc::constraint_violation,
    StorageErrc::type_mismatch,
    StorageErrc::authentication,
    StorageErrc::permission,
    StorageErrc::unavailable,
    StorageErrc::timeout,
    StorageErrc::cancelled,
    StorageErrc::conflict,
    StorageErrc::outcome_unknown,
    StorageErrc::corrupt,
    StorageErrc::unsupported,
    StorageErrc::resource_exhausted,
    StorageErrc::version_mismatch,
    StorageErrc::closed,
};

TEST(StorageError, EveryCodeHasANameOfItsOwn)
{
    std::set<std::string_view> names;
    for (const StorageErrc code : all_codes) {
        EXPECT_NE(to_string(code), "unknown");
        EXPECT_TRUE(names.insert(to_string(code)).second) << to_string(code);
        EXPECT_EQ(make_error_code(code).message(), to_string(code));
    }
    EXPECT_EQ(to_string(static_cast<StorageErrc>(999)), "unknown");
}

TEST(StorageError, IsASystemErrorAndComparesToStandardConditions)
{
    try {
        throw StorageError(StorageErrc::timeout, "too late");
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), StorageErrc::timeout);
        EXPECT_EQ(error.code(), std::errc::timed_out);
        EXPECT_STREQ(error.what(), "too late");
    }
    EXPECT_EQ(make_error_code(StorageErrc::cancelled), std::errc::operation_canceled);
    EXPECT_EQ(make_error_code(StorageErrc::permission), std::errc::permission_denied);
    EXPECT_NE(make_error_code(StorageErrc::conflict), std::errc::timed_out);
}

TEST(StorageError, KeepsItsFacts)
{
    const StorageError error(StorageErrc::unavailable, "gone",
                             ErrorDetails{"sqlite", "execute_query", "SQLITE_BUSY (5)", Outcome::unknown, true});
    EXPECT_STREQ(error.what(), "sqlite: gone");
    EXPECT_EQ(error.message(), "gone");
    EXPECT_EQ(error.backend(), "sqlite");
    EXPECT_EQ(error.operation(), "execute_query");
    EXPECT_EQ(error.native_code(), "SQLITE_BUSY (5)");
    EXPECT_EQ(error.outcome(), Outcome::unknown);
    EXPECT_TRUE(error.retryable());
    const StorageError copy = error;
    EXPECT_STREQ(copy.what(), error.what());
}

TEST(StorageError, NamesAreAddedOnlyWhereThereAreNone)
{
    const StorageError bare(StorageErrc::syntax, "bad");
    const StorageError named = bare.within("sqlite", "execute_query");
    EXPECT_STREQ(named.what(), "sqlite: bad");
    EXPECT_EQ(named.within("outer", "other").backend(), "sqlite");
    EXPECT_EQ(named.within("outer", "other").operation(), "execute_query");
    EXPECT_STREQ(named.prefixed("query 2: ").what(), "sqlite: query 2: bad");
    EXPECT_EQ(named.with_outcome(Outcome::applied).outcome(), Outcome::applied);
    EXPECT_STREQ(bare.what(), "bad"); // itself unchanged
}

TEST(StorageError, OnlyPassingConditionsAreRetryableByThemselves)
{
    for (const StorageErrc code : all_codes) {
        const bool passing = code == StorageErrc::unavailable || code == StorageErrc::conflict;
        EXPECT_EQ(is_transient(code), passing);
        EXPECT_EQ(StorageError(code, "x").retryable(), passing);
        EXPECT_EQ(StorageError(code, "x").outcome(), Outcome::not_applied);
    }
}

template <typename Exception>
StorageError mapped(const Exception& exception)
{
    return test::error_of([&] {
        try {
            throw exception;
        } catch (...) {
            rethrow_as_storage_error("sqlite", "connect");
        }
    });
}

TEST(Failure, WhateverIsThrownBecomesAStorageError)
{
    EXPECT_EQ(mapped(StorageError(StorageErrc::corrupt, "x")).errc(), StorageErrc::corrupt);
    EXPECT_EQ(mapped(StorageError(StorageErrc::corrupt, "x")).backend(), "sqlite");
    EXPECT_EQ(mapped(boost::system::system_error(boost::asio::error::operation_aborted)).errc(),
              StorageErrc::cancelled);
    EXPECT_EQ(mapped(boost::system::system_error(boost::asio::error::connection_refused)).errc(),
              StorageErrc::unavailable);
    EXPECT_EQ(mapped(std::bad_alloc()).errc(), StorageErrc::resource_exhausted);
    const auto file_error = [](std::errc code) {
        return mapped(std::filesystem::filesystem_error("stat", "/some/path", std::make_error_code(code)));
    };
    EXPECT_EQ(file_error(std::errc::permission_denied).errc(), StorageErrc::permission);
    EXPECT_EQ(file_error(std::errc::read_only_file_system).errc(), StorageErrc::permission);
    EXPECT_EQ(file_error(std::errc::no_space_on_device).errc(), StorageErrc::resource_exhausted);
    EXPECT_EQ(file_error(std::errc::no_such_file_or_directory).errc(), StorageErrc::not_found);
    EXPECT_EQ(file_error(std::errc::io_error).errc(), StorageErrc::unavailable);
    EXPECT_NE(file_error(std::errc::io_error).message().find("/some/path"), std::string::npos);
    EXPECT_EQ(mapped(std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again))).errc(),
              StorageErrc::resource_exhausted);
}

TEST(Failure, MistakesOfTheProgramAreNotDisguised)
{
    EXPECT_THROW(
        [] {
            try {
                throw std::logic_error("a bug");
            } catch (...) {
                rethrow_as_storage_error("sqlite", "connect");
            }
        }(),
        std::logic_error);
}

} // namespace
} // namespace whisperstore
