// A whole HTTP/2 connection, as server and as client: the input says what the other end does, byte by byte or
// in frames that are well-formed, how the application on our side behaves, when time passes and how much.
// What the session answers is read by a peer that allows nothing the protocol does not (strict_peer.hpp).
//
// Beyond that: every exchange begun is ended, once; streams that are open on the wire are those that somebody
// serves; what was not read is given back to the windows and to their budget; the connection ends when its
// peer does, and also when its peer only falls silent.
//
// Time stands still but for the input: the clock is ours (--wrap=clock_gettime in CMakeLists.txt), and the
// loop never sleeps because something is always ready.
#include "sluice/base/text.hpp"
#include "sluice/http/reply.hpp"
#include "sluice/http2/client.hpp"
#include "sluice/http2/server.hpp"

#include "http2/hpack.hpp"
#include "http2/websocket.hpp"
#include "strict_peer.hpp"

#include <array>
#include <cerrno>
#include <functional>
#include <memory>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

using namespace sluice;
using namespace sluice::fuzz;
using http::BodyStep;
using http::Exchange;
using http::FieldId;
using http::Framing;

namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kBegin = 1'000 * kSecond;

Nanos the_time = 0;  // 0: the real one

}  // namespace

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c): the linker's names
extern "C" int __real_clock_gettime(clockid_t clock, timespec* out);
extern "C" int __wrap_clock_gettime(clockid_t clock, timespec* out) {
  if (the_time == 0) return __real_clock_gettime(clock, out);
  out->tv_sec = the_time / kSecond;
  out->tv_nsec = the_time % kSecond;
  return 0;
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c)

namespace {

// The input, taken apart from the front; zeros after its end.
class Input {
 public:
  explicit Input(std::string_view bytes) : left_(bytes) {}
  bool empty() const { return left_.empty(); }
  std::uint8_t byte() {
    if (left_.empty()) return 0;
    const auto out = static_cast<std::uint8_t>(left_.front());
    left_.remove_prefix(1);
    return out;
  }
  std::string_view bytes(std::size_t most) {
    const std::string_view out = left_.substr(0, most);
    left_.remove_prefix(out.size());
    return out;
  }
  // Small numbers, the powers of two, and what is next to them.
  std::uint32_t number() {
    const unsigned code = byte();
    if (code < 0x80) return code;
    const std::uint32_t power = std::uint32_t{1} << (code & 31U);
    return (code & 0x60U) == 0 ? power : (code & 0x40U) != 0 ? power - 1 : power + 1;
  }

 private:
  std::string_view left_;
};

// So many pieces of a kilobyte, each eighth after a wait; then the end, or a failure.
class Pieces final : public http::BodySource {
 public:
  Pieces(net::Loop& loop, unsigned pieces, bool fails) : loop_(loop), left_(pieces), fails_(fails) {}
  std::uint64_t size() const { return std::uint64_t{left_} * kText.size(); }
  http::Fields& to_trail() { return trailers_; }

  BodyStep poll(std::string_view& piece) override {
    if (stopped_) return BodyStep::failed;
    if (left_ == 0) return fails_ ? BodyStep::failed : BodyStep::end;
    if (left_ % 8 == 1 && !std::exchange(waited_, true)) return BodyStep::wait;
    waited_ = false;
    --left_;
    piece = kText;
    return BodyStep::data;
  }
  Task<void> fill() override {
    co_await loop_.yield();
    waited_ = true;
  }
  void stop() override { stopped_ = true; }
  Error error() const override {
    return {stopped_ ? ErrorKind::cancelled : ErrorKind::closed, Side::internal};
  }
  const http::Fields& trailers() const override { return trailers_; }

