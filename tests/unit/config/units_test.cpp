#include "config/units.hpp"

#include <catch2/catch.hpp>

using namespace sluice::config;
using std::chrono::milliseconds;

TEST_CASE("durations take one number and one unit", "[config]") {
  CHECK(parse_duration("250ms").value == milliseconds(250));
  CHECK(parse_duration("5s").value == milliseconds(5'000));
  CHECK(parse_duration("2m").value == milliseconds(120'000));
  CHECK(parse_duration("1h").value == milliseconds(3'600'000));
  CHECK(parse_duration("1.5s").value == milliseconds(1'500));
  CHECK(parse_duration("0.001s").value == milliseconds(1));
  CHECK(parse_duration("0.000001h").error == "\"0.000001h\" is not a whole number of ms");
  CHECK(parse_duration("0"));
  for (const char* text : {"", "5", "s", ".5s", "5.s", "5 s", " 5s", "+5s", "-5s", "5S", "5sec", "1m30s",
                           "5,5s", "0.0001s", "1234567890s", "0x5s", "5s ", "٥s"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text));
  }
}

TEST_CASE("sizes take binary units only", "[config]") {
  CHECK(parse_size("0").value == 0);
  CHECK(parse_size("1B").value == 1);
  CHECK(parse_size("16KiB").value == 16 * 1024);
  CHECK(parse_size("1.5MiB").value == 1536 * 1024);
  CHECK(parse_size("999999999GiB").value == 999'999'999ULL * 1024 * 1024 * 1024);
  for (const char* text : {"1", "1K", "1KB", "1kib", "1MB", "0.3B", "1 KiB", "00", "-1B"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_size(text));
  }
  CHECK(parse_size("1024").error ==
        "\"1024\" has no unit; write \"1024B\" if bytes are meant, and otherwise add B, KiB, MiB or GiB");
}

TEST_CASE("rates count by a unit of time", "[config]") {
  CHECK(parse_rate("10/s").value == Rate{10, milliseconds(1'000)});
  CHECK(parse_rate("500/m").value == Rate{500, milliseconds(60'000)});
  CHECK(parse_rate("1/h").value == Rate{1, milliseconds(3'600'000)});
  CHECK(parse_rate("1000000000/s").value == Rate{1'000'000'000, milliseconds(1'000)});
  for (const char* text : {"",
                           "/",
                           "/s",
                           "5",
                           "5/",
                           "5s",
                           "5/ms",
                           "5/d",
                           "5/S",
                           "5/min",
                           "5 /s",
                           "5/ s",
                           " 5/s",
                           "5/s ",
                           "5//s",
                           "5/s/s",
                           "+5/s",
                           "-5/s",
                           "1.5/s",
                           "1e3/s",
                           "0x5/s",
                           "0/s",
                           "05/s",
                           "1000000001/h",
                           "9999999999999999999999/s",
                           "٥/s"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_rate(text));
  }
  CHECK(parse_rate("5").error ==
        "\"5\" has no unit of time; write \"5/s\" if it is per second, and otherwise /m or /h");
  CHECK(parse_rate("5/d").error ==
        "\"5/d\" is not a rate; write a whole number and /s, /m or /h, such as \"10/s\"");
  for (const char* text : {"5s", "5r/s", "5 per second", "5/sec", "5rps", "5 requests/second"}) {
    CAPTURE(text);
    CHECK(parse_rate(text).error.ends_with("; write \"5/s\""));
  }
  for (const char* text : {"0", "0/m", "00/s", "0.0/h"}) {
    CAPTURE(text);
    CHECK(parse_rate(text).error == "a rate of 0 would let nothing pass; write 1/h or more");
  }
}

TEST_CASE("rates of bytes are a size and a unit of time", "[config]") {
  CHECK(parse_byte_rate("1MiB/s").value == Rate{1 << 20, milliseconds(1'000)});
  CHECK(parse_byte_rate("1.5KiB/m").value == Rate{1536, milliseconds(60'000)});
  CHECK(parse_byte_rate("953MiB/s"));
  CHECK(parse_byte_rate("954MiB/s").error ==
        "\"954MiB/s\" is more than can be paced; write 953MiB/s or less, or leave the limit out");
  for (const char* text :
       {"1MB/s", "1MB/sec", "1 mb per second", "1mbps", "1m", "1024KiB/second", "1024 k/s"}) {
    CAPTURE(text);
    CHECK(parse_byte_rate(text).error.ends_with("; write \"1MiB/s\""));
  }
  for (const char* text : {"0", "0/s", "0B/s", "0MiB/m", "0.0KiB"}) {
    CAPTURE(text);
    CHECK(parse_byte_rate(text).error == "a rate of 0 would let nothing pass; write 1KiB/s or more");
  }
  for (const char* text :
       {"", "/", "/s", "MiB/s", "-1MiB/s", "1MiB/", "1MiB/d", "8Mbit/s", "1MiB/s/s", "5/x"}) {
    CAPTURE(text);
    const std::string error = parse_byte_rate(text).error;
    CHECK(error.find("; write ") != std::string::npos);
    CHECK(error.find("/x\" if") == std::string::npos);
  }
  CHECK(parse_byte_rate("5/sec").error.find("; write \"5B/s\" if") != std::string::npos);
}

TEST_CASE("percentages are plain numbers", "[config]") {
  CHECK(parse_percentage("0").value == 0);
  CHECK(parse_percentage("12.5").value == 12.5);
  CHECK(parse_percentage("100").value == 100);
  CHECK(parse_percentage("0.000001").value == 0.000001);
  for (const char* text : {"", ".", ".5", "5.", "-5", "+5", "5 %", "1e2", "0x5", "1,5", "1.2.3", " 5", "inf",
                           "nan", "1234567890", "0.1234567", "٥"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_percentage(text));
  }
  CHECK(parse_percentage("5%").error == "\"5%\" is written without the \"%\"; write 5");
}

TEST_CASE("whole numbers are plain decimals", "[config]") {
  CHECK(parse_whole("0").value == 0);
  CHECK(parse_whole("999999999999999999").value == 999'999'999'999'999'999ULL);
  for (const char* text : {"", "-1", "+1", "1.0", "1e3", "0x10", "010", "1_000", "1000000000000000000"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_whole(text));
  }
}

TEST_CASE("what is meant by a quantity of another spelling is said", "[config]") {
  const auto hint = [](const std::string& error) { return error.substr(error.rfind("; ") + 2); };
  CHECK(hint(parse_duration("1m30s").error) == "write \"90s\"");
  CHECK(hint(parse_duration("5 sec").error) == "write \"5s\"");
  CHECK(hint(parse_duration("2d").error) == "write \"48h\"");
  CHECK(hint(parse_duration("100 milliseconds").error) == "write \"100ms\"");
  CHECK(hint(parse_size("10MB").error) == "write \"10MiB\"");
  CHECK(hint(parse_size("10m").error) == "write \"10MiB\"");
  CHECK(hint(parse_size("1t").error) == "write \"1024GiB\"");
  CHECK(hint(parse_size("1024k").error) == "write \"1MiB\"");
}

TEST_CASE("quantities are shown in the largest fitting unit", "[config]") {
  CHECK(show_duration(milliseconds(0)) == "0ms");
  CHECK(show_duration(milliseconds(1500)) == "1500ms");
  CHECK(show_duration(milliseconds(90'000)) == "90s");
  CHECK(show_duration(milliseconds(86'400'000)) == "24h");
  CHECK(show_size(0) == "0B");
  CHECK(show_size(1536) == "1536B");
  CHECK(show_size(32 * 1024) == "32KiB");
}
