// Record: one secret of the old vault as its file `secrets/<id>.json` says it, still sealed.
// Thread: any; pure. Errors: invalid_request record_invalid; nothing of the content is quoted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "format1/envelope.h"
#include "format1/place.h"

namespace aivault::format1 {

struct Record {
  std::string id;  // As in the file, which the seal covers; secret_id() is the id of today.
  std::string name;
  std::vector<std::string> aliases;
  Place place;
  bool system_managed = false;
  std::string pinned_provider;  // Empty: none.
  std::int64_t aad_version = 0;
  UnixMs created_at, updated_at;
  std::optional<UnixMs> last_used_at, revoked_at;
  std::int64_t value_version = 1;
  std::vector<std::pair<std::string, std::string>> attached;  // Raw workspace and group.
  std::optional<Envelope> envelope;
};

// "<id>.json" and nothing else, such as "<id>.json.tmp.17".
bool is_record_name(std::string_view file_name);

// `file_name` must fit the id that the record gives itself.
Result<Record> parse_record(std::string_view file_name, std::string_view text);

// A UUID in lower case. Errors: any other id.
Result<std::string> secret_id(const Record& record);
// Made by the old program from other secrets; the registry makes them anew.
bool is_composite(const Record& record);

Result<Secret> open(const Secret& key, const Record& record);

}  // namespace aivault::format1
