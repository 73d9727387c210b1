#include "control/parameters.hpp"

#include "sluice/base/text.hpp"
#include "sluice/config/load.hpp"

#include <algorithm>
#include <utility>

#include <boost/json.hpp>
#include <fmt/format.h>

namespace sluice::control {

namespace json = boost::json;

Parameters::Parameters(const Question& question, std::initializer_list<std::string_view> known)
    : known_(known) {
  take_form(question.query);
  const std::size_t start = question.body.find_first_not_of(" \t\r\n");
  if (start == std::string::npos) return;
  if (std::string_view("{[\"").find(question.body[start]) != std::string_view::npos) {
    take_json(question.body);
  } else {
    take_form(question.body);
  }
}

std::string Parameters::get(std::string_view name) const {
  const auto found = given_.find(name);
  return found != given_.end() ? found->second : std::string();
}

bool Parameters::is_on(std::string_view name) const {
  const std::string value = get(name);
  return value == "1" || value == "true";
}

void Parameters::take_form(std::string_view form) {
  while (!form.empty()) {
    const std::string_view pair = form.substr(0, form.find('&'));
    form.remove_prefix(std::min(pair.size() + 1, form.size()));
    if (pair.empty()) continue;
    const std::string_view name = pair.substr(0, pair.find('='));
    auto value = percent_decoded(pair.substr(std::min(name.size() + 1, pair.size())));
    if (!value) complain(fmt::format("the value of \"{}\" is not percent-encoded", name));
    add(name, std::move(value).value_or(""));
  }
}

void Parameters::take_json(std::string_view text) {
  boost::system::error_code failure;
  const json::value parsed = json::parse(text, failure);
  if (failure || !parsed.is_object()) return complain("the body is no JSON object");
  for (const json::key_value_pair& member : parsed.get_object()) {
    const json::value& value = member.value();
    if (value.is_null()) continue;
    if (value.is_structured())
      complain(fmt::format("\"{}\" is no single value", std::string_view(member.key())));
    const json::string* const plain = value.if_string();
    add(member.key(), plain != nullptr ? std::string(plain->data(), plain->size()) : json::serialize(value));
  }
}

void Parameters::add(std::string_view name, std::string value) {
  if (std::find(known_.begin(), known_.end(), name) == known_.end()) {
    complain(fmt::format("unknown parameter \"{}\"{}", name, config::did_you_mean(name, known_)));
  } else if (!given_.emplace(name, std::move(value)).second) {
    complain(fmt::format("\"{}\" is given twice", name));
  }
}

// The first is the one to mend.
void Parameters::complain(std::string problem) {
  if (problem_.empty()) problem_ = std::move(problem);
}

}  // namespace sluice::control
