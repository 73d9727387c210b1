#include "plan/sockets.hpp"

#include "sluice/base/socket_file.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

namespace sluice::plan {
namespace {

constexpr std::string_view kUnix = "unix:";

struct Place {
  SocketAddress address;
  std::string text;  // as written
  config::Position at;
  std::string path;  // in the file
};

std::vector<Place> places_of(const Plan& plan) {
  std::vector<Place> out;
  const auto& written = plan.document().listeners;
  for (std::size_t i = 0; i < plan.listeners().size(); ++i) {
    const Listener& listener = plan.listeners()[i];
    // One that could not be read listens nowhere.
    if (!listener.address_text.empty())
      out.push_back(
          {listener.address, listener.address_text, written[i].address.at, "listeners." + listener.name});
  }
  const auto& admin = plan.document().admin;
  // Where it is not written, there is an admin address only if that can be.
  const auto address = admin.at.line != 0 ? SocketAddress::parse(admin.value) : std::nullopt;
  if (address) out.push_back({*address, admin.value, admin.at, "admin"});
  return out;
}

bool same(const SocketAddress& a, const SocketAddress& b) {
  return a == b && (a.is_unix() || a.port() != 0);  // any port is another one each time
}

// Whether two paths, however they are written, are one socket.
bool same_file(const SocketAddress& a, const SocketAddress& b) {
  if (!a.is_unix() || !b.is_unix()) return false;
  std::error_code failed;
  const auto where = [&](const SocketAddress& address) {
    return std::filesystem::weakly_canonical(address.text().substr(kUnix.size()), failed);
  };
  const std::filesystem::path first = where(a);
  return !failed && first == where(b) && !failed;
}

// Whether whoever listens on `all` would get the connections to `one` too. "::" is IPv4 as well, as we bind
// it.
bool takes_in(const SocketAddress& all, const SocketAddress& one) {
  const std::string ip = all.ip_text();
  return ip == "::" || (ip == "0.0.0.0" && one.family() == all.family());
}

// What the kernel would refuse to bind beside each other.
bool overlap(const SocketAddress& a, const SocketAddress& b) {
  const bool tcp = !a.is_unix() && !b.is_unix() && a.port() != 0;
  return tcp && a.port() == b.port() && (takes_in(a, b) || takes_in(b, a));
}

void check_overlap(const std::vector<Place>& places, std::size_t index, config::Diagnostics& diagnostics) {
  const Place& place = places[index];
  for (std::size_t i = 0; i < index; ++i) {
    const Place& other = places[i];
    if (same(place.address, other.address) || same_file(place.address, other.address)) {
      // Of listeners that are written alike the reader has said it.
      if (place.text == other.text && place.path != "admin") return;
      diagnostics.add(place.at, place.path,
                      fmt::format("{} is already the address of {}", place.text, other.path));
    } else if (overlap(place.address, other.address)) {
      diagnostics.add(place.at, place.path,
                      fmt::format("{} overlaps with {} of {}", place.text, other.text, other.path));
    } else {
      continue;
    }
    return;
  }
}

}  // namespace

void check_sockets(const Plan& plan, const Plan* previous, config::Diagnostics& diagnostics) {
  const std::vector<Place> before = previous != nullptr ? places_of(*previous) : std::vector<Place>{};
  const std::vector<Place> places = places_of(plan);
  for (auto place = places.begin(); place != places.end(); ++place) {
    const auto here = [&](const Place& other) { return same(other.address, place->address); };
    check_overlap(places, static_cast<std::size_t>(place - places.begin()), diagnostics);
    if (!place->address.is_unix() || std::any_of(before.begin(), before.end(), here)) continue;
    const SocketObstacle obstacle = socket_obstacle(place->address);
    if (obstacle.may_go_by_then) {
      diagnostics.warn(place->at, place->path, obstacle.what);
    } else if (!obstacle.what.empty()) {
      diagnostics.add(place->at, place->path,
                      fmt::format("cannot listen on {}: {}", place->address.text(), obstacle.what));
    }
  }
}

}  // namespace sluice::plan