 private:
  static constexpr std::array<char, 1024> kPiece{};
  static constexpr std::string_view kText{kPiece.data(), kPiece.size()};
  net::Loop& loop_;
  unsigned left_;
  bool fails_;
  bool waited_ = false;
  bool stopped_ = false;
  http::Fields trailers_;
};

// Reads what is there, and some turns later the rest.
Task<Error> read_away(net::Loop& loop, http::BodySource& body, bool slowly) {
  for (;;) {
    std::string_view piece;
    const BodyStep step = body.poll(piece);
    if (step == BodyStep::end) co_return Error{};
    if (step == BodyStep::failed) {
      must(bool(body.error()));
      co_return body.error();
    }
    if (step == BodyStep::wait) {
      co_await body.fill();
    } else {
      must(!piece.empty());
      if (slowly) co_await loop.yield();
    }
  }
}

// Another body, piece by piece and through memory of its own, as if it had travelled over a second
// connection: no body is sent on by the connection that it came by.
class Relay final : public http::BodySource {
 public:
  explicit Relay(http::BodySource& source) : source_(source) {}
  BodyStep poll(std::string_view& piece) override {
    if (step_ != BodyStep::data) return step_;
    step_ = BodyStep::wait;
    piece = text_;
    return BodyStep::data;
  }
  Task<void> fill() override {
    std::string_view piece;
    step_ = source_.poll(piece);
    if (step_ == BodyStep::data) text_ = piece;
    if (step_ == BodyStep::wait) co_await source_.fill();
  }
  void stop() override { source_.stop(); }
  Error error() const override { return source_.error(); }
  const http::Fields& trailers() const override { return source_.trailers(); }

