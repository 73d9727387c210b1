#include "sluice/store/client.hpp"

#include "sluice/base/hex.hpp"
#include "sluice/base/thread.hpp"
#include "sluice/net/resolver.hpp"
#include "sluice/net/transport.hpp"
#include "sluice/observe/recurring.hpp"
#include "sluice/tls/client_context.hpp"

#include "store/backoff.hpp"
#include "store/conversation.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <coroutine>
#include <cstring>
#include <netinet/tcp.h>
#include <optional>
#include <random>
#include <span>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace sluice::store {
namespace {

constexpr Nanos kMillisecond = 1'000'000;
constexpr Nanos kSecond = 1'000 * kMillisecond;
constexpr Nanos kLookUpTime = 5 * kSecond;
constexpr Nanos kConnectTime = kSecond;
// How often leases and answers are looked after where nothing else happens.
constexpr Nanos kTick = 50 * kMillisecond;
constexpr Nanos kNever = INT64_MAX;
// A store that names ever new reasons does not fill the log.
constexpr std::size_t kMostReasons = 8;

std::uint64_t random_bits() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

std::string reason_of(const Error& error) {
  std::string out(to_string(error.kind));
  if (error.cause != 0) out += fmt::format(" ({})", std::strerror(error.cause));
  return out;
}

}  // namespace

// Everything but use() and sample() happens on the thread.
class Client::Thread final : public limits::Shared::Waker {
 public:
  explicit Thread(limits::Shared& shared) : shared_(shared) {
    shared.set_waker(*this);
    loop_.post([this] { serve(); });
    thread_ = quiet_thread("sluice-store", [this] { loop_.run(); });
  }

  ~Thread() {
    loop_.post([this] {
      stopping_ = true;
      interrupt();
    });
    thread_.join();
  }

  void use(const std::optional<Settings>& settings) {
    configured_.store(settings.has_value(), std::memory_order_relaxed);
    loop_.post([this, settings] {
      if (settings == settings_) return;
      settings_ = settings;
      told_.clear();
      backoff_.reset();
      changed_ = true;
      interrupt();
    });
  }

  // On a worker, which must not wait: what is asked is fetched by the thread.
  void wake() override {
    loop_.post([this] {
      if (conversation_ != nullptr) send();
    });
  }

  Sample sample() const {
    return {configured_.load(std::memory_order_relaxed), up_.load(std::memory_order_relaxed), shared_.nodes(),
            leases_.load(std::memory_order_relaxed), errors_.load(std::memory_order_relaxed)};
  }

