// A doubly linked list whose links live in the elements: no allocation, O(1) removal by element.
// An element may be in one list per link; it removes itself when destroyed.
#pragma once

namespace sluice {

struct ListLink {
  ListLink* prev = nullptr;
  ListLink* next = nullptr;

  ListLink() = default;
  ListLink(const ListLink&) = delete;
  ListLink& operator=(const ListLink&) = delete;
  ~ListLink() { unlink(); }

  bool linked() const { return next != nullptr; }
  void unlink() {
    if (next == nullptr) return;
    prev->next = next;
    next->prev = prev;
    prev = next = nullptr;
  }
};

// T derives from ListLink.
template <class T>
class IntrusiveList {
 public:
  IntrusiveList() { clear_head(); }
  IntrusiveList(const IntrusiveList&) = delete;
  IntrusiveList& operator=(const IntrusiveList&) = delete;
  ~IntrusiveList() {
    while (!empty())
      head_.next->unlink();
    head_.prev = head_.next = nullptr;
  }

  bool empty() const { return head_.next == &head_; }
  T* front() { return static_cast<T*>(head_.next); }
  void push_front(T& item) { insert_after(head_, item); }
  void push_back(T& item) { insert_after(*head_.prev, item); }

  // Moves everything to `other`, so that it can be walked while elements are added here.
  void splice_to(IntrusiveList& other) {
    while (!empty()) {
      T* item = front();
      item->unlink();
      other.push_back(*item);
    }
  }

  // Calls f(T&) for each; f may unlink the element it was given, and no other.
  template <class F>
  void for_each(F&& f) {
    for (ListLink* at = head_.next; at != &head_;) {
      ListLink* next = at->next;
      f(*static_cast<T*>(at));
      at = next;
    }
  }

 private:
  void clear_head() { head_.prev = head_.next = &head_; }
  static void insert_after(ListLink& where, ListLink& item) {
    item.prev = &where;
    item.next = where.next;
    where.next->prev = &item;
    where.next = &item;
  }
  ListLink head_;
};

}  // namespace sluice
