// How often each limit refused each tenant, since the process began. Only who is refused is counted, so a
// lock does no harm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace sluice::limits {

class Tally {
 public:
  // As many tenants have rows of their own: the first that were refused. The others share rows of kOther, and
  // so do limits beyond kMostRows, so that every sum is right. A tenant that the configuration lists takes
  // the place of one that it does not, whose name clients may have made up.
  static constexpr std::size_t kMostTenants = 100;
  static constexpr std::size_t kMostRows = 10'000;
  static constexpr std::string_view kOther = "_other";

  enum class What : std::uint8_t {
    rejected,
    reported,  // would have been, by a limit that only reports
  };
  struct Row {
    std::string limit;
    std::string tenant;  // empty: the route is nobody's
    std::uint64_t rejected = 0;
    std::uint64_t reported = 0;
  };

  void count(What what, std::string_view limit, std::string_view tenant, bool listed);
  std::vector<Row> rows() const;

 private:
  bool has_rows(std::uint32_t tenant, bool listed);
  void let_share(std::uint32_t tenant);
  Row& row_of(std::string_view limit, std::string_view tenant, std::uint32_t tag);

  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, Row> rows_;  // by the tags of both
  std::unordered_set<std::uint32_t> tenants_;    // with rows of their own
  std::unordered_set<std::uint32_t> unlisted_;   // of these
};

}  // namespace sluice::limits
