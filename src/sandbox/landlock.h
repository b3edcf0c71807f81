// Landlock: from restrict() on, this thread and all that it starts reach only the named parts of
// the file system, execute nothing, open no TCP listener, and signal nobody outside. Thread: the
// main thread, before any other exists. Errors: vault_unavailable internal. Source: the kernel's
// Documentation/userspace-api/landlock.rst.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace aivault::sandbox {

// A path that does not exist is skipped: nothing can be reached there anyway.
struct Paths {
  std::vector<std::string> readable;    // Files, or directories with all below.
  std::vector<std::string> writable;    // Directories: files and directories come and go.
  bool keeps_abstract_sockets = false;  // The service manager listens on one.
};

// What the kernel can do; 0: nothing, it has no Landlock or a container runtime forbids it.
int landlock_abi();

Result<void> restrict_paths(const Paths& paths);

// Asks the kernel, not a memory of what was done: the root directory, which everybody may list,
// cannot be opened.
bool is_restricted();

}  // namespace aivault::sandbox
