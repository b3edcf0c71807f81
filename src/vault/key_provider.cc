#include "vault/key_provider.h"

#include <filesystem>

#include "crypto/key_text.h"
#include "crypto/keys.h"
#include "json/parse.h"
#include "json/write.h"
#include "platform/key_file.h"

namespace aivault::vault {
namespace {

tl::unexpected<Error> unavailable(const std::string& source, const std::string& what) {
  return vault_unavailable("key_unavailable",
                           "vault provider misconfigured: " + source + ": " + what);
}

Result<Secret> read_key(const platform::Descriptor& file, const std::string& source) {
  const auto text = crypto::read_secret(file.get(), platform::kMaxKeyFileBytes);
  auto key = text ? crypto::parse_key(*text) : std::nullopt;
  if (!key) {
    return unavailable(source, "it does not hold a key; put the right key file back");
  }
  return std::move(*key);
}

}  // namespace

Result<KeyProvider> KeyProvider::parse(std::string_view json) {
  const auto entry = json::parse(json);
  const auto* type = entry ? entry->find("type") : nullptr;
  if (type == nullptr || !type->is(json::Kind::string)) {
    return unavailable("provider", "its entry is malformed");
  }
  if (type->text() != "file") {
    return unavailable("provider '" + std::string(type->text()) + "'",
                       "this version cannot load its key");
  }
  const auto* path = entry->find("path");
  if (path == nullptr || !path->is(json::Kind::string) || path->text().empty()) {
    return unavailable("provider 'file'", "its entry has no path");
  }
  return KeyProvider{"file", std::string(path->text())};
}

KeyProvider KeyProvider::file(const platform::Directory& root, const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  std::error_code error;
  const auto resolved = std::filesystem::weakly_canonical(parent, error);
  const auto real = error ? parent.string() : resolved.string();
  const auto name = std::filesystem::path(path).filename().string();
  if (real == root.path()) return {"file", name};
  if (real.starts_with(root.path() + "/")) {
    return {"file", real.substr(root.path().size() + 1) + "/" + name};
  }
  return {"file", real + "/" + name};
}

std::string KeyProvider::json() const {
  return json::compact(json::Value::object({{"type", type}, {"path", path}}));
}

std::string KeyProvider::absolute_path(const platform::Directory& root) const {
  return path.starts_with('/') ? path : root.path() + "/" + path;
}

std::string KeyProvider::source(const platform::Directory& root) const {
  return "file '" + absolute_path(root) + "'";
}

Result<Secret> load_key(const KeyProvider& provider, const platform::Directory& root) {
  TRY_ASSIGN(const auto file, platform::open_key_file(provider.absolute_path(root), root.owner()));
  if (!file) {
    return unavailable(provider.source(root),
                       "there is no such file; put the key file back"
                       ": without it the vault cannot be opened");
  }
  return read_key(*file, provider.source(root));
}

Result<NewKey> adopt_or_make_key(const KeyProvider& provider, const platform::Directory& root) {
  const auto path = provider.absolute_path(root);
  TRY_ASSIGN(const auto existing, platform::open_key_file(path, root.owner()));
  if (existing) {
    TRY_ASSIGN(auto key, read_key(*existing, provider.source(root)));
    return NewKey{std::move(key), false};
  }
  auto key = crypto::random_key();
  TRY_ASSIGN(auto file, platform::make_key_file(path, root.owner()));
  if (!crypto::write_secret(file.descriptor.get(), crypto::key_text(key))) {
    return unavailable(provider.source(root), "it cannot be written");
  }
  TRY(file.finish());
  return NewKey{std::move(key), true};
}

}  // namespace aivault::vault
