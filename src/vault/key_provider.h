// key_provider: where the key of a vault comes from, as the header and the database say it, and
// how it is loaded. This version knows the `file` provider.
// Thread: any. Errors: vault_unavailable key_unavailable | wrong_key; the message names the source.
#pragma once

#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "platform/directory.h"

namespace aivault::vault {

struct KeyProvider {
  std::string type;  // "file"
  std::string path;  // As stored: relative when it lies inside the vault directory.

  static Result<KeyProvider> parse(std::string_view json);
  // `path` is absolute.
  static KeyProvider file(const platform::Directory& root, const std::string& path);
  std::string json() const;
  std::string absolute_path(const platform::Directory& root) const;
  std::string source(const platform::Directory& root) const;  // "file '/v/kek.key'", for messages.
};

Result<Secret> load_key(const KeyProvider& provider, const platform::Directory& root);

// Adopts a valid key file, makes one where there is none; any other file is an error.
struct NewKey {
  Secret key;
  bool generated = false;
};
Result<NewKey> adopt_or_make_key(const KeyProvider& provider, const platform::Directory& root);

}  // namespace aivault::vault
