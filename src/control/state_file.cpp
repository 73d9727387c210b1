#include "control/state_file.hpp"

#include "sluice/base/file_error.hpp"
#include "sluice/control/json_text.hpp"
#include "sluice/control/reason.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <boost/json.hpp>
#include <fmt/format.h>

namespace sluice::control {
namespace {

namespace json = boost::json;

constexpr std::int64_t kVersion = 1;
constexpr std::size_t kMostBytes = 64U << 20U;
constexpr const char* kName = "/orders.json";

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0 && errno != EINTR) return false;
    text.remove_prefix(wrote > 0 ? static_cast<std::size_t>(wrote) : 0);
  }
  return true;
}

// Empty: errno says why.
std::optional<std::string> read_all(int fd) {
  std::string out;
  char piece[16 * 1024];
  for (;;) {
    const ssize_t got = ::read(fd, piece, sizeof piece);
    if (got == 0) return out;
    if (got < 0 && errno != EINTR) return std::nullopt;
    if (got > 0) out.append(piece, static_cast<std::size_t>(got));
    if (out.size() > kMostBytes) return out;  // and it will not be understood
  }
}

// A member that must be there, and a text.
bool take(const json::object& from, std::string_view key, std::string& out) {
  const json::value* const value = from.if_contains(key);
  if (value == nullptr || !value->is_string()) return false;
  out.assign(value->get_string().data(), value->get_string().size());
  return true;
}

bool take(const json::object& from, std::string_view key, UnixMs& out) {
  std::string text;
  std::string problem;
  if (!take(from, key, text)) return false;
  const auto moment = parse_moment(text, 0, problem);
  out = moment.value_or(0);
  // "+15m" is no instant.
  return moment && exact_text(*moment) == text;
}

bool take(const json::object& from, Kept::Hold& out) {
  return take(from, "tenant", out.tenant) && take(from, "until", out.until) &&
         take(from, "reason", out.reason) && !out.tenant.empty() && unfit_reason(out.reason).empty();
}

bool take(const json::object& from, Kept::Ban& out) {
  std::string block;
  if (!take(from, "block", block) || !take(from, "tenant", out.tenant) || !take(from, "since", out.since) ||
      !take(from, "until", out.until) || !take(from, "reason", out.reason))
    return false;
  const auto parsed = AddressBlock::parse(block);
  out.block = parsed.value_or(AddressBlock());
  return parsed && unfit_reason(out.reason).empty();
}

template <class T>
bool take_list(const json::object& from, std::string_view key, std::vector<T>& out) {
  const json::value* const list = from.if_contains(key);
  if (list == nullptr || !list->is_array()) return false;
  const auto take_one = [&](const json::value& item) {
    return item.is_object() && take(item.get_object(), out.emplace_back());
  };
  return std::all_of(list->get_array().begin(), list->get_array().end(), take_one);
}

void append_lines(std::string& out, std::string_view key, const std::vector<json::object>& items) {
  out += fmt::format(",\n\"{}\":[", key);
  for (const json::object& item : items)
    out += fmt::format("{}\n{}", &item == items.data() ? "" : ",", json_text(item));
  out += "]";
}

}  // namespace

std::string kept_text(const Kept& kept) {
  std::vector<json::object> holds;
  std::vector<json::object> bans;
  for (const Kept::Hold& hold : kept.holds)
    holds.push_back({{"tenant", hold.tenant}, {"until", exact_text(hold.until)}, {"reason", hold.reason}});
  for (const Kept::Ban& ban : kept.bans) {
    bans.push_back({{"block", ban.block.text()},
                    {"tenant", ban.tenant},
                    {"since", exact_text(ban.since)},
                    {"until", exact_text(ban.until)},
                    {"reason", ban.reason}});
  }
  std::string out = fmt::format("{{\"version\":{}", kVersion);
  append_lines(out, "holds", holds);
  append_lines(out, "bans", bans);
  return out + "}\n";
}

std::optional<Kept> parse_kept(std::string_view text) {
  boost::system::error_code failure;
  const json::value parsed = json::parse(text, failure);
  const json::object* const whole = failure ? nullptr : parsed.if_object();
  if (whole == nullptr) return std::nullopt;
  const json::value* const version = whole->if_contains("version");
  if (version == nullptr || !version->is_int64() || version->get_int64() != kVersion) return std::nullopt;
  Kept out;
  if (!take_list(*whole, "holds", out.holds) || !take_list(*whole, "bans", out.bans)) return std::nullopt;
  return out;
}

StateFile::StateFile(std::string directory)
    : directory_(std::move(directory)), path_(directory_.empty() ? "" : directory_ + kName) {}

bool StateFile::is_in(const std::string& directory) const {
  std::error_code none;
  return directory == directory_ || std::filesystem::equivalent(directory, directory_, none);
}

// On the directory itself, so that nothing is left behind. Where that cannot be told, it is not held against
// the operator.
std::string StateFile::claim() {
  if (none()) return {};
  lock_ = Descriptor(directory_, O_RDONLY | O_DIRECTORY);
  if (!lock_.open() || ::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return {};
  return fmt::format("{} is in use by another process: each needs one of its own", directory_);
}

std::string StateFile::unwritable() const {
  if (none() || ::access(directory_.c_str(), W_OK | X_OK) == 0) return {};
  return fmt::format("{} cannot be written: {}", directory_, file_error(errno));
}

Kept StateFile::read(std::string& warning) const {
  if (none()) return {};
  const Descriptor file(path_, O_RDONLY);
  if (!file.open() && errno == ENOENT) return {};
  const auto text = file.open() ? read_all(file.get()) : std::nullopt;
  const std::string why = text ? "cannot be understood" : "cannot be read: " + file_error(errno);
  if (text) {
    if (auto kept = parse_kept(*text)) return std::move(*kept);
  }
  const std::string aside = rename_to("corrupt");
  warning = fmt::format("{} {}{}; no tenant is on hold, and nobody is banned", path_, why,
                        aside.empty() ? ", nor moved: " + file_error(errno) : ": moved to " + aside);
  return {};
}

std::string StateFile::put_aside() const {
  if (none()) return {};
  const Descriptor file(path_, O_RDONLY);
  const auto text = file.open() ? read_all(file.get()) : std::nullopt;
  return !text || *text == kept_text({}) ? std::string() : rename_to("before");
}

std::string StateFile::rename_to(std::string_view mark) const {
  std::string aside = fmt::format("{}.{}-{}", path_, mark, unix_now());
  return ::rename(path_.c_str(), aside.c_str()) == 0 ? aside : std::string();
}

std::string StateFile::write(const Kept& kept) const {
  if (none()) return {};
  const std::string fresh = path_ + ".new";
  const auto failed = [&] {
    std::string why = fmt::format("cannot write {}: {}", path_, file_error(errno));
    ::unlink(fresh.c_str());
    return why;
  };
  Descriptor file(fresh, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file.open()) return failed();
  if (!write_all(file.get(), kept_text(kept)) || ::fsync(file.get()) != 0 || !file.close()) return failed();
  if (::rename(fresh.c_str(), path_.c_str()) != 0) return failed();
  // The name as well must be on the disk.
  const Descriptor directory(directory_, O_RDONLY | O_DIRECTORY);
  if (!directory.open() || ::fsync(directory.get()) != 0) return failed();
  return {};
}

}  // namespace sluice::control
