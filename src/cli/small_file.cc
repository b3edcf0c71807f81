#include "cli/small_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "platform/descriptor.h"

namespace aivault::cli {

Result<std::string> read_small_file(const std::string& path,
                                    std::string_view what,
                                    std::size_t most_kib,
                                    Dash dash) {
  const bool is_stdin = dash == Dash::is_stdin && path == "-";
  const platform::Descriptor file(is_stdin ? dup(STDIN_FILENO)
                                           : open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  const auto named = std::string(what) + " '" + path + "'";
  std::string text;
  std::array<char, 16384> piece{};
  while (file) {
    const auto got = read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    if (got == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() > most_kib * 1024) {
      return invalid_request("", named + " is larger than " + std::to_string(most_kib) + " KiB");
    }
  }
  return invalid_request("", "cannot read " + named + ": " + std::strerror(errno));
}

}  // namespace aivault::cli
