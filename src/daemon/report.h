// hardening_report: the `hardening` object of `status -v`, read back from the kernel.
// Thread: any.
#pragma once

#include <cstdint>

#include "json/value.h"

namespace aivault::daemon {

enum class Supervisor : std::uint8_t { none, systemd, autostart, stdio };

// `enforced`: sandbox.mode. Keys are alphabetical.
json::Value hardening_report(Supervisor supervisor, bool enforced);

}  // namespace aivault::daemon
