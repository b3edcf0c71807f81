// Mirror: a second copy of the audit in a file outside of the vault, one event a line, for whoever
// carries logs away. At least once, in order; what was missed is added later.
// Thread: one at a time; several processes take turns. Errors: a sentence for people.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/log.h"
#include "base/result.h"
#include "platform/descriptor.h"

namespace aivault::vault {

class Mirror {
 public:
  explicit Mirror(std::string path) : path_(std::move(path)) {}

  // Makes the file ready for more: opened, or opened again after it was moved away. The number of
  // the last event that it holds, 0: none. From here to the last add() no other process may write
  // to it, which the caller sees to: a lock of the file itself is open to all who may read it.
  Result<std::int64_t> begin();
  Result<void> add(const std::vector<audit::StoredRow>& rows);
  void reopen();  // At the next begin().

  const std::string& path() const { return path_; }

 private:
  Result<void> open();
  bool is_moved() const;

  std::string path_;
  platform::Descriptor file_;
  std::int64_t size_ = -1;  // As it was left; else somebody else has written to it.
  std::int64_t last_ = 0;
  bool torn_ = false;  // Its last line has no end.
};

// The number in the last line of such a text that is one, 0: none.
std::int64_t last_number_in(std::string_view text);

}  // namespace aivault::vault
