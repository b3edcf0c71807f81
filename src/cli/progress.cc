#include "cli/progress.h"

#include <unistd.h>

#include <string_view>

namespace aivault::cli {
namespace {

constexpr std::chrono::seconds kSilence{1};
constexpr std::chrono::milliseconds kPause{250};

void write_line(std::string_view text) {
  static_cast<void>(::write(STDERR_FILENO, text.data(), text.size()));
}

}  // namespace

void Progress::at(std::uint64_t bytes) {
  if (!session_.stderr_is_terminal()) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - begin_ < kSilence || now - said_ < kPause) return;
  said_ = now;
  has_spoken_ = true;
  write_line("\r" + what_ + ": " + std::to_string(bytes >> 20U) + " MiB");
}

void Progress::finish() {
  if (has_spoken_) write_line("\r\x1B[K");
}

}  // namespace aivault::cli
