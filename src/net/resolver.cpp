#include "sluice/net/resolver.hpp"

#include <algorithm>
#include <ares.h>
#include <charconv>
#include <climits>
#include <fstream>
#include <iterator>
#include <poll.h>
#include <sstream>
#include <sys/stat.h>
#include <sys/time.h>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace sluice::net {
namespace {

constexpr const char* kSystemFile = "/etc/resolv.conf";
constexpr std::uint32_t kTimeoutSeconds = 2;
constexpr std::uint32_t kTries = 2;
// The system's words are bounded as ours are in the configuration.
constexpr std::uint32_t kMostTimeoutSeconds = 30;
constexpr std::uint32_t kMostTries = 10;
constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kMillisecond = 1'000'000;
// Pieces that are read from one socket before everything else gets its turn.
constexpr int kReadsPerTurn = 64;

std::string read_file(const char* path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// What tells one state of the system's file from another.
struct Stamp {
  std::int64_t modified = 0;
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  bool operator==(const Stamp&) const = default;

  static Stamp of(const char* path) {
    struct stat found {};
    if (::stat(path, &found) != 0) return {};
    return {found.st_mtim.tv_sec * kSecond + found.st_mtim.tv_nsec, found.st_ino, found.st_size};
  }
};

std::uint32_t number_after(std::string_view word, std::string_view key) {
  std::uint32_t value = 0;
  if (!word.starts_with(key)) return 0;
  std::from_chars(word.data() + key.size(), word.data() + word.size(), value);
  return value;
}

// "a:53,[b]:53"
std::string joined(const std::vector<SocketAddress>& servers) {
  std::string out;
  for (const SocketAddress& server : servers) {
    if (!out.empty()) out += ',';
    out += server.text();
  }
  return out;
}

void take_addresses(const ares_addrinfo& from, NameAnswer& out) {
  int ttl = INT_MAX;
  for (const auto* at = from.cnames; at != nullptr; at = at->next)
    ttl = std::min(ttl, at->ttl);
  std::vector<std::pair<std::string, SocketAddress>> found;
  for (const auto* at = from.nodes; at != nullptr; at = at->ai_next) {
    ttl = std::min(ttl, at->ai_ttl);
    const SocketAddress address(at->ai_addr, at->ai_addrlen);
    found.emplace_back(address.text(), address);
  }
  // Name servers rotate their answers; the order means nothing.
  const auto by_text = [](const auto& a, const auto& b) { return a.first < b.first; };
  std::sort(found.begin(), found.end(), by_text);
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  found.erase(std::unique(found.begin(), found.end(), same), found.end());
  for (auto& [text, address] : found)
    out.addresses.push_back(address);
  out.ttl = std::max(ttl, 0) * kSecond;
  if (out.addresses.empty()) out.error = ares_strerror(ARES_ENODATA);
}

}  // namespace

ResolverOptions resolver_options(std::string_view resolv_conf) {
  ResolverOptions out;
  std::istringstream lines{std::string(resolv_conf)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word != "options") continue;
    while (words >> word) {
      if (const auto value = number_after(word, "timeout:")) out.timeout = value;
      if (const auto value = number_after(word, "attempts:")) out.attempts = value;
    }
  }
  out.timeout = std::min(out.timeout, kMostTimeoutSeconds);
  out.attempts = std::min(out.attempts, kMostTries);
  return out;
}

// One c-ares channel on the loop: its sockets as Pollables, its time limits as a Deadline.
class Resolver::Channel final {
 public:
  Channel(Loop& loop, ResolverSettings settings)
      : loop_(loop), settings_(std::move(settings)), timeout_(&Channel::on_timeout, this) {
    ares_library_init(ARES_LIB_INIT_ALL);
    open();
  }
  ~Channel() {
    close();
    ares_library_cleanup();
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  void look_up(const std::string& name, Done done) {
    if (under_way_ == 0 && Stamp::of(kSystemFile) != stamp_) {
      close();
      open();
    }
    if (channel_ == nullptr) return done({{}, 0, true, problem_});
    auto* const query = new Query{this, std::move(done)};
    ++under_way_;
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_flags = ARES_AI_NOSORT;  // it would make a socket for each address, and the order means nothing
    hints.ai_socktype = SOCK_STREAM;
    asking_ = query;
    ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, &Channel::on_answer, query);
    asking_ = nullptr;
    arm();
  }

 private:
  struct Query {
    Channel* channel;
    Done done;
  };

  class Socket final : public Pollable {
   public:
    Socket(Channel& channel, int fd) : channel_(channel), fd_(fd) { watch(); }
    ~Socket() override { channel_.loop_.remove(*this, fd_); }
    // The loop tells of each change once: asked anew, it tells of what is ready already.
    void ask_again() {
      channel_.loop_.remove(*this, fd_);
      watch();
    }
    bool writes = false;

