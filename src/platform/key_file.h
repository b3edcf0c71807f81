// key_file: opening and making the file that holds a key, by the rules that keep it private.
// Nothing here reads the key, repairs a mode or overwrites a file.
// Thread: any. Errors: vault_unavailable key_unavailable; the message names the file and the
// command that repairs it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/result.h"
#include "platform/descriptor.h"

namespace aivault::platform {

inline constexpr std::size_t kMaxKeyFileBytes = 4096;

// No link, regular, one name, owner is the effective uid or root (for root also `owner`, whose
// vault it is), no bit for others, small, and a parent that others cannot write to. Not there:
// nullopt.
Result<std::optional<Descriptor>> open_key_file(const std::string& path, unsigned owner);

// A credential of the service manager: a regular file directly in `directory`, absolute, of the
// effective uid or root, without a bit for others (those of the group hold the mask of an access
// list). `source` begins the messages.
Result<Descriptor> open_credential(const std::string& directory,
                                   const std::string& name,
                                   const std::string& source);

// Written aside with mode 0600 and given its name when it is complete: a half-written key file
// cannot be found later. Missing directories are made. For `owner` when we are root.
struct NewKeyFile {
  std::string path, aside;
  Descriptor descriptor;
  Result<void> finish();  // An error if there is a file of that name by now.
  // Removes it, because it could not be written: the errno says why.
  tl::unexpected<Error> give_up(int error);
};
Result<NewKeyFile> make_key_file(const std::string& path, unsigned owner);

}  // namespace aivault::platform
