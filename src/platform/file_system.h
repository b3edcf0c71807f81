// File system: whether a vault may be on it. Owners, modes and locks are what protects one, and not
// every file system has them. Source: statfs(2), linux/magic.h. Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace aivault::platform {

// What is wrong with this type (f_type) for a vault, as the end of "it is on ..."; empty: nothing
// that is known. FUSE is judged by nobody: what is behind it cannot be told.
std::string_view flaw_of_file_system(std::uint32_t type);

// 9p serves disks of virtual machines as well as a Windows machine's drives in WSL 2, which only
// the mount's own options (a line of /proc/PID/mountinfo for "major:minor") tell apart.
bool is_windows_drive(std::string_view mountinfo, std::string_view device);

// Of the one that an open directory, or the directory at a path, is on. What cannot be looked at
// has none: opening it says more.
std::string_view flaw_of_place(int directory);
std::string_view flaw_of_place(const std::string& directory);

}  // namespace aivault::platform
