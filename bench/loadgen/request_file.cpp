#include "loadgen/request_file.hpp"

#include "loadgen/files.hpp"
#include "origin/toolkit/http_text.hpp"
#include "origin/toolkit/units.hpp"
#include "origin/toolkit/usage_error.hpp"

#include <fmt/format.h>

namespace sluice::bench {
namespace {

using toolkit::UsageError;

// Takes the text before the next " | " off `rest`.
std::string_view next_part(std::string_view& rest) {
  constexpr std::string_view bar = " | ";
  const auto at = rest.find(bar);
  const auto part = toolkit::trim(rest.substr(0, at));
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + bar.size());
  return part;
}

void add_field(RequestSpec& spec, std::string_view text) {
  const auto field = toolkit::split_field(text);
  if (!field) throw UsageError(fmt::format("\"{}\" is not 'Name: value'", text));
  if (toolkit::same_token(field->name, "host")) {
    spec.host = field->value;
  } else if (toolkit::same_token(field->name, "content-length")) {
    const auto size = toolkit::parse_size(field->value);
    if (!size) throw UsageError(fmt::format("\"{}\" is not a size", field->value));
    spec.body_size = *size;
  } else {
    spec.headers.emplace_back(text);
  }
}

RequestSpec parse_line(std::string_view line) {
  std::string_view rest = line;
  const auto start = next_part(rest);
  const auto blank = start.find_first_of(" \t");
  const auto target = blank == std::string_view::npos ? "" : toolkit::trim(start.substr(blank));
  if (target.empty() || target.find_first_of(" \t") != std::string_view::npos)
    throw UsageError(fmt::format("\"{}\" is not METHOD TARGET", start));
  RequestSpec spec;
  spec.method = start.substr(0, blank);
  spec.target = target;
  while (!rest.empty())
    add_field(spec, next_part(rest));
  return spec;
}

}  // namespace

std::vector<RequestSpec> parse_requests(std::string_view text, std::string_view name) {
  std::vector<RequestSpec> specs;
  std::size_t number = 0;
  for_each_line(text, [&](std::string_view line) {
    ++number;
    line = toolkit::trim(line);
    if (line.empty() || line.starts_with('#')) return;
    try {
      specs.push_back(parse_line(line));
    } catch (const UsageError& error) {
      throw UsageError(fmt::format("{}:{}: {}", name, number, error.what()));
    }
  });
  if (specs.empty()) throw UsageError(fmt::format("{}: no request in it", name));
  return specs;
}

std::vector<RequestSpec> read_requests(const std::string& path) {
  return parse_requests(read_file(path), path);
}

}  // namespace sluice::bench
