#include "policy/limits/passage.hpp"

#include "sluice/base/decimal.hpp"
#include "sluice/base/text.hpp"

#include <algorithm>
#include <cstring>

namespace sluice::policy {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr std::string_view kPolicyField = "RateLimit-Policy";
constexpr std::string_view kStateField = "RateLimit";
// ";t=" and two numbers.
constexpr std::size_t kAround = 3 + 2 * 20;

class Text {
 public:
  Text(Arena& arena, std::size_t room) : first_(arena.array<char>(room)), at_(first_) {}
  void add(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void add(std::uint64_t number) {
    if (number < 10) {  // most are
      *at_++ = static_cast<char>('0' + number);
    } else {
      add(Decimal(number).view());
    }
  }
  void begin_member() {
    if (at_ != first_) add(", ");
  }
  std::string_view view() const { return {first_, static_cast<std::size_t>(at_ - first_)}; }

 private:
  char* first_;
  char* at_;
};

void drop_own(http::Fields& fields) {
  for (http::Field& field : fields.all()) {
    const std::size_t size = field.name.size();
    if ((size == kStateField.size() && iequals(field.name, kStateField)) ||
        (size == kPolicyField.size() && iequals(field.name, kPolicyField)))
      field.dropped = true;
  }
}

bool shown(const Answer& answer) { return answer.limit->enforced && !answer.unreachable; }

}  // namespace

void tell(http::Exchange& exchange, const Passage& passage) {
  std::size_t room = 0;
  for (const Answer& answer : passage.all()) {
    const Limit& limit = *answer.limit;
    if (shown(answer)) room += std::max(limit.announced.size(), limit.remaining.size() + kAround) + 2;
  }
  if (room == 0) return;
  Text policies(exchange.arena, room);
  Text states(exchange.arena, room);
  for (const Answer& answer : passage.all()) {
    const Limit& limit = *answer.limit;
    if (!shown(answer)) continue;
    policies.begin_member();
    policies.add(limit.announced);
    states.begin_member();
    states.add(limit.remaining);
    states.add(answer.left);
    if (limit.kind != config::LimitKind::rate) continue;
    states.add(";t=");
    states.add(static_cast<std::uint64_t>((answer.full + kSecond - 1) / kSecond));
  }
  http::Fields& fields = exchange.response.fields;
  drop_own(fields);
  fields.add(exchange.arena, kPolicyField, policies.view(), http::FieldId::other);
  fields.add(exchange.arena, kStateField, states.view(), http::FieldId::other);
}

}  // namespace sluice::policy
