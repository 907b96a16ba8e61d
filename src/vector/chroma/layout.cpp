#include "vector/chroma/layout.hpp"

#include "core/hash.hpp"
#include "protocol/http/float_text.hpp"
#include "vector/filter_limits.hpp"

#include <whisperstore/core/time.hpp>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace whisperstore::chroma {

namespace {

constexpr std::size_t longest_path = 512;

/// What a list holds, in kinds that Chroma tells apart.
struct ListContent
{
    json::array texts;
    json::array bools;
    json::array integers;
    json::array numbers; ///< integers among reals
    bool has_times = false;
    bool has_large = false;
    bool has_reals = false;
};

ListContent content_of(const json::array& list)
{
    ListContent content;
    for (const json::value& item : list) {
        switch (item.kind()) {
        case json::kind::string:
            if (item.get_string().size() <= longest_compared_text)
                content.texts.push_back(item);
            content.has_times = content.has_times || try_parse_timestamp(item.get_string()).has_value();
            break;
        case json::kind::bool_:
            content.bools.push_back(item);
            break;
        case json::kind::uint64:
            content.has_large = content.has_large || item.get_uint64() > INT64_MAX;
            content.integers.push_back(item);
            content.numbers.push_back(item);
            break;
        case json::kind::int64:
            content.integers.push_back(item);
            content.numbers.push_back(item);
            break;
        case json::kind::double_:
            content.has_reals = true;
            content.numbers.push_back(item);
            break;
        default:
            break; // no comparison matches it
        }
    }
    return content;
}

class MetadataWriter
{
public:
    MetadataWriter(std::string& out, const std::set<std::string, std::less<>>& old_keys)
        : out_(out), old_keys_(old_keys)
    {
    }

    void write(std::string_view id, const json::object& metadata)
    {
        out_.push_back('{');
        key(metadata_key);
        http::append_json_string(out_, json::serialize(metadata));
        key(bucket_key);
        out_.append(std::to_string(bucket_of(id)));
        std::string path;
        members(metadata, path, 1);
        if (loose_ != Looseness::none) {
            key(loose_key);
            out_.append(std::to_string(static_cast<int>(loose_)));
        }
        forget_old_keys();
        out_.push_back('}');
    }

private:
    void members(const json::object& object, std::string& path, std::size_t depth)
    {
        if (depth > filter_detail::deepest_path)
            return;
        const std::size_t size = path.size();
        for (const auto& [name, value] : object) {
            // Filters reach neither.
            if (name.empty() || std::string_view(name).find('.') != std::string_view::npos)
                continue;
            if (size > 0)
                path.push_back('.');
            path.append(name);
            if (const json::object* inner = value.if_object())
                members(*inner, path, depth + 1);
            else if (is_comparable_path(path))
                leaf(path, value);
            path.resize(size);
        }
    }

    void leaf(const std::string& path, const json::value& value)
    {
        switch (value.kind()) {
        case json::kind::array:
            list(path, value.get_array());
            break;
        case json::kind::string:
            text(path, value.get_string());
            break;
        case json::kind::uint64:
            if (value.get_uint64() > INT64_MAX)
                raise(Looseness::anything);
            else
                plain(path, value);
            break;
        case json::kind::bool_:
        case json::kind::int64:
        case json::kind::double_:
            plain(path, value);
            break;
        default:
            break; // no comparison that is sent matches null
        }
    }

    void text(const std::string& path, std::string_view value)
    {
        if (value.size() <= longest_compared_text) {
            key(path);
            http::append_json_string(out_, value);
        }
        if (const auto time = try_parse_timestamp(value)) {
            key(std::string(time_prefix) + path);
            out_.append(std::to_string(time->time_since_epoch().count()));
        }
    }

    void list(const std::string& path, const json::array& value)
    {
        const ListContent content = content_of(value);
        if (!content.numbers.empty() || content.has_times)
            raise(Looseness::number_lists);
        if (!content.texts.empty() || !content.bools.empty())
            raise(Looseness::text_lists);
        // One kind of values is all that a list of Chroma's takes. Numbers are kept for other readers alone.
        if (!content.texts.empty()) {
            plain(path, content.texts);
            if (!content.bools.empty())
                raise(Looseness::anything);
        } else if (!content.bools.empty()) {
            plain(path, content.bools);
        } else if (!content.numbers.empty() && !content.has_large) {
            if (!content.has_reals)
                plain(path, content.integers);
            else
                plain(path, reals_of(content.numbers));
        }
    }

    static json::array reals_of(const json::array& numbers)
    {
        json::array reals;
        for (const json::value& number : numbers)
            reals.push_back(number.to_number<double>());
        return reals;
    }

    void plain(std::string_view path, const json::value& value)
    {
        key(path);
        if (value.is_bool())
            out_.append(value.get_bool() ? "true" : "false");
        else if (value.is_int64())
            out_.append(std::to_string(value.get_int64()));
        else
            out_.append(json::serialize(value));
    }

    void key(std::string_view name)
    {
        if (!first_)
            out_.push_back(',');
        first_ = false;
        http::append_json_string(out_, name);
        out_.push_back(':');
        if (!old_keys_.empty())
            written_.emplace_back(name);
    }

    void forget_old_keys()
    {
        std::vector<std::string> written = written_;
        std::ranges::sort(written);
        for (const std::string& old : old_keys_)
            if (!std::ranges::binary_search(written, old) && !old.starts_with("chroma:")) {
                key(old);
                out_.append("null");
            }
    }

    void raise(Looseness level) { loose_ = std::max(loose_, level); }

    std::string& out_;
    const std::set<std::string, std::less<>>& old_keys_;
    bool first_ = true;
    std::vector<std::string> written_; ///< only where there are old ones
    Looseness loose_ = Looseness::none;
};

} // namespace

unsigned bucket_of(std::string_view id)
{
    const std::string hash = sha256_hex(id);
    unsigned bucket = 0;
    std::from_chars(hash.data(), hash.data() + 3, bucket, 16);
    return bucket;
}

bool is_comparable_path(std::string_view path) noexcept
{
    return !path.empty() && path.size() <= longest_path && path.front() != '$' && path.front() != '#' &&
           !path.starts_with("chroma:") && !path.starts_with("whisperstore:");
}

void append_record_metadata(std::string& out, std::string_view id, const json::object& metadata,
                            const std::set<std::string, std::less<>>& old_keys)
{
    MetadataWriter(out, old_keys).write(id, metadata);
}

} // namespace whisperstore::chroma
