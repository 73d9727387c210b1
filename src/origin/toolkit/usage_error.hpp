// What a program says to somebody who asked for something it does not offer.
#pragma once

#include <stdexcept>

namespace sluice::toolkit {

// main() prints it and exits with 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace sluice::toolkit
