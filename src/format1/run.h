// Run: what the parts of one import share.
// Thread: the vault's writer thread.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "audit/event.h"
#include "base/ids.h"
#include "format1/callable.h"
#include "format1/import.h"
#include "format1/place.h"
#include "vault/vault.h"

namespace aivault::format1 {

struct Run {
  vault::Change& change;
  const Source& source;
  const Choice& choice;
  const audit::Event& who;
  Report& report;
  ScopeIds ids = {};
  // Secrets of the old vault: taken now, or here already under the same id with the same value.
  // Nothing of the directory may use any other: whoever wrote it need not know their values.
  std::set<SecretId> theirs = {};
  Callable callable = {};
  bool opened_any = false;  // Of the old vault's secrets, with the key that was given.
};

// Is this about one entry, so that the others can go on? Else the whole import fails.
bool concerns_one_entry(const Error& error);
// Adds it to the report, or returns it.
Result<void> settle(Run& run, std::string kind, std::string id, Result<void> outcome);

// Secrets, then what the registry makes of them.
Result<void> import_secrets(Run& run, const Secret& key);
// Own capabilities, credentials and policies of `broker.json`.
Result<void> import_broker(Run& run);
// `capabilities.json`.
Result<void> import_bindings(Run& run);

// The secret that "vault:secret:<id>" names, if it is live and one of Run::theirs.
struct Referred {
  std::optional<vault::SecretRecord> secret;
  std::string why_not = "its secret is not in this vault";
};
Result<Referred> referred_secret(Run& run, std::string_view reference);
std::optional<SecretId> parse_reference(std::string_view reference);

}  // namespace aivault::format1
