// Identifiers: one type per kind of thing, so that a secret id cannot be passed
// where a credential id is expected.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <utility>

namespace aivault {

template <typename Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string value) : value_(std::move(value)) {}
  const std::string& str() const { return value_; }
  bool empty() const { return value_.empty(); }
  auto operator<=>(const Id&) const = default;

 private:
  std::string value_;
};

using SecretId = Id<struct SecretTag>;  // UUID v4, lower case
using CredentialId = Id<struct CredentialTag>;
using CapabilityId = Id<struct CapabilityTag>;  // "provider/name"
using ProviderId = Id<struct ProviderTag>;

}  // namespace aivault

template <typename Tag>
struct std::hash<aivault::Id<Tag>> {
  std::size_t operator()(const aivault::Id<Tag>& id) const {
    return std::hash<std::string>{}(id.str());
  }
};
