// The other end of an HTTP/2 session under test. It may say anything, and is strict about what it hears: it
// keeps its own account of streams and windows, decodes heads with nghttp2, and aborts at the first frame
// that RFC 9113 does not allow.
//
// A session may not know yet what was said last. What has been granted to it counts from when it was said;
// what restricts it counts from when the session has acknowledged it, or a PING that was sent later.
#pragma once

#include "http2/frame.hpp"
#include "http2/session.hpp"
#include "invariants.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nghttp2/nghttp2.h>

namespace sluice::fuzz {

using http2::Code;
using http2::FrameHead;
using http2::FrameType;
using http2::Setting;

class StrictPeer {
 public:
  using Text = std::pair<std::string, std::string>;

  explicit StrictPeer(http2::Role session)
      : session_(session), preface_heard_(session == http2::Role::server) {
    must(nghttp2_hd_inflate_new(&inflater_) == 0);
  }
  ~StrictPeer() { nghttp2_hd_inflate_del(inflater_); }
  StrictPeer(const StrictPeer&) = delete;
  StrictPeer& operator=(const StrictPeer&) = delete;

  // Everything that is said to the session, whether it makes sense or not.
  void say(std::string_view bytes) {
    if (nonsense_) return;
    said_.append(bytes);
    if (session_ == http2::Role::server && !preface_said_) {
      const std::size_t size = std::min(said_.size(), http2::kPreface.size());
      nonsense_ = std::string_view(said_).substr(0, size) != http2::kPreface.substr(0, size);
      if (nonsense_ || size < http2::kPreface.size()) return;
      preface_said_ = true;
      said_.erase(0, size);
    }
    for_each_frame(said_, [this](const FrameHead& head, std::string_view payload) {
      if (head.length > http2::kFramePayload) nonsense_ = true;
      if (!nonsense_) on_said(head, payload);
    });
  }

  // Everything that comes from it.
  void hear(std::string_view bytes) {
    heard_.append(bytes);
    if (!preface_heard_) {
      if (heard_.size() < http2::kPreface.size()) return;
      must(heard_.starts_with(http2::kPreface));
      heard_.erase(0, http2::kPreface.size());
      preface_heard_ = true;
    }
    for_each_frame(heard_,
                   [this](const FrameHead& head, std::string_view payload) { on_heard(head, payload); });
  }

  // Nothing is left half said.
  void hear_end() const { must(cut_off_ || heard_.empty()); }
  // The connection was given up: the last frame may be a piece.
  void cut_off() { cut_off_ = true; }

  // Whether the session lives, and has answered the last PING: it knows everything said before that.
  bool settled() const {
    return !nonsense_ && said_.empty() && !error_goaway_ && barrier_said_ != 0 &&
           last_barrier_ == barrier_said_;
  }
  // Streams that are not over for both sides.
  std::size_t open() const {
    return static_cast<std::size_t>(
        std::count_if(lines_.begin(), lines_.end(), [](const auto& line) { return is_open(line.second); }));
  }
  // What has not been given back to the connection's window. At rest it is less than what is worth a frame.
  std::int64_t withheld() const { return announced_ - (granted_ - data_said_); }
  std::uint32_t newest() const { return newest_; }
  std::optional<std::string> ping_to_answer() {
    if (pings_heard_.empty()) return std::nullopt;
    std::string opaque = pings_heard_.front();
    pings_heard_.pop_front();
    return opaque;
  }

 private:
  // What one stream may send ahead, however fast it is read: a first window, and the largest share of the
  // process's budget.
  static constexpr std::int64_t kLargestStreamWindow = 128 * 1024 + http2::kWindowBudget / 5;

  struct Line {                    // a stream
    std::int64_t window_said = 0;  // by WINDOW_UPDATE, for what the session sends
    std::int64_t data_heard = 0;
    std::int64_t granted = 0;  // by the session, beyond the initial window
    std::int64_t data_said = 0;
    std::optional<std::int64_t> length;
    std::size_t frames_said = 0;  // after its head
    std::size_t resets_heard = 0;
    std::uint64_t reset_said_at = 0;
    bool opened = false;
    bool reset_known = false;  // the session has seen our RST_STREAM
    bool end_said = false;
    bool end_heard = false;
    bool final_heard = false;
  };
  struct Ping {
    std::string opaque;
    std::uint64_t at;
    std::int64_t data_said;
  };

  static bool is_open(const Line& line) {
    return line.opened && line.resets_heard == 0 && line.reset_said_at == 0 &&
           !(line.end_heard && line.end_said);
  }

