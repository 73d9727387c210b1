// What a question to the admin address is about: names with values, in its query, or in its body as a form or
// as a JSON object.
#pragma once

#include "control/admin_endpoints.hpp"

#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

namespace sluice::control {

// Whoever gives an order must not find out later that half of it was passed over.
class Parameters {
 public:
  Parameters(const Question& question, std::initializer_list<std::string_view> known);

  // What is wrong with them; empty: nothing.
  const std::string& problem() const { return problem_; }
  bool has(std::string_view name) const { return given_.find(name) != given_.end(); }
  // Empty where there is none.
  std::string get(std::string_view name) const;
  bool is_on(std::string_view name) const;

 private:
  void take_form(std::string_view form);
  void take_json(std::string_view text);
  void add(std::string_view name, std::string value);
  void complain(std::string problem);

  std::vector<std::string_view> known_;
  std::map<std::string, std::string, std::less<>> given_;
  std::string problem_;
};

}  // namespace sluice::control
