// Everything a run will ask, in order. Made before the run, shared by its threads, and only read.
#pragma once

#include "loadgen/access_log.hpp"
#include "loadgen/form.hpp"
#include "loadgen/hosts.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace sluice::bench {

// One request. Points into the catalogue.
struct Ask {
  const Form* form;
  const std::string* host;
  unsigned logged_class;  // the class of the status in the access log; 0: not from one
  std::uint64_t index;    // which it is
  const Varied* varied;   // a field that goes by it, or none
};

class Catalogue {
 public:
  // The specs in turn, the hosts in theirs. `body` is sent where a spec asks for one, as often as it takes.
  Catalogue(const std::vector<RequestSpec>& specs, const CommonForm& common, Hosts hosts,
            std::string_view body);
  // What the log says, in its order; `hosts` where it does not name one.
  Catalogue(const AccessLog& log, const CommonForm& common, Hosts hosts, std::string_view body);
  Catalogue(const Catalogue&) = delete;
  Catalogue& operator=(const Catalogue&) = delete;

  Ask at(std::uint64_t index) const {
    const Form* form = &forms_.front();
    unsigned logged_class = 0;
    if (!trace_.empty()) {
      const auto& entry = trace_[index % trace_.size()];
      form = &forms_[entry.form];
      logged_class = entry.logged_class;
    } else if (forms_.size() > 1) {
      form = &forms_[index % forms_.size()];
    }
    return {form, form->host.empty() ? &hosts_.at(index) : &form->host, logged_class, index,
            varied_ ? &*varied_ : nullptr};
  }

  // Of a log: when each request is due, since the first.
  std::uint64_t trace_size() const { return trace_.size(); }
  Nanoseconds trace_offset(std::uint64_t index) const { return trace_[index].offset; }
  // Lines of the log that are no request.
  std::uint64_t lines_skipped() const { return lines_skipped_; }

 private:
  struct Entry {
    Nanoseconds offset;
    std::uint32_t form;
    unsigned logged_class;
  };

  void make_body(std::string_view body, std::uint64_t size);
  std::string_view body_of(const RequestSpec& spec) const {
    return std::string_view(body_).substr(0, spec.body_size);
  }

  std::string body_;
  std::deque<Form> forms_;
  Hosts hosts_;
  std::optional<Varied> varied_;
  std::vector<Entry> trace_;
  std::uint64_t lines_skipped_ = 0;
};

}  // namespace sluice::bench
