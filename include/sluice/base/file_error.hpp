// Why a file cannot be had, in words.
#pragma once

#include <string>

namespace sluice {

// "No such file or directory", or "Permission denied (as user sluice)": whom it is denied is half of the
// answer.
std::string file_error(int error);

}  // namespace sluice
