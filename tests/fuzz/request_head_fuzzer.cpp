// A request head is refused, or it has one meaning: written again from what was understood, it is understood
// the same way.
#include "sluice/http/target.hpp"
#include "sluice/http1/head.hpp"

#include "invariants.hpp"

using namespace sluice;
using namespace sluice::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Empty lines before it are few, and nothing else is passed over with them.
  std::uint8_t passed = 0;
  const std::string_view all = text_of(data, size);
  const std::size_t skipped = http1::empty_lines(all, passed);
  must(skipped == std::size_t{passed} * 2 && passed <= http1::kMostEmptyLines);
  must(all.substr(0, skipped).find_first_not_of("\r\n") == std::string_view::npos);
  const std::string_view bytes = all.substr(skipped);
  must(passed == http1::kMostEmptyLines || !bytes.starts_with("\r\n"));
  http1::HeadScanner scanner;
  if (scanner.scan(bytes) != http1::HeadScanner::State::complete) return 0;
  const Exact head(bytes.substr(0, scanner.size()));
  Arena arena;
  http::RequestHead request;
  const Exact line(head.view().substr(0, scanner.first_line()));
  const Error early = scanner.first_line() == 0 ? Error{} : http1::check_request_line(line.view(), arena);
  if (const Error error = http1::parse_request(head.view(), arena, {}, request)) {
    must(error.rule != Rule::none && (!early || early == error));
    return 0;
  }
  must(!early);
  must_be_clean(request.fields);
  must_be_printable(request.method_text);
  must_be_printable(request.authority);
  bool dotted = false;
  must(request.target == "*" || http::check_origin_form(request.target, dotted) == Rule::none);
  must(request.dotted == dotted);
  must(request.host.empty() == request.authority.empty() && (request.minor == 0 || !request.host.empty()));
  if (!request.host.empty()) must_be_normal(request.host);
  must_be_framed_once(request.fields, request.framing);
  must(request.upgrade.empty() || request.framing == http::Framing::none);

  std::string text(request.method_text);
  text.append(" ").append(request.target).append(request.minor == 1 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
  // An HTTP/1.0 request may have told its host by its target alone.
  const bool added = !request.fields.has(http::FieldId::host) && !request.authority.empty();
  if (added) text.append("Host: ").append(request.authority).append("\r\n");
  const Exact again(text + written(request.fields));
  http::RequestHead second;
  must(!http1::parse_request(again.view(), arena, {64 * 1024, 101}, second));
  must(second.target == request.target && second.path == request.path && second.host == request.host);
  must(second.framing == request.framing && second.length == request.length &&
       second.upgrade == request.upgrade);
  must(second.keep_alive == request.keep_alive && second.expect_continue == request.expect_continue);
  if (!added) must_be_equal(request.fields, second.fields);
  return 0;
}
