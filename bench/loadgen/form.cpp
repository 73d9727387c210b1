#include "loadgen/form.hpp"

#include "origin/toolkit/http_text.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

namespace sluice::bench {
namespace {

constexpr std::string_view agent = "User-Agent: sluice-bench";

bool names(const std::string& header, std::string_view lower) {
  return toolkit::same_token(std::string_view(header).substr(0, header.find(':')), lower);
}

std::vector<std::string> all_headers(const RequestSpec& spec, const CommonForm& common) {
  auto headers = spec.headers;
  headers.insert(headers.end(), common.headers.begin(), common.headers.end());
  const auto is_agent = [](const std::string& header) { return names(header, "user-agent"); };
  if (std::none_of(headers.begin(), headers.end(), is_agent)) headers.emplace_back(agent);
  // POST and its kin say their length even when it is 0, lest a server waits for a body.
  const bool may_omit_length = spec.method == "GET" || spec.method == "HEAD";
  if (spec.body_size > 0 || !may_omit_length)
    headers.push_back(fmt::format("Content-Length: {}", spec.body_size));
  return headers;
}

// RFC 9113, 8.2.2: what belongs to the connection is not sent over HTTP/2.
bool is_connection_specific(const std::string& header) {
  static constexpr std::array<std::string_view, 5> specific{"connection", "keep-alive", "proxy-connection",
                                                            "transfer-encoding", "upgrade"};
  return std::any_of(specific.begin(), specific.end(),
                     [&](std::string_view name) { return names(header, name); });
}

}  // namespace

Form::Form(const RequestSpec& spec, const CommonForm& common, std::string_view whole_body)
    : host(spec.host), is_head(spec.method == "HEAD"), body(whole_body) {
  constexpr std::size_t small_body = 4096;
  const auto headers = all_headers(spec, common);

  before_host = fmt::format("{} {} HTTP/1.1\r\nHost: ", spec.method, spec.target);
  behind_host = "\r\n";
  for (const auto& header : headers)
    behind_host += header + "\r\n";
  if (!common.keep_alive) behind_host += "Connection: close\r\n";
  behind_host += "\r\n";
  if (body.size() <= small_body)
    behind_host += body;
  else
    large_body = body;

  fields = {{":method", spec.method},
            {":scheme", common.tls ? "https" : "http"},
            {":authority", ""},
            {":path", spec.target}};
  authority_at = 2;
  for (const auto& header : headers) {
    if (is_connection_specific(header)) continue;
    const auto field = *toolkit::split_field(header);
    std::string name(field.name);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    fields.emplace_back(std::move(name), field.value);
  }
}

}  // namespace sluice::bench
