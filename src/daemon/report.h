// hardening_report: the `hardening` object of `status -v`, read back from the kernel.
// Thread: any.
#pragma once

#include <cstdint>

#include "json/value.h"

namespace aivault::daemon {

enum class Supervisor : std::uint8_t { none, systemd, autostart, stdio };

json::Value hardening_report(Supervisor supervisor);  // Keys are alphabetical.

}  // namespace aivault::daemon