   private:
    // A socket that cannot be watched seems to be silent, and the look-up's time limit ends it.
    void watch() { std::ignore = channel_.loop_.add(*this, fd_); }
    void on_events(std::uint32_t events) override {
      channel_.process(fd_, (events & ~std::uint32_t{EPOLLOUT}) != 0, (events & EPOLLOUT) != 0);
    }
    Channel& channel_;
    int fd_;
  };

  void open() {
    stamp_ = Stamp::of(kSystemFile);
    const ResolverOptions system = resolver_options(read_file(kSystemFile));
    ares_options options{};
    const std::uint32_t seconds = system.timeout != 0 ? system.timeout : kTimeoutSeconds;
    const Nanos timeout = settings_.timeout != 0 ? settings_.timeout : seconds * kSecond;
    options.timeout = static_cast<int>(timeout / kMillisecond);
    const std::uint32_t attempts = system.attempts != 0 ? system.attempts : kTries;
    options.tries = static_cast<int>(settings_.tries != 0 ? settings_.tries : attempts);
    options.sock_state_cb = &Channel::on_socket;
    options.sock_state_cb_data = this;
    constexpr int kGiven = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    int status = ares_init_options(&channel_, &options, kGiven);
    if (status == ARES_SUCCESS && !settings_.servers.empty()) {
      status = ares_set_servers_ports_csv(channel_, joined(settings_.servers).c_str());
    }
    if (status == ARES_SUCCESS) return;
    problem_ = std::string("no resolver: ") + ares_strerror(status);
    close();
  }

  void close() {
    timeout_.disarm();
    // Who was half answered would get that half now.
    closing_ = true;
    if (channel_ != nullptr) ares_destroy(std::exchange(channel_, nullptr));
    closing_ = false;
    sockets_.clear();
  }

  static void on_socket(void* self, ares_socket_t fd, int readable, int writable) {
    auto& sockets = static_cast<Channel*>(self)->sockets_;
    if (readable == 0 && writable == 0) {
      sockets.erase(fd);
      return;
    }
    auto& socket = sockets[fd];
    if (socket == nullptr) {
      socket = std::make_unique<Socket>(*static_cast<Channel*>(self), fd);
    } else if (writable != 0 && !socket->writes) {
      socket->ask_again();
    }
    socket->writes = writable != 0;
  }

  static void on_answer(void* arg, int status, int /*timeouts*/, ares_addrinfo* found) {
    const std::unique_ptr<Query> query(static_cast<Query*>(arg));
    const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> owned(found, &ares_freeaddrinfo);
    Channel& channel = *query->channel;
    --channel.under_way_;
    if (channel.closing_) return;
    NameAnswer answer;
    // What needs no answer from anybody is there at once.
    answer.local = channel.asking_ == query.get();
    if (status == ARES_SUCCESS && found != nullptr) {
      take_addresses(*found, answer);
    } else {
      answer.error = ares_strerror(status);
    }
    query->done(std::move(answer));
  }

  // c-ares reads an answer over TCP in pieces, one for each call.
  void process(int fd, bool read, bool write) {
    for (int turn = 0; turn < kReadsPerTurn; ++turn) {
      const auto socket = sockets_.find(fd);
      if (socket == sockets_.end()) break;
      write = write && socket->second->writes;
      if (!read && !write) break;
      ares_process_fd(channel_, read ? fd : ARES_SOCKET_BAD, write ? fd : ARES_SOCKET_BAD);
      read = readable(fd);
      write = false;
    }
    if (const auto socket = sockets_.find(fd); read && socket != sockets_.end()) socket->second->ask_again();
    arm();
  }

  static bool readable(int fd) {
    pollfd asked{fd, POLLIN, 0};
    return ::poll(&asked, 1, 0) > 0;
  }

  void arm() {
    timeval left{};
    if (ares_timeout(channel_, nullptr, &left) == nullptr) return timeout_.disarm();
    timeout_.arm(loop_, loop_.now() + left.tv_sec * kSecond + left.tv_usec * 1000);
  }
  static void on_timeout(void* self) {
    auto& channel = *static_cast<Channel*>(self);
    ares_process_fd(channel.channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    channel.arm();
  }

  Loop& loop_;
  ResolverSettings settings_;
  ares_channel channel_ = nullptr;
  std::string problem_;
  Stamp stamp_;
  std::unordered_map<int, std::unique_ptr<Socket>> sockets_;
  std::size_t under_way_ = 0;
  bool closing_ = false;
  const Query* asking_ = nullptr;  // while its look-up begins
  Deadline timeout_;
};

Resolver::Resolver(Loop& loop, ResolverSettings settings)
    : channel_(std::make_unique<Channel>(loop, std::move(settings))) {}
Resolver::~Resolver() = default;

void Resolver::look_up(const std::string& name, Done done) { channel_->look_up(name, std::move(done)); }

}  // namespace sluice::net
