// Field lines of requests that are refused, first of all those that frame the body.
#include "unit/http1/heads.hpp"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

using namespace sluice;
using namespace sluice::http;
using namespace sluice::test;

namespace {

using Texts = std::vector<std::string>;

// POST with `fields` behind a good Host.
void fields_refused(const Texts& all) {
  for (const std::string& fields : all) {
    expect_request_refused("POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
  }
}

}  // namespace

TEST_CASE("the framing of a body is never a matter of opinion", "[http1][smuggling]") {
  const std::string cl = "Content-Length: 5\r\n";
  const std::string te = "Transfer-Encoding: chunked\r\n";
  fields_refused({
      cl + te,
      te + cl,
      "Content-Length: 0\r\n" + te,
      te + "Content-Length: 0\r\n",
      te + "content-length:5\r\n",
      cl + cl,
      cl + "Content-Length: 6\r\n",
      "Content-Length: 0\r\nContent-Length: 5\r\n",
      cl + "CONTENT-LENGTH: 5\r\n",
      te + te,
      te + "Transfer-Encoding: identity\r\n",
      "Transfer-Encoding: identity\r\n" + te,
      cl + "Transfer-Encoding: identity\r\n",
      cl + "Transfer-Encoding: x\r\n",
      cl + "Transfer-Encoding:\r\n",
      "Content-Length:\r\n" + te,
  });
}

TEST_CASE("a length is digits", "[http1][smuggling]") {
  for (const std::string& value : Texts{"",
                                        "+5",
                                        "-5",
                                        "-0",
                                        "+0",
                                        "05",
                                        "00",
                                        "000005",
                                        "0x5",
                                        "5,",
                                        ",5",
                                        "5,5",
                                        "5, 5",
                                        "5, 6",
                                        "5 5",
                                        "5;",
                                        "5.0",
                                        "5e0",
                                        "5e1",
                                        "1_0",
                                        "5a",
                                        "a",
                                        "five",
                                        "\"5\"",
                                        "'5'",
                                        "5\t5",
                                        "5\x0b",
                                        "\x0b"
                                        "5",
                                        "5\x0c",
                                        "\xa0"
                                        "5",
                                        "5\xc2\xa0",
                                        "\xef\xbc\x95",
                                        "9223372036854775808",
                                        "18446744073709551615",
                                        "18446744073709551616",
                                        "18446744073709551621",
                                        "99999999999999999999999999",
                                        "4294967301x",
                                        "0b1",
                                        "5\r",
                                        "(5)",
                                        "~5",
                                        "0.5"}) {
    fields_refused({"Content-Length: " + value + "\r\n"});
  }
  fields_refused({nul("Content-Length: 5", "\r\n"), nul("Content-Length: ", "5\r\n")});
}

TEST_CASE("a transfer coding is chunked and nothing else", "[http1][smuggling]") {
  for (const std::string& value : Texts{"",
                                        "identity",
                                        "gzip",
                                        "chunked, identity",
                                        "identity, chunked",
                                        "gzip, chunked",
                                        "chunked, gzip",
                                        "chunked, chunked",
                                        "chunked,",
                                        ",chunked",
                                        ", chunked",
                                        ",,chunked",
                                        "chunked;",
                                        "chunked;q=1",
                                        "chunked; a=b",
                                        "chunked x",
                                        "x chunked",
                                        "xchunked",
                                        "chunkedx",
                                        "chunke",
                                        "hunked",
                                        "\"chunked\"",
                                        "'chunked'",
                                        "chunked\x0b",
                                        "\x0b"
                                        "chunked",
                                        "\x0c"
                                        "chunked",
                                        "chunked\x0c",
                                        "\xa0"
                                        "chunked",
                                        "chunked\xa0",
                                        "\xc2\xa0"
                                        "chunked",
                                        "chu nked",
                                        "chunked\t,",
                                        "c\xc4\xb1hunked",
                                        "chun\xe2\x84\xaa"
                                        "ed",
                                        "cow",
                                        "chunked\r",
                                        "chunked\x1f",
                                        "chunked\x7f",
                                        "0",
                                        "true",
                                        "chunked\\",
                                        "chunked/1.0",
                                        "deflate",
                                        "compress",
                                        "trailers"}) {
    fields_refused({"Transfer-Encoding: " + value + "\r\n"});
  }
  fields_refused({nul("Transfer-Encoding: chunked", "\r\n"), nul("Transfer-Encoding: ", "chunked\r\n"),
                  "Transfer-Encoding:\r\n chunked\r\n", "Transfer-Encoding: chun\r\n ked\r\n",
                  "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
                  "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n"});
}

TEST_CASE("chunked does not exist in HTTP/1.0", "[http1][smuggling]") {
  expect_request_refused("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  expect_request_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n");
}

TEST_CASE("field lines have one form", "[http1][smuggling]") {
  fields_refused({
      // Space around the name.
      "Content-Length : 5\r\n",
      "Content-Length\t: 5\r\n",
      "Transfer-Encoding : chunked\r\n",
      " Content-Length: 5\r\n",
      "\tX: y\r\n",
      "X Y: z\r\n",
      "X\x0b: y\r\n",
      "X\x0c: y\r\n",
      "X\xa0: y\r\n",
      // Folded lines.
      "X: y\r\n z\r\n",
      "X: y\r\n\tz\r\n",
      "X: y\r\n \r\n",
      "X: y\r\n Content-Length: 5\r\n",
      "X:\r\n y\r\n",
      // No name, no colon.
      ": y\r\n",
      "X\r\n",
      "X y\r\n",
      ":\r\n",
      "\"X\": y\r\n",
      "(X): y\r\n",
      "X;: y\r\n",
      "X,Y: z\r\n",
      "X/Y: z\r\n",
      "X@Y: z\r\n",
      "X[]: z\r\n",
      "X=Y: z\r\n",
      "X?: z\r\n",
      "{X}: z\r\n",
      "<X>: z\r\n",
      "X\\Y: z\r\n",
      "X\x80: y\r\n",
      "\xff: y\r\n",
      "X\x7f: y\r\n",
      "X\x01: y\r\n",
      // Line breaks that are none, and those that some parsers make one.
      "X: y\rContent-Length: 5\r\n",
      "X: y\r",
      "X: y\r\r\n",
      "X: y\n",
      "X: y\nContent-Length: 5\r\n",
      "X\r: y\r\n",
      "X:\r y\r\n",
      "X: y\n\r\n",
      "X: \ry\r\n",
      "\rX: y\r\n",
      "X: y\x0b\x0c\r\n",
      "X: y\x1c\r\n",
      // Control bytes in a value.
      "X: \x01\r\n",
      "X: y\x08z\r\n",
      "X: y\x1bz\r\n",
      "X: \x7f\r\n",
      "X: y\x0bz\r\n",
      "X: y\x0cz\r\n",
      "X: \x1f\r\n",
      nul("X", ": y\r\n"),
      nul("X: y", "\r\n"),
      nul("X: ", "y\r\n"),
      nul("", "X: y\r\n"),
      nul("X: a\r\n", "Y: b\r\n"),
  });
}

TEST_CASE("every control byte is refused in a name and in a value", "[http1][smuggling]") {
  for (int c = 0; c < 256; ++c) {
    const std::string byte(1, static_cast<char>(c));
    const bool control = (c < 0x20 && c != '\t') || c == 0x7f;
    if (control) fields_refused({"X: a" + byte + "b\r\n", "X: " + byte + "\r\n"});
    if (control || c >= 0x80 || c == '\t') fields_refused({"X" + byte + ": a\r\n", byte + "X: a\r\n"});
  }
}
