#include "sluice/base/intrusive_list.hpp"

#include <memory>
#include <string>

#include <catch2/catch.hpp>

using sluice::IntrusiveList;
using sluice::ListLink;

namespace {

struct Item : ListLink {
  explicit Item(char item_name) : name(item_name) {}
  char name;
};

std::string names(IntrusiveList<Item>& list) {
  std::string out;
  list.for_each([&](Item& item) { out += item.name; });
  return out;
}

}  // namespace

TEST_CASE("elements come in the order in which they were put", "[base][list]") {
  IntrusiveList<Item> list;
  Item a('a'), b('b'), c('c');
  CHECK(list.empty());
  list.push_back(b);
  list.push_back(c);
  list.push_front(a);
  CHECK_FALSE(list.empty());
  CHECK(&list.front() == &a);
  CHECK(names(list) == "abc");
}

TEST_CASE("an element leaves from any place, by itself", "[base][list]") {
  IntrusiveList<Item> list;
  Item a('a'), b('b'), c('c');
  for (Item* item : {&a, &b, &c})
    list.push_back(*item);
  b.unlink();
  CHECK_FALSE(b.is_linked());
  CHECK(names(list) == "ac");
  b.unlink();
  a.unlink();
  CHECK(names(list) == "c");
  list.push_back(a);
  CHECK(names(list) == "ca");
  c.unlink();
  a.unlink();
  CHECK(list.empty());
}

TEST_CASE("an element that is destroyed leaves its list", "[base][list]") {
  IntrusiveList<Item> list;
  Item a('a');
  list.push_back(a);
  {
    Item b('b');
    list.push_back(b);
    CHECK(names(list) == "ab");
  }
  CHECK(names(list) == "a");
}

TEST_CASE("a list that is destroyed lets its elements go", "[base][list]") {
  Item a('a');
  {
    IntrusiveList<Item> list;
    list.push_back(a);
    CHECK(a.is_linked());
  }
  CHECK_FALSE(a.is_linked());
}

TEST_CASE("what is walked may be taken out", "[base][list]") {
  IntrusiveList<Item> list;
  IntrusiveList<Item> other;
  Item a('a'), b('b'), c('c');
  for (Item* item : {&a, &b, &c})
    list.push_back(*item);
  list.for_each([&](Item& item) {
    item.unlink();
    other.push_front(item);
  });
  CHECK(list.empty());
  CHECK(names(other) == "cba");
}

TEST_CASE("everything moves to another list, behind what is there", "[base][list]") {
  IntrusiveList<Item> from;
  IntrusiveList<Item> to;
  Item a('a'), b('b'), c('c');
  from.push_back(b);
  from.push_back(c);
  to.push_back(a);
  to.splice(to.end(), from);
  CHECK(from.empty());
  CHECK(names(to) == "abc");
  a.unlink();
  from.push_back(a);
  CHECK(names(from) == "a");
  CHECK(names(to) == "bc");
}
