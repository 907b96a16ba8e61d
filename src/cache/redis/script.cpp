#include "cache/redis/script.hpp"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>
#include <string_view>

namespace whisperstore::redis {

namespace {

// What the scripts share. KEYS: the channel, the bucket's registry, expiries and activity. ARGV: the channel's id, the
// most messages, the timeout in milliseconds; then the operation's own.
//
// All that is stored of a channel is one hash, so that it is evicted and expires whole. Entries of its order are 32
// hexadecimal digits, 16 of the time and 16 of the message's id (both biased, so that they sort as text).
constexpr std::string_view common_text = R"lua(
local overhead = 160
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)

local function load(...)
  local c = redis.call('HMGET', KEYS[1], 'v', 'o', 'w', 'b', 's', 'd', ...)
  if c[1] and c[1] ~= '1' then
    return nil, redis.error_reply('VERSION the channel is stored in version ' .. c[1] .. ' of the data model')
  end
  return {stored = c[1], order = c[2] or '', live = c[2] and true or false, warm = c[3] and true or false, bytes = tonumber(c[4] or 0),
          reading = c[5], removed = c[6] or '', extra = {c[7], c[8]}}
end

-- The place of an id in a text of entries `width` long, `offset` into its entry.
local function find(text, id, width, offset)
  local at = 0
  while true do
    at = string.find(text, id, at + 1, true)
    if not at then return nil end
    if (at - 1) % width == offset then return at - offset end
  end
end

local function insert(order, entry)
  local low, high = 0, #order / 32
  if high == 0 or string.sub(order, -32) < entry then return order .. entry end
  while low < high do
    local middle = math.floor((low + high) / 2)
    if string.sub(order, middle * 32 + 1, middle * 32 + 32) < entry then low = middle + 1 else high = middle end
  end
  return string.sub(order, 1, low * 32) .. entry .. string.sub(order, low * 32 + 1)
end

local function cut(text, at, width) return string.sub(text, 1, at - 1) .. string.sub(text, at + width) end

-- The values of the newest `limit` entries, oldest first.
local function values(order, limit, exclude, into)
  local ids = {}
  for at = #order - 31, 1, -32 do
    if #ids >= limit then break end
    local id = string.sub(order, at + 16, at + 31)
    if id ~= exclude then ids[#ids + 1] = id end
  end
  for last = #ids, 1, -1000 do
    local part = {}
    for i = last, math.max(1, last - 999), -1 do part[#part + 1] = ids[i] end
    local found = redis.call('HMGET', KEYS[1], unpack(part))
    for i = 1, #part do
      if not found[i] then return redis.error_reply('CORRUPT the channel has no message ' .. part[i]) end
      into[#into + 1] = found[i]
    end
  end
  return into
end

-- The registry: 'c' and a channel's id = messages:bytes:when its place in the sorted sets was written last,
-- 'T' = channels:messages:bytes.
local totals
local function count(id, messages, bytes)
  local found = redis.call('HMGET', KEYS[2], 'c' .. id, 'T')
  if not totals then
    local c, m, b = string.match(found[2] or '0:0:0', '^(%d+):(%d+):(%d+)$')
    totals = {tonumber(c), tonumber(m), tonumber(b)}
  end
  local placed = 0
  if found[1] then
    local m, b, at = string.match(found[1], '^(%d+):(%d+):(%d+)$')
    totals = {totals[1] - 1, totals[2] - m, totals[3] - b}
    placed = tonumber(at)
  end
  if messages then
    totals = {totals[1] + 1, totals[2] + messages, totals[3] + bytes}
  elseif found[1] then
    redis.call('HDEL', KEYS[2], 'c' .. id)
  end
  return placed
end

-- With the entry of the channel that is being written, if one is.
local function count_end(...)
  if not totals then return end
  local text = string.format('%d:%d:%d', math.max(0, totals[1]), math.max(0, totals[2]), math.max(0, totals[3]))
  redis.call('HSET', KEYS[2], 'T', text, ...)
end

-- Takes out what has expired. The times in the sorted set may be early, never late.
local function purge(limit)
  local gone = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, limit)
  local base = string.sub(KEYS[2], 1, -2) .. 'c'
  for i = 1, #gone do
    local left = redis.call('PTTL', base .. gone[i])
    if left > 0 then
      redis.call('ZADD', KEYS[3], now + left, gone[i])
    else
      count(gone[i])
      redis.call('ZREM', KEYS[3], gone[i])
    end
  end
  if #gone > 0 then redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -129) end
end

-- Something happened to the channel: it lives on for the timeout.
local function touch(channel)
  local timeout = tonumber(ARGV[3])
  redis.call('PEXPIRE', KEYS[1], timeout)
  if not channel.live then return count_end() end
  local messages = #channel.order / 32
  local placed = count(ARGV[1], messages, channel.bytes)
  if now - placed >= math.min(1000, timeout / 16) or now < placed then
    placed = now
    redis.call('ZADD', KEYS[3], now + timeout, ARGV[1])
    redis.call('ZADD', KEYS[4], now, ARGV[1])
    purge(4)
  end
  count_end('c' .. ARGV[1], string.format('%d:%d:%d', messages, channel.bytes, placed))
end
)lua";

// ARGV: limit, the excluded id or '', whether there is a history, whether the time left is asked for. Only reads.
constexpr std::string_view get_text = R"lua(
local c = redis.call('HMGET', KEYS[1], 'v', 'o', 'w')
if c[1] and c[1] ~= '1' then
  return redis.error_reply('VERSION the channel is stored in version ' .. c[1] .. ' of the data model')
end
if not c[3] and (ARGV[3] == '1' or not c[2]) then return {0} end
local order, limit, exclude = c[2] or '', tonumber(ARGV[1]), ARGV[2]
local ids, n = {}, 0
for at = #order - 31, 1, -32 do
  if n >= limit then break end
  local id = string.sub(order, at + 16, at + 31)
  if id ~= exclude then
    n = n + 1
    ids[n] = id
  end
end
local answer = {1, ARGV[4] == '1' and redis.call('PTTL', KEYS[1]) or 0}
-- As lists, for Lua would take longer to make one of them than all the rest takes.
for last = n, 1, -1000 do
  local part = {}
  for i = last, math.max(1, last - 999), -1 do part[#part + 1] = ids[i] end
  answer[#answer + 1] = redis.call('HMGET', KEYS[1], unpack(part))
end
return answer
)lua";

// ARGV: the time, the id, the value.
constexpr std::string_view add_text = R"lua(
local time, id, value = ARGV[4], ARGV[5], ARGV[6]
local channel, wrong = load(id)
if wrong then return wrong end
local order, known = channel.order, channel.extra[1]
if known then
  order = cut(order, find(order, id, 32, 16), 32)
  channel.bytes = channel.bytes - #known - overhead
end
order = insert(order, time .. id)
channel.bytes = channel.bytes + #value + overhead
local fields = {id, value}
if not channel.stored then fields = {id, value, 'v', '1'} end
while #order / 32 > tonumber(ARGV[2]) do
  local oldest = string.sub(order, 17, 32)
  order = string.sub(order, 33)
  if oldest == id then
    fields = {'v', '1'}
    channel.bytes = channel.bytes - #value - overhead
  else
    channel.bytes = channel.bytes - redis.call('HSTRLEN', KEYS[1], oldest) - overhead
  end
  redis.call('HDEL', KEYS[1], oldest)
end
local gone = channel.removed ~= '' and find(channel.removed, id, 16, 0)
if gone then
  fields[#fields + 1] = 'd'
  fields[#fields + 1] = cut(channel.removed, gone, 16)
end
redis.call('HSET', KEYS[1], 'o', order, 'b', channel.bytes, unpack(fields))
channel.order, channel.live = order, true
touch(channel)
return 1
)lua";

// ARGV: the id.
constexpr std::string_view remove_text = R"lua(
local id = ARGV[4]
local channel, wrong = load(id)
if wrong then return wrong end
local known = channel.extra[1]
local fields = {'v', '1'}
if not channel.warm and not find(channel.removed, id, 16, 0) then
  local removed = channel.removed .. id
  local most = math.max(1024, tonumber(ARGV[2])) * 16
  if not channel.reading and #removed > most then removed = string.sub(removed, -most) end
  fields[3], fields[4] = 'd', removed
end
if known then
  channel.order = cut(channel.order, find(channel.order, id, 32, 16), 32)
  channel.bytes = channel.bytes - #known - overhead
  redis.call('HDEL', KEYS[1], id)
  fields[#fields + 1], fields[#fields + 2] = 'o', channel.order
  fields[#fields + 1], fields[#fields + 2] = 'b', channel.bytes
end
if known or not channel.warm then
  redis.call('HSET', KEYS[1], unpack(fields))
  touch(channel)
end
return known and 1 or 0
)lua";

// ARGV: whether what it held is asked for.
constexpr std::string_view clear_text = R"lua(
local held = {''}
if ARGV[4] == '1' then
  local channel, wrong = load()
  if wrong then return wrong end
  held = values(channel.order, math.huge, '', {channel.removed})
end
redis.call('DEL', KEYS[1])
count(ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
purge(4)
count_end()
return held
)lua";

// ARGV: a name for the cold channel's reading, used where it has none.
constexpr std::string_view begin_text = R"lua(
local channel, wrong = load()
if wrong then return wrong end
if channel.warm then return values(channel.order, tonumber(ARGV[2]), '', {1}) end
local reading = channel.reading or ARGV[4]
redis.call('HSET', KEYS[1], 'v', '1', 's', reading)
touch(channel)
return {0, reading}
)lua";

// ARGV: the reading's name, then time, id and value of each message.
constexpr std::string_view fill_text = R"lua(
local channel, wrong = load()
if wrong then return wrong end
if not channel.warm then
  if channel.reading ~= ARGV[4] then return {0} end
  local entries, given = {}, {}
  for at = 1, #channel.order, 32 do entries[#entries + 1] = string.sub(channel.order, at, at + 31) end
  for i = 5, #ARGV, 3 do
    local id = ARGV[i + 1]
    if not find(channel.order, id, 32, 16) and not find(channel.removed, id, 16, 0) and not given[id] then
      entries[#entries + 1] = ARGV[i] .. id
      given[id] = ARGV[i + 2]
    end
  end
  table.sort(entries)
  local surplus = #entries - tonumber(ARGV[2])
  for i = 1, surplus do
    local id = string.sub(entries[i], 17)
    if given[id] then
      given[id] = nil
    else
      channel.bytes = channel.bytes - redis.call('HSTRLEN', KEYS[1], id) - overhead
      redis.call('HDEL', KEYS[1], id)
    end
  end
  channel.order = table.concat(entries, '', math.max(1, surplus + 1))
  for id, value in pairs(given) do
    redis.call('HSET', KEYS[1], id, value)
    channel.bytes = channel.bytes + #value + overhead
  end
  redis.call('HSET', KEYS[1], 'v', '1', 'w', '1', 'o', channel.order, 'b', channel.bytes)
  redis.call('HDEL', KEYS[1], 's', 'd')
  channel.live = true
  touch(channel)
end
return values(channel.order, tonumber(ARGV[2]), '', {1})
)lua";

// KEYS[1] is not used. What expired is taken out; some of the rest is compared with the channels themselves, so that
// what an eviction left behind goes with time.
constexpr std::string_view stats_text = R"lua(
if redis.call('EXISTS', KEYS[2]) == 0 then return {0, 0, 0} end
purge(1000)
local base = string.sub(KEYS[2], 1, -2) .. 'c'
local function check(field)
  if field == 'T' then return end
  local id = string.sub(field, 2)
  local left = redis.call('PTTL', base .. id)
  if left > 0 then
    redis.call('ZADD', KEYS[3], now + left, id)
  else
    count(id)
    redis.call('ZREM', KEYS[3], id)
  end
end
local fields = redis.call('HLEN', KEYS[2])
if redis.call('ZCARD', KEYS[3]) ~= fields - 1 then
  for _, field in ipairs(redis.call('HKEYS', KEYS[2])) do check(field) end
else
  for _, field in ipairs(redis.call('HRANDFIELD', KEYS[2], 4)) do check(field) end
end
count_end()
local c, m, b = string.match(redis.call('HGET', KEYS[2], 'T') or '0:0:0', '^(%d+):(%d+):(%d+)$')
if c == '0' then redis.call('DEL', KEYS[2], KEYS[3]) end
return {tonumber(c), tonumber(m), tonumber(b)}
)lua";

// Everything of a channel: whether it is warm, the removed ids, the time left, the values.
constexpr std::string_view dump_text = R"lua(
local channel, wrong = load()
if wrong then return wrong end
if not channel.live then return {} end
return values(channel.order, math.huge, '', {channel.warm and 1 or 0, redis.call('PTTL', KEYS[1])})
)lua";

// Replaces a channel. ARGV: whether it is warm, then time, id and value of each message.
constexpr std::string_view restore_text = R"lua(
redis.call('DEL', KEYS[1])
count(ARGV[1]) -- so that its place is written anew: it may expire earlier than what was there
local entries, bytes = {}, 0
for i = 5, #ARGV, 3 do
  entries[#entries + 1] = ARGV[i] .. ARGV[i + 1]
  bytes = bytes + #ARGV[i + 2] + overhead
  redis.call('HSET', KEYS[1], ARGV[i + 1], ARGV[i + 2])
end
table.sort(entries)
local order = table.concat(entries)
redis.call('HSET', KEYS[1], 'v', '1', 'o', order, 'b', bytes)
if ARGV[4] == '1' then redis.call('HSET', KEYS[1], 'w', '1') end
touch({order = order, bytes = bytes, live = true})
return 1
)lua";

Script script(std::string_view first, std::string_view second)
{
    Script made;
    made.text.append(first).append(second);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    if (::EVP_Digest(made.text.data(), made.text.size(), digest.data(), &size, ::EVP_sha1(), nullptr) != 1)
        throw std::runtime_error("OpenSSL has no SHA-1, which Redis names scripts by");
    constexpr std::string_view digits = "0123456789abcdef";
    for (unsigned int i = 0; i < size; ++i) {
        made.sha1 += digits[digest[i] >> 4U];
        made.sha1 += digits[digest[i] & 15U];
    }
    return made;
}

} // namespace

const Scripts& Scripts::all()
{
    static const Scripts scripts{script(get_text, ""),
                                 script(common_text, add_text),
                                 script(common_text, remove_text),
                                 script(common_text, clear_text),
                                 script(common_text, begin_text),
                                 script(common_text, fill_text),
                                 script(common_text, stats_text),
                                 script(common_text, dump_text),
                                 script(common_text, restore_text)};
    return scripts;
}

std::vector<const Script*> Scripts::list() const
{
    return {&get, &add, &remove, &clear, &begin, &fill, &stats, &dump, &load};
}

} // namespace whisperstore::redis
