// What must hold of whatever the parsers let through. A broken promise aborts, which is what a fuzzer
// reports.
#pragma once

#include "sluice/http/authority.hpp"
#include "sluice/http/fields.hpp"
#include "sluice/http/message.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace sluice::fuzz {

inline void must(bool promise, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (promise) return;
  std::fprintf(stderr, "%s:%d: a broken promise\n", file, line);
  std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// A copy in memory of exactly its size, so that a look beyond its end is seen.
class Exact {
 public:
  explicit Exact(std::string_view text) : memory_(new char[text.size()]), size_(text.size()) {
    if (!text.empty()) std::memcpy(memory_.get(), text.data(), text.size());
  }
  std::string_view view() const { return {memory_.get(), size_}; }

 private:
  std::unique_ptr<char[]> memory_;
  std::size_t size_;
};

inline void must_be_printable(std::string_view text, bool tab_too = false) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    must((byte >= 0x20 && byte != 0x7f) || (tab_too && c == '\t'));
  }
}

inline void must_be_clean(const http::Fields& fields) {
  for (const http::Field& field : fields.all()) {
    must(!field.name.empty() &&
         field.name.find_first_of(" :\t\r\n\"(),/;<=>?@[\\]{}") == std::string_view::npos);
    must_be_printable(field.name);
    must_be_printable(field.value, true);
    must(field.value.empty() || (field.value.front() != ' ' && field.value.back() != ' '));
    must(field.id == http::field_id(field.name));
  }
}

inline void must_be_normal(std::string_view host) {
  Arena arena;
  http::Authority again;
  must(http::parse_authority(host, arena, again) == Rule::none && again.host == host && again.port == 0);
  must(host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_[]:") == std::string_view::npos);
}

// A body is framed by one field at most, and by the one that says so.
inline void must_be_framed_once(const http::Fields& fields, http::Framing framing) {
  int lengths = 0;
  int codings = 0;
  for (const http::Field& field : fields.all()) {
    lengths += field.id == http::FieldId::content_length ? 1 : 0;
    codings += field.id == http::FieldId::transfer_encoding ? 1 : 0;
  }
  must(lengths + codings <= 1);
  must((framing == http::Framing::chunked) <= (codings == 1));
  must((framing == http::Framing::length) <= (lengths == 1));
}

inline std::string written(const http::Fields& fields) {
  std::string out;
  for (const http::Field& field : fields.all()) {
    out.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  return out + "\r\n";
}

inline void must_be_equal(const http::Fields& a, const http::Fields& b) {
  must(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    must(a.all()[i].name == b.all()[i].name && a.all()[i].value == b.all()[i].value);
  }
}

}  // namespace sluice::fuzz
