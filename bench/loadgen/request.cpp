#include "loadgen/request.hpp"

#include "origin/toolkit/http_text.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sluice::bench {

Requests::Requests(const RequestShape& shape, Hosts hosts)
    : hosts_(std::move(hosts)), is_head_(shape.method == "HEAD") {
  constexpr std::uint64_t small_body = 4096;
  text_ = fmt::format("{} {} HTTP/1.1\r\nHost: ", shape.method, shape.target);
  before_host_ = text_.size();

  const bool names_agent =
      std::any_of(shape.headers.begin(), shape.headers.end(), [](const std::string& header) {
        return toolkit::same_token(std::string_view(header).substr(0, header.find(':')), "user-agent");
      });
  behind_host_ = "\r\n";
  if (!names_agent) behind_host_ += "User-Agent: sluice-bench\r\n";
  for (const auto& header : shape.headers)
    behind_host_ += header + "\r\n";
  if (!shape.keep_alive) behind_host_ += "Connection: close\r\n";
  // POST and its kin say their length even when it is 0, lest a server waits for a body.
  const bool may_omit_length = shape.method == "GET" || is_head_;
  if (shape.body_size > 0 || !may_omit_length)
    behind_host_ += fmt::format("Content-Length: {}\r\n", shape.body_size);
  behind_host_ += "\r\n";
  auto& body = shape.body_size <= small_body ? behind_host_ : body_;
  body.append(shape.body_size, 'b');

  text_ += hosts_.first() + behind_host_;
}

}  // namespace sluice::bench
