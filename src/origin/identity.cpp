#include "origin/identity.hpp"

#include <unistd.h>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace sluice::origin {

boost::json::object Identity::to_json() const {
  const auto or_null = [](const std::string& text) -> boost::json::value {
    if (text.empty()) return nullptr;
    return text.c_str();
  };
  return {{"name", or_null(name)},     {"pool", or_null(pool)},  {"color", or_null(color)},
          {"address", address.text()}, {"port", address.port()}, {"pid", ::getpid()}};
}

std::string Identity::fields() const {
  std::string lines;
  if (!name.empty()) lines += fmt::format("X-Origin-Name: {}\r\n", name);
  if (!pool.empty()) lines += fmt::format("X-Origin-Pool: {}\r\n", pool);
  if (!color.empty()) lines += fmt::format("X-Origin-Color: {}\r\n", color);
  return lines;
}

std::string Identity::body(std::size_t size) const {
  std::string text = "sluice-origin";
  if (!name.empty()) text += fmt::format(" {}", name);
  if (!pool.empty()) text += fmt::format(", pool {}", pool);
  if (!color.empty()) text += fmt::format(", color {}", color);
  text += fmt::format(", at {} ", address.text());
  text.resize(size, '.');
  if (size > 0) text.back() = '\n';
  return text;
}

std::string_view date_line() {
  static std::time_t second = 0;
  static std::string line;
  if (const std::time_t now = std::time(nullptr); now != second) {
    second = now;
    line = fmt::format("Date: {:%a, %d %b %Y %H:%M:%S} GMT\r\n", fmt::gmtime(now));
  }
  return line;
}

}  // namespace sluice::origin
