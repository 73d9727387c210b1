// Sends one answer the way the request wants it sent.
#pragma once

#include "origin/behaviour.hpp"
#include "origin/content.hpp"
#include "origin/identity.hpp"
#include "origin/loop.hpp"
#include "origin/request.hpp"
#include "origin/stream.hpp"
#include "origin/task.hpp"

#include <string>

namespace sluice::origin {

enum class After {
  keep,   // the connection serves on
  close,  // it ends properly
  gone,   // it has ended already
};

// The answer almost every request of a load test gets, complete, for a GET over a kept connection. Rebuilt
// only when the second changes.
class CannedReply {
 public:
  CannedReply(const Identity& identity, std::size_t body_size);
  void append_to(std::string& out);

 private:
  std::string text_;
  std::size_t date_at_;
};

// `keep` says whether the connection may serve on as far as the request is concerned.
Task<After> send_reply(Loop& loop, Stream& stream, const Identity& identity, const Request& request,
                       const Behaviour& wants, const Content& content, bool keep);

// A short answer about a request that is not acceptable; the connection closes behind it.
Task<> send_refusal(Stream& stream, unsigned status, std::string reason);

// Answers from before the answer: 100 Continue, 103 Early Hints and the like.
std::string interim_reply(unsigned status);

}  // namespace sluice::origin
