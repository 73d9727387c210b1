#include "http2/server_stream.hpp"

#include "sluice/base/decimal.hpp"
#include "sluice/base/text.hpp"
#include "sluice/http/grpc.hpp"
#include "sluice/http/reply.hpp"

#include "http2/server_session.hpp"
#include "http2/websocket.hpp"

#include <vector>

namespace sluice::http2 {

using http::FieldId;

struct ServerStream::Free {
  static constexpr std::size_t kKeep = 128;
  std::vector<ServerStream*> streams;
  ~Free() {
    for (ServerStream* stream : streams)
      delete stream;
  }
  static Free& of_thread() {
    thread_local Free free;
    return free;
  }
};

ServerStream* ServerStream::make() {
  auto& free = Free::of_thread().streams;
  if (free.empty()) return new ServerStream;
  ServerStream* const stream = free.back();
  free.pop_back();
  return stream;
}

void ServerStream::recycle(ServerStream* stream) {
  stream->exchange_.reset();
  auto& free = Free::of_thread().streams;
  if (free.size() < Free::kKeep) {
    free.push_back(stream);
  } else {
    delete stream;
  }
}

ServerSession& ServerStream::session() const { return static_cast<ServerSession&>(*session_); }

void ServerStream::start(ServerSession& session, std::uint32_t id, const http::ServerSettings& settings) {
  open(session, id);
  settings_ = settings;
  pseudo_ = {};
  websocket_key_ = {};
  departed_ = nullptr;
  reset_only_ = false;
  exchange_.origin = session.origin();
  exchange_.downstream = this;
  exchange_.max_body = settings.max_body;
  exchange_.record.started = session.loop().now();
}

BlockResult ServerStream::read(HpackDecoder& decoder, std::string_view block, bool end_stream) {
  http::RequestHead& request = exchange_.request;
  const BlockResult result =
      read_request(decoder, block, end_stream, settings_.limits, exchange_.arena, request, pseudo_);
  if (!pseudo_.priority.empty()) prioritise(parse_priority(pseudo_.priority));
  received().set_limits(http::is_grpc(request) ? http::kGrpcSilence : settings_.body, settings_.max_body);
  received().expect(pseudo_.length);
  received().hold_last();
  if (!end_stream) exchange_.request_body = &received();
  if (!request.upgrade.empty()) {
    exchange_.request_body = nullptr;  // until the tunnel is open
    // The client has none to give (RFC 8441 §5); one that comes all the same must not stand beside ours.
    for (http::Field& field : request.fields.all()) {
      if (iequals(field.name, kWebSocketKey)) field.dropped = true;
    }
    websocket_key_ = make_websocket_key(exchange_.arena);
    request.fields.add(exchange_.arena, kWebSocketKey, websocket_key_, FieldId::other);
  }
  return result;
}

void ServerStream::run(const Error& refusal, bool reset) {
  reset_only_ = reset;
  serve(refusal);
}

Detached ServerStream::serve(Error refusal) {
  http::Service& service = session().service();
  if (refusal) {
    co_await service.refuse(exchange_, refusal);
  } else {
    co_await service.serve(exchange_);
  }
  finish();
}

void ServerStream::finish() {
  departed_ = nullptr;
  if (gone() == Gone::no && !local_ended())
    abandon(Code::cancel);  // the client must not be told anything more
  // The rest of a request that was answered already is not wanted (RFC 9113 §8.1).
  if (gone() == Gone::no && !remote_ended()) abandon(Code::no_error);
  session().finish(*this);
}

BlockResult ServerStream::take_trailers(HpackDecoder& decoder, std::string_view block) {
  return read_trailers(decoder, block, http::kTrailerLimits, exchange_.arena, received().received_trailers());
}

void ServerStream::send_head(const http::ResponseHead& head, bool end_stream) {
  std::string& block = session_->begin_block();
  HpackEncoder& encoder = session_->encoder();
  encoder.status(block, head.status);
  for (const http::Field& field : head.fields.all()) {
    if (field.dropped || connection_specific(field.id)) continue;  // whatever way they got here
    encoder.field(block, field.name, field.value, field.id);
  }
  if (head.framing == http::Framing::length) {
    encoder.field(block, "content-length", Decimal(head.length).view(), FieldId::content_length);
  }
  session_->send_block(*this, block, end_stream);
}

Task<Error> ServerStream::interim(const http::ResponseHead& head) {
  // To a client that reads nothing it would say nothing.
  if (!lost() && session_->reads()) send_head(head, false);
  co_return lost();
}

http::BodySource& ServerStream::open_tunnel() {
  received().set_limits(http::kTunnelSilence, 0);
  settings_.body = http::kTunnelSilence;
  exchange_.request_body = &received();
  return received();
}

// An extended CONNECT is accepted with 200 where HTTP/1.1 says 101, so a server that knows nothing of
// WebSockets and says 200 to a mere GET must not seem to have accepted.
Error ServerStream::check_tunnel() {
  http::ResponseHead& head = exchange_.response;
  if (head.status != 101) {
    const bool accepts = head.status >= 200 && head.status < 300;
    return accepts ? broken(Rule::upgrade_not_accepted, Side::upstream) : Error{};
  }
  const http::Field* accept = head.fields.find(kWebSocketAccept);
  if (accept == nullptr || accept->value != websocket_accept(websocket_key_, exchange_.arena)) {
    return broken(Rule::upgrade_not_accepted, Side::upstream);
  }
  for (http::Field& field : head.fields.all()) {
    if (iequals(field.name, kWebSocketAccept)) field.dropped = true;
  }
  head.status = 200;
  return {};
}

Task<Error> ServerStream::respond() {
  if (lost()) co_return lost();
  if (reset_only_) {
    abandon(Code::protocol_error);
    session().count_reset();
    co_return Error{};
  }
  http::ResponseHead& head = exchange_.response;
  const bool tunnel = head.status == 101;
  if (!websocket_key_.empty()) {
    if (const Error error = check_tunnel()) {
      abandon(Code::internal_error);
      co_return error;
    }
  }
  const bool head_only =
      !tunnel && (exchange_.request.method == http::Method::head || http::bodiless(head.status));
  const bool empty = head.framing == http::Framing::length && head.length == 0;
  http::BodySource* const body = head_only || empty ? nullptr : exchange_.response_body;
  send_head(head, body == nullptr);
  Error error;
  if (body != nullptr) {
    error = co_await send_body(*body, exchange_.own_field, settings_.body, exchange_.record.bytes_out);
  }
  exchange_.record.bytes_in = received().bytes();
  if (error && gone() == Gone::no) fail_response(error);
  co_return error;
}

// The response cannot be completed, and the client must see that: a call by its status, anything else by a
// reset.
void ServerStream::fail_response(const Error& error) {
  if (error.side != Side::upstream || !http::is_grpc(exchange_.request)) return abandon(Code::internal_error);
  http::Fields status;
  http::add_grpc_status(exchange_.arena, status, http::reason_for(error));
  std::string& block = session_->begin_block();
  for (const http::Field& field : status.all())
    session_->encoder().field(block, field.name, field.value, field.id);
  session_->send_block(*this, block, true);
}

void ServerStream::on_departure(Departed departed, void* context) {
  departed_ = departed;
  departed_context_ = context;
  if (departed != nullptr && lost()) departed(context, http::Departure::gone);
}

void ServerStream::on_lost() {
  if (lost().rule != Rule::none) {
    const http::Reason reason = http::reason_for(lost());
    http::note_reason(exchange_.record, reason);
    if (exchange_.response.status == 0) exchange_.response.status = reason.status;  // what HTTP/1 would say
  }
  if (departed_ != nullptr) departed_(departed_context_, http::Departure::gone);
}

}  // namespace sluice::http2
