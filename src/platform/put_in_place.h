// put_in_place: lets a complete new directory take the place of another one in one step, and keeps
// the other under a name of its own.
// Thread: any. Errors: vault_unavailable not_writable, naming the path; after one nothing has
// changed, except that `done` says how far it came.
#pragma once

#include <string>

#include "base/result.h"

namespace aivault::platform {

// `fresh` and `place` are in one directory; nothing is at `aside`. Killed between the two steps,
// `fresh` names what was at `place`. Where the file system cannot exchange names, there is a moment
// in which nothing is at `place` and the old directory is at `aside`.
enum class Placed : std::uint8_t { nothing, exchanged, all };
Result<void> put_in_place(const std::string& fresh,
                          const std::string& place,
                          const std::string& aside,
                          Placed& done);

}  // namespace aivault::platform
