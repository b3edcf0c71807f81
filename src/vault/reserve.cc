#include "vault/reserve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <system_error>

namespace aivault::vault {
namespace {

constexpr blkcnt_t kBlock = 512;  // Of st_blocks.

}  // namespace

Result<void> Reserve::ensure() const {
  TRY_ASSIGN(const auto facts, root_.look(kReserveName));
  if (facts && facts->st_size >= kReserveBytes && facts->st_blocks * kBlock >= kReserveBytes) {
    return {};
  }
  const auto aside = std::string(kReserveName) + ".tmp." + std::to_string(::getpid()) + ".0";
  root_.remove(aside);
  TRY_ASSIGN(const auto file, root_.create(aside));
  if (const int error = ::posix_fallocate(file.get(), 0, kReserveBytes); error != 0) {
    root_.remove(aside);
    return vault_unavailable("not_writable",
                             "vault not writable: no room for '" + root_.path() + "/" +
                                 kReserveName + "': " + std::system_category().message(error));
  }
  return root_.rename(aside, kReserveName);
}

bool Reserve::release() const { return ::unlinkat(root_.descriptor(), kReserveName, 0) == 0; }

}  // namespace aivault::vault
