// effective_settings: what arguments, environment and configuration files come to, by the keys of
// the configuration (docs/daemon.md), for `aivaultd --check-config`. Thread: any.
#pragma once

#include <map>
#include <string>

#include "daemon/settings.h"
#include "json/value.h"

namespace aivault::daemon {

json::Value effective_settings(const Settings& settings);
// The same key by key, "limits.calls" with "2048", without the files that it came from.
std::map<std::string, std::string> effective_keys(const Settings& settings);

}  // namespace aivault::daemon
