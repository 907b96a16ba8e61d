#pragma once
// What our collections are called on a Chroma server, whose rules are others than ours: 3 to 512 of A-Z a-z 0-9 . _ -
// with a letter or digit at both ends.

#include <optional>
#include <string>
#include <string_view>

namespace whisperstore::chroma {

/// The same name where Chroma takes it, else `n.NAME.n`: our names have no dots, so none is taken for another's.
std::string server_name(std::string_view collection);
/// The collection that a server's name stands for; nothing for one that cannot be ours.
std::optional<std::string> collection_of(std::string_view server_name);

/// \name A restore's own collections (restore.hpp), which no list of collections shows
///@{
/// One that is filled. \param token the restore it belongs to, \param number its place there
std::string staged_name(std::string_view token, std::size_t number);
/// One that is replaced, until it is deleted.
std::string retired_name(std::string_view token, std::size_t number);
/// The one whose being there says that the restore happens.
std::string decision_name(std::string_view token);
enum class RestorePart
{
    none,
    staged,
    retired,
    decision
};
struct RestoreName
{
    RestorePart part = RestorePart::none;
    std::string token = {};
};
RestoreName restore_part(std::string_view server_name);
///@}

} // namespace whisperstore::chroma
