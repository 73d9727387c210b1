// Whether what a server answered to a check is what the operator expects. Pure; what the server sent is
// untrusted, and quoted in reasons only in part and printable.
#pragma once

#include "sluice/upstream/health/check_rules.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace sluice::upstream {

class Expectation {
 public:
  explicit Expectation(const Expect& expect);
  ~Expectation();
  Expectation(const Expectation&) = delete;
  Expectation& operator=(const Expectation&) = delete;

  // Empty when all is as expected, otherwise what is not. `tenant` stands where the placeholder is; `whole`:
  // the body was not cut at kMaxCheckedBody.
  std::string judge(std::uint16_t status, std::string_view body, bool whole, std::string_view tenant) const;

 private:
  std::string judge_json(std::string_view body, bool whole, std::string_view tenant) const;

  const Expect expect_;
  std::unique_ptr<const re2::RE2> pattern_;
};

// `text` with every kTenantPlaceholder replaced.
std::string with_tenant(std::string_view text, std::string_view tenant);

}  // namespace sluice::upstream
