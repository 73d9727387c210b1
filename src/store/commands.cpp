#include "store/commands.hpp"

#include <cstdlib>
#include <hiredis/hiredis.h>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <openssl/evp.h>

namespace sluice::store {
namespace {

// A bucket is "TAKEN AT PER BURST": tokens taken out of it at an instant of the store's clock, and the terms
// they come back by (microseconds per token). Not an instant at which it is full, as one node alone has it:
// with tokens a clock that is set back or forth costs nobody more than a burst, and terms may change.
// Nodes may owe more than there is, but not without bounds.
constexpr std::string_view kTake = R"(
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local per, burst, settle = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local want, least = tonumber(ARGV[4]), tonumber(ARGV[5])
local taken = 0
local kept = redis.pcall('GET', KEYS[1])
if type(kept) == 'string' then
  local a, b, c, d = string.match(kept, '^(%S+) (%S+) (%S+) (%S+)$')
  a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  if a and b and c and d then
    taken = math.max(a - math.max(now - b, 0) / c, 0)
    if d ~= burst then taken = math.min(taken, burst) end
  end
end
taken = math.min(math.max(math.max(taken, least) + settle, 0), 2 * burst)
local granted = math.max(math.min(want, math.floor(burst - taken)), 0)
taken = taken + granted
redis.call('SET', KEYS[1], string.format('%.17g %.17g %.17g %.17g', taken, now, per, burst),
           'PX', string.format('%.0f', math.ceil(taken * per / 1000) + 1000))
return {string.format('%.0f', granted), string.format('%.17g', taken)}
)";

// Who has not been heard of for five seconds is no more, nor is who would be in the future: a clock was set.
constexpr std::string_view kPresence = R"(
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 5000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + 1, '+inf')
redis.call('PEXPIRE', KEYS[1], 10000)
return redis.call('ZCARD', KEYS[1])
)";

constexpr const char* kNodes = "sluice:nodes";

void append(std::string& out, const std::vector<std::string_view>& words) {
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string_view word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  char* made = nullptr;
  const int size = redisFormatCommandArgv(&made, static_cast<int>(words.size()), texts.data(), sizes.data());
  if (size < 0) std::abort();  // no memory
  out.append(made, static_cast<std::size_t>(size));
  redisFreeCommand(made);
}

// As the store calls it: SHA-1 in hexadecimal.
std::string digest_of(std::string_view script) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(script.data(), script.size(), digest, &size, EVP_sha1(), nullptr) != 1) std::abort();
  std::string out;
  for (unsigned at = 0; at < size; ++at)
    out += fmt::format("{:02x}", digest[at]);
  return out;
}

}  // namespace

void append_auth(std::string& out, const Settings& settings) {
  if (settings.user.empty()) return append(out, {"AUTH", settings.password});
  append(out, {"AUTH", settings.user, settings.password});
}

void append_select(std::string& out, std::uint32_t database) {
  append(out, {"SELECT", std::to_string(database)});
}

void append_take(std::string& out, const limits::Shared::Ask& ask, Script script) {
  static const std::string digest = digest_of(kTake);
  const auto& [terms, settle, want, at_least] = ask.lease;
  const bool known = script == Script::by_digest;
  append(out, {known ? "EVALSHA" : "EVAL", known ? std::string_view(digest) : kTake, "1", ask.name,
               fmt::format("{:.17g}", terms.per_token / 1000), std::to_string(terms.burst),
               std::to_string(settle), std::to_string(want), fmt::format("{:.17g}", at_least)});
}

void append_presence(std::string& out, const std::string& node) {
  append(out, {"EVAL", kPresence, "1", kNodes, node});
}

}  // namespace sluice::store
