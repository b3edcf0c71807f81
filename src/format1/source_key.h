// source_key: the key that opens an old vault: from where its header says, or as it was given.
// Thread: any; a passphrase takes up to seconds.
// Errors: vault_unavailable key_unavailable | wrong_key; the message names the source.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "format1/header.h"
#include "format1/source.h"
#include "vault/options.h"

namespace aivault::format1 {

// What is at hand; all but `sources` may be absent.
struct KeyGiven {
  const Secret* key_text = nullptr;    // Replaces the provider, as in a key file.
  const Secret* passphrase = nullptr;  // Of a passphrase vault, or replaces the provider's key.
  vault::KeySources sources;
  std::vector<std::string> key_files;  // Absolute; tried after those that the header leads to.
};

struct SourceKey {
  Secret key;
  std::string file;  // Where it was found, if in a file that the header leads to.
};

Result<SourceKey> find_key(const Header& header, const Source& vault, const KeyGiven& given);

// Is this the key that the header names?
bool is_named(const Header& header, const Secret& key);

}  // namespace aivault::format1
