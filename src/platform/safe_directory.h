// SafeDirectory: opens a directory by walking its path from / by descriptor, refusing every step
// that somebody else could exchange.
// Thread: the main thread at start (umask). Errors: vault_unavailable unsafe_path
// `unsafe socket directory '<d>': <reason>`, vault_unavailable internal with the system's words.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"
#include "platform/descriptor.h"

namespace aivault::platform {

// `path` is absolute. A symbolic link on the way must belong to root or to us; the last component
// is not followed. Missing directories are made, the last one with `mode`, others with 0700.
Result<Descriptor> open_safe_directory(const std::string& path, mode_t mode);

}  // namespace aivault::platform
