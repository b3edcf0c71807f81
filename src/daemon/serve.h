// serve: builds the objects of a daemon in order, runs them until the daemon ends, and takes them
// down.
// Thread: the main thread, which becomes the event loop.
// Errors: what keeps the daemon from serving: the trust store, or a vault that cannot be opened
// while somebody waits for readiness.
#pragma once

#include <cstddef>

#include "base/result.h"
#include "daemon/readiness.h"
#include "daemon/reload.h"
#include "daemon/service_manager.h"
#include "daemon/settings.h"
#include "daemon/sockets.h"
#include "platform/log.h"

namespace aivault::daemon {

// The exit status. `configuration`: what is taken over from it while the daemon serves.
Result<int> serve(const Settings& settings,
                  Reload::Configuration configuration,
                  Sockets& sockets,
                  const ServiceManager& manager,
                  Readiness& readiness,
                  platform::Log& log,
                  std::size_t max_descriptors);

}  // namespace aivault::daemon
