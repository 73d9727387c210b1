// The rules that a message or a connection can break, by names that stay: in the access log, in metrics, in
// what insiders are told, and as anchors in docs/http1.md, docs/http2.md and docs/routing.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice {

enum class Side : std::uint8_t { downstream, upstream, internal };

enum class Rule : std::uint8_t {
  none,

  // Start lines and targets.
  not_http,
  clear_text,
  request_line,
  status_line,
  bad_method,
  method_denied,
  bad_version,
  other_version,
  target_form,
  asterisk_form,
  absolute_form_host,
  path_byte,
  query_byte,
  bad_percent,
  encoded_nul,
  dot_segment,
  target_size,

  // Field lines.
  bare_lf,
  bare_cr,
  obs_fold,
  space_before_colon,
  missing_colon,
  field_name,
  field_value,
  field_count,
  head_size,
  head_cut,

  // Who is asked.
  missing_host,
  two_hosts,
  host_byte,
  host_label,
  host_length,
  host_number,
  host_address,
  host_port,
  misdirected,
  two_routes,
  unknown_host,
  no_route,

  // Bodies and their length.
  length_and_coding,
  two_lengths,
  bad_length,
  bad_coding,
  old_coding,
  body_size,
  body_cut,
  body_length,
  bad_chunk_size,
  chunk_extension,
  chunk_line,
  chunk_end,
  trailer_size,
  trailer_field,

  // Single fields.
  connection_options,
  bad_expectation,
  bad_cdn_loop,
  loop,

  // Responses.
  bodiless_length,
  unasked_upgrade,
  upgrade_not_accepted,
  interim_flood,

  // Messages in HTTP/2.
  pseudo_missing,
  pseudo_twice,
  pseudo_empty,
  pseudo_unknown,
  pseudo_order,
  name_case,
  connection_field,
  te_field,
  authority_host,
  bad_scheme,
  connect_form,
  self_dependency,
  interim_end,
  more_headers,
  after_end,
  data_before_head,
  priority_size,
  window_update,

  // HTTP/2 connections.
  h2_preface,
  h2_frame_size,
  h2_frame_order,
  h2_stream_id,
  h2_padding,
  h2_settings,
  h2_window,
  h2_after_end,
  h2_push,
  h2_hpack,
  h2_field_bomb,
};
inline constexpr std::size_t kRules = static_cast<std::size_t>(Rule::h2_field_bomb) + 1;

// "dot-segment"; empty for none.
std::string_view to_string(Rule rule);
// What is wrong, for people: no quotes, nothing that a text in JSON or HTML would have to escape.
std::string_view words(Rule rule);
// Whether messages of that side can break it.
bool concerns(Rule rule, Side side);
// Whether it is a connection that breaks it, and not one message.
bool of_connection(Rule rule);

}  // namespace sluice
