// A request in the form a protocol wants it, made once; only the host is filled in each time.
#pragma once

#include "loadgen/request_spec.hpp"
#include "loadgen/varied.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::bench {

// What all requests of a run have in common.
struct CommonForm {
  bool tls = false;
  bool keep_alive = true;
  std::vector<std::string> headers;  // "Name: value", behind a request's own
  std::optional<Varied> varied = {};
};

struct Form {
  // `body` must outlive the form; it is all of the request's body.
  Form(const RequestSpec& spec, const CommonForm& common, std::string_view body);

  std::string host;  // empty: the run's
  bool is_head;

  // HTTP/1.1: the head is before_host, the host, behind_host. A small body stands in behind_host already, a
  // large one follows from `large_body`.
  std::string before_host;
  std::string behind_host;
  std::string_view large_body;

  // HTTP/2: the fields, names in small letters, the pseudo-fields first; ":authority" is to be filled in.
  std::vector<std::pair<std::string, std::string>> fields;
  std::size_t authority_at;
  std::string_view body;
};

}  // namespace sluice::bench
