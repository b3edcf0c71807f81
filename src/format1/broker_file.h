// BrokerFile: `broker.json` of an old vault: credentials, own capabilities and policies; and
// `capabilities.json`: bindings. An entry that cannot be read stands as its error beside the
// others.
// Thread: any; pure. Errors of the whole file: invalid_request record_invalid.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/result.h"
#include "base/time.h"
#include "format1/place.h"
#include "json/value.h"

namespace aivault::format1 {

struct OldCredential {
  std::string id, provider, secret_ref;
  Place place;
  json::Value auth;  // The old form, whatever it is.
  std::vector<std::string> hosts, capabilities;
  std::int64_t priority = 0;
  std::string path_prefix;
  std::optional<std::string> max_policy_mode;
  json::Value source;  // All of the entry.
};

struct OldCapability {
  std::string id, provider;
  std::vector<std::string> hosts, methods, path_prefixes;
};

struct OldPolicy {
  std::string capability;
  json::Value limits;  // The object `policy`.
};

struct OldBinding {
  std::string capability, secret_ref, consumer;
  Place place;
  UnixMs updated_at;
};

// What an entry says, or why it cannot be read with the name it goes by as far as one is known.
template <typename Entry>
struct Read {
  std::string id;
  Result<Entry> entry;
};

struct BrokerFile {
  std::vector<Read<OldCredential>> credentials;
  std::vector<Read<OldCapability>> capabilities;
  std::vector<Read<OldPolicy>> policies;
};
Result<BrokerFile> parse_broker_file(std::string_view text);

Result<std::vector<Read<OldBinding>>> parse_bindings_file(std::string_view text);

}  // namespace aivault::format1
