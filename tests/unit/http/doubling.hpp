// A body filter for tests: says every byte twice, in pieces of its own, and adds an end.
#pragma once

#include "sluice/http/body_filter.hpp"

#include <list>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::test {

class Doubling final : public http::BodyFilter {
 public:
  struct Seen {
    int made = 0;
    int destroyed = 0;
    std::size_t bytes = 0;
  };
  Doubling(Seen& seen, std::string end) : seen_(seen), end_(std::move(end)) { ++seen_.made; }
  ~Doubling() override { ++seen_.destroyed; }

  http::BodyStep poll(std::string_view& piece) override {
    if (ended_) return http::BodyStep::end;
    std::string_view from;
    const http::BodyStep step = inner().poll(from);
    ended_ = step == http::BodyStep::end;
    if (step != http::BodyStep::data && !ended_) return step;
    seen_.bytes += from.size();
    given_.emplace_back();
    for (const char c : from)
      given_.back().append(2, c);
    if (ended_) given_.back() = end_;
    piece = given_.back();
    return http::BodyStep::data;
  }
  Task<void> fill() override {
    given_.clear();
    return BodyFilter::fill();
  }
  void release() override {
    given_.clear();
    BodyFilter::release();
  }

 private:
  Seen& seen_;
  std::string end_;
  std::list<std::string> given_;
  bool ended_ = false;
};

}  // namespace sluice::test
