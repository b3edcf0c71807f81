// Scope and Context: where a secret belongs, in what context a call runs, and the one table that
// says which context may open which secret.
// Thread: any; pure. Source: docs/vault.md. Errors: policy_violation secret_not_accessible,
// invalid_request record_invalid for malformed ids.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace aivault::vault {

struct Scope {
  enum class Kind : std::uint8_t { global = 0, workspace = 1, group = 2 };
  Kind kind = Kind::global;
  std::string workspace, group;  // '' where the kind has none.

  static Scope global_scope() { return {}; }
  auto operator<=>(const Scope&) const = default;
  std::string text() const;  // "global", "workspace:W", "group:W:G"
};

// The ids of the wrong kind are errors that name the flag, as the command line says.
Result<Scope> make_scope(std::string_view kind, std::string_view workspace, std::string_view group);

struct Context {
  std::string workspace, group;  // Empty: absent.
  auto operator<=>(const Context&) const = default;
};
// `--workspace-id is required when --group-id is provided`; characters of ids.
Result<Context> make_context(std::string_view workspace, std::string_view group);

struct Attachment {
  std::string workspace, group;
  auto operator<=>(const Attachment&) const = default;
};

// How the secret is reached: by a registry-derived global credential, or any other way.
enum class Opener : std::uint8_t { derived_global_credential, other };

// The table. A refusal is `secret not accessible`.
Result<void> may_open(const Scope& secret,
                      std::span<const Attachment> attached,
                      const Context& context,
                      Opener opener);

// Workspace and group ids: 1 to 128 characters, no white space, control characters, ':' or '/'.
bool is_valid_scope_id(std::string_view id);

}  // namespace aivault::vault
