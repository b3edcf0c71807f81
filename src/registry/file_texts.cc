#include "registry/file_texts.h"

#include <zlib.h>

#include "registry/registry.h"

namespace aivault::registry {

std::optional<std::string> text_of_provider(std::string_view id) {
  const auto* provider = find_provider(id);
  if (provider == nullptr) return std::nullopt;
  const auto at = static_cast<std::size_t>(provider - providers().data());
  const auto& stored = tables::file_texts()[at];
  const auto packed = tables::packed_texts().substr(stored.at, stored.packed_size);
  std::string text(stored.size, '\0');
  uLongf size = text.size();
  const int outcome = uncompress(reinterpret_cast<Bytef*>(text.data()),
                                 &size,
                                 reinterpret_cast<const Bytef*>(packed.data()),
                                 packed.size());
  if (outcome != Z_OK || size != text.size()) return std::nullopt;
  return text;
}

}  // namespace aivault::registry