  template <class F>
  static void for_each_frame(std::string& bytes, F take) {
    std::size_t at = 0;
    while (bytes.size() - at >= http2::kFrameHead) {
      const FrameHead head = http2::get_frame_head(bytes.data() + at);
      if (bytes.size() - at - http2::kFrameHead < head.length) break;
      take(head, std::string_view(bytes).substr(at + http2::kFrameHead, head.length));
      at += http2::kFrameHead + head.length;
    }
    bytes.erase(0, at);
  }

  // ---- what we say

  void on_said(const FrameHead& head, std::string_view payload) {
    ++frames_said_;
    // A server may guess which stream the client opens next: it may be open already, unheard.
    if (session_ == http2::Role::client) lines_[head.stream];
    const auto line = lines_.find(head.stream);
    if (line != lines_.end()) ++line->second.frames_said;
    switch (head.type) {
      case FrameType::data:
        data_said_ += head.length;
        if (line == lines_.end()) break;
        line->second.data_said += head.length;
        if (head.has(http2::kEndStream)) line->second.end_said = true;
        break;
      case FrameType::headers:
        block_said_ = head;
        if (head.has(http2::kEndHeaders)) head_said(head);
        break;
      case FrameType::continuation:
        if (head.has(http2::kEndHeaders) && block_said_.stream == head.stream) head_said(block_said_);
        break;
      case FrameType::rst_stream:
        if (line != lines_.end() && line->second.reset_said_at == 0)
          line->second.reset_said_at = frames_said_;
        break;
      case FrameType::settings:
        if (!head.has(http2::kAck)) settings_said_.emplace_back(payload);
        break;
      case FrameType::ping:
        if (!head.has(http2::kAck) && payload.size() == 8) {
          pings_.push_back({std::string(payload), frames_said_, data_said_});
          barrier_said_ = frames_said_;
        }
        break;
      case FrameType::goaway:
        if (session_ == http2::Role::client && payload.size() >= 8)
          refuse_above(http2::get32(payload.data()));
        break;
      case FrameType::window_update:
        if (payload.size() != 4) break;
        if (head.stream == 0) window_said_ += http2::get32(payload.data()) & http2::kLargestStream;
        if (line != lines_.end()) {
          line->second.window_said += http2::get32(payload.data()) & http2::kLargestStream;
        }
        break;
      default: break;
    }
  }

  // Streams that we will not look at: as good as reset.
  void refuse_above(std::uint32_t last) {
    if (goaway_said_at_ == 0) goaway_said_at_ = frames_said_;
    last_served_ = std::min(last_served_, last & http2::kLargestStream);
    for (auto& [id, line] : lines_) {
      if (id > last_served_ && line.reset_said_at == 0) line.reset_said_at = frames_said_;
    }
  }

  void head_said(const FrameHead& head) {
    const auto line = lines_.find(head.stream);
    if (line != lines_.end()) {
      if (head.has(http2::kEndStream)) line->second.end_said = true;
      return;
    }
    if (session_ == http2::Role::client || head.stream % 2 == 0 || head.stream <= newest_) return;
    newest_ = head.stream;
    if (head.stream > goaway_last_) return;  // it will not be looked at
    lines_[head.stream].end_said = head.has(http2::kEndStream);
    lines_[head.stream].opened = true;
  }

  // ---- what we hear

  void on_heard(const FrameHead& head, std::string_view payload) {
    must(head.length <= http2::kFramePayload);
    must(!error_goaway_);  // it was the last
    must((block_stream_ != 0) == (head.type == FrameType::continuation));
    must(settings_heard_ || (head.type == FrameType::settings && !head.has(http2::kAck)));
    switch (head.type) {
      case FrameType::data: return on_data(head);
      case FrameType::headers: return on_headers(head, payload);
      case FrameType::continuation: return on_continuation(head, payload);
      case FrameType::rst_stream: return on_reset(head, payload);
      case FrameType::settings: return on_settings(head, payload);
      case FrameType::ping: return on_ping(head, payload);
      case FrameType::goaway: return on_goaway(head, payload);
      case FrameType::window_update: return on_window_update(head, payload);
      default: must(false);
    }
  }

  Line& known(std::uint32_t id) {
    const auto line = lines_.find(id);
    must(line != lines_.end() && line->second.opened);
    return line->second;
  }
  // On which the session may still say something.
  Line& live(std::uint32_t id) {
    Line& line = known(id);
    must(!line.end_heard && line.resets_heard == 0 && !line.reset_known);
    return line;
  }

  void on_data(const FrameHead& head) {
    must((head.flags & ~http2::kEndStream) == 0);
    Line& line = live(head.stream);
    must(line.final_heard);
    line.data_heard += head.length;
    data_heard_ += head.length;
    if (head.length != 0) {
      must(data_heard_ <= http2::kDefaultWindow + window_said_);
      must(line.data_heard <= initial_window_ + line.window_said);
    }
    if (head.has(http2::kEndStream)) end(line);
  }

