#include "origin/options.hpp"

#include "origin/toolkit/command_line.hpp"

#include <limits>

namespace sluice::origin {

Options read_options(int argc, char** argv) {
  using namespace toolkit;
  Options options;
  std::vector<std::string> tls;
  CLI::App app;
  add_each(app, "--listen", [&](const std::string& address) { options.listen.push_back(address); });
  add_text(app, "--name", options.name);
  add_text(app, "--pool", options.pool);
  add_text(app, "--color", options.color);
  app.add_option("--tls", tls)->expected(2)->take_last();
  add_size(app, "--body-size", options.body_size);
  add_duration(app, "--keepalive-timeout",
               [&](std::chrono::nanoseconds time) { options.keepalive_timeout = time; });
  add_number(app, "--seed", options.seed, 0, std::numeric_limits<std::uint64_t>::max());
  options.help = !parse(app, argc, argv);
  if (!tls.empty()) {
    options.certificate = tls[0];
    options.key = tls[1];
  }
  if (options.listen.empty()) options.listen.emplace_back("127.0.0.1:3000");
  return options;
}

const std::string_view help_text =
    R"(sluice-origin: a small upstream application for demos, tests and benchmarks

usage: sluice-origin [--listen ADDRESS]... [OPTION]...

  --listen HOST:PORT          address to serve on; may be given again; default 127.0.0.1:3000
  --listen unix:/path         the same on a unix socket
                              port 0 takes a free one; for each address, stdout gets a line
                              "listening on 127.0.0.1:43121"
  --name, --pool, --color X   who it says it is: in /whoami, /echo, the default body and fields
                              X-Origin-Name, -Pool, -Color
  --tls CERT KEY              serve TLS 1.2 and 1.3 (PEM files, leaf certificate first)
  --body-size SIZE            size of the default reply's body; default 100
  --keepalive-timeout TIME    close a connection without a request after this long; default 75s
  --seed N                    of random delays, which are the same in every run; default 1
  --help                      this text
TERM and INT end it: idle connections close at once, requests in flight get two seconds.

Paths
  /whoami      who answered, as JSON
  /health      200 {"status":"ok"}
  /echo        what was received, as JSON: method, target, version, headers in order, body (up to
               4 KiB of text; always its sha256), trailers, and the numbers of the connection and of
               the request on it; also any path with ?echo or the request field "X-Origin: echo"
  /upload      reads the body, whatever its size; answers with its bytes and sha256
  /download    1 MiB, or ?size=SIZE; the byte at offset i is 33 + i % 89
  /stats       connections and requests since the start, and the delays that answers really had
  any other    a short text
  A WebSocket upgrade on any path is accepted and echoes every message.

Query parameters, on any path
  delay=50ms           wait before the answer's head; or for a random time:
  delay=exp:MEAN, delay=uniform:LEAST,MOST, delay=lognormal:MEDIAN,SIGMA,
  delay=mix:USUAL,OTHER,PERCENT   so many percent wait for OTHER
  status=503           answer with this status (200 to 999)
  size=1MiB            a body of this size, of the same bytes as /download
  header=Name:value    add a field to the answer; percent-encoded, may be repeated
  chunked=1, chunk=N   chunked coding, in chunks of N bytes (default 16KiB)
  trailers=1           chunked, with the trailers X-Body-Bytes and X-Origin-Trailer
  interim=103          send an interim answer first (102 to 199)
  close=1              a body that ends where the connection does
  slow=N               send N bytes of body per second
  slow_read=N          read N bytes of the request body per second
  early=1              answer before reading the request body, and read it after
  never=1              never answer, never close
  reset=1, cut=1       no answer: RST or FIN instead
  reset_after=N        RST after N bytes of body
  cut_after=N          FIN after N bytes of body
  stall_after=N        fall silent after N bytes of body
  garbage=1            answer with bytes that are not HTTP, and close
  echo                 as /echo
Sizes are bytes or carry KiB, MiB, GiB; times carry us, ms, s, m, h.
"Expect: 100-continue" is honoured.
)";

}  // namespace sluice::origin
