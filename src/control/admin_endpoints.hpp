// What the admin address answers: one table. A row is a path, how it is asked, who may ask, and the function
// that answers.
#pragma once

#include "sluice/control/steering.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

namespace sluice::control {

struct Answer {
  unsigned status = 200;
  std::string_view type = "text/plain";
  std::string body;
  std::string_view allow = {};  // the Allow field of a 405
};

using Words = std::vector<std::string>;

// What is asked of an endpoint.
struct Question {
  Words words;        // of the path
  std::string query;  // what follows "?", as it came
  std::string body;   // of the request
};

// The value of a key in it, decoded; empty where there is none.
std::string query_value(std::string_view query, std::string_view key);

enum class Use : std::uint8_t { read, change };      // GET and HEAD, or POST
enum class Access : std::uint8_t { open, guarded };  // guarded: see admin_guard.hpp

struct Endpoint {
  Use use;
  Access access;
  std::string_view path;  // each "*" stands for a word
  boost::asio::awaitable<Answer> (*answer)(Question question, Steering& steering);
};

std::span<const Endpoint> endpoints();

// Whether `path` is of that shape. The words are decoded; all but the last end where what follows them first
// comes, so that the last may hold slashes (a server's that is a unix socket).
bool matches(std::string_view pattern, std::string_view path, Words& words);

// The row for a request, or why there is none.
struct Found {
  const Endpoint* endpoint = nullptr;
  Question question;
  Answer otherwise;
};
Found find_endpoint(std::string_view method, std::string_view target);

}  // namespace sluice::control
