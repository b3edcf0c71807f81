// sandbox_paths: the parts of the file system that a daemon with these settings needs.
// Thread: the main thread at start.
#pragma once

#include "daemon/settings.h"
#include "sandbox/landlock.h"

namespace aivault::daemon {

sandbox::Paths sandbox_paths(const Settings& settings);

}  // namespace aivault::daemon
