// The tables of synonyms.cpp.
#pragma once

#include <span>
#include <string_view>

namespace sluice::config {

// What another proxy or a plain guess calls it, and what we do: of several words the first that the place
// knows.
struct Synonym {
  std::string_view word;
  std::string_view ours;
};

// Of nginx, HAProxy, Caddy, Traefik and Envoy. In byte order.
std::span<const Synonym> key_synonyms();
std::span<const Synonym> value_synonyms();

}  // namespace sluice::config