 private:
  http::BodySource& source_;
  std::string text_;
  BodyStep step_ = BodyStep::wait;
};

// The connection under test, and the socket's other end.
class Wire {
 public:
  Wire(net::Loop& loop, http2::Role session) : peer(session), loop_(loop) {
    int fds[2];
    must(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    ours_ = fds[0];
    theirs_ = fds[1];
  }
  ~Wire() { close(); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  std::unique_ptr<net::Transport> transport() {
    return std::make_unique<net::Transport>(loop_, theirs_, false);
  }

  void say(std::string_view bytes) {
    if (ended_) return;
    peer.say(bytes);
    unsent_ += bytes;
    push();
  }
  void say_frame(const FrameHead& head, std::string_view payload) {
    FrameHead full = head;
    full.length = static_cast<std::uint32_t>(payload.size());
    char bytes[http2::kFrameHead];
    http2::put_frame_head(bytes, full);
    say(std::string(bytes, sizeof bytes).append(payload));
  }
  // One turn of the loop, and what it brought.
  Task<void> turn() {
    push();
    co_await loop_.yield();
    if (reads) hear();
  }
  Task<void> turns(unsigned count) {
    while (count-- != 0)
      co_await turn();
  }
  // Nothing is read meanwhile, which the session need not put up with.
  void wait(Nanos time) {
    the_time += time;
    peer.cut_off();
  }
  bool all_said() const { return unsent_.empty(); }
  void end() {
    if (ours_ >= 0) ::shutdown(ours_, SHUT_WR);
    ended_ = true;
    unsent_.clear();
    peer.cut_off();
  }
  void close() {
    if (ours_ >= 0) ::close(std::exchange(ours_, -1));
    ended_ = true;
    unsent_.clear();
  }
  void hear() {
    static char piece[256 * 1024];
    while (ours_ >= 0) {
      const ssize_t got = ::recv(ours_, piece, sizeof piece, 0);
      if (got == 0) peer.hear_end();
      if (got <= 0) return;
      peer.hear({piece, static_cast<std::size_t>(got)});
    }
  }

  StrictPeer peer;
  bool reads = true;

 private:
  void push() {
    while (!unsent_.empty()) {
      const ssize_t sent = ::send(ours_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EAGAIN) return;
      if (sent < 0) return unsent_.clear();  // the session is gone
      unsent_.erase(0, static_cast<std::size_t>(sent));
    }
  }

  net::Loop& loop_;
  int ours_ = -1;
  int theirs_ = -1;
  std::string unsent_;
  bool ended_ = false;
};

// ---- the server's application: the path says what it does

constexpr std::uint32_t kMostStreams = 8;

class Application final : public http::Service {
 public:
  explicit Application(net::Loop& loop) : loop_(loop) {}

  http::ServerSettings settings(std::uint32_t /*listener*/) override {
    http::ServerSettings out;
    out.limits = {4096, 20};
    out.max_body = max_body;
    out.header = 10 * kSecond;
    out.idle = 75 * kSecond;
    out.body = 30 * kSecond;
    out.http2 = {kMostStreams, resets, 200, 4};
    return out;
  }

  Task<void> serve(Exchange& exchange) override {
    begin(exchange);
    must_be_clean(exchange.request.fields);
    must_be_normal(exchange.request.host);
    const std::string_view path = exchange.request.path;
    exchange.own_field = "x-own";
    if (!exchange.request.upgrade.empty()) {
      co_await upgrade(exchange);
    } else if (path == "/now") {
      co_await answer(exchange);
    } else if (path == "/stream" || path == "/fail") {
      co_await stream(exchange, path == "/fail");
    } else if (path == "/hold") {
      co_await hold(exchange);
    } else if (path == "/nothing") {
      // nobody answers
    } else if (path == "/interim") {
      co_await interim(exchange);
    } else {
      co_await echo(exchange);
    }
    --active;
  }
  Task<void> refuse(Exchange& exchange, const Error& error) override {
    begin(exchange);
    must(error.side == Side::downstream);
    http::make_reply(exchange, http::reason_for(error));
    co_await exchange.downstream->respond();
    --active;
  }
  void abused(const http::Connection& /*connection*/, http::Abuse /*reason*/) override { ++abuses; }
  void broken(const http::Connection& /*connection*/, Rule rule) override { must(rule != Rule::none); }
  void ended(http::Connection& connection) override {
    must(active == 0 && !over);
    over = true;
    delete &connection;
  }

  std::size_t active = 0;
  std::size_t abuses = 0;
  bool over = false;
  bool released = false;  // what is held goes on
  std::uint64_t max_body = 0;
  std::uint32_t resets = 20;

 private:
  void begin(Exchange& exchange) {
    must(!over && ++active <= std::size_t{kMostStreams} * 2);
    must(exchange.downstream != nullptr && exchange.record.started == loop_.now());
  }

  Task<void> answer(Exchange& exchange) {
    exchange.response.status = 200;
    exchange.response.framing = Framing::length;
    exchange.response.length = exchange.request.target.size();
    exchange.response.fields.add(exchange.arena, "X-Path", exchange.request.target, FieldId::other);
    exchange.response.fields.add(exchange.arena, "Connection", "close", FieldId::connection);
    exchange.text_body = http::TextBody(exchange.request.target);
    exchange.response_body = &exchange.text_body;
    co_await exchange.downstream->respond();
  }

  Task<void> echo(Exchange& exchange) {
    if (exchange.request_body == nullptr) {
      co_await answer(exchange);
      co_return;
    }
    exchange.response.status = 200;
    exchange.response.framing = exchange.request.framing;
    exchange.response.length = exchange.request.length;
    Relay body(*exchange.request_body);
    exchange.response_body = &body;
    const Error error = co_await exchange.downstream->respond();
    if (!error)
      must(exchange.record.bytes_in == exchange.record.bytes_out ||
           exchange.request.method == http::Method::head);
  }

  Task<void> stream(Exchange& exchange, bool fails) {
    Pieces body(loop_, static_cast<unsigned>(exchange.request.target.size() * 97 % 151), fails);
    const bool length = exchange.request.target.size() % 2 == 0;
    exchange.response.status = 200;
    exchange.response.framing = length ? Framing::length : Framing::chunked;
    if (length) exchange.response.length = body.size();
    body.to_trail().add(exchange.arena, "X-Own", "1", FieldId::other);
    if (!length) body.to_trail().add(exchange.arena, "X-Trailer", "1", FieldId::other);
    exchange.response_body = &body;
    co_await exchange.downstream->respond();
  }

  struct Gone {
    http::BodySource* body;
    bool gone = false;
    static void on_departure(void* self, http::Departure /*how*/) {
      auto& gone = *static_cast<Gone*>(self);
      gone.gone = true;
      if (gone.body != nullptr) gone.body->stop();
    }
  };

  // As one that asks a slow server: nobody reads from the client meanwhile, so the codec must tell that it
  // left.
  Task<void> hold(Exchange& exchange) {
    Gone gone{exchange.request_body};
    exchange.downstream->on_departure(&Gone::on_departure, &gone);
    while (!released && !gone.gone)
      co_await loop_.yield();
    exchange.downstream->on_departure(nullptr, nullptr);
    if (!gone.gone) co_await answer(exchange);
  }

  Task<void> interim(Exchange& exchange) {
    http::ResponseHead hints;
    hints.status = 103;
    hints.fields.add(exchange.arena, "Link", "</x>", FieldId::other);
    co_await exchange.downstream->interim(hints);
    if (exchange.request_body != nullptr) co_await read_away(loop_, *exchange.request_body, true);
    co_await exchange.downstream->interim(hints);
    co_await answer(exchange);
  }

  Task<void> upgrade(Exchange& exchange) {
    const http::Field* const key = exchange.request.fields.find(http2::kWebSocketKey);
    must(key != nullptr && exchange.request_body == nullptr);
    Relay tunnel(exchange.downstream->open_tunnel());
    exchange.response.status = exchange.request.path == "/fail" ? 200 : 101;
    exchange.response.framing = Framing::until_close;
    const std::string_view answer = http2::websocket_accept(key->value, exchange.arena);
    exchange.response.fields.add(exchange.arena, http2::kWebSocketAccept, answer, FieldId::other);
    exchange.response_body = &tunnel;
    const Error error = co_await exchange.downstream->respond();
    must(exchange.request.path != "/fail" || error);
  }

  net::Loop& loop_;
};

// ---- what the other end says

struct Text {
  std::string_view name;
  std::string_view value;
};

constexpr std::array<std::string_view, 8> kMethods{"GET",     "POST",    "HEAD",  "PUT",
                                                   "OPTIONS", "CONNECT", "TRACE", "get it"};
constexpr std::array<std::string_view, 16> kPaths{
    "/echo",  "/now", "/stream", "/stream?12", "/fail",   "/hold", "/nothing",  "/interim",
    "/fail?", "*",    "",        "http://a/",  "/a/../b", "/hold", "/stream?1", "/now?x"};
constexpr std::array<Text, 16> kExtras{
    {{"content-length", "5"},
     {"content-length", "0"},
     {"cookie", "a=1"},
     {"cookie", "b=2"},
     {"te", "trailers"},
     {"priority", "u=1, i"},
     {"expect", "100-continue"},
     {"x-own", "forged"},
     {"host", "a.example"},
     {"host", "other.example"},
     {"connection", "close"},
     {"transfer-encoding", "chunked"},
     {"x upper", "1"},
     {"x-space", " 1"},
     {"x-long", "Vmpv0eYEqXnAXLlqJFK1vXvVsXhqKZpHcTCEcNcTSvsoMIUpw2BQPrxfGRQxNtyT"},
     {":late", "1"}}};
constexpr std::array<std::string_view, 8> kStatuses{"200", "100", "103", "204", "304", "101", "500", "20"};

class Speaker {
 public:
  Speaker(Wire& wire, Input& input, http2::Role session) : wire_(wire), input_(input), session_(session) {}

  // One thing more.
  void say() {
    switch (input_.byte() % 16) {
      case 0: return headers();
      case 1: return headers();
      case 2: return data();
      case 3: return data();
      case 4: return raw_frame();
      case 5: return raw_bytes();
      case 6: return reset();
      case 7: return settings();
      case 8: return ping();
      case 9: return goaway();
      case 10: return window_update();
      case 11: return priority();
      case 12: return settings_ack();
      case 13: return pong();
      case 14: return trailers();
      default: return window_update();
    }
  }
  void ping() {
    const std::string opaque = "ping" + std::to_string(1000 + pings_++ % 1000);
    wire_.say_frame({0, FrameType::ping, 0, 0}, opaque + std::string(8 - opaque.size(), ' '));
  }
  void pong() {
    if (const auto opaque = wire_.peer.ping_to_answer())
      wire_.say_frame({0, FrameType::ping, http2::kAck, 0}, *opaque);
  }

 private:
  // A new stream, one of the last ones, or any.
  std::uint32_t stream() {
    const unsigned code = input_.byte();
    if (code < 0x40) return wire_.peer.newest() + (session_ == http2::Role::server ? 2 : 0);
    if (code < 0xe0) return wire_.peer.newest() - std::min(wire_.peer.newest() - 1, (code & 15U) * 2);
    return input_.number();
  }
  std::uint32_t old_stream() {
    const unsigned code = input_.byte();
    const std::uint32_t newest = wire_.peer.newest();
    if (code < 0xf0) return newest - std::min(newest - (newest == 0 ? 0 : 1), (code & 15U) * 2);
    return input_.number();
  }

  void headers() {
    std::uint32_t id = stream();
    if (session_ == http2::Role::server && id % 2 == 0) ++id;
    std::string block;
    encoder_.begin(block);
    if (session_ == http2::Role::server) {
      request(block);
    } else {
      add(block, ":status", kStatuses[input_.byte() % kStatuses.size()]);
    }
    extras(block);
    const unsigned flags = input_.byte();
    send_block(id, block, flags);
  }

  void request(std::string& block) {
    const unsigned code = input_.byte();
    const std::string_view method = kMethods[code & 7U];
    add(block, ":method", method);
    add(block, ":scheme", (code & 8U) == 0 ? "http" : "https");
    add(block, ":path", kPaths[code >> 4U]);
    add(block, ":authority", "a.example");
    if (method == "CONNECT") add(block, ":protocol", "websocket");
  }

  void extras(std::string& block) {
    unsigned which = input_.byte();
    if (which >= 0xc0) which = (which & 0x3fU) << 10U | input_.byte();
    for (std::size_t i = 0; i < kExtras.size(); ++i) {
      if ((which >> i & 1U) != 0) add(block, kExtras[i].name, kExtras[i].value);
    }
  }

  void trailers() {
    std::string block;
    encoder_.begin(block);
    add(block, "x-trailer", "1");
    extras(block);
    send_block(old_stream(), block, http2::kEndStream | input_.byte());
  }

  void add(std::string& block, std::string_view name, std::string_view value) {
    encoder_.field(block, name, value, http::field_id(name));
  }

  // Flags as in the frame; 0x40: in pieces.
  void send_block(std::uint32_t id, std::string_view block, unsigned flags) {
    std::string payload;
    auto wanted = static_cast<std::uint8_t>(flags & (http2::kEndStream | http2::kPadded | http2::kPriority));
    std::string_view left = block;
    const std::string_view first = (flags & 0x40U) != 0 ? left.substr(0, left.size() / 2) : left;
    left.remove_prefix(first.size());
    if ((wanted & http2::kPadded) != 0) payload += '\x03';
    if ((wanted & http2::kPriority) != 0) payload.append("\0\0\0\0\x10", 5);
    payload += first;
    if ((wanted & http2::kPadded) != 0) payload.append(3, '\0');
    if (left.empty()) wanted |= http2::kEndHeaders;
    wire_.say_frame({0, FrameType::headers, wanted, id}, payload);
    while (!left.empty()) {
      const std::string_view part = left.substr(0, 1 + left.size() / 2);
      left.remove_prefix(part.size());
      wire_.say_frame({0, FrameType::continuation, left.empty() ? http2::kEndHeaders : std::uint8_t{0}, id},
                      part);
    }
  }

  void data() {
    const std::uint32_t id = old_stream();
    const std::uint32_t size = std::min(input_.number(), http2::kFramePayload - 1);
    const unsigned flags = input_.byte();
    std::string payload(size, 'd');
    if ((flags & http2::kPadded) != 0) payload[0] = static_cast<char>(flags >> 4U);
    wire_.say_frame(
        {0, FrameType::data, static_cast<std::uint8_t>(flags & (http2::kEndStream | http2::kPadded)), id},
        payload);
  }

  void reset() {
    const std::uint32_t id = old_stream();
    say_numbers({0, FrameType::rst_stream, 0, id}, {input_.byte() % 14U});
  }

  void settings() {
    std::string payload;
    for (unsigned count = input_.byte() % 4U; count != 0; --count) {
      char entry[6];
      http2::put16(entry, input_.byte() % 10U);
      http2::put32(entry + 2, input_.number());
      payload.append(entry, sizeof entry);
    }
    wire_.say_frame({0, FrameType::settings, 0, 0}, payload);
  }
  void settings_ack() { wire_.say_frame({0, FrameType::settings, http2::kAck, 0}, {}); }

  void goaway() {
    const std::uint32_t last = input_.byte() % 2 == 0 ? old_stream() : http2::kLargestStream;
    say_numbers({0, FrameType::goaway, 0, 0}, {last, input_.byte() % 14U});
  }

  void window_update() {
    const unsigned code = input_.byte();
    const std::uint32_t id = code < 0x60 ? 0 : old_stream();
    say_numbers({0, FrameType::window_update, 0, id}, {code % 2 == 0 ? 16'384 : input_.number()});
  }

  void priority() {
    const std::uint32_t id = old_stream();
    char payload[4];
    http2::put32(payload, id);
    const std::string value = std::string("u=") + static_cast<char>('0' + input_.byte() % 9) +
                              (input_.byte() % 2 == 0 ? ", i" : "");
    wire_.say_frame({0, FrameType::priority_update, 0, 0}, std::string(payload, 4) + value);
  }

  void say_numbers(const FrameHead& head, std::initializer_list<std::uint32_t> numbers) {
    std::string payload;
    for (const std::uint32_t number : numbers) {
      char bytes[4];
      http2::put32(bytes, number);
      payload.append(bytes, sizeof bytes);
    }
    wire_.say_frame(head, payload);
  }

  void raw_frame() {
    FrameHead head;
    head.type = static_cast<FrameType>(input_.byte());
    head.flags = input_.byte();
    head.stream = old_stream();
    wire_.say_frame(head, input_.bytes(input_.byte()));
  }
  void raw_bytes() { wire_.say(input_.bytes(input_.byte())); }

  Wire& wire_;
  Input& input_;
  http2::Role session_;
  http2::HpackEncoder encoder_;
  unsigned pings_ = 0;
};

Detached start(Task<void> task) { co_await std::move(task); }

constexpr unsigned kPatience = 2'000;  // turns of the loop
// The connection's window is given back in steps of this size.
constexpr std::int64_t kCreditStep = 1024 * 1024;

// How the peer behaves when the script is over.
enum class Leaving : std::uint8_t { falls_silent, closes, ends, ends_unread };

// What both sides have in common: the script, and the end.
template <class Side>
Task<void> play(net::Loop& loop, Side& side, Wire& wire, Speaker& speaker, Input& input, Leaving leaving) {
  co_await wire.turn();
  while (!input.empty() && !side.over()) {
    const unsigned code = input.byte();
    if (code < 0xa0) {
      speaker.say();
      continue;
    }
    if (code < 0xc0) {
      co_await wire.turns(1 + code % 4U);
      continue;
    }
    switch (code % 8U) {
      case 0: wire.wait(Nanos{input.byte()} * kSecond / 8); break;
      case 1: wire.reads = !wire.reads; break;
      case 2:
        speaker.ping();
        co_await wire.turns(5);
        // A handler takes some turns to end what is over on the wire.
        for (unsigned turn = 0; !side.settled(); ++turn) {
          must(turn < kPatience);
          co_await wire.turn();
        }
        break;
      default: side.act(code); break;
    }
    co_await wire.turn();
  }
  side.leave();
  if (leaving == Leaving::falls_silent) {
    // It does not even go.
    for (unsigned hours = 0; hours < 50 && !side.over(); ++hours) {
      wire.wait(3'700 * kSecond);
      co_await wire.turns(3);
    }
    must(side.over());
  }
  if (leaving != Leaving::ends_unread) wire.reads = true;
  if (leaving == Leaving::closes) {
    wire.close();
  } else {
    wire.end();
  }
  if (!wire.reads) {
    // Until the session gives up to wait for it, or is let down.
    co_await wire.turns(20);
    wire.close();
  }
  for (unsigned turn = 0; !side.over(); ++turn) {
    must(turn < kPatience);
    co_await wire.turn();
  }
  // What is still on its way to a coroutine that reads a body.
  co_await wire.turns(3);
  wire.hear();
  loop.stop();
}

class ServerSide {
 public:
  ServerSide(net::Loop& loop, Wire& wire, unsigned options) : application_(loop), wire_(wire) {
    if ((options & 1U) != 0) application_.max_body = 100'000;
    if ((options & 2U) != 0) application_.resets = 2;
    connection_ = new http2::ServerConnection(wire.transport(), application_, "192.0.2.1", 0);
    connection_->run();
  }
  bool over() const { return application_.over; }
  void act(unsigned code) {
    switch (code % 8U) {
      case 3: application_.released = !application_.released; break;
      case 4:
        if (code >= 0xf0) connection_->drain();
        break;
      case 5:
        if (code < 0xf0) break;
        connection_->abort();
        wire_.peer.cut_off();
        break;
      default: break;
    }
  }
  void leave() { application_.released = true; }
  // Whether everything is as it must come to be; also when nobody can say.
  bool settled() const {
    if (over() || !wire_.reads || !wire_.all_said() || !wire_.peer.settled()) return true;
    return wire_.peer.open() == application_.active &&
           (application_.active != 0 || wire_.peer.withheld() < kCreditStep);
  }

 private:
  Application application_;
  Wire& wire_;
  http2::ServerConnection* connection_;
};

// ---- the client's application

class ClientSide final : public http2::ClientOwner {
 public:
  ClientSide(net::Loop& loop, Wire& wire) : loop_(loop), wire_(wire) {
    connection_ = new http2::ClientConnection(wire.transport(), *this);
    connection_->run();
  }
  ClientSide(const ClientSide&) = delete;
  ClientSide& operator=(const ClientSide&) = delete;

  bool over() const { return over_ && asking_.empty(); }
  void act(unsigned code) {
    if (over_) return;
    switch (code % 8U) {
      case 3:
      case 4:
        if (connection_->available()) start(ask(code));
        break;
      case 5:
        if (!asking_.empty()) asking_[code % asking_.size()]->cancel();
        break;
      case 6:
        if (code < 0xf8) break;
        connection_->drain();
        break;
      case 7:
        if (code < 0xf8) break;
        connection_->cancel(ErrorKind::cancelled);
        wire_.peer.cut_off();
        break;
      default: break;
    }
  }
  void leave() {
    if (!over_) connection_->drain();
  }
  bool settled() const {
    if (over_ || !wire_.reads || !wire_.all_said() || !wire_.peer.settled()) return true;
    return wire_.peer.open() <= asking_.size() && (!asking_.empty() || wire_.peer.withheld() < kCreditStep);
  }

 private:
  // One request under way.
  struct Asking final : private http::Downstream {
    explicit Asking(std::unique_ptr<http2::ClientStream> opened) : stream(std::move(opened)) {
      exchange.downstream = this;
    }
    void cancel() {
      cancelled = true;
      stream->cancel(ErrorKind::cancelled);
    }

    Exchange exchange;
    std::unique_ptr<http2::ClientStream> stream;
    bool cancelled = false;
    bool uploading = false;
    unsigned interims = 0;

   private:
    Task<Error> interim(const http::ResponseHead& head) override {
      must(head.status >= 100 && head.status < 200 && head.status != 101);
      ++interims;
      co_return Error{};
    }
    Task<Error> respond() override { co_return Error{}; }
    http::BodySource& open_tunnel() override { std::abort(); }
    void bound_body(std::uint64_t /*most*/) override {}
    void close_after() override {}
    void on_departure(Departed /*departed*/, void* /*context*/) override {}
  };

  Detached upload(Asking& asking) {
    asking.uploading = true;
    co_await asking.stream->upload(asking.exchange);
    asking.uploading = false;
  }

  Task<void> ask(unsigned code) {
    Asking asking(connection_->open());
    asking_.push_back(&asking);
    Exchange& exchange = asking.exchange;
    Pieces body(loop_, code * 7 % 101, code % 16 == 11);
    prepare(exchange, code, body);
    if ((code & 0x20U) != 0) co_await loop_.yield();  // as one who waited for the connection to open
    http2::ClientStream& stream = *asking.stream;
    stream.begin({20 * kSecond, 30 * kSecond});
    Error error = co_await stream.send(exchange, "host.example");
    if (!error && !stream.sent_all()) upload(asking);
    error = co_await stream.receive(exchange);
    if (!error) {
      co_await take_answer(asking, body, code);
    }
    if (asking.uploading) {
      body.stop();
      asking.cancel();
    }
    while (asking.uploading)
      co_await loop_.yield();
    std::erase(asking_, &asking);
  }

  void prepare(Exchange& exchange, unsigned code, Pieces& body) {
    http::RequestHead& request = exchange.request;
    const bool with_body = code % 3 == 0;
    request.method_text = with_body ? "POST" : (code % 8 == 4 && code % 16 == 4) ? "HEAD" : "GET";
    request.method = http::method_of(request.method_text);
    request.target = request.path = "/";
    request.authority = code % 4 == 0 ? "" : "a.example";
    request.trailers_wanted = code % 5 == 0;
    request.fields.add(exchange.arena, "Host", "a.example", FieldId::host);
    request.fields.add(exchange.arena, "X-Thing", "thing", FieldId::other);
    exchange.own_field = "x-own";
    if (with_body) {
      exchange.request_body = &body;
      request.framing = code % 2 == 0 && code % 16 != 11 ? Framing::length : Framing::chunked;
      if (request.framing == Framing::length) request.length = body.size();
      if (request.framing == Framing::chunked)
        body.to_trail().add(exchange.arena, "X-Own", "1", FieldId::other);
      if (request.framing == Framing::chunked)
        body.to_trail().add(exchange.arena, "X-End", "1", FieldId::other);
    } else if (code % 7 == 0) {
      request.upgrade = "websocket";
      request.fields.add(exchange.arena, http2::kWebSocketKey, "dGhlIHNhbXBsZSBub25jZQ==", FieldId::other);
    }
  }

  Task<void> take_answer(Asking& asking, Pieces& body, unsigned code) {
    Exchange& exchange = asking.exchange;
    const std::uint16_t status = exchange.response.status;
    must(status == 101 ? exchange.request.upgrade == "websocket" : status >= 200 && status < 600);
    must_be_clean(exchange.response.fields);
    if (status == 101) {
      exchange.request_body = &body;
      upload(asking);
    }
    // Some give up without reading.
    if (exchange.response_body == nullptr || code % 11 == 0) co_return;
    co_await read_away(loop_, *exchange.response_body, code % 2 == 0);
  }

  void ready(http2::ClientConnection& /*connection*/) override {
    must(std::exchange(ready_, ready_ + 1) == 0);
  }
  void released(http2::ClientConnection& connection) override { must(&connection == connection_ && !over_); }
  void ended(http2::ClientConnection& connection) override {
    must(!over_ && ready_ == 1 && connection.active() == 0);
    over_ = true;
    delete std::exchange(connection_, nullptr);
  }

  net::Loop& loop_;
  Wire& wire_;
  http2::ClientConnection* connection_;
  std::vector<Asking*> asking_;
  unsigned ready_ = 0;
  bool over_ = false;
};

void run_server(Input input, unsigned options, Leaving leaving) {
  net::Loop loop;
  Wire wire(loop, http2::Role::server);
  Speaker speaker(wire, input, http2::Role::server);
  ServerSide side(loop, wire, options);
  if ((options & 4U) == 0) wire.say(http2::kPreface);
  if ((options & 8U) == 0) wire.say_frame({0, FrameType::settings, 0, 0}, {});
  start(play(loop, side, wire, speaker, input, leaving));
  loop.run();
}

void run_client(Input input, unsigned options, Leaving leaving) {
  net::Loop loop;
  Wire wire(loop, http2::Role::client);
  Speaker speaker(wire, input, http2::Role::client);
  ClientSide side(loop, wire);
  if ((options & 8U) == 0) wire.say_frame({0, FrameType::settings, 0, 0}, {"\0\x08\0\0\0\x01", 6});
  start(play(loop, side, wire, speaker, input, leaving));
  loop.run();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(text_of(data, size));
  const unsigned options = input.byte();
  const auto leaving = static_cast<Leaving>(options >> 4U & 3U);
  the_time = kBegin;
  if ((options & 0x80U) == 0) {
    run_server(input, options, leaving);
  } else {
    run_client(input, options, leaving);
  }
  the_time = 0;
  must(http2::window_budget().left() == http2::kWindowBudget);
  return 0;
}
