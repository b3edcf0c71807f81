#include "cli/vault_header.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "cli/render_parts.h"
#include "json/parse.h"
#include "platform/descriptor.h"
#include "platform/key_variables.h"

namespace aivault::cli {
namespace {

constexpr std::size_t kMaxHeader = std::size_t{64} << 10U;

std::optional<std::string> read_small_file(const std::string& path) {
  const platform::Descriptor file(
      open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW));
  if (!file) return std::nullopt;
  std::string text;
  std::array<char, 4096> piece{};
  while (text.size() <= kMaxHeader) {
    const auto got = read(file.get(), piece.data(), piece.size());
    if (got < 0) return std::nullopt;
    if (got == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  return std::nullopt;
}

}  // namespace

std::optional<VaultHeader> read_vault_header(const std::string& directory) {
  const auto text = read_small_file(directory + "/vault.json");
  if (!text) return std::nullopt;
  const auto document = json::parse(*text);
  if (!document) return std::nullopt;
  const auto* entry = document->find("provider");
  if (entry == nullptr) return std::nullopt;
  VaultHeader header{text_in(*entry, "type"), text_in(*entry, "envVar"), {}};
  if (header.key_variable.empty()) header.key_variable = text_in(*entry, "env_var");  // Format 1.
  const bool is_name = platform::KeyVariables::is_name(header.key_variable);
  if (header.provider != "env" || !is_name) header.key_variable.clear();
  if (header.provider == "file") header.key_file = text_in(*entry, "path");
  const bool is_relative = !header.key_file.empty() && !header.key_file.starts_with('/');
  if (is_relative) header.key_file = directory + "/" + header.key_file;
  return header;
}

bool vault_exists(const std::string& directory) {
  return access((directory + "/vault.db").c_str(), F_OK) == 0 ||
         access((directory + "/vault.json").c_str(), F_OK) == 0;
}

}  // namespace aivault::cli
