#include "policy/exempt_content.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/text.h"

namespace aivault::policy {
namespace {

constexpr auto kExact = std::to_array<std::string_view>({"application/octet-stream",
                                                         "application/pdf",
                                                         "application/zip",
                                                         "application/gzip",
                                                         "application/x-tar"});
constexpr auto kBeginnings =
    std::to_array<std::string_view>({"image/", "audio/", "video/", "font/", "application/vnd."});
constexpr std::size_t kLongestSequence = 4;  // Of UTF-8.

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

std::size_t sequence_size(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  if (byte < 0xC0U) return 1;
  if (byte < 0xE0U) return 2;
  return byte < 0xF0U ? 3 : kLongestSequence;
}

// Without a character that the end of the sample cuts in two.
std::string_view whole_characters(std::string_view sample) {
  auto lead = sample.size();
  while (lead > 0 && sample.size() - lead < kLongestSequence && is_continuation(sample[lead - 1])) {
    --lead;
  }
  if (lead == 0) return sample;
  const bool cut = sequence_size(sample[lead - 1]) > sample.size() - (lead - 1);
  return cut ? sample.substr(0, lead - 1) : sample;
}

}  // namespace

bool may_be_exempt(std::string_view content_type) {
  const auto type = to_lower(trim(content_type.substr(0, content_type.find(';'))));
  return std::ranges::find(kExact, type) != kExact.end() ||
         std::ranges::any_of(kBeginnings,
                             [&type](std::string_view begin) { return type.starts_with(begin); });
}

bool looks_binary(std::string_view sample) {
  sample = sample.substr(0, kExemptSample);
  return sample.find('\0') != std::string_view::npos || !is_valid_utf8(whole_characters(sample));
}

}  // namespace aivault::policy
