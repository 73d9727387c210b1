// Doubly linked lists whose links live in the elements: no allocation, O(1) removal by element. They are
// Boost.Intrusive's, in one of its many forms.
#pragma once

#include <boost/intrusive/list.hpp>

namespace sluice {

// An element is in one list at most; it removes itself when destroyed.
using ListLink = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

// T derives from ListLink, and need not be complete where a list of it is a member. There is no count: an
// element that leaves does not know its list.
template <class T>
class IntrusiveList : public boost::intrusive::list<T, boost::intrusive::base_hook<ListLink>,
                                                    boost::intrusive::constant_time_size<false>> {
 public:
  // Calls f(T&) for each; f may unlink the element it was given, and no other.
  template <class F>
  void for_each(F&& f) {
    for (auto at = this->begin(); at != this->end();)
      f(*at++);
  }
};

}  // namespace sluice
