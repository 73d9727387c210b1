// The bytes of the requests: built once where they are all alike, else put together from three pieces.
#pragma once

#include "loadgen/hosts.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::bench {

struct RequestShape {
  std::string method = "GET";
  std::string target = "/";
  std::vector<std::string> headers;  // "Name: value"
  std::uint64_t body_size = 0;
  bool keep_alive = true;
};

class Requests {
 public:
  Requests(const RequestShape& shape, Hosts hosts);

  // The next request's head, with the body where that is small. Valid until the next call.
  std::string_view next() {
    if (hosts_.is_single()) return text_;
    const auto& host = hosts_.next();
    text_.resize(before_host_);
    text_ += host;
    text_ += behind_host_;
    return text_;
  }

  // A body too large to be copied into every request; follows the head.
  std::string_view body() const { return body_; }
  bool is_head() const { return is_head_; }

 private:
  Hosts hosts_;
  std::string text_;
  std::string behind_host_;
  std::size_t before_host_;
  std::string body_;
  bool is_head_;
};

}  // namespace sluice::bench
