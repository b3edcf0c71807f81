// Directory: one private directory, resolved once and reached by descriptor from then on. No link
// inside it is followed; files are regular, singly linked and of the directory's owner.
// Thread: any. Errors: vault_unavailable unsafe_path (`unsafe directory`, `unsafe file`, with the
// command that repairs it), not_writable.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "platform/descriptor.h"

namespace aivault::platform {

class Directory {
 public:
  // The owner is the effective uid. Writable by others: refused. Readable by
  // others: tightened to 0700. On a file system without owners,
  // modes or reliable locks: refused.
  static Result<Directory> open(const std::string& path);
  // Makes it, and missing ones above it, with mode 0700; opens an existing one. To hold something
  // new: root is refused where another user owns it or anything above it.
  static Result<Directory> open_or_make(const std::string& path);

  const std::string& path() const { return path_; }  // Absolute, without links.
  int descriptor() const { return descriptor_.get(); }
  uid_t owner() const { return owner_; }
  bool was_tightened() const { return tightened_; }

  // Not there: nullopt. Anything but a safe file: unsafe_path.
  Result<std::optional<struct stat>> look(const std::string& name) const;
  void tighten(const std::string& name) const;  // To 0600; what it cannot change stays.
  bool has(const std::string& name) const;      // Anything of that name, safe or not.

  // 0600, must not exist; given to the directory's owner when we are root.
  Result<Descriptor> create(const std::string& name) const;
  Result<Descriptor> open_or_create(const std::string& name) const;
  // At most `limit` bytes; not there: nullopt.
  Result<std::optional<std::string>> read(const std::string& name, std::size_t limit) const;
  // Written aside, synced, renamed, directory synced.
  Result<void> replace(const std::string& name, std::string_view content) const;
  Result<void> rename(const std::string& from, const std::string& to) const;  // And syncs.
  void remove(const std::string& name) const;                                 // Not there is fine.
  Result<void> sync() const;
  std::vector<std::string> names() const;

 private:
  Directory(std::string path, Descriptor descriptor, uid_t owner, bool tightened)
      : path_(std::move(path)),
        descriptor_(std::move(descriptor)),
        owner_(owner),
        tightened_(tightened) {}
  Result<void> judge(const std::string& name, const struct stat& facts) const;
  // What was opened is what is judged.
  Result<Descriptor> open_existing(const std::string& name, int flags) const;
  Result<Descriptor> give_to_owner(Descriptor file) const;

  std::string path_;
  Descriptor descriptor_;
  uid_t owner_;
  bool tightened_;
};

// "<name>.tmp.<pid>.<random>": the pid of such a name, else nullopt.
std::optional<std::int64_t> pid_of_temporary(std::string_view name);

}  // namespace aivault::platform
