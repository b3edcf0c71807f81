#include "platform/file_system.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include <fstream>
#include <iterator>

#include "base/text.h"
#include "platform/descriptor.h"

namespace aivault::platform {

std::string_view flaw_of_file_system(std::uint32_t type) {
  switch (type) {
    case 0x6969:      // NFS
    case 0x517B:      // SMB
    case 0xFF534D42:  // CIFS
    case 0xFE534D42:  // SMB2
    case 0x5346414F:  // AFS
    case 0x6B414653:  // AFS of the kernel
      return "a network file system, where locks are not reliable";
    case 0x4D44:      // FAT, VFAT
    case 0x2011BAB0:  // exFAT
    case 0x5346544E:  // NTFS
    case 0x7366746E:  // ntfs3
      return "a file system without Unix owners and modes";
    default: return {};
  }
}

bool is_windows_drive(std::string_view mountinfo, std::string_view device) {
  const auto mark = " " + std::string(device) + " ";
  for (const auto line : split(mountinfo, '\n')) {
    const auto options = line.find(" - ");
    if (options == std::string_view::npos || line.find(mark) > options) continue;
    if (line.find("drvfs", options) != std::string_view::npos) return true;
  }
  return false;
}

std::string_view flaw_of_place(int directory) {
  struct statfs facts{};
  struct stat place{};
  if (::fstatfs(directory, &facts) != 0 || ::fstat(directory, &place) != 0) return {};
  const auto type = static_cast<std::uint32_t>(facts.f_type);
  if (type == V9FS_MAGIC) {
    std::ifstream file("/proc/self/mountinfo");
    if (!file) return "a 9p file system that cannot be told from a drive of Windows";
    const std::string mounts(std::istreambuf_iterator<char>(file), {});
    const auto device =
        std::to_string(major(place.st_dev)) + ":" + std::to_string(minor(place.st_dev));
    return is_windows_drive(mounts, device) ? "a drive of Windows, without Unix owners and modes"
                                            : "";
  }
  return flaw_of_file_system(type);
}

std::string_view flaw_of_place(const std::string& directory) {
  const Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return opened ? flaw_of_place(opened.get()) : std::string_view();
}

}  // namespace aivault::platform
