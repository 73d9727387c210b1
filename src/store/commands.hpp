// What is said to the store.
#pragma once

#include "sluice/limits/shared.hpp"
#include "sluice/store/client.hpp"

#include <cstdint>
#include <string>

namespace sluice::store {

// The store knows the script already, or is told it.
enum class Script : std::uint8_t { by_digest, by_text };

// Each is appended to `out`.
void append_auth(std::string& out, const Settings& settings);
void append_select(std::string& out, std::uint32_t database);
// Takes what is asked: granted tokens, and how many are taken then.
void append_take(std::string& out, const limits::Shared::Ask& ask, Script script);
// This node counts here, under a name of its own: how many do.
void append_presence(std::string& out, const std::string& node);

}  // namespace sluice::store
