// Facts: what the vault stores about a credential beside the columns of its row, as JSON.
// Thread: any; plain values. Errors of parsing: invalid_request record_invalid.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "registry/auth_spec.h"

namespace aivault::catalog {

struct Facts {
  // Unset: `kind` of the registry says how, or the provider is postgres.
  std::optional<registry::AuthSpec> auth;
  std::string kind;
  std::vector<std::string> hosts;  // Canonical; for registry credentials the bound ones.
  std::vector<std::pair<std::string, std::string>> default_headers;
  bool allow_private_network = false;
  std::string tls_ca_pem;
  std::optional<std::string> max_policy_mode;
  std::vector<std::string> capabilities;
  int priority = 0;
  std::string path_prefix;
  // The value with this version does not fit the auth kind; any other version may.
  struct Misfit {
    std::int64_t value_version = 0;
    std::string message;
    bool operator==(const Misfit&) const = default;
  };
  std::optional<Misfit> misfit;
  // A record of an old vault that does not pass the checks of this version: kept as it was, and
  // never used.
  struct Imported {
    std::string reason;
    json::Value record;
  };
  std::optional<Imported> imported;
};

// Not HTTP and not in the registry; its component takes the secret under this header.
inline constexpr std::string_view kPostgres = "postgres";
registry::AuthSpec postgres_auth();

std::string to_body(const Facts& facts);
Result<Facts> parse_facts(std::string_view body);

// The `params` column: an object name -> text.
using Params = std::vector<std::pair<std::string, std::string>>;
std::string to_params_text(const Params& params);
Result<Params> parse_params(std::string_view text);

}  // namespace aivault::catalog
