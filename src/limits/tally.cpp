#include "sluice/limits/tally.hpp"

#include "sluice/limits/key.hpp"

namespace sluice::limits {

void Tally::count(What what, std::string_view limit, std::string_view tenant, bool listed) {
  const std::lock_guard lock(mutex_);
  std::uint32_t tag = tenant.empty() ? 0 : tag_of(tenant);
  if (tag != 0 && !has_rows(tag, listed)) {
    tenant = kOther;
    tag = tag_of(kOther);
  }
  Row& row = row_of(limit, tenant, tag);
  ++(what == What::rejected ? row.rejected : row.reported);
}

// Whether the tenant has rows of its own, perhaps from now on.
bool Tally::has_rows(std::uint32_t tenant, bool listed) {
  if (tenants_.contains(tenant)) return true;
  if (tenants_.size() == kMostTenants) {
    if (!listed || unlisted_.empty()) return false;
    let_share(*unlisted_.begin());
  }
  tenants_.insert(tenant);
  if (!listed) unlisted_.insert(tenant);
  return true;
}

// What was counted for the tenant is that of the others from now on.
void Tally::let_share(std::uint32_t tenant) {
  std::vector<Row> shared;
  std::erase_if(rows_, [&](const auto& row) {
    const bool own = row.first != 0 && static_cast<std::uint32_t>(row.first) == tenant;
    if (own) shared.push_back(row.second);
    return own;
  });
  tenants_.erase(tenant);
  unlisted_.erase(tenant);
  for (const Row& row : shared) {
    Row& others = row_of(row.limit, kOther, tag_of(kOther));
    others.rejected += row.rejected;
    others.reported += row.reported;
  }
}

Tally::Row& Tally::row_of(std::string_view limit, std::string_view tenant, std::uint32_t tag) {
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
