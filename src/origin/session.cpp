#include "origin/session.hpp"

#include "origin/behaviour.hpp"
#include "origin/toolkit/units.hpp"
#include "origin/websocket.hpp"

#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace sluice::origin {
namespace {

namespace json = boost::json;
using namespace std::string_view_literals;

constexpr std::size_t max_head = 256 * toolkit::KiB;

// Whether the path stands for more than the default answer. Every other path does without a look at its
// behaviour.
bool is_special(std::string_view path) {
  return path == "/echo" || path == "/whoami" || path == "/health" || path == "/upload" ||
         path == "/download" || path == "/stats";
}

bool is_plain(const Request& request) {
  return request.method == "GET" && request.keep_alive && request.minor == 1 && !request.has_body() &&
         !request.wants_echo && !request.wants_websocket && request.target.starts_with('/') &&
         request.target.find('?') == std::string_view::npos && !is_special(request.target);
}

// JSON is UTF-8, a field may hold any byte: reads bytes beyond ASCII as ISO-8859-1, which loses nothing.
json::string to_utf8(std::string_view bytes) {
  json::string text;
  text.reserve(bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      text.push_back(c);
    } else {
      text.push_back(static_cast<char>(0xC0 | byte >> 6));
      text.push_back(static_cast<char>(0x80 | (byte & 0x3F)));
    }
  }
  return text;
}

json::array to_json(std::string_view fields) {
  json::array list;
  for_each_field(fields, [&](const toolkit::Field& field) {
    list.push_back(json::array{to_utf8(field.name), to_utf8(field.value)});
  });
  return list;
}

json::object to_json(Stats& stats) {
  const auto microseconds = [&](double percent) {
    return static_cast<double>(stats.delays.percentile(percent).count()) / 1e3;
  };
  return {{"connections", stats.connections},
          {"open", stats.open},
          {"requests", stats.requests},
          {"delay_us",
           {{"count", stats.delays.count()},
            {"p50", microseconds(50)},
            {"p90", microseconds(90)},
            {"p99", microseconds(99)},
            {"p99.9", microseconds(99.9)}}}};
}

}  // namespace

Session::Session(Surroundings& around, int fd)
    : around_(around),
      stream_(around.loop, fd, around.tls),
      home_(&around.busy),
      number_(++around.stats.connections) {
  ++around.stats.open;
}

void Session::start(Sessions::iterator self) {
  self_ = self;
  task_ = run();
  task_.start();
}

void Session::move_to(Sessions& list) {
  list.splice(list.end(), *home_, self_);
  home_ = &list;
}

void Session::become_idle() {
  idle_since_ = around_.loop.now();
  move_to(around_.idle);
}

Task<> Session::run() {
  try {
    co_await converse();
  } catch (const PeerGone&) {  // NOLINT(bugprone-empty-catch): the peer left, and that is all there is to it
  }
  --around_.stats.open;
  move_to(around_.ended);
}

Scan Session::answer_plain() {
  for (;;) {
    const Scan scan = scan_request(stream_.input(), request_);
    if (scan != Scan::complete || !is_plain(request_)) return scan;
    around_.canned.append_to(out_);
    stream_.consume(request_.head_bytes);
    ++requests_;
    ++around_.stats.requests;
  }
}

// The loop that load tests run in: read what is there, answer all of it with one write, wait. Nothing in it
// allocates once the buffers have grown, and no other coroutine is started for a plain request.
Task<> Session::converse() {
  if (stream_.is_tls()) co_await stream_.handshake();
  for (;;) {
    const Scan scan = stream_.input().empty() ? Scan::incomplete : answer_plain();
    if (!out_.empty()) {
      std::string_view rest = out_;
      while (!stream_.try_write(rest))
        co_await stream_.event();
      out_.clear();
    }
    if (scan == Scan::malformed || stream_.input().size() > max_head) {
      co_await send_refusal(stream_, scan == Scan::malformed ? 400 : 431,
                            "malformed or endless request head");
      co_await stream_.close_gently();
      co_return;
    }
    if (scan == Scan::complete) {
      become_busy();
      const After after = co_await answer();
      if (after == After::close) co_await stream_.close_gently();
      if (after != After::keep) co_return;
      continue;
    }
    Stream::Fill filled = stream_.try_fill();
    while (filled == Stream::Fill::again) {
      become_idle();
      co_await stream_.event();
      filled = stream_.try_fill();
    }
    if (filled == Stream::Fill::closed) co_return;
  }
}

