#include "loadgen/http1.hpp"

namespace sluice::bench {

void Http1::send(Token token, const Ask& ask) {
  token_ = token;
  active_ = true;
  response_.start(ask.form->is_head);
  text_ = ask.form->before_host;
  text_ += *ask.host;
  if (ask.varied != nullptr) {
    text_ += "\r\n";
    text_ += ask.varied->start();
    ask.varied->append_value(ask.index, text_);
  }
  text_ += ask.form->behind_host;
  outbox_.send(text_, ask.form->large_body);
}

void Http1::flush() {
  if (!outbox_.empty()) outbox_.flush();
}

void Http1::receive(std::string_view input) {
  if (!active_) {  // nobody has asked
    over_ = true;
    return;
  }
  response_.feed(input);
  if (response_.broken() || (response_.done() && !input.empty())) return fail(Failure::protocol);
  if (response_.done()) finish_answer();
}

void Http1::discarded(std::uint64_t bytes) {
  response_.discarded(bytes);
  if (response_.done()) finish_answer();
}

void Http1::finish_answer() {
  // Answered before the request was sent whole: nothing can follow on this connection.
  const bool sent = outbox_.empty() && !outbox_.broken();
  over_ = !sent || !keep_alive_ || !response_.keeps_alive();
  active_ = false;
  listener_.finished(token_, {{}, response_.status()});
}

void Http1::end(bool properly) {
  over_ = true;
  if (!active_) return;
  if (!response_.has_head()) return fail(properly ? Failure::closed : Failure::reset);
  if (properly) response_.end_of_stream();
  if (response_.done()) return finish_answer();
  fail(Failure::short_body);
}

void Http1::cancel(Token /*token*/, Failure failure) { fail(failure); }

void Http1::fail(Failure failure) {
  over_ = true;
  if (!active_) return;
  active_ = false;
  listener_.finished(token_, {failure});
}

}  // namespace sluice::bench
