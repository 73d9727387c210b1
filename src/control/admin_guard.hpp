// Who may ask at the admin address. Every user of the machine reaches loopback, and so does a web page in the
// browser of one: what such a page asks is refused, also where it only reads.
#pragma once

#include <string_view>

namespace sluice::control {

// What a request's head tells of who sent it.
struct Signs {
  std::string_view host;        // empty: no such field
  bool origin = false;          // whether there is an Origin
  std::string_view fetch_site;  // Sec-Fetch-Site; empty: no such field
};

bool may_ask(const Signs& signs);

}  // namespace sluice::control
