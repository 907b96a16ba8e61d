#include "support/run.hpp"

#include <whisperstore/core/page.hpp>

namespace whisperstore {
namespace {

TEST(PageCursor, CarriesAPositionOfItsListing)
{
    for (const std::string& position :
         {std::string(), std::string("42"), std::string("a\nb\0c", 5), std::string("ü/+=? ")}) {
        const PageCursor cursor = PageCursor::make("vectors/user_memories", position);
        const PageCursor again = PageCursor::parse(cursor.text());
        EXPECT_EQ(again, cursor);
        EXPECT_EQ(again.position("vectors/user_memories"), position);
        EXPECT_EQ(cursor.text().find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                  std::string::npos); // safe in URLs
        EXPECT_STORAGE_ERROR(again.position("vectors/other"), invalid_argument);
    }
}

TEST(PageCursor, AListingIsNamedByOneLine)
{
    EXPECT_STORAGE_ERROR(PageCursor::make("vectors/a\nb", "42"), invalid_argument);
}

TEST(PageCursor, OtherTextIsRefused)
{
    for (const char* text : {"", "x", "42", "====", "MQ", "Mgpsb25n", "not a cursor", "\xFF"})
        EXPECT_STORAGE_ERROR(PageCursor::parse(text), invalid_argument) << text;
}

} // namespace
} // namespace whisperstore
