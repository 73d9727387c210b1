// The store in which several nodes count together: Redis, or what speaks as it does (5 or later, for the
// effects of scripts). One connection for the process, on a thread of its own; what buckets ask is sent in
// batches, and nobody waits for an answer. Out of reach, it is tried again and again.
#pragma once

#include "sluice/limits/shared.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::store {

struct Settings {
  std::string host = {};  // a name or an address, without brackets
  std::uint16_t port = 6379;
  std::string user = {};  // with a password alone: the default user
  std::string password = {};
  std::uint32_t database = 0;
  bool tls = false;
  std::string ca_file = {};  // PEM; empty: what the system trusts
  limits::Outage outage = limits::Outage::local;
  bool operator==(const Settings&) const = default;
};

// Of "redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]", rediss:// for TLS; user and password may be
// percent-encoded. Empty where it is not that shape.
std::optional<Settings> parse_url(std::string_view url);

class Client {
 public:
  // `shared` must outlive it, and it whoever takes from `shared`.
  explicit Client(limits::Shared& shared);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Which store there is, if any; what is the same goes on as it was. Returns at once.
  void use(const std::optional<Settings>& settings);

  struct Sample {
    bool configured = false;
    bool up = false;
    std::uint32_t nodes = 0;   // that count in it, while it is up
    std::uint64_t leases = 0;  // that the store answered for
    std::uint64_t errors = 0;  // connections that failed or were lost, and commands refused
  };
  // Any thread.
  Sample sample() const;

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

}  // namespace sluice::store
