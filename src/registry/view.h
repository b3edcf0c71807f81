// View: texts, lists and references of the registry, either into memory of their owner or into the
// tables of this program. The tables hold offsets where others hold pointers, so that they are
// constant bytes which cost a start nothing: no relocation, no page that is written to.
// Thread: any; views live as long as what they view.
#pragma once

#include <algorithm>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <ranges>
#include <span>
#include <string_view>

namespace aivault::registry {

namespace tables {

struct Image;  // All tables in one object; by registry_gen.
extern const Image kImage;

// What lies `offset` bytes into the tables.
template <typename T>
const T* at(std::uint32_t offset) {
  return reinterpret_cast<const T*>(reinterpret_cast<const std::byte*>(&kImage) + offset);
}

}  // namespace tables

template <typename T>
class ListView {
 public:
  constexpr ListView() = default;
  template <std::convertible_to<std::span<const T>> Range>
    requires(!std::same_as<Range, ListView>)
  constexpr ListView(const Range& range)  // NOLINT(google-explicit-constructor): as std::span.
      : ListView(std::span<const T>(range), 0) {}
  static constexpr ListView in_tables(std::size_t offset, std::size_t size) {
    ListView list;
    list.offset_ = static_cast<std::uint32_t>(offset);
    list.size_ = static_cast<std::uint32_t>(size);
    return list;
  }

  constexpr const T* data() const {
    return pointer_ != nullptr || size_ == 0 ? pointer_ : tables::at<T>(offset_);
  }
  constexpr std::size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr const T* begin() const { return data(); }
  constexpr const T* end() const { return data() + size_; }
  constexpr const T& front() const { return *data(); }
  constexpr const T& operator[](std::size_t index) const { return data()[index]; }

 private:
  constexpr ListView(std::span<const T> range, std::uint32_t offset)
      : pointer_(range.data()), offset_(offset), size_(static_cast<std::uint32_t>(range.size())) {}

  const T* pointer_ = nullptr;  // nullptr: at the offset in the tables.
  std::uint32_t offset_ = 0;
  std::uint32_t size_ = 0;
};

class TextView {
 public:
  constexpr TextView() = default;
  template <std::convertible_to<std::string_view> String>
    requires(!std::same_as<String, TextView>)
  // NOLINTNEXTLINE(google-explicit-constructor): as std::string_view.
  constexpr TextView(const String& text) : chars_(std::span<const char>(std::string_view(text))) {}
  static constexpr TextView in_tables(std::size_t offset, std::size_t size) {
    TextView text;
    text.chars_ = ListView<char>::in_tables(offset, size);
    return text;
  }

  constexpr std::string_view view() const { return {chars_.data(), chars_.size()}; }
  // NOLINTNEXTLINE(google-explicit-constructor): as std::string.
  constexpr operator std::string_view() const { return view(); }
  constexpr bool empty() const { return chars_.empty(); }
  constexpr std::size_t size() const { return chars_.size(); }

  template <std::convertible_to<std::string_view> String>
  friend constexpr bool operator==(TextView one, const String& other) {
    return one.view() == std::string_view(other);
  }
  template <std::convertible_to<std::string_view> String>
  friend constexpr std::strong_ordering operator<=>(TextView one, const String& other) {
    return one.view() <=> std::string_view(other);
  }

 private:
  ListView<char> chars_;
};

// A pointer to T, or nullptr.
template <typename T>
class Ref {
 public:
  constexpr Ref() = default;
  constexpr Ref(const T* pointer) : pointer_(pointer) {}  // NOLINT(google-explicit-constructor)
  static constexpr Ref in_tables(std::size_t offset) {
    Ref reference;
    reference.offset_ = static_cast<std::uint32_t>(offset);
    return reference;
  }

  constexpr const T* get() const {
    return pointer_ != nullptr || offset_ == 0 ? pointer_ : tables::at<T>(offset_);
  }
  constexpr operator const T*() const { return get(); }  // NOLINT(google-explicit-constructor)
  constexpr const T& operator*() const { return *get(); }
  constexpr const T* operator->() const { return get(); }

 private:
  const T* pointer_ = nullptr;  // nullptr: at the offset in the tables, which is 0 for none.
  std::uint32_t offset_ = 0;
};

}  // namespace aivault::registry

// NOLINTBEGIN(readability-identifier-naming): the names are the standard library's.
template <typename T>
inline constexpr bool std::ranges::enable_borrowed_range<aivault::registry::ListView<T>> = true;

// TextView and std::string_view convert to each other; algorithms compare them as std::string_view.
template <template <typename> typename Of, template <typename> typename As>
struct std::basic_common_reference<aivault::registry::TextView, std::string_view, Of, As> {
  using type = std::string_view;
};
template <template <typename> typename Of, template <typename> typename As>
struct std::basic_common_reference<std::string_view, aivault::registry::TextView, Of, As> {
  using type = std::string_view;
};
// NOLINTEND(readability-identifier-naming)
