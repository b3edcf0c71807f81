#include "platform/places.h"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "platform/users.h"

namespace aivault::platform {
namespace {

constexpr std::string_view kDefaultSharedSocket = "/var/run/aivault/aivaultd.sock";

bool owned_by_us(const std::string& directory) {
  struct stat status{};
  return ::stat(directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode) &&
         status.st_uid == ::geteuid();
}

std::string without_end_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace

std::optional<std::string> home_directory(const Environment& environment) {
  if (auto home = environment.text("HOME"); home && home->starts_with('/') && owned_by_us(*home)) {
    return without_end_slashes(*std::move(home));
  }
  auto user = user_of(::geteuid());
  if (!user || !user->home.starts_with('/')) return std::nullopt;
  return without_end_slashes(std::move(user->home));
}

Result<Places> find_places(const Environment& environment) {
  Places places;
  places.shared_socket =
      environment.path("AIVAULTD_SHARED_SOCKET").value_or(std::string(kDefaultSharedSocket));
  if (const auto own = environment.path("AIVAULT_DIR")) {
    const std::string directory = without_end_slashes(*own);
    const std::string prefix = directory == "/" ? "" : directory;
    places.own_directory = true;
    places.vault_root = directory;
    places.default_key_file = prefix + "/kek.key";
    places.user_socket = prefix + "/run/aivaultd.sock";
    return places;
  }
  const auto home = home_directory(environment);
  if (!home) {
    return vault_unavailable("unsafe_path", "no home directory; set AIVAULT_DIR");
  }
  const std::string base = (*home == "/" ? "" : *home) + "/.aivault";
  places.vault_root = base + "/data/vault";
  places.default_key_file = base + "/keys/kek.key";
  places.user_socket = base + "/run/aivaultd.sock";
  return places;
}

}  // namespace aivault::platform
