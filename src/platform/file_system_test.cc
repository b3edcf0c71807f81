#include "platform/file_system.h"

#include <gtest/gtest.h>
#include <linux/magic.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>

namespace aivault::platform {
namespace {

TEST(FileSystem, ThatHasNoOwnersModesOrLocksIsUnfit) {
  EXPECT_EQ(flaw_of_file_system(MSDOS_SUPER_MAGIC), "a file system without Unix owners and modes");
  EXPECT_EQ(flaw_of_file_system(EXFAT_SUPER_MAGIC), "a file system without Unix owners and modes");
  for (const std::uint32_t ntfs : {0x5346544EU, 0x7366746EU}) {
    EXPECT_EQ(flaw_of_file_system(ntfs), "a file system without Unix owners and modes");
  }
  for (const std::uint32_t network : {std::uint32_t{NFS_SUPER_MAGIC},
                                      std::uint32_t{SMB_SUPER_MAGIC},
                                      std::uint32_t{CIFS_SUPER_MAGIC},
                                      std::uint32_t{SMB2_SUPER_MAGIC},
                                      std::uint32_t{AFS_SUPER_MAGIC},
                                      std::uint32_t{AFS_FS_MAGIC}}) {
    EXPECT_NE(flaw_of_file_system(network).find("network"), std::string_view::npos) << network;
  }
}

TEST(FileSystem, OfAWindowsDriveIsToldByItsMount) {
  constexpr std::string_view kMounts =
      "61 30 0:46 / /mnt/c rw,noatime shared:1 - 9p C:\\134 "
      "rw,aname=drvfs;path=C:\\;uid=1000,trans=fd\n"
      "62 30 0:47 / /srv/drvfs rw,relatime - 9p share rw,access=client,trans=virtio\n"
      "63 30 8:32 / / rw,relatime - ext4 /dev/sdc rw\n";
  EXPECT_TRUE(is_windows_drive(kMounts, "0:46"));
  EXPECT_FALSE(is_windows_drive(kMounts, "0:47"));
  EXPECT_FALSE(is_windows_drive(kMounts, "0:4"));
  EXPECT_FALSE(is_windows_drive(kMounts, "8:32"));
  EXPECT_FALSE(is_windows_drive("", "0:46"));
}

TEST(FileSystem, ThatServersUseIsFit) {
  for (const std::uint32_t local : {std::uint32_t{EXT4_SUPER_MAGIC},
                                    std::uint32_t{XFS_SUPER_MAGIC},
                                    std::uint32_t{BTRFS_SUPER_MAGIC},
                                    std::uint32_t{TMPFS_MAGIC},
                                    std::uint32_t{OVERLAYFS_SUPER_MAGIC},
                                    std::uint32_t{F2FS_SUPER_MAGIC},
                                    0x2FC12FC1U /* ZFS */,
                                    std::uint32_t{FUSE_SUPER_MAGIC}}) {
    EXPECT_EQ(flaw_of_file_system(local), "") << local;
  }
  EXPECT_EQ(flaw_of_place("/proc"), "");
  EXPECT_EQ(flaw_of_place("/nowhere"), "");
}

// Whatever of them this machine has mounted, and shows us, is recognised by what the kernel says of
// it.
TEST(FileSystem, IsRecognisedWhereOneIsMounted) {
  std::map<std::string, std::string> kind_at;  // The last mount of a place is the one that is seen.
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device, place, kind;
    words >> device >> place >> kind;
    kind_at[place] = kind;
  }
  for (const auto& [place, kind] : kind_at) {
    if (kind != "vfat" && kind != "exfat" && kind != "ntfs3") continue;
    if (::access(place.c_str(), R_OK) != 0) continue;
    EXPECT_EQ(flaw_of_place(place), "a file system without Unix owners and modes") << place;
  }
}

}  // namespace
}  // namespace aivault::platform
