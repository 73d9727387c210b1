// Whatever stands in a record, a line of the access log is one line: JSON that says the same again, or the
// combined format with nothing in it that is not printable ASCII and no quote that was not put there. Each
// text of the record is a byte of length and as many bytes.
#include "sluice/observe/access_log.hpp"

#include "invariants.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <boost/json.hpp>

using namespace sluice;
using namespace sluice::fuzz;

namespace {

constexpr std::size_t kMost = 4096;  // so that a line stays in the log's buffer

class Texts {
 public:
  explicit Texts(std::string_view input) : rest_(input) {}
  std::string_view next() {
    if (rest_.empty()) return {};
    const auto size = std::min<std::size_t>(static_cast<unsigned char>(rest_[0]), rest_.size() - 1);
    made_.push_back(std::make_unique<Exact>(rest_.substr(1, size)));
    rest_.remove_prefix(1 + size);
    return made_.back()->view();
  }

 private:
  std::string_view rest_;
  std::vector<std::unique_ptr<Exact>> made_;
};

// JSON has no bytes: each is shown as the character with its number.
std::string as_utf8(std::string_view latin1) {
  std::string out;
  for (const char c : latin1) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xc0U | (byte >> 6U));
      out += static_cast<char>(0x80U | (byte & 0x3fU));
    }
  }
  return out;
}

void must_say(const boost::json::object& line, std::string_view key, std::string_view value) {
  const auto* const found = line.if_contains({key.data(), key.size()});
  must((found == nullptr) == value.empty());
  if (found == nullptr) return;
  const auto* const text = found->if_string();
  must(text != nullptr && std::string_view(text->data(), text->size()) == as_utf8(value));
}

// Ends with the one line feed it has, and holds nothing but printable ASCII.
void must_be_a_line(std::string_view line) {
  must(!line.empty() && line.back() == '\n');
  must_be_printable(line.substr(0, line.size() - 1));
  must(std::none_of(line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x7f; }));
}

std::size_t quotes_in(std::string_view line) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
    } else {
      count += line[i] == '"' ? 1 : 0;
    }
  }
  return count;
}

void must_be_json(const http::Exchange& exchange) {
  observe::AccessLog log;
  log.configure({nullptr, observe::LogFormat::json, true});
  log.write(exchange);
  must_be_a_line(log.pending());
  boost::system::error_code error;
  const boost::json::value parsed = boost::json::parse({log.pending().data(), log.pending().size()}, error);
  must(!error && parsed.is_object());
  const boost::json::object& line = parsed.get_object();
  must_say(line, "request_id", exchange.request_id);
  must_say(line, "tenant", exchange.tenant);
  must_say(line, "client_ip", exchange.client_ip);
  must_say(line, "method", exchange.request.method_text);
  must_say(line, "host", exchange.request.host);
  must_say(line, "path", exchange.request.target);
  must_say(line, "tls_version", exchange.origin.tls_version);
  must_say(line, "sni", exchange.origin.sni);
  must_say(line, "error", exchange.record.error);
  const std::string file(exchange.record.route_file);
  must_say(line, "route", file.empty() ? file : file + ":12");
  must_say(line, "pool", exchange.record.pool);
  must_say(line, "server", exchange.record.server);
  must_say(line, "user_agent", exchange.request.fields.value(http::FieldId::user_agent));
  must_say(line, "referer", exchange.request.fields.value(http::FieldId::referer));
}

void must_be_combined(const http::Exchange& exchange) {
  observe::AccessLog log;
  log.configure({nullptr, observe::LogFormat::combined, true});
  log.write(exchange);
  must_be_a_line(log.pending());
  must(quotes_in(log.pending()) == 6);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > kMost) return 0;
  Texts texts(text_of(data, size));
  http::Exchange exchange;
  exchange.record.route_line = 12;
  exchange.request.target = texts.next();
  exchange.request.fields.add(exchange.arena, "user-agent", texts.next(), http::FieldId::user_agent);
  exchange.request.fields.add(exchange.arena, "referer", texts.next(), http::FieldId::referer);
  for (std::string_view* text :
       {&exchange.request.method_text, &exchange.request.host, &exchange.client_ip, &exchange.request_id,
        &exchange.tenant, &exchange.origin.sni, &exchange.origin.tls_version, &exchange.record.error,
        &exchange.record.route_file, &exchange.record.pool, &exchange.record.server}) {
    *text = texts.next();
  }
  must_be_json(exchange);
  must_be_combined(exchange);
  return 0;
}
