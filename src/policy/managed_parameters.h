// ManagedParameters: query parameters that only the broker may set, recognised however they are
// written (case, escapes, "name[]", ';' as separator).
// Thread: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace aivault::policy {

class ManagedParameters {
 public:
  explicit ManagedParameters(const std::vector<std::string>& names);
  bool empty() const { return names_.empty(); }
  // `piece` is the wire form of what stands between two '&'.
  bool occur_in(std::string_view piece) const;
  // The piece with the values of managed parameters as REDACTED.
  std::string redact(std::string_view piece) const;
  // The same for the query and the fragment of a URL or a relative reference.
  std::string redact_url(std::string_view url) const;

 private:
  bool is_managed(std::string_view assignment) const;
  std::vector<std::string> names_;  // Folded.
};

}  // namespace aivault::policy
