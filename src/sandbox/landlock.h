// Landlock: from a restriction on, this thread and all that it starts reach only the named parts of
// the file system, look into no process outside and signal none. Thread: the main thread, before
// any other exists. Errors: vault_unavailable internal. Source: the kernel's
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

// For the daemon: nothing is executed, and no TCP listener opened.
Result<void> restrict_paths(const Paths& paths);

// For a program of `aivault run --sandbox`. Real paths, without links.
struct ProgramPaths {
  std::vector<std::string> hidden;    // Files and directories: no file in them is read.
  std::vector<std::string> writable;  // Directories; one that holds a hidden place is not writable.
};
// Everything but the hidden places and most devices is readable.
Result<void> restrict_program_paths(const ProgramPaths& paths);

// Asks the kernel, not a memory of what was done: the root directory, which everybody may list,
// cannot be opened.
bool is_restricted();

}  // namespace aivault::sandbox
