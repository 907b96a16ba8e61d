#include <whisperstore/bolt/record.hpp>
#include <whisperstore/core/error.hpp>

#include <algorithm>

namespace whisperstore::bolt {

const std::vector<std::string>& Record::keys() const noexcept
{
    static const std::vector<std::string> none;
    return keys_ ? *keys_ : none;
}

std::size_t Record::index_of(std::string_view name) const
{
    const auto& names = keys();
    const auto found = std::find(names.begin(), names.end(), name);
    const auto index = static_cast<std::size_t>(found - names.begin());
    if (found == names.end() || index >= values_.size())
        throw StorageError(StorageErrc::not_found, "the record has no column '" + std::string(name) + "'");
    return index;
}

const Value& Record::get(std::string_view name) const& { return values_[index_of(name)]; }
Value Record::get(std::string_view name) && { return std::move(values_[index_of(name)]); }

const Value& Record::get(std::size_t index) const&
{
    if (index >= values_.size())
        throw StorageError(StorageErrc::not_found, "the record has " + std::to_string(values_.size()) +
                                                       " columns, none at position " + std::to_string(index));
    return values_[index];
}

const Value* Record::find(std::string_view name) const noexcept
{
    const auto& names = keys();
    const auto found = std::find(names.begin(), names.end(), name);
    const auto index = static_cast<std::size_t>(found - names.begin());
    return index < values_.size() && found != names.end() ? &values_[index] : nullptr;
}

} // namespace whisperstore::bolt