  void end(Line& line) {
    must(!line.length || *line.length == line.data_heard);
    line.end_heard = true;
  }

  void on_headers(const FrameHead& head, std::string_view payload) {
    must((head.flags & ~(http2::kEndStream | http2::kEndHeaders)) == 0);
    if (session_ == http2::Role::client && !lines_[head.stream].opened) open_line(head.stream);
    live(head.stream);
    block_stream_ = head.stream;
    block_ends_ = head.has(http2::kEndStream);
    block_ = payload;
    if (head.has(http2::kEndHeaders)) on_block();
  }

  void open_line(std::uint32_t id) {
    must(id % 2 == 1 && id > newest_);
    must(!goaway_known_);
    must(open() < most_streams_);
    newest_ = id;
    Line& line = lines_[id];
    line.opened = true;
    if (id > last_served_) line.reset_said_at = goaway_said_at_;
  }

  void on_continuation(const FrameHead& head, std::string_view payload) {
    must((head.flags & ~http2::kEndHeaders) == 0 && head.stream == block_stream_);
    block_.append(payload);
    if (head.has(http2::kEndHeaders)) on_block();
  }

  void on_block() {
    Line& line = live(block_stream_);
    const std::vector<Text> fields = decode(block_);
    const bool trailers = line.final_heard;
    std::map<std::string_view, std::string_view> pseudo;
    bool regular = false;
    for (const auto& [name, value] : fields) {
      must(!name.empty());
      for (const char c : name)
        must((c < 'A' || c > 'Z') && static_cast<unsigned char>(c) > 0x20 && c != 0x7f);
      for (const char c : value)
        must(c != '\0' && c != '\r' && c != '\n');
      if (name.front() == ':') {
        must(!regular && !trailers && pseudo.emplace(name, value).second);
        continue;
      }
      regular = true;
      must(name != "connection" && name != "keep-alive" && name != "proxy-connection" &&
           name != "transfer-encoding" && name != "upgrade");
      if (name != "content-length") continue;
      must(!trailers && !line.length);
      line.length = std::stoll(value);
    }
    block_stream_ = 0;
    if (trailers) {
      must(block_ends_);
      return end(line);
    }
    session_ == http2::Role::server ? on_response(line, pseudo) : on_request(line, pseudo);
    // A response to HEAD tells a length and has no body.
    if (block_ends_) line.end_heard = true;
  }

  void on_response(Line& line, const std::map<std::string_view, std::string_view>& pseudo) const {
    must(pseudo.size() == 1 && pseudo.begin()->first == ":status");
    const std::string_view status = pseudo.begin()->second;
    must(status.size() == 3 && status.find_first_not_of("0123456789") == std::string_view::npos &&
         status != "101");
    line.final_heard = status.front() != '1';
    if (!line.final_heard) must(!block_ends_ && !line.length);
  }

  void on_request(Line& line, const std::map<std::string_view, std::string_view>& pseudo) const {
    const auto has = [&](std::string_view name) {
      const auto at = pseudo.find(name);
      return at != pseudo.end() && !at->second.empty();
    };
    must(has(":method") && has(":scheme") && has(":authority") && has(":path"));
    const bool extended = pseudo.at(":method") == "CONNECT";
    must(extended == has(":protocol") && pseudo.size() == (extended ? 5U : 4U));
    if (extended) must(connect_allowed_);
    line.final_heard = true;
  }

  std::vector<Text> decode(std::string_view block) {
    std::vector<Text> out;
    const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
    std::size_t left = block.size();
    for (;;) {
      nghttp2_nv nv{};
      int flags = 0;
      const auto taken = nghttp2_hd_inflate_hd2(inflater_, &nv, &flags, at, left, 1);
      must(taken >= 0);
      at += taken;
      left -= static_cast<std::size_t>(taken);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        out.emplace_back(std::string(reinterpret_cast<const char*>(nv.name), nv.namelen),
                         std::string(reinterpret_cast<const char*>(nv.value), nv.valuelen));
      }
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
    return out;
  }

  void on_reset(const FrameHead& head, std::string_view payload) {
    must(payload.size() == 4 && head.flags == 0);
    must(head.stream <= newest_);
    const auto at = lines_.find(head.stream);
    // Even ids, and ids that were passed over: an answer to what we said there.
    if (at == lines_.end()) return must(session_ == http2::Role::server);
    Line& line = at->second;
    // Once; and once for each frame that was wrong even for a stream that is over.
    must(++line.resets_heard <= 1 + line.frames_said);
  }

