// Writing to a connection, in the clear and under TLS 1.3. Both hand their bytes to a socket that is read
// empty each time, so the difference between two lines of the same size is what TLS costs.
#include "sluice/net/transport.hpp"
#include "sluice/tls/server_context.hpp"

#include "micro/samples.hpp"

#include <array>
#include <benchmark/benchmark.h>
#include <memory>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace sluice::micro {
namespace {

std::shared_ptr<const tls::Identity> make_identity() {
  auto out = std::make_shared<tls::Identity>();
  out->key.reset(EVP_EC_gen("P-256"));
  out->leaf.reset(X509_new());
  X509* const leaf = out->leaf.get();
  X509_set_version(leaf, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(leaf), 1);
  X509_gmtime_adj(X509_getm_notBefore(leaf), -60);
  X509_gmtime_adj(X509_getm_notAfter(leaf), 24 * 3600);
  X509_set_pubkey(leaf, out->key.get());
  must(X509_sign(leaf, out->key.get(), EVP_sha256()) > 0);
  out->chain.reset(sk_X509_new_null());
  out->names = {"localhost"};
  return out;
}

Detached shake_hands(net::Transport& transport, net::Loop& loop) {
  must(!co_await transport.handshake(loop.now() + Nanos{10'000'000'000}));
  loop.stop();
}

// A transport, and the other end of its socket.
class Ends {
 public:
  Ends() {
    must(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds_.data()) == 0);
    const int room = 1 << 20;  // for one write and what the kernel adds to it
    must(::setsockopt(fds_[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room) == 0);
    transport_ = std::make_unique<net::Transport>(loop_, fds_[0], false);
  }
  Ends(const Ends&) = delete;
  Ends& operator=(const Ends&) = delete;
  ~Ends() {
    transport_.reset();
    ::close(fds_[1]);
  }

  void start_tls() {
    auto index = std::make_shared<tls::CertificateIndex>();
    index->add(make_identity());
    server_ = std::make_unique<tls::ServerContext>(std::move(index), std::make_shared<tls::TicketKeys>());
    transport_->start_tls(server_->accept());
    // The client waits in its own thread until it is done; after that only its ciphertext is of interest.
    std::thread client([fd = fds_[1]] {
      SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
      SSL* const ssl = SSL_new(context);
      SSL_set_fd(ssl, fd);
      must(SSL_connect(ssl) == 1);
      SSL_free(ssl);
      SSL_CTX_free(context);
    });
    shake_hands(*transport_, loop_);
    loop_.run();
    client.join();
    drain();  // session tickets
  }

  void drain() {
    while (::recv(fds_[1], sink_.data(), sink_.size(), MSG_DONTWAIT) > 0) {
    }
  }

  net::Transport& transport() { return *transport_; }

 private:
  std::array<int, 2> fds_{};
  net::Loop loop_;
  std::unique_ptr<tls::ServerContext> server_;
  std::unique_ptr<net::Transport> transport_;
  std::vector<char> sink_ = std::vector<char>(256 * 1024);
};

void write(benchmark::State& state, Ends& ends) {
  // A head and a body, as the outbox hands them over.
  std::string head(300, 'h');
  std::string body(static_cast<std::size_t>(state.range(0)), 'b');
  for (auto _ : state) {
    std::array<iovec, 2> pieces{{{head.data(), head.size()}, {body.data(), body.size()}}};
    std::span<iovec> left(pieces);
    must(ends.transport().write(left).status == net::IoStatus::ok);
    ends.drain();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(head.size() + body.size()));
}

void write_plain(benchmark::State& state) {
  Ends ends;
  write(state, ends);
}

void write_tls(benchmark::State& state) {
  Ends ends;
  ends.start_tls();
  write(state, ends);
}

BENCHMARK(write_plain)->Arg(100)->Arg(4096)->Arg(65536);
BENCHMARK(write_tls)->Arg(100)->Arg(4096)->Arg(65536);

}  // namespace
}  // namespace sluice::micro
