// A response head is refused, or it has one meaning, whatever the method of its request.
#include "sluice/http1/head.hpp"

#include "invariants.hpp"

using namespace sluice;
using namespace sluice::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  http1::HeadScanner scanner;
  if (scanner.scan(text_of(data, size)) != http1::HeadScanner::State::complete) return 0;
  const Exact head(text_of(data, scanner.size()));
  for (const http::Method method : {http::Method::get, http::Method::head}) {
    Arena arena;
    http::ResponseHead response;
    if (const Error error = http1::parse_response(head.view(), arena, {}, method, response)) {
      must(error.rule != Rule::none);
      return 0;
    }
    must_be_clean(response.fields);
    must_be_printable(response.reason, true);
    must(response.status >= 100 && response.status <= 599);
    must_be_framed_once(response.fields, response.framing);
    must(response.framing != http::Framing::until_close || !response.keep_alive);
    must(response.status >= 200 || response.framing == http::Framing::none);

    const Exact again("HTTP/1." + std::to_string(response.minor) + " " + std::to_string(response.status) +
                      " " + std::string(response.reason) + "\r\n" + written(response.fields));
    http::ResponseHead second;
    must(!http1::parse_response(again.view(), arena, {}, method, second));
    must(second.status == response.status && second.reason == response.reason &&
         second.framing == response.framing);
    must(second.length == response.length && second.keep_alive == response.keep_alive);
    must_be_equal(response.fields, second.fields);
  }
  return 0;
}
