#include "sluice/net/keepalive.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace sluice::net {
namespace {

constexpr int kSilence = 60;  // seconds until the first question, also towards routers that forget
constexpr int kPause = 20;    // seconds between two
constexpr int kQuestions = 3;

void set(int fd, int level, int name, int value) { ::setsockopt(fd, level, name, &value, sizeof value); }

}  // namespace

void probe_silent_peer(int fd) {
  set(fd, IPPROTO_TCP, TCP_KEEPIDLE, kSilence);
  set(fd, IPPROTO_TCP, TCP_KEEPINTVL, kPause);
  set(fd, IPPROTO_TCP, TCP_KEEPCNT, kQuestions);
  set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

}  // namespace sluice::net
