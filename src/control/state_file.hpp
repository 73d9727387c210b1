// The file in which operators' orders outlive the process: tenants on hold, and bans by hand.
#pragma once

#include "sluice/base/address.hpp"
#include "sluice/control/moment.hpp"

#include "control/descriptor.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::control {

struct Kept {
  struct Hold {
    std::string tenant;
    UnixMs until = 0;
    std::string reason;
    bool operator==(const Hold&) const = default;
  };
  struct Ban {
    AddressBlock block;
    std::string tenant;  // empty: all
    UnixMs since = 0;
    UnixMs until = 0;
    std::string reason;
    bool operator==(const Ban&) const = default;
  };
  std::vector<Hold> holds;
  std::vector<Ban> bans;
  bool operator==(const Kept&) const = default;
};

// JSON, an order in a line.
std::string kept_text(const Kept& kept);
// Whatever the text is. Empty where any of it is not what kept_text() writes: an order that is lost without a
// word is worse than a file that somebody has to look at.
std::optional<Kept> parse_kept(std::string_view text);

class StateFile {
 public:
  // `directory` empty: there is no file, and nothing is kept.
  explicit StateFile(std::string directory);
  bool none() const { return path_.empty(); }
  const std::string& directory() const { return directory_; }
  bool is_in(const std::string& directory) const;

  // Has the directory for this process alone, until the end of the object. Why not, or "".
  std::string claim();
  // Why nothing can be written there, as far as can be seen beforehand, or "".
  std::string unwritable() const;
  // What is kept. A file that cannot be understood is moved aside; `warning` says so.
  Kept read(std::string& warning) const;
  // Orders that somebody else has left there are moved aside. Where to; empty: there are none.
  std::string put_aside() const;
  // On the disk when it returns, all of it or nothing. What went wrong, or "".
  std::string write(const Kept& kept) const;

 private:
  // The new name; empty: errno says why not.
  std::string rename_to(std::string_view mark) const;

  std::string directory_;
  std::string path_;
  Descriptor lock_;
};

}  // namespace sluice::control
