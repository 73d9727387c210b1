// A body that is made of another one: compressed, counted, paced, rewritten. A filter is a source like any
// other, so whoever drains it does not know that there is one; it keeps what it needs between two pieces as
// state of its own.
//
// Filters chain: each owns the one it reads from, but for the innermost, which reads from the message's own
// source. They are never spliced (the bytes must be seen), and the length of what comes out is nobody's to
// promise, unless a filter says that it is what goes in. Ownership: the exchange (Exchange::filter_response).
#pragma once

#include "sluice/http/body.hpp"

#include <memory>
#include <utility>

namespace sluice::http {

class BodyFilter : public BodySource {
 public:
  // Whether as many bytes come out as go in.
  static constexpr bool kKeepsLength = false;

  // Reads from `inner`, which is either `owned` or outlives this.
  void wrap(BodySource& inner, std::unique_ptr<BodyFilter> owned) {
    inner_ = &inner;
    owned_ = std::move(owned);
  }

  // What a filter that changes no bytes would do; one that does overrides poll(), and what else it must.
  // poll() may answer `wait` only where fill() then waits for `inner()`, and gives `end` once all that it
  // held back is out. Pieces stay valid as BodySource says: memory of its own must live until fill() or
  // release().
  BodyStep poll(std::string_view& piece) override { return inner_->poll(piece); }
  Task<void> fill() override { return inner_->fill(); }
  void release() override { inner_->release(); }
  void stop() override { inner_->stop(); }
  Error error() const override { return inner_->error(); }
  const Fields& trailers() const override { return inner_->trailers(); }

 protected:
  BodySource& inner() const { return *inner_; }

 private:
  BodySource* inner_ = nullptr;
  std::unique_ptr<BodyFilter> owned_;
};

}  // namespace sluice::http
