// import: takes what an old vault holds into an open vault, in one transaction: secrets,
// credentials, own capabilities, policies, bindings and the history. What cannot be taken is named
// and the rest is taken.
// Thread: any; blocks. Errors: those of reading the directory as a whole and of the vault; an entry
// that fails is not one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "audit/event.h"
#include "base/result.h"
#include "base/secret.h"
#include "format1/header.h"
#include "format1/source.h"
#include "vault/vault.h"

namespace aivault::format1 {

enum class Taken : std::uint8_t { skipped, replaced };  // A name or an id that is in use.
enum class Keeping : std::uint8_t { everything, nothing };

struct Choice {
  Taken taken = Taken::skipped;
  bool skip_audit = false;
  Keeping keeping = Keeping::everything;  // nothing: a rehearsal, rolled back at its end.
};

struct Entry {
  std::string kind;  // "secret", "credential", "capability", "policy", "binding", "audit", "file"
  std::string id;
  std::string text;  // The error, or the reason.
};

inline constexpr std::size_t kMaxListed = 10'000;  // Entries of each list; the rest is counted.

struct Report {
  std::int64_t secrets = 0, credentials = 0, capabilities = 0, policies = 0, bindings = 0;
  std::int64_t audit = 0;
  std::int64_t failures = 0;  // All of them.
  std::vector<Entry> failed, skipped;
  std::vector<std::string> notices;

  void add_failure(std::string kind, std::string id, std::string error);
  void add_skipped(std::string kind, std::string id, std::string reason);
};

// `key` opens the secrets of `source`; `who` is copied into every record.
Result<Report> import_vault(vault::Vault& target,
                            const Source& source,
                            const Header& header,
                            const Secret& key,
                            const Choice& choice,
                            const audit::Event& who);

}  // namespace aivault::format1