Task<After> Session::answer() {
  ++requests_;
  ++around_.stats.requests;
  // The head is copied and read again: the body will reuse the buffer it is in.
  const std::string head(stream_.input().substr(0, request_.head_bytes));
  stream_.consume(head.size());
  Request request;
  scan_request(head, request);
  std::string refusal;
  try {
    Behaviour wants = read_behaviour(split_target(request.target).query);
    wants.echo = wants.echo || request.wants_echo || split_target(request.target).path == "/echo";
    co_return co_await serve(request, wants);
  } catch (const BadParameter& bad) {
    refusal = bad.what();
  } catch (const BadBody&) {
    refusal = "broken chunked body";
  }
  co_await send_refusal(stream_, 400, std::move(refusal));
  co_return After::close;
}

Task<After> Session::serve(const Request& request, const Behaviour& wants) {
  BodySummary body;
  if (wants.echo || split_target(request.target).path == "/upload") body.want_digest();
  if (!wants.early && !wants.never && request.has_body()) {
    if (request.expects_continue && request.minor == 1) co_await stream_.write(interim_reply(100));
    co_await read_body(around_.loop, stream_, request, wants.slow_read, body);
  }
  co_await wait(wants.delay);
  if (wants.never) co_await stream_.swallow();
  if (wants.reset) {
    stream_.reset();
    co_return After::gone;
  }
  if (wants.never || wants.cut) co_return After::close;
  if (wants.garbage) {
    co_await stream_.write("\x16\x03\x01 this is not HTTP\r\n\0\xff\r\n\r\n"sv);
    co_return After::close;
  }
  if (wants.interim != 0 && request.minor == 1) co_await stream_.write(interim_reply(wants.interim));
  if (request.wants_websocket) co_return co_await upgrade(request);
  const Content content = make_content(request, wants, body);
  // A client that was not told to continue may never send its body: reading on would wait for ever.
  const bool keep = !(wants.early && request.expects_continue);
  const After after =
      co_await send_reply(around_.loop, stream_, around_.identity, request, wants, content, keep);
  if (wants.early && request.has_body() && after == After::keep)
    co_await read_body(around_.loop, stream_, request, wants.slow_read, body);
  co_return after;
}

Task<> Session::wait(const Delay& delay) {
  const auto time = delay.draw(around_.random);
  if (time == time.zero()) co_return;
  const auto start = Loop::Clock::now();
  co_await around_.loop.sleep(time);
  around_.stats.delays.add(Loop::Clock::now() - start);
}

Task<After> Session::upgrade(const Request& request) {
  std::string objection = websocket_objection(request);
  if (objection.empty())
    co_await echo_websocket(stream_, request);
  else
    co_await send_refusal(stream_, 400, std::move(objection));
  co_return After::close;
}

Content Session::make_content(const Request& request, const Behaviour& wants, BodySummary& body) const {
  constexpr std::uint64_t download_bytes = toolkit::MiB;
  const auto path = split_target(request.target).path;
  if (wants.echo) return Content::of_json(echo_json(request, body));
  if (path == "/whoami") return Content::of_json(json::serialize(around_.identity.to_json()) + "\n");
  if (path == "/health")
    return Content::of_json(wants.status == 200 ? "{\"status\":\"ok\"}\n" : "{\"status\":\"failing\"}\n");
  if (path == "/upload")
    return Content::of_json(
        json::serialize(json::object{{"bytes", body.bytes()}, {"sha256", body.sha256()}}) + "\n");
  if (path == "/stats") return Content::of_json(json::serialize(to_json(around_.stats)) + "\n");
  if (wants.size) return Content::of_pattern(*wants.size);
  if (path == "/download") return Content::of_pattern(download_bytes);
  return Content::of_text(around_.identity.body(around_.body_bytes), "text/plain");
}

std::string Session::echo_json(const Request& request, BodySummary& body) const {
  json::object echo;
  echo["origin"] = around_.identity.to_json();
  echo["connection"] = number_;
  echo["request"] = requests_;
  echo["method"] = to_utf8(request.method);
  echo["target"] = to_utf8(request.target);
  echo["version"] = request.minor == 0 ? "HTTP/1.0" : "HTTP/1.1";
  echo["headers"] = to_json(request.fields);
  echo["body_bytes"] = body.bytes();
  if (const auto* text = body.text()) echo["body"] = *text;
  echo["body_sha256"] = body.sha256();
  echo["trailers"] = to_json(body.trailers);
  return json::serialize(echo) + "\n";
}

}  // namespace sluice::origin
