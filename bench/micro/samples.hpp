// What is measured again and again: the messages of a browser and of an application, as they look on the
// wire.
#pragma once

#include "sluice/base/arena.hpp"
#include "sluice/http/message.hpp"
#include "sluice/http/service.hpp"
#include "sluice/http1/head.hpp"

#include <cstdlib>
#include <string>
#include <string_view>

namespace sluice::micro {

// curl's, with the fields it sends by itself.
inline constexpr std::string_view kSmallRequest =
    "GET /health HTTP/1.1\r\n"
    "Host: acme.example.test\r\n"
    "User-Agent: curl/7.88.1\r\n"
    "Accept: */*\r\n"
    "\r\n";

inline constexpr std::string_view kBrowserRequest =
    "GET /shop/items?page=2&sort=price HTTP/1.1\r\n"
    "Host: acme.example.test\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: https://acme.example.test/shop/\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "\r\n";

inline constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\n"
    "Date: Fri, 21 Nov 2026 08:00:00 GMT\r\n"
    "Server: app\r\n"
    "Content-Type: text/html; charset=utf-8\r\n"
    "Content-Length: 100\r\n"
    "Cache-Control: private, max-age=0\r\n"
    "ETag: \"33a64df551425fcc55e4d42a148795d9f25f89d4\"\r\n"
    "Vary: Accept-Encoding\r\n"
    "X-Frame-Options: DENY\r\n"
    "\r\n";

// The browser's request with three kilobytes of cookies, as grown applications set them.
inline std::string cookie_request() {
  std::string out(kBrowserRequest.substr(0, kBrowserRequest.size() - 2));
  for (int i = 0; i < 3; ++i) {
    out += "Cookie: chunk-" + std::to_string(i) + "=";
    for (int j = 0; j < 64; ++j)
      out += "eyJhbGciOiJIUzI1";
    out += "\r\n";
  }
  return out + "\r\n";
}

// A sample that is refused measures nothing.
inline void must(bool holds) {
  if (!holds) std::abort();
}

inline void parse(std::string_view text, Arena& arena, http::RequestHead& out) {
  must(!http1::parse_request(text, arena, http::HeadLimits{}, out));
}

inline void parse(std::string_view text, Arena& arena, http::ResponseHead& out) {
  must(!http1::parse_response(text, arena, http::HeadLimits{}, http::Method::get, out));
}

}  // namespace sluice::micro
