// Whoever the client says it is: its address is one, its id is harmless, and an untrusted one is not
// believed. The first byte says whether the peer is trusted; then come lines "Name: value".
#include "sluice/base/text.hpp"
#include "sluice/http/forwarding.hpp"

#include "invariants.hpp"

using namespace sluice;
using namespace sluice::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  AddressSet proxies;
  must(proxies.add("10.0.0.0/8") && proxies.add("2001:db8::/32"));
  http::Exchange exchange;
  exchange.origin.peer_ip = "10.0.0.1";
  exchange.origin.trusted_peer = (data[0] & 1) != 0;
  exchange.request.authority = "a.example";
  const Exact text(text_of(data, size).substr(1));
  for (std::string_view left = text.view(); !left.empty();) {
    const std::string_view line = left.substr(0, left.find('\n'));
    left.remove_prefix(std::min(line.size() + 1, left.size()));
    const std::string_view name = line.substr(0, line.find(':'));
    const std::string_view value = line.substr(std::min(name.size() + 1, line.size()));
    exchange.request.fields.add(exchange.arena, name, trim_ows(value), http::field_id(name));
  }
  http::identify(exchange, proxies);
  http::drop_hop_by_hop(exchange.request.fields);
  http::add_forwarding_fields(exchange, {0, "sluice"});

  must(IpAddress::parse(exchange.client_ip).has_value());
  must(exchange.origin.trusted_peer || exchange.client_ip == "10.0.0.1");
  must(!exchange.request_id.empty() && exchange.request_id.size() <= 128);
  must(exchange.request_id.find_first_of(" \t\"'<>&\\{};,\r\n") == std::string_view::npos);
  must_be_printable(exchange.request_id);
  int chains = 0;
  for (const http::Field& field : exchange.request.fields.all()) {
    if (field.dropped) continue;
    must(field.id != http::FieldId::look_alike && field.id != http::FieldId::proxy);
    must(field.id != http::FieldId::claim || exchange.origin.trusted_peer);
    if (field.id == http::FieldId::x_request_id) must(field.value == exchange.request_id);
    if (field.id != http::FieldId::x_forwarded_for) continue;
    ++chains;
    must(exchange.origin.trusted_peer ? field.value.ends_with("10.0.0.1") : field.value == "10.0.0.1");
  }
  must(chains == 1);
  return 0;
}
