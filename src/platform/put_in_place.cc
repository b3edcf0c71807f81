#include "platform/put_in_place.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "platform/descriptor.h"

namespace aivault::platform {
namespace {

tl::unexpected<Error> failed(const std::string& path, int error) {
  return vault_unavailable(
      "not_writable", "vault not writable: " + path + ": " + std::system_category().message(error));
}

int rename_with(const std::string& from, const std::string& to, unsigned flags) {
  return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0 ? 0 : errno;
}

Result<void> sync_parent(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path().string();
  const Descriptor directory(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) return failed(parent, errno);
  return {};
}

}  // namespace

Result<void> put_in_place(const std::string& fresh,
                          const std::string& place,
                          const std::string& aside,
                          Placed& done) {
  done = Placed::nothing;
  const int error = rename_with(fresh, place, RENAME_EXCHANGE);
  if (error == 0) {
    done = Placed::exchanged;
    TRY(sync_parent(place));
    if (const int second = rename_with(fresh, aside, RENAME_NOREPLACE); second != 0) {
      return failed(aside, second);
    }
  } else if (error == EINVAL || error == ENOSYS) {
    if (const int first = rename_with(place, aside, 0); first != 0) return failed(place, first);
    if (const int second = rename_with(fresh, place, 0); second != 0) {
      (void)rename_with(aside, place, 0);
      return failed(place, second);
    }
  } else {
    return failed(place, error);
  }
  done = Placed::all;
  return sync_parent(place);
}

}  // namespace aivault::platform
