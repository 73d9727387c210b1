#include "plan/sockets.hpp"

#include "sluice/base/socket_file.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace sluice::plan {
namespace {

struct Place {
  SocketAddress address;
  config::Position at;
  std::string path;  // in the file
};

std::vector<Place> places_of(const Plan& plan) {
  std::vector<Place> out;
  for (const Listener& listener : plan.listeners())
    out.push_back({listener.address, listener.at, "listeners." + listener.name});
  const auto& admin = plan.document().admin;
  // Where it is not written, there is an admin address only if that can be.
  const auto address = admin.at.line != 0 ? SocketAddress::parse(admin.value) : std::nullopt;
  if (address) out.push_back({*address, admin.at, "admin"});
  return out;
}

bool same(const SocketAddress& a, const SocketAddress& b) {
  return a == b && (a.is_unix() || a.port() != 0);  // any port is another one each time
}

}  // namespace

void check_sockets(const Plan& plan, const Plan* previous, config::Diagnostics& diagnostics) {
  const std::vector<Place> before = previous != nullptr ? places_of(*previous) : std::vector<Place>{};
  const std::vector<Place> places = places_of(plan);
  for (auto place = places.begin(); place != places.end(); ++place) {
    const auto here = [&](const Place& other) { return same(other.address, place->address); };
    if (place->path == "admin") {
      if (const auto other = std::find_if(places.begin(), place, here); other != place) {
        diagnostics.add(place->at, place->path,
                        fmt::format("{} is already the address of {}", place->address.text(), other->path));
      }
    }
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