 private:
  // Ends by interrupt(), or at its instant.
  struct Nap {
    explicit Nap(Thread& of) : thread(of) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) noexcept {
      waiter.handle = handle;
      thread.nap_ = this;
      if (until != kNever) deadline.arm(thread.loop_, until);
    }
    void await_resume() const noexcept {}
    static void on_due(void* self) { static_cast<Nap*>(self)->end(); }
    void end() {
      if (thread.nap_ != this) return;
      thread.nap_ = nullptr;
      deadline.disarm();
      thread.loop_.wake(waiter);
    }
    Thread& thread;
    Nanos until = kNever;
    net::Waiter waiter{};
    net::Deadline deadline{&Nap::on_due, this};
  };

  void interrupt() {
    if (nap_ != nullptr) nap_->end();
    if (transport_ != nullptr) transport_->cancel(ErrorKind::cancelled);
  }
  bool interrupted() const { return stopping_ || changed_; }

  Detached serve() {
    while (!stopping_) {
      changed_ = false;
      if (!settings_) {
        shared_.leave();
        co_await nap(kNever);
        continue;
      }
      const Settings settings = *settings_;
      const std::string why = co_await converse(settings);
      close();
      if (interrupted()) {
        shared_.leave();  // until the next one is reached
        continue;
      }
      lost(settings, why);
      co_await nap(loop_.now() + backoff_.next());
    }
    loop_.stop();
  }

  Task<> nap(Nanos until) {
    Nap nap(*this);
    nap.until = until;
    if (!interrupted()) co_await nap;
  }

  void close() {
    transport_.reset();
    conversation_.reset();
    resolver_.reset();
    up_.store(false, std::memory_order_relaxed);
  }

  void lost(const Settings& settings, const std::string& why) {
    shared_.lose(settings.outage);
    errors_.fetch_add(1, std::memory_order_relaxed);
    // Whoever mends the configuration must see at once what is still wrong with it.
    if (told_.size() < kMostReasons && std::find(told_.begin(), told_.end(), why) == told_.end()) {
      told_.push_back(why);
      trouble_.emplace();
    }
    trouble_->tell(observe::LogLevel::warn, loop_.now(), "limits.store {}:{}: {}", settings.host,
                   settings.port, why);
    static_cast<void>(shared_.tidy(loop_.now()));
  }

  // Until it cannot go on, for the reason that is returned.
  Task<std::string> converse(const Settings& settings) {
    const auto addresses = co_await look_up(settings.host);
    if (addresses.empty()) co_return "no address: " + problem_;
    if (!co_await connect_any(settings, addresses)) co_return problem_;
    conversation_ = std::make_unique<Conversation>(shared_, settings, node_);
    conversation_->greet(loop_.now());
    send();
    while (co_await transport_->readable(loop_.now() + kTick) != ErrorKind::cancelled) {
      if (!read_all()) co_return conversation_->why().empty() ? problem_ : conversation_->why();
      if (conversation_->late(loop_.now())) co_return conversation_->why();
      tell(settings);
      send();
    }
    co_return "";
  }

  void tell(const Settings& settings) {
    if (!conversation_->joined() || up_.exchange(true, std::memory_order_relaxed)) return;
    backoff_.reset();
    trouble_->over("limits.store {}:{}: reached again", settings.host, settings.port);
  }

  Task<std::vector<SocketAddress>> look_up(std::string host) {
    const bool v6 = host.find(':') != std::string::npos;
    if (const auto given = SocketAddress::parse(v6 ? '[' + host + "]:0" : host + ":0")) {
      co_return std::vector<SocketAddress>{*given};
    }
    std::optional<net::NameAnswer> answer;
    resolver_.emplace(loop_, net::ResolverSettings{});
    resolver_->look_up(host, [&](net::NameAnswer got) {
      answer = std::move(got);
      if (nap_ != nullptr) nap_->end();
    });
    if (!answer) co_await nap(loop_.now() + kLookUpTime);
    resolver_.reset();
    problem_ = answer ? answer->error : "no answer in time";
    co_return answer ? answer->addresses : std::vector<SocketAddress>{};
  }

  // Begins with another one each time: one that accepts connections may be of no use.
  Task<bool> connect_any(const Settings& settings, const std::vector<SocketAddress>& addresses) {
    const std::size_t first = turn_++;
    for (std::size_t i = 0; i < addresses.size() && !interrupted(); ++i) {
      const SocketAddress& address = addresses[(first + i) % addresses.size()];
      if (co_await connect(settings, address.with_port(settings.port))) co_return true;
    }
    co_return false;
  }

  Task<bool> connect(const Settings& settings, const SocketAddress& address) {
    const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const bool begun =
        fd >= 0 && (::connect(fd, address.raw(), address.length()) == 0 || errno == EINPROGRESS);
    if (!begun) {
      problem_ = std::strerror(errno);
      if (fd >= 0) ::close(fd);
      co_return false;
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const Nanos deadline = loop_.now() + kConnectTime;
    transport_ = std::make_unique<net::Transport>(loop_, fd, true);
    const ErrorKind waited = co_await transport_->writable(deadline);
    int cause = 0;
    socklen_t length = sizeof cause;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &cause, &length);
    if (waited != ErrorKind::none || cause != 0) {
      problem_ = cause != 0 ? std::strerror(cause) : "no connection within 1 s";
      co_return false;
    }
    if (!settings.tls) co_return true;
    co_return co_await start_tls(settings, address, deadline);
  }

  // With the authorities as their file has them now.
  Task<bool> start_tls(const Settings& settings, const SocketAddress& address, Nanos deadline) {
    const auto context = tls::ClientContext::make({.ca_file = settings.ca_file}, problem_);
    if (context == nullptr) co_return false;
    SSL* const ssl = context->connect(settings.host, address);
    if (ssl == nullptr) {
      problem_ = "no memory for TLS";
      co_return false;
    }
    transport_->start_tls(ssl);
    const Error error = co_await transport_->handshake(deadline);
    if (!error) co_return true;
    const long verified = SSL_get_verify_result(ssl);
    problem_ = verified != X509_V_OK
                   ? fmt::format("its certificate: {}", X509_verify_cert_error_string(verified))
                   : reason_of(error);
    co_return false;
  }

  // False: no more comes, or nothing that is of use.
  bool read_all() {
    for (;;) {
      const net::IoResult got = transport_->read(input_);
      if (got.status == net::IoStatus::would_block) break;
      if (got.status != net::IoStatus::ok) {
        problem_ = got.status == net::IoStatus::eof ? "closed the connection" : std::strerror(got.cause);
        return false;
      }
      if (!conversation_->heard({input_.data(), got.bytes}, loop_.now())) return false;
    }
    leases_.fetch_add(conversation_->take_leases(), std::memory_order_relaxed);
    return true;
  }

  // What the kernel does not take goes with the next.
  void send() {
    conversation_->go_on(loop_.now());
    std::string& output = conversation_->output();
    iovec piece{output.data(), output.size()};
    std::span<iovec> pieces(&piece, output.empty() ? 0 : 1);
    const net::IoResult sent = transport_->write(pieces);
    output.erase(0, sent.bytes);
  }

  limits::Shared& shared_;
  net::Loop loop_;
  std::optional<Settings> settings_;
  bool changed_ = false;
  bool stopping_ = false;
  Nap* nap_ = nullptr;
  std::optional<net::Resolver> resolver_;
  std::unique_ptr<net::Transport> transport_;
  std::unique_ptr<Conversation> conversation_;
  Backoff backoff_{random_bits()};
  std::size_t turn_ = 0;  // which of its addresses is tried
  std::string problem_;
  const std::string node_{Hex(random_bits()).view()};
  std::array<char, 16 * 1024> input_{};
  std::optional<observe::Recurring> trouble_{std::in_place};
  std::vector<std::string> told_;  // of these settings: each reason is news once
  std::atomic<bool> configured_{false};
  std::atomic<bool> up_{false};
  std::atomic<std::uint64_t> leases_{0};
  std::atomic<std::uint64_t> errors_{0};
  std::thread thread_;
};

Client::Client(limits::Shared& shared) : thread_(std::make_unique<Thread>(shared)) {}
Client::~Client() = default;

void Client::use(const std::optional<Settings>& settings) { thread_->use(settings); }
Client::Sample Client::sample() const { return thread_->sample(); }

}  // namespace sluice::store
