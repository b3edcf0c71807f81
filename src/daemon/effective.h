// effective_settings: what arguments, environment and configuration files come to, by the keys of
// the configuration (docs/daemon.md), for `aivaultd --check-config`. Thread: any.
#pragma once

#include "daemon/settings.h"
#include "json/value.h"

namespace aivault::daemon {

json::Value effective_settings(const Settings& settings);

}  // namespace aivault::daemon
