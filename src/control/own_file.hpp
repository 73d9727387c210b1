// Whether somebody means the file that this process runs.
#pragma once

#include <string>

namespace sluice::control {

// Why a process that runs `file` is not the one that is meant by `meant`; empty: it is, or none was named.
// Names may differ where the file is the same.
std::string mistaken(const std::string& meant, const std::string& file);

}  // namespace sluice::control
