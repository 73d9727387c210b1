#include "sluice/base/rule.hpp"

#include <iterator>

namespace sluice {
namespace {

enum class Sides : std::uint8_t { none, downstream, upstream, both };

struct Row {
  Rule rule;
  std::string_view name;
  Sides sides;
  std::string_view words;
};

constexpr Row kRows[] = {
    {Rule::none, "", Sides::none, ""},

    {Rule::not_http, "not-http", Sides::both, "the first bytes are not those of an HTTP/1 message"},
    {Rule::clear_text, "clear-text", Sides::downstream,
     "clear text came to a port that speaks TLS: ask by https"},
    {Rule::request_line, "request-line", Sides::downstream,
     "the request line is not a method, a target and a version with one space between them"},
    {Rule::status_line, "status-line", Sides::upstream,
     "the status is not three digits from 100 to 599, between a version and a reason"},
    {Rule::bad_method, "bad-method", Sides::downstream,
     "the method is not 1 to 32 of A-Z 0-9 - _ with a letter first"},
    {Rule::method_denied, "method-denied", Sides::downstream, "CONNECT and TRACE are not served"},
    {Rule::bad_version, "bad-version", Sides::both, "the version is not written as HTTP/1.0 or HTTP/1.1"},
    {Rule::other_version, "other-version", Sides::downstream, "the version is neither HTTP/1.0 nor HTTP/1.1"},
    {Rule::target_form, "target-form", Sides::downstream,
     "the target is neither a path nor an http or https URL"},
    {Rule::asterisk_form, "asterisk-form", Sides::downstream, "* is a target for OPTIONS only"},
    {Rule::absolute_form_host, "absolute-form-host", Sides::downstream,
     "the URL in the request line names another host or port than Host"},
    {Rule::path_byte, "path-byte", Sides::downstream, "the path has a byte that no path may have"},
    {Rule::query_byte, "query-byte", Sides::downstream, "the query has a byte that no query may have"},
    {Rule::bad_percent, "bad-percent", Sides::downstream,
     "a % in the path is not followed by two hexadecimal digits"},
    {Rule::encoded_nul, "encoded-nul", Sides::downstream, "the path has a %00"},
    {Rule::dot_segment, "dot-segment", Sides::downstream,
     "a segment of the path is . or .. in some spelling"},
    {Rule::target_size, "target-size", Sides::downstream, "the request line is longer than max.head"},

    {Rule::bare_lf, "bare-lf", Sides::both, "a line ends with LF alone"},
    {Rule::bare_cr, "bare-cr", Sides::both, "there is a CR without its LF, or two before one"},
    {Rule::obs_fold, "obs-fold", Sides::both, "a line of the head begins with a space or tab"},
    {Rule::space_before_colon, "space-before-colon", Sides::both,
     "there is a space between a field name and its colon"},
    {Rule::missing_colon, "missing-colon", Sides::both, "a field line has no colon"},
    {Rule::field_name, "field-name", Sides::both, "a field name is empty or no token"},
    {Rule::field_value, "field-value", Sides::both,
     "a field value has a control character, or in HTTP/2 a blank at an end"},
    {Rule::field_count, "field-count", Sides::both, "the head has more fields than it may have"},
    {Rule::head_size, "head-size", Sides::both, "the head is longer than it may be"},
    {Rule::head_cut, "head-cut", Sides::downstream, "the connection ended inside the head"},

    {Rule::missing_host, "missing-host", Sides::downstream, "the request names no host"},
    {Rule::two_hosts, "two-hosts", Sides::downstream, "there is more than one Host"},
    {Rule::host_byte, "host-byte", Sides::downstream, "the host has a byte that no host may have"},
    {Rule::host_label, "host-label", Sides::downstream,
     "a label of the host is empty, longer than 63 bytes, or has a - at an end"},
    {Rule::host_length, "host-length", Sides::downstream, "the host is longer than 253 bytes"},
    {Rule::host_number, "host-number", Sides::downstream,
     "the host ends in a number and is no IPv4 address in four parts"},
    {Rule::host_address, "host-address", Sides::downstream, "there is no IPv6 address in the brackets"},
    {Rule::host_port, "host-port", Sides::downstream, "the port is not a number from 1 to 65535"},
    {Rule::misdirected, "misdirected", Sides::downstream,
     "this TLS connection was opened for another host, and its certificate does not cover this one"},
    {Rule::two_routes, "two-routes", Sides::downstream, "the path leads to another route once it is decoded"},
    {Rule::unknown_host, "unknown-host", Sides::downstream, "no tenant and no route has this host"},
    {Rule::no_route, "no-route", Sides::downstream, "no route has this path and method"},

    {Rule::length_and_coding, "length-and-coding", Sides::both,
     "there are both Content-Length and Transfer-Encoding"},
    {Rule::two_lengths, "two-lengths", Sides::both, "there is more than one Content-Length"},
    {Rule::bad_length, "bad-length", Sides::both,
     "Content-Length is not a plain number up to 2^63-1 without leading zeros"},
    {Rule::bad_coding, "bad-coding", Sides::both, "Transfer-Encoding is not the one word chunked"},
    {Rule::old_coding, "old-coding", Sides::both, "HTTP/1.0 has no Transfer-Encoding"},
    {Rule::body_size, "body-size", Sides::downstream, "the body is longer than max.body"},
    {Rule::body_cut, "body-cut", Sides::both, "the connection ended inside the body"},
    {Rule::body_length, "body-length", Sides::both, "the body is not as long as content-length says"},
    {Rule::bad_chunk_size, "bad-chunk-size", Sides::both,
     "the size of a chunk is not 1 to 15 hexadecimal digits"},
    {Rule::chunk_extension, "chunk-extension", Sides::both,
     "a chunk extension is not ;name, ;name=token or ;name=text in quotation marks, or there is too much "
     "of them"},
    {Rule::chunk_line, "chunk-line", Sides::both, "the line with the size of a chunk is too long"},
    {Rule::chunk_end, "chunk-end", Sides::both, "the data of a chunk is not followed by CR LF"},
    {Rule::trailer_size, "trailer-size", Sides::both, "the trailers are longer than 8 KiB or 32 fields"},
    {Rule::trailer_field, "trailer-field", Sides::both, "a field that must not come in trailers"},

    {Rule::connection_options, "connection-options", Sides::both,
     "there are more than 32 options in Connection"},
    {Rule::bad_expectation, "bad-expectation", Sides::downstream,
     "Expect says something other than 100-continue"},
    {Rule::bad_cdn_loop, "bad-cdn-loop", Sides::downstream, "CDN-Loop cannot be read"},
    {Rule::loop, "loop", Sides::downstream, "CDN-Loop says that the request has been here before"},

    {Rule::bodiless_length, "bodiless-length", Sides::upstream,
     "a 1xx or 204 announces a body by Content-Length or Transfer-Encoding"},
    {Rule::unasked_upgrade, "unasked-upgrade", Sides::upstream,
     "a 101 that nobody asked for, or to another protocol"},
    {Rule::upgrade_not_accepted, "upgrade-not-accepted", Sides::upstream,
     "the answer to a WebSocket handshake does not accept its key"},
    {Rule::interim_flood, "interim-flood", Sides::upstream, "there are more than 16 interim responses"},

    {Rule::pseudo_missing, "pseudo-missing", Sides::both, "a pseudo-field is missing"},
    {Rule::pseudo_twice, "pseudo-twice", Sides::both, "a pseudo-field comes twice"},
    {Rule::pseudo_empty, "pseudo-empty", Sides::both, "a pseudo-field is empty"},
    {Rule::pseudo_unknown, "pseudo-unknown", Sides::both, "a pseudo-field has no place in this message"},
    {Rule::pseudo_order, "pseudo-order", Sides::both, "a pseudo-field comes after an ordinary field"},
    {Rule::name_case, "name-case", Sides::both, "a field name has upper case"},
    {Rule::connection_field, "connection-field", Sides::both, "a field that belongs to an HTTP/1 connection"},
    {Rule::te_field, "te-field", Sides::downstream, "te says something other than trailers"},
    {Rule::authority_host, "authority-host", Sides::downstream,
     "host names another host or port than :authority"},
    {Rule::bad_scheme, "bad-scheme", Sides::downstream, "the scheme is neither http nor https"},
    {Rule::connect_form, "connect-form", Sides::downstream,
     "CONNECT and :protocol do not come as RFC 9113 and RFC 8441 have them"},
    {Rule::self_dependency, "self-dependency", Sides::both, "a stream depends on itself"},
    {Rule::interim_end, "interim-end", Sides::upstream, "an interim response ends the stream"},
    {Rule::more_headers, "more-headers", Sides::both, "HEADERS after the head do not end the stream"},
    {Rule::after_end, "after-end", Sides::both, "a frame comes after the end of its stream"},
    {Rule::data_before_head, "data-before-head", Sides::upstream, "DATA comes before the head"},
    {Rule::priority_size, "priority-size", Sides::both, "a PRIORITY frame is not 5 bytes long"},
    {Rule::window_update, "window-update", Sides::both,
     "a WINDOW_UPDATE of a stream is 0 or makes its window too large"},

    {Rule::h2_preface, "h2-preface", Sides::both, "the connection does not begin with the HTTP/2 preface"},
    {Rule::h2_frame_size, "h2-frame-size", Sides::both, "a frame has a length that its type may not have"},
    {Rule::h2_frame_order, "h2-frame-order", Sides::both,
     "a frame comes where another one must: SETTINGS first, CONTINUATION within a header block"},
    {Rule::h2_stream_id, "h2-stream-id", Sides::both, "a frame is on a stream where its type has no place"},
    {Rule::h2_padding, "h2-padding", Sides::both, "a frame has more padding than payload"},
    {Rule::h2_settings, "h2-settings", Sides::both, "a setting has a value that it may not have"},
    {Rule::h2_window, "h2-window", Sides::both,
     "more DATA than the window allows, or a window that cannot be"},
    {Rule::h2_after_end, "h2-after-end", Sides::both, "a frame on a stream that is closed"},
    {Rule::h2_push, "h2-push", Sides::both, "nobody may push"},
    {Rule::h2_hpack, "h2-hpack", Sides::both, "a header block cannot be decompressed"},
    {Rule::h2_field_bomb, "h2-field-bomb", Sides::upstream,
     "a header block decodes to several times what a head may have"},
};
static_assert(std::size(kRows) == kRules);

constexpr bool in_order() {
  for (std::size_t at = 0; at < kRules; ++at) {
    if (static_cast<std::size_t>(kRows[at].rule) != at) return false;
  }
  return true;
}
static_assert(in_order());

const Row& row(Rule rule) { return kRows[static_cast<std::size_t>(rule)]; }

}  // namespace

std::string_view to_string(Rule rule) { return row(rule).name; }
std::string_view words(Rule rule) { return row(rule).words; }

bool concerns(Rule rule, Side side) {
  const Sides sides = row(rule).sides;
  if (side == Side::downstream) return sides == Sides::downstream || sides == Sides::both;
  return side == Side::upstream && (sides == Sides::upstream || sides == Sides::both);
}

bool of_connection(Rule rule) { return rule >= Rule::h2_preface; }

}  // namespace sluice
