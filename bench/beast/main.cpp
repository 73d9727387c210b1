// beast-proxy: a reverse proxy as the manuals of Beast and Asio suggest one, to compare Sluice with.
// Awaitables, tcp_stream with its timers, parser<buffer_body>, ssl_stream, kept connections, least
// connections; one thread with one io_context. It trusts Beast with the protocol and adds no check of its
// own.
#include "session.hpp"
#include "types.hpp"
#include "upstreams.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <stdexcept>

#include <boost/version.hpp>

namespace beast_proxy {
namespace {

struct Options {
  std::string http, https, certificate, key;
  std::vector<std::string> servers;
  int idle = 75;
};

Options read_options(int argc, char** argv) {
  Options options;
  CLI::App app{"A plain Beast proxy, as a peer for sluice"};
  app.add_option("--http", options.http, "address to listen on")->required();
  app.set_version_flag("--version", "Beast and Asio, Boost " BOOST_LIB_VERSION);
  auto* https = app.add_option("--https", options.https, "address to listen on under TLS");
  auto* certificate = app.add_option("--cert", options.certificate, "PEM file, leaf first");
  auto* key = app.add_option("--key", options.key, "PEM file");
  https->needs(certificate)->needs(key);
  app.add_option("--to", options.servers, "address of a server; may be given again")->required();
  app.add_option("--idle", options.idle, "seconds that a client may rest between requests");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  return options;
}

tcp::endpoint endpoint_of(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) throw std::runtime_error(address + ": expected ADDRESS:PORT");
  return {asio::ip::make_address(address.substr(0, colon)),
          static_cast<unsigned short>(std::stoi(address.substr(colon + 1)))};
}

template <class Stream>
awaitable<void> serve(Stream stream, std::shared_ptr<Upstreams> upstreams, std::chrono::seconds idle) {
  Session<Stream> session{std::move(stream), std::move(upstreams), idle};
  co_await session.run();
}

// `wrap` makes the stream of a session out of an accepted socket.
template <class Wrap>
awaitable<void> accept(tcp::endpoint at, std::shared_ptr<Upstreams> upstreams, std::chrono::seconds idle,
                       Wrap wrap) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::acceptor acceptor{executor, at.protocol()};
  acceptor.set_option(tcp::acceptor::reuse_address{true});
  acceptor.bind(at);
  acceptor.listen(4096);
  for (;;) {
    auto [error, socket] = co_await acceptor.async_accept(as_result);
    if (!error) {
      asio::co_spawn(executor, serve(wrap(std::move(socket)), upstreams, idle), asio::detached);
      continue;
    }
    // Out of descriptors, most likely: asked again at once it would fail again.
    asio::steady_timer pause{executor, std::chrono::milliseconds{100}};
    co_await pause.async_wait(as_result);
  }
}

asio::ssl::context make_tls(const Options& options) {
  asio::ssl::context tls{asio::ssl::context::tls_server};
  tls.set_options(asio::ssl::context::no_sslv2 | asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                  asio::ssl::context::no_tlsv1_1);
  tls.use_certificate_chain_file(options.certificate);
  tls.use_private_key_file(options.key, asio::ssl::context::pem);
  // One ticket after a handshake, as Sluice sends; OpenSSL would send two.
  SSL_CTX_set_num_tickets(tls.native_handle(), 1);
  return tls;
}

// What is thrown within an operation of Beast comes out of here and ends its session: the parser of 1.81
// throws at a trailer of more than 64 KiB.
void serve_on(asio::io_context& context) {
  while (!context.stopped()) {
    try {
      context.run();
    } catch (const std::length_error& error) {
      std::cerr << "beast-proxy: a session ended: " << error.what() << "\n";
    }
  }
}

void run(const Options& options) {
  asio::io_context context{1};
  const auto fail = [&](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  };
  std::vector<tcp::endpoint> servers;
  for (const auto& server : options.servers)
    servers.push_back(endpoint_of(server));
  const auto upstreams = std::make_shared<Upstreams>(servers);
  const std::chrono::seconds idle{options.idle};
  asio::co_spawn(context,
                 accept(endpoint_of(options.http), upstreams, idle,
                        [](tcp::socket socket) { return beast::tcp_stream{std::move(socket)}; }),
                 fail);
  std::optional<asio::ssl::context> tls;
  if (!options.https.empty()) {
    tls.emplace(make_tls(options));
    const auto wrap = [&](tcp::socket socket) {
      return beast::ssl_stream<beast::tcp_stream>{std::move(socket), *tls};
    };
    asio::co_spawn(context, accept(endpoint_of(options.https), upstreams, idle, wrap), fail);
  }
  asio::signal_set signals{context, SIGINT, SIGTERM};
  signals.async_wait([&](error_code, int) { context.stop(); });
  serve_on(context);
}

}  // namespace
}  // namespace beast_proxy

int main(int argc, char** argv) {
  try {
    beast_proxy::run(beast_proxy::read_options(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << "beast-proxy: " << error.what() << "\n";
    return 1;
  }
}
