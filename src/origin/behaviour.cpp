#include "origin/behaviour.hpp"

#include "origin/toolkit/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace sluice::origin {
namespace {

[[noreturn]] void reject(std::string_view name, std::string_view value, std::string_view expected) {
  throw BadParameter(fmt::format("{}={}: expected {}", name, value, expected));
}

std::uint64_t read_size(std::string_view name, std::string_view value, std::uint64_t least) {
  const auto size = toolkit::parse_size(value);
  if (!size || *size < least) reject(name, value, fmt::format("a size, at least {}", least));
  return *size;
}

std::uint64_t read_rate(std::string_view name, std::string_view value) {
  if (value.ends_with("/s")) value.remove_suffix(2);
  return read_size(name, value, 1);
}

unsigned read_status(std::string_view name, std::string_view value, unsigned least, unsigned most) {
  const auto status = toolkit::parse_number(value);
  if (!status || *status < least || *status > most) reject(name, value, fmt::format("{} to {}", least, most));
  return static_cast<unsigned>(*status);
}

// A bare name (`?echo`) means yes, as `=1` does.
bool read_flag(std::string_view name, std::string_view value) {
  if (!value.empty() && value != "0" && value != "1") reject(name, value, "0 or 1");
  return value != "0";
}

std::string decode(std::string_view text) {
  std::string decoded;
  while (!text.empty()) {
    unsigned byte = 0;
    const char* const digits = text.data() + 1;
    if (text[0] == '%' && text.size() > 2 &&
        std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
      decoded += static_cast<char>(byte);
      text.remove_prefix(3);
    } else {
      decoded += text[0] == '+' ? ' ' : text[0];
      text.remove_prefix(1);
    }
  }
  return decoded;
}

std::string read_header(std::string_view name, std::string_view value) {
  const auto header = decode(value);
  const auto colon = header.find(':');
  const bool splits = header.find_first_of("\r\n") != std::string::npos;
  if (colon == 0 || colon == std::string::npos || splits) reject(name, value, "Name:value, percent-encoded");
  const auto start = header.find_first_not_of(' ', colon + 1);
  return fmt::format("{}: {}", header.substr(0, colon),
                     start == std::string::npos ? "" : header.substr(start));
}

void read_ending(Behaviour& wants, Ending ending, std::string_view name, std::string_view value) {
  if (wants.ending != Ending::complete)
    reject(name, value, "only one of reset_after, cut_after, stall_after");
  wants.ending = ending;
  wants.ending_after = read_size(name, value, 0);
}

using Flag = bool Behaviour::*;

Flag find_flag(std::string_view name) {
  using Entry = std::pair<std::string_view, Flag>;
  static constexpr std::array flags{
      Entry{"chunked", &Behaviour::chunked}, Entry{"trailers", &Behaviour::trailers},
      Entry{"close", &Behaviour::close},     Entry{"never", &Behaviour::never},
      Entry{"early", &Behaviour::early},     Entry{"garbage", &Behaviour::garbage},
      Entry{"echo", &Behaviour::echo},       Entry{"reset", &Behaviour::reset},
      Entry{"cut", &Behaviour::cut},
  };
  for (const auto& [known, flag] : flags)
    if (name == known) return flag;
  return nullptr;
}

void read_parameter(Behaviour& wants, std::string_view name, std::string_view value) {
  if (name == "delay") {
    const auto delay = Delay::parse(value);
    if (!delay) reject(name, value, "a duration such as 50ms, or a distribution such as exp:50ms");
    wants.delay = *delay;
  } else if (name == "status") {
    wants.status = read_status(name, value, 200, 999);
  } else if (name == "interim") {
    wants.interim = read_status(name, value, 102, 199);
  } else if (name == "size") {
    wants.size = read_size(name, value, 0);
  } else if (name == "chunk") {
    wants.chunk = std::min<std::uint64_t>(read_size(name, value, 1), toolkit::MiB);
    wants.chunked = true;
  } else if (name == "slow") {
    wants.slow = read_rate(name, value);
  } else if (name == "slow_read") {
    wants.slow_read = read_rate(name, value);
  } else if (name == "header") {
    wants.headers.push_back(read_header(name, value));
  } else if (name == "reset_after") {
    read_ending(wants, Ending::reset, name, value);
  } else if (name == "cut_after") {
    read_ending(wants, Ending::cut, name, value);
  } else if (name == "stall_after") {
    read_ending(wants, Ending::stall, name, value);
  } else if (const auto flag = find_flag(name)) {
    wants.*flag = read_flag(name, value);
  }
}

}  // namespace

Behaviour read_behaviour(std::string_view query) {
  Behaviour wants;
  while (!query.empty()) {
    const auto ampersand = query.find('&');
    const auto pair = query.substr(0, ampersand);
    query.remove_prefix(ampersand == std::string_view::npos ? query.size() : ampersand + 1);
    const auto equals = pair.find('=');
    const bool bare = equals == std::string_view::npos;
    read_parameter(wants, pair.substr(0, equals), bare ? std::string_view{} : pair.substr(equals + 1));
  }
  return wants;
}

}  // namespace sluice::origin
