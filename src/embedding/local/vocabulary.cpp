#include "embedding/local/vocabulary.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/json.hpp>

namespace whisperstore::local_embedding {

namespace {

// More tokens than any model of this kind has; the nodes of a trie of them still fit a key.
constexpr std::size_t maximum_tokens = 1'000'000;
constexpr std::size_t maximum_token_bytes = 1'024;
constexpr std::uint32_t maximum_nodes = 1U << 23;

[[noreturn]] void corrupt(const std::string& message) { throw StorageError(StorageErrc::corrupt, message); }

} // namespace

Vocabulary::Vocabulary(const std::vector<std::string>& tokens) : edges_(1U << 10), ids_{-1, -1}, size_(tokens.size())
{
    if (tokens.size() > maximum_tokens)
        corrupt("a vocabulary of more than " + std::to_string(maximum_tokens) + " tokens");
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        const std::string_view token = tokens[i];
        if (token.size() > maximum_token_bytes)
            corrupt("token " + std::to_string(i) + " has more than " + std::to_string(maximum_token_bytes) + " bytes");
        const auto id = static_cast<TokenId>(i);
        if (!token.empty())
            insert(first_root, token, id);
        if (token.size() > 2 && token.starts_with("##"))
            insert(further_root, token.substr(2), id);
    }
    unknown_ = required("[UNK]");
    begin_ = required("[CLS]");
    end_ = required("[SEP]");
    padding_ = required("[PAD]");
    mask_ = find("[MASK]");
}

Vocabulary Vocabulary::from_lines(std::string_view text)
{
    std::vector<std::string> tokens;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        std::string_view line = text.substr(0, end);
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        tokens.emplace_back(line);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return Vocabulary(tokens);
}

Vocabulary Vocabulary::from_tokenizer_json(std::string_view text)
{
    boost::system::error_code error;
    const json::value document = json::parse(text, error);
    if (error)
        corrupt("not JSON: " + error.message());
    const json::object* root = document.if_object();
    const json::value* model = root ? root->if_contains("model") : nullptr;
    const json::object* fields = model ? model->if_object() : nullptr;
    const json::value* type = fields ? fields->if_contains("type") : nullptr;
    const json::value* vocabulary = fields ? fields->if_contains("vocab") : nullptr;
    if (!vocabulary || !vocabulary->is_object())
        corrupt("it has no model.vocab");
    if (type && (!type->is_string() || type->get_string() != "WordPiece"))
        throw StorageError(StorageErrc::unsupported, "its tokenizer is not WordPiece, the only kind there is here");
    std::vector<std::string> tokens;
    for (const auto& [token, id] : vocabulary->get_object()) {
        if (!id.is_int64() || id.get_int64() < 0 || id.get_int64() >= static_cast<std::int64_t>(maximum_tokens))
            corrupt("the id of the token '" + std::string(token) + "' is no number from 0 to " +
                    std::to_string(maximum_tokens - 1));
        const auto place = static_cast<std::size_t>(id.get_int64());
        if (place >= tokens.size())
            tokens.resize(place + 1);
        tokens[place] = token;
    }
    return Vocabulary(tokens);
}

Vocabulary::Match Vocabulary::longest(std::string_view text, bool continues) const noexcept
{
    Match match;
    Node node = continues ? further_root : first_root;
    for (std::size_t i = 0; i < text.size(); ++i) {
        node = child(node, static_cast<unsigned char>(text[i]));
        if (node == none)
            break;
        if (ids_[node] >= 0)
            match = {ids_[node], i + 1};
    }
    return match;
}

std::optional<TokenId> Vocabulary::find(std::string_view token) const noexcept
{
    const Match match = longest(token, false);
    return !token.empty() && match.length == token.size() ? std::optional(match.id) : std::nullopt;
}

TokenId Vocabulary::required(std::string_view token) const
{
    const std::optional<TokenId> id = find(token);
    if (!id)
        corrupt("the vocabulary has no " + std::string(token));
    return *id;
}

void Vocabulary::insert(Node root, std::string_view piece, TokenId id)
{
    Node node = root;
    for (const char byte : piece) {
        const Node next = child(node, static_cast<unsigned char>(byte));
        node = next != none ? next : add_child(node, static_cast<unsigned char>(byte));
    }
    ids_[node] = id; // of a token that stands there twice the last id counts, as in Hugging Face's
}

std::size_t Vocabulary::slot_of(std::uint32_t key) const noexcept
{
    const std::size_t mask = edges_.size() - 1;
    std::size_t slot = (key * 2'654'435'761U >> 7) & mask;
    while (edges_[slot].key != 0 && edges_[slot].key != key)
        slot = (slot + 1) & mask;
    return slot;
}

Vocabulary::Node Vocabulary::child(Node node, unsigned char byte) const noexcept
{
    return edges_[slot_of((node << 8U | byte) + 1)].target;
}

Vocabulary::Node Vocabulary::add_child(Node node, unsigned char byte)
{
    if (ids_.size() >= maximum_nodes)
        corrupt("a vocabulary of more letters than any model has");
    if (2 * (edge_count_ + 1) > edges_.size())
        grow();
    const std::uint32_t key = (node << 8U | byte) + 1;
    const auto target = static_cast<Node>(ids_.size());
    edges_[slot_of(key)] = {key, target};
    ++edge_count_;
    ids_.push_back(-1);
    return target;
}

void Vocabulary::grow()
{
    std::vector<Edge> old(edges_.size() * 2);
    old.swap(edges_);
    for (const Edge& edge : old)
        if (edge.key != 0)
            edges_[slot_of(edge.key)] = edge;
}

} // namespace whisperstore::local_embedding