  void on_settings(const FrameHead& head, std::string_view payload) {
    must(head.stream == 0);
    if (head.has(http2::kAck)) {
      must(payload.empty() && !settings_said_.empty());
      apply(settings_said_.front());
      settings_said_.pop_front();
      return;
    }
    must(head.flags == 0 && payload.size() % 6 == 0 && !settings_heard_);
    settings_heard_ = true;
    for (; !payload.empty(); payload.remove_prefix(6)) {
      if (static_cast<Setting>(http2::get16(payload.data())) == Setting::initial_window_size) {
        initial_granted_ = http2::get32(payload.data() + 2);
      }
    }
  }

  // From here on the session keeps to it.
  void apply(std::string_view settings) {
    must(settings.size() % 6 == 0);
    for (; !settings.empty(); settings.remove_prefix(6)) {
      const std::uint32_t value = http2::get32(settings.data() + 2);
      switch (static_cast<Setting>(http2::get16(settings.data()))) {
        case Setting::header_table_size:
          must(nghttp2_hd_inflate_change_table_size(inflater_, value) == 0);
          break;
        case Setting::initial_window_size: initial_window_ = value; break;
        case Setting::max_concurrent_streams: most_streams_ = value; break;
        case Setting::enable_connect_protocol: connect_allowed_ = value == 1; break;
        default: break;
      }
    }
  }

  void on_ping(const FrameHead& head, std::string_view payload) {
    must(head.stream == 0 && payload.size() == 8 && (head.flags & ~http2::kAck) == 0);
    if (!head.has(http2::kAck)) {
      pings_heard_.emplace_back(payload);
      return must(pings_heard_.size() < 8);
    }
    must(!pings_.empty() && pings_.front().opaque == payload);
    const Ping ping = pings_.front();
    pings_.pop_front();
    last_barrier_ = ping.at;
    must(ping.data_said <= granted_);  // else the session had to end the connection
    for (auto& [id, line] : lines_)
      line.reset_known = line.reset_said_at != 0 && line.reset_said_at < ping.at;
    goaway_known_ = goaway_said_at_ != 0 && goaway_said_at_ < ping.at;
  }

  void on_goaway(const FrameHead& head, std::string_view payload) {
    must(head.stream == 0 && head.flags == 0 && payload.size() == 8);
    const std::uint32_t last = http2::get32(payload.data());
    must(last <= goaway_last_);
    goaway_last_ = last;
    error_goaway_ = http2::get32(payload.data() + 4) != 0;
    for (auto line = lines_.upper_bound(last); session_ == http2::Role::server && line != lines_.end();)
      line = lines_.erase(line);
  }

  void on_window_update(const FrameHead& head, std::string_view payload) {
    must(payload.size() == 4 && head.flags == 0);
    const std::int64_t more = http2::get32(payload.data());
    must(more > 0 && more <= http2::kLargestWindow);
    if (head.stream == 0) {
      granted_ += more;
      if (announced_ == 0) announced_ = granted_;
      return must(withheld() >= 0);
    }
    Line& line = known(head.stream);
    must(line.resets_heard == 0 && !line.reset_known);
    line.granted += more;
    must(initial_granted_ + line.granted - line.data_said <= kLargestStreamWindow);
  }

  http2::Role session_;
  nghttp2_hd_inflater* inflater_ = nullptr;
  std::map<std::uint32_t, Line> lines_;
  std::uint32_t newest_ = 0;

  std::string said_;
  FrameHead block_said_;
  std::deque<std::string> settings_said_;  // not acknowledged yet
  std::deque<Ping> pings_;                 // not answered yet
  std::uint64_t frames_said_ = 0;
  std::uint64_t barrier_said_ = 0;
  std::uint64_t last_barrier_ = 0;
  std::uint64_t goaway_said_at_ = 0;
  std::uint32_t last_served_ = UINT32_MAX;
  std::int64_t window_said_ = 0;
  std::int64_t data_said_ = 0;
  bool preface_said_ = false;
  bool nonsense_ = false;  // no frames: there is nothing to be understood
  bool goaway_known_ = false;

  std::string heard_;
  std::string block_;
  std::deque<std::string> pings_heard_;
  std::uint32_t block_stream_ = 0;
  std::uint32_t goaway_last_ = UINT32_MAX;
  std::int64_t data_heard_ = 0;
  std::int64_t granted_ = http2::kDefaultWindow;
  std::int64_t announced_ = 0;  // what the session said first
  std::int64_t initial_granted_ = http2::kDefaultWindow;
  std::int64_t initial_window_ = http2::kDefaultWindow;
  std::uint32_t most_streams_ = UINT32_MAX;
  bool connect_allowed_ = false;
  bool preface_heard_;
  bool settings_heard_ = false;
  bool block_ends_ = false;
  bool error_goaway_ = false;
  bool cut_off_ = false;
};

}  // namespace sluice::fuzz
