#include "origin/reply.hpp"

#include "origin/toolkit/units.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace sluice::origin {
namespace {

enum class Framing { none, length, chunked, until_close };

std::string_view reason_of(unsigned status) {
  switch (status) {
    case 100: return "Continue";
    case 102: return "Processing";
    case 103: return "Early Hints";
    case 200: return "OK";
    case 201: return "Created";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Status";
  }
}

Framing choose_framing(const Request& request, const Behaviour& wants) {
  if (wants.status == 204 || wants.status == 304) return Framing::none;
  const bool wants_chunks = wants.chunked || wants.trailers;
  // HTTP/1.0 knows no chunks.
  if (wants.close || (wants_chunks && request.minor == 0)) return Framing::until_close;
  return wants_chunks ? Framing::chunked : Framing::length;
}

std::string make_head(const Identity& identity, const Behaviour& wants, const Content& content,
                      Framing framing, bool keep, bool says_keep) {
  std::string head = fmt::format("HTTP/1.1 {} {}\r\n{}Server: sluice-origin\r\n{}", wants.status,
                                 reason_of(wants.status), date_line(), identity.fields());
  const bool own_type =
      std::any_of(wants.headers.begin(), wants.headers.end(), [](const std::string& header) {
        return toolkit::same_token(std::string_view(header).substr(0, header.find(':')), "content-type");
      });
  if (framing != Framing::none && !own_type) head += fmt::format("Content-Type: {}\r\n", content.type());
  if (framing == Framing::length) head += fmt::format("Content-Length: {}\r\n", content.size());
  if (framing == Framing::chunked) head += "Transfer-Encoding: chunked\r\n";
  if (wants.trailers && framing == Framing::chunked) head += "Trailer: X-Body-Bytes, X-Origin-Trailer\r\n";
  if (!keep) head += "Connection: close\r\n";
  if (says_keep) head += "Connection: keep-alive\r\n";
  for (const auto& header : wants.headers)
    head += header + "\r\n";
  head += "\r\n";
  return head;
}

Loop::Clock::duration time_for(std::uint64_t bytes, std::uint64_t bytes_per_second) {
  const std::chrono::duration<double> seconds(static_cast<double>(bytes) /
                                              static_cast<double>(bytes_per_second));
  return std::chrono::duration_cast<Loop::Clock::duration>(seconds);
}

// Sends content bytes [0, until) in the given framing, `head` in front of the first of them.
Task<> send_body(Loop& loop, Stream& stream, const Behaviour& wants, const Content& content, Framing framing,
                 std::uint64_t until, std::string head) {
  constexpr std::size_t batch =
      64 * toolkit::KiB;  // chunks are gathered to this size, unless they are to dribble
  constexpr std::uint64_t writes_per_second = 20;
  std::uint64_t step = framing == Framing::chunked ? wants.chunk : toolkit::MiB;
  if (wants.slow > 0) step = std::min(step, std::max<std::uint64_t>(wants.slow / writes_per_second, 1));
  std::string out = std::move(head);
  for (std::uint64_t offset = 0; offset < until;) {
    const auto piece = content.piece(offset, std::min(step, until - offset));
    offset += piece.size();
    if (framing == Framing::chunked) {
      out += fmt::format("{:x}\r\n", piece.size());
      out += piece;
      out += "\r\n";
      if (wants.slow == 0 && out.size() < batch && offset < until) continue;
    } else if (piece.size() <= batch) {
      out += piece;
    } else {  // large and unframed: from the content's own storage
      co_await stream.write(out, true);
      out.clear();
      co_await stream.write(piece);
    }
    co_await stream.write(out);
    out.clear();
    if (wants.slow > 0) co_await loop.sleep(time_for(piece.size(), wants.slow));
  }
  co_await stream.write(out);
}

Task<After> end_badly(Stream& stream, Ending ending) {
  if (ending == Ending::reset) {
    co_await stream.drain();
    stream.reset();
    co_return After::gone;
  }
  if (ending == Ending::stall) co_await stream.swallow();
  co_return After::close;
}

}  // namespace

CannedReply::CannedReply(const Identity& identity, std::size_t body_size) {
  const auto content = Content::of_text(identity.body(body_size), "text/plain");
  text_ = make_head(identity, Behaviour{}, content, Framing::length, true, false);
  date_at_ = text_.find("Date: ");
  text_ += content.piece(0, body_size);
}

void CannedReply::append_to(std::string& out) {
  const auto date = date_line();
  text_.replace(date_at_, date.size(), date);
  out += text_;
}

Task<After> send_reply(Loop& loop, Stream& stream, const Identity& identity, const Request& request,
                       const Behaviour& wants, const Content& content, bool keep) {
  const Framing framing = choose_framing(request, wants);
  keep = keep && request.keep_alive && framing != Framing::until_close;
  std::string head = make_head(identity, wants, content, framing, keep, keep && request.minor == 0);
  if (request.method == "HEAD" || framing == Framing::none) {
    co_await stream.write(head);
    co_return keep ? After::keep : After::close;
  }
  const bool ends_badly = wants.ending != Ending::complete;
  const auto until = ends_badly ? std::min(wants.ending_after, content.size()) : content.size();
  co_await send_body(loop, stream, wants, content, framing, until, std::move(head));
  if (ends_badly) co_return co_await end_badly(stream, wants.ending);
  if (framing == Framing::chunked) {
    std::string last = "0\r\n";
    if (wants.trailers) last += fmt::format("X-Body-Bytes: {}\r\nX-Origin-Trailer: yes\r\n", content.size());
    last += "\r\n";
    co_await stream.write(last);
  }
  co_return keep ? After::keep : After::close;
}

Task<> send_refusal(Stream& stream, unsigned status, std::string reason) {
  reason += '\n';
  const std::string reply = fmt::format(
      "HTTP/1.1 {} {}\r\n{}Content-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
      status, reason_of(status), date_line(), reason.size(), reason);
  co_await stream.write(reply);
}

std::string interim_reply(unsigned status) {
  const std::string_view link = status == 103 ? "Link: </style.css>; rel=preload; as=style\r\n" : "";
  return fmt::format("HTTP/1.1 {} {}\r\n{}\r\n", status, reason_of(status), link);
}

}  // namespace sluice::origin
