// TLS between two transports of one loop, with the product's server context on one side.
#include "sluice/net/transport.hpp"

#include "unit/net/tls_fixture.hpp"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace std::literals;
using namespace sluice;
using namespace sluice::net;
using namespace sluice::test;

TEST_CASE("bytes pass both ways under TLS 1.2 and 1.3", "[net][tls]") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    TlsEnds ends(version);
    const auto script = [&]() -> Task<void> {
      const bool shaken = co_await ends.handshake();
      CHECK(shaken);
      for (const std::size_t size : {1U, 100U, 16'384U, 16'385U, 50'000U}) {
        CAPTURE(size);
        const std::string text = pattern(size);
        IoStatus end{};
        Error error = co_await send_text(*ends.client, text);
        CHECK_FALSE(error);
        const std::string up = co_await receive_text(*ends.server, size, 70'000, end);
        CHECK((up == text));
        error = co_await send_text(*ends.server, text);
        CHECK_FALSE(error);
        const std::string down = co_await receive_text(*ends.client, size, 70'000, end);
        CHECK((down == text));
      }
    };
    run(ends.loop, script);
  }
}

TEST_CASE("reads smaller than a record lose nothing and do not hang", "[net][tls]") {
  TlsEnds ends;
  const auto script = [&]() -> Task<void> {
    const bool shaken = co_await ends.handshake();
    CHECK(shaken);
    const std::string text = pattern(40'000);
    const Error error = co_await send_text(*ends.client, text);
    CHECK_FALSE(error);
    IoStatus end{};
    const std::string got = co_await receive_text(*ends.server, text.size(), 13, end);
    CHECK(end == IoStatus::ok);
    CHECK((got == text));
  };
  run(ends.loop, script);
}

TEST_CASE("a large write through a small socket buffer arrives whole", "[net][tls]") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    TlsEnds ends(version, 4096);
    const std::string text = pattern(1'000'000);
    bool sent = false;
    const auto writer = [&]() -> Task<void> {
      const Error error = co_await send_text(*ends.server, text);
      CHECK_FALSE(error);
      sent = true;
    };
    const auto script = [&]() -> Task<void> {
      const bool shaken = co_await ends.handshake();
      CHECK(shaken);
      start(writer());
      CHECK_FALSE(sent);
      IoStatus end{};
      const std::string got = co_await receive_text(*ends.client, text.size(), 10'000, end);
      CHECK((got == text));
      while (!sent)
        co_await ends.loop.yield();
    };
    run(ends.loop, script);
  }
}

TEST_CASE("a write takes no more than it can hand on soon", "[net][tls]") {
  // What the kernel does not take is kept as ciphertext: for a slow reader that must be little.
  TlsEnds ends(TLS1_3_VERSION, 4096);
  const auto script = [&]() -> Task<void> {
    const bool shaken = co_await ends.handshake();
    CHECK(shaken);
    std::string text = pattern(1'000'000);
    iovec piece{text.data(), text.size()};
    std::span<iovec> pieces(&piece, 1);
    const IoResult first = ends.server->write(pieces);
    CHECK(first.status == IoStatus::would_block);
    CHECK(first.bytes <= 160'000);
    const IoResult second = ends.server->write(pieces);
    CHECK(second.status == IoStatus::would_block);
    CHECK(second.bytes == 0);
  };
  run(ends.loop, script);
}

TEST_CASE("many pieces are gathered into the stream, empty ones too", "[net][tls]") {
  TlsEnds ends;
  std::vector<std::string> texts{
      "", "HTTP/1.1 200 OK\r\n\r\n", "", pattern(20'000), "x", pattern(16'384), "", "end", ""};
  std::string all;
  std::vector<iovec> vector;
  for (std::string& text : texts) {
    all += text;
    vector.push_back({text.data(), text.size()});
  }
  const auto script = [&]() -> Task<void> {
    const bool shaken = co_await ends.handshake();
    CHECK(shaken);
    std::span<iovec> pieces(vector);
    const IoResult done = ends.server->write(pieces);
    CHECK(done.status == IoStatus::ok);
    CHECK(done.bytes == all.size());
    CHECK(pieces.empty());
    IoStatus end{};
    const std::string got = co_await receive_text(*ends.client, all.size(), 70'000, end);
    CHECK((got == all));
  };
  run(ends.loop, script);
}

TEST_CASE("a write tells how many bytes it took, however many", "[net][tls]") {
  TlsEnds ends(TLS1_3_VERSION, 1'000'000);
  const auto script = [&]() -> Task<void> {
    const bool shaken = co_await ends.handshake();
    CHECK(shaken);
    std::string text = pattern(100'000);
    iovec piece{text.data(), text.size()};
    std::span<iovec> pieces(&piece, 1);
    const IoResult done = ends.server->write(pieces);
    CHECK(done.status == IoStatus::ok);
    CHECK(done.bytes == 100'000);
  };
  run(ends.loop, script);
}

TEST_CASE("close_notify is an orderly end, and the other direction goes on", "[net][tls]") {
  TlsEnds ends;
  const auto script = [&]() -> Task<void> {
    const bool shaken = co_await ends.handshake();
    CHECK(shaken);
    Error error = co_await send_text(*ends.client, "request");
    ends.client->shutdown_write();
    IoStatus end{};
    std::string got = co_await receive_text(*ends.server, 1000, 1000, end);
    CHECK(got == "request");
    CHECK(end == IoStatus::eof);
    error = co_await send_text(*ends.server, "response");
    CHECK_FALSE(error);
    ends.server->shutdown_write();
    got = co_await receive_text(*ends.client, 1000, 1000, end);
    CHECK(got == "response");
    CHECK(end == IoStatus::eof);
  };
  run(ends.loop, script);
}

TEST_CASE("close_notify without a FIN is seen, also when it comes with data", "[net][tls]") {
  // Peers that wait for our own close_notify keep their socket open: no second edge will tell us.
  for (const bool with_data : {false, true}) {
    CAPTURE(with_data);
    TlsEnds ends;
    const auto script = [&]() -> Task<void> {
      const bool shaken = co_await ends.handshake();
      CHECK(shaken);
      // By hand, so that data and alert arrive together and nothing is shut down.
      BIO* memory = BIO_new(BIO_s_mem());
      SSL* ssl = ends.client->ssl();
      SSL_set0_wbio(ssl, memory);
      std::size_t written = 0;
      if (with_data) SSL_write_ex(ssl, "last", 4, &written);
      SSL_shutdown(ssl);
      char* bytes = nullptr;
      const long size = BIO_get_mem_data(memory, &bytes);
      put(ends.client->fd(), {bytes, static_cast<std::size_t>(size)});
      IoStatus end{};
      const std::string got = co_await receive_text(*ends.server, 1000, 1000, end, 200 * kMilli);
      CHECK(got == (with_data ? "last" : ""));
      CHECK(end == IoStatus::eof);
    };
    run(ends.loop, script);
  }
}

TEST_CASE("a stream cut without close_notify is an error, not an end", "[net][tls]") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    TlsEnds ends(version);
    const auto script = [&]() -> Task<void> {
      const bool shaken = co_await ends.handshake();
      CHECK(shaken);
      const Error error = co_await send_text(*ends.server, "half of a bo");
      CHECK_FALSE(error);
      ::shutdown(ends.server->fd(), SHUT_WR);
      IoStatus end{};
      const std::string got = co_await receive_text(*ends.client, 1000, 1000, end);
      CHECK(got == "half of a bo");
      CHECK(end == IoStatus::error);
      char byte = 0;
      CHECK(ends.client->read({&byte, 1}).status == IoStatus::error);
    };
    run(ends.loop, script);
  }
}

TEST_CASE("a record that was tampered with ends the connection", "[net][tls]") {
  TlsEnds ends;
  const auto script = [&]() -> Task<void> {
    const bool shaken = co_await ends.handshake();
    CHECK(shaken);
    const std::string forged = "\x17\x03\x03\x00\x20"s + std::string(32, 'x');
    put(ends.client->fd(), forged);
    IoStatus end{};
    const std::string got = co_await receive_text(*ends.server, 1000, 1000, end);
    CHECK(got.empty());
    CHECK(end == IoStatus::error);
    const Error error = co_await send_text(*ends.server, "x");
    CHECK(error.kind == ErrorKind::reset);
  };
  run(ends.loop, script);
}

TEST_CASE("what others left in the queue of errors is not this connection's", "[net][tls]") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsEnds ends(version);
    const auto script = [&]() -> Task<void> {
      const bool shaken = co_await ends.handshake();
      CHECK(shaken);
      // The head of a record, whose rest is still on its way.
      put(ends.client->fd(), std::string_view("\x17\x03\x03\x00\x20", 5));
      const ErrorKind waited = co_await ends.server->readable(ends.soon());
      CHECK(waited == ErrorKind::none);
      ERR_raise(ERR_LIB_USER, ERR_R_INTERNAL_ERROR);
      char byte = 0;
      CHECK(ends.server->read({&byte, 1}).status == IoStatus::would_block);
    };
    run(ends.loop, script);
    ERR_clear_error();
  }
}

TEST_CASE("a handshake with something that is no TLS fails at once", "[net][tls]") {
  for (const std::string& first : {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(100, '\0'),
                                   std::string("SSH-2.0-OpenSSH_9.2\r\n")}) {
    Loop loop;
    SocketPair pair;
    Transport transport(loop, pair.take_first(), false);
    transport.start_tls(server_context().accept());
    put(pair.second(), first);
    const auto script = [&]() -> Task<void> {
      const Error error = co_await transport.handshake(loop.now() + 5 * kSecond);
      CHECK(error.kind == ErrorKind::tls_failed);
    };
    run(loop, script);
  }
}

TEST_CASE("a handshake that does not go on ends at its deadline", "[net][tls]") {
  Loop loop;
  SocketPair pair;
  Transport transport(loop, pair.take_first(), false);
  transport.start_tls(server_context().accept());
  put(pair.second(), "\x16\x03\x01\x01"s);
  const auto script = [&]() -> Task<void> {
    const Error error = co_await transport.handshake(loop.now() + 50 * kMilli);
    CHECK(error.kind == ErrorKind::timed_out);
  };
  run(loop, script);
}

TEST_CASE("a handshake cut short fails, one that is cancelled says so", "[net][tls]") {
  for (const bool cancelled : {false, true}) {
    CAPTURE(cancelled);
    Loop loop;
    SocketPair pair;
    Transport transport(loop, pair.take_first(), false);
    transport.start_tls(server_context().accept());
    bool ended = false;
    const auto shake = [&]() -> Task<void> {
      const Error error = co_await transport.handshake(loop.now() + 5 * kSecond);
      CHECK(error.kind == (cancelled ? ErrorKind::cancelled : ErrorKind::tls_failed));
      ended = true;
    };
    const auto script = [&]() -> Task<void> {
      start(shake());
      if (cancelled) {
        transport.cancel(ErrorKind::cancelled);
      } else {
        pair.close_second();
      }
      while (!ended)
        co_await loop.yield();
    };
    run(loop, script);
  }
}

TEST_CASE("a handshake through a socket buffer smaller than its messages", "[net][tls]") {
  auto index = std::make_shared<tls::CertificateIndex>();
  // A certificate of many names, so that it does not fit at once.
  std::vector<std::string> names;
  for (int i = 0; i < 2000; ++i)
    names.push_back("a-rather-long-host-name-" + std::to_string(i) + ".example.com");
  index->add(make_identity(names));
  const tls::ServerContext context(index, std::make_shared<tls::TicketKeys>());
  TlsEnds ends(TLS1_3_VERSION, 4096, context);
  const auto script = [&]() -> Task<void> {
    const bool shaken = co_await ends.handshake();
    CHECK(shaken);
    IoStatus end{};
    const Error error = co_await send_text(*ends.server, "behind the handshake");
    CHECK_FALSE(error);
    const std::string got = co_await receive_text(*ends.client, 20, 1000, end);
    CHECK(got == "behind the handshake");
  };
  run(ends.loop, script);
}
