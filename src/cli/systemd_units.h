// systemd_units: the text of the two units that run the shared daemon, for one machine.
// Thread: any; pure. Source: systemd.exec(5), systemd.socket(5).
#pragma once

#include <string>
#include <string_view>

namespace aivault::cli {

inline constexpr std::string_view kSocketUnit = "aivaultd-shared.socket";
inline constexpr std::string_view kServiceUnit = "aivaultd-shared.service";
inline constexpr std::string_view kUnitDirectory = "/etc/systemd/system/";
inline constexpr std::string_view kSystemSocket = "/run/aivault/aivaultd.sock";
inline constexpr std::string_view kSealedKey = "/etc/credstore.encrypted/aivault-kek";

struct UnitFacts {
  std::string daemon_user, home;
  std::string program;            // aivaultd
  bool loads_sealed_key = false;  // From kSealedKey.
};
std::string socket_unit(const UnitFacts& facts);
std::string service_unit(const UnitFacts& facts);

}  // namespace aivault::cli
