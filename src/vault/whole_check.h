// whole_check: everything that can be checked of a database that nobody writes to: what is checked
// at open, the pages, the MAC of every row, and the chain of the audit rows that it holds (archived
// ones are in files of their own).
// Thread: that of the database, which has no transaction. Writes nothing. Memory: about 56 bytes a
// secret. Errors: those of check_in_full; damaged; row_integrity, naming the first row.
#pragma once

#include <string>
#include <vector>

#include "vault/full_check.h"

namespace aivault::vault {

struct Whole {
  Checked checked;
  std::int64_t secrets = 0;                 // Rows, revoked ones included.
  std::vector<std::string> archived_files;  // Segments of the audit that are not in the database.
};

Result<Whole> check_whole(store::Database& database,
                          const platform::Directory& root,
                          const KeyInput& input,
                          const std::shared_ptr<const Keyring>& known);

}  // namespace aivault::vault
