// key_file_changes: giving a key file another name, and destroying one, so that a crash leaves the
// one or the other and nothing of the destroyed one stays readable where it was.
// Thread: any. Errors: vault_unavailable key_unavailable, naming the file.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aivault::platform {

// Replaces what has that name; the directory is synced.
Result<void> move_key_file(const std::string& from, const std::string& to);

// Overwritten with zeros, synced, removed, directory synced. Not there is gone. Left as it is:
// anything but a regular file of one name that belongs to `owner` and that `ours` knows by its
// content, which it reads from the descriptor. An error: it may work another time.
// A file system that copies on write keeps the old blocks for a while.
enum class Destroyed : std::uint8_t { gone, left };
Result<Destroyed> destroy_key_file(const std::string& path,
                                   unsigned owner,
                                   const std::function<bool(int descriptor)>& ours);

// Destroys what make_key_file() of processes that are gone has left aside of these names, which
// are in one directory.
void destroy_half_made(const std::vector<std::string>& paths, unsigned owner);

// One more line of a small text of `owner` beside a key file; made with mode 0600, synced.
Result<void> append_line(const std::string& path, std::string_view line, unsigned owner);
// Its lines; not there: none. Only a file that is safe by the rules of destroy_key_file.
Result<std::vector<std::string>> read_lines(const std::string& path, unsigned owner);

}  // namespace aivault::platform
