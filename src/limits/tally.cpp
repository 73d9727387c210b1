#include "sluice/limits/tally.hpp"

#include "sluice/limits/key.hpp"

namespace sluice::limits {

void Tally::count(What what, std::string_view limit, std::string_view tenant, bool listed) {
  const std::lock_guard lock(mutex_);
  Row& row = row_of(limit, tenant, listed);
  ++(what == What::rejected ? row.rejected : row.reported);
}

Tally::Row& Tally::row_of(std::string_view limit, std::string_view tenant, bool listed) {
  std::uint32_t tag = tenant.empty() ? 0 : tag_of(tenant);
  if (tag != 0 && !tenants_.contains(tag)) {
    if (tenants_.size() < kMostTenants && (listed || unlisted_ < kMostUnlisted)) {
      tenants_.insert(tag);
      if (!listed) ++unlisted_;
    } else {
      tenant = kOther;
      tag = tag_of(kOther);
    }
  }
  const std::uint64_t key = std::uint64_t{tag_of(limit)} << 32 | tag;
  if (const auto found = rows_.find(key); found != rows_.end()) return found->second;
  if (rows_.size() < kMostRows) return rows_[key] = {std::string(limit), std::string(tenant)};
  return rows_.try_emplace(0, Row{std::string(kOther), std::string(kOther)}).first->second;
}

std::vector<Tally::Row> Tally::rows() const {
  const std::lock_guard lock(mutex_);
  std::vector<Row> out;
  out.reserve(rows_.size());
  for (const auto& [key, row] : rows_)
    out.push_back(row);
  return out;
}

}  // namespace sluice::limits
