#include "format1/record.h"

#include <algorithm>

#include "base/text.h"
#include "crypto/uuid.h"
#include "format1/fields.h"

namespace aivault::format1 {
namespace {

using json::Kind;

constexpr std::string_view kEnding = ".json";
constexpr std::string_view kCompositePrefix = "__aivault_registry:";

Result<void> read_groups(const json::Value& object, Record& record) {
  TRY_ASSIGN(const auto groups, objects_in(object, "attachedGroups"));
  for (const auto* group : groups) {
    TRY_ASSIGN(auto workspace, needed_text(*group, "workspaceId"));
    TRY_ASSIGN(auto id, needed_text(*group, "groupId"));
    record.attached.emplace_back(std::move(workspace), std::move(id));
  }
  return {};
}

Result<void> read_times(const json::Value& object, Record& record) {
  TRY_ASSIGN(record.created_at, needed_time(object, "createdAtMs"));
  TRY_ASSIGN(record.updated_at, needed_time(object, "updatedAtMs"));
  TRY_ASSIGN(record.last_used_at, time_in(object, "lastUsedAtMs"));
  TRY_ASSIGN(record.revoked_at, time_in(object, "revokedAtMs"));
  TRY_ASSIGN(const auto version, integer_in(object, "valueVersion"));
  // The old program counted from 0.
  record.value_version = std::max<std::int64_t>(1, version.value_or(0));
  return {};
}

Result<void> read_seal(const json::Value& object, Record& record) {
  TRY_ASSIGN(const auto version, integer_in(object, "aadVersion"));
  record.aad_version = version.value_or(0);
  const auto* sealed = object.find("ciphertext");
  if (sealed == nullptr || sealed->is(Kind::null)) return {};
  TRY_ASSIGN(record.envelope, parse_envelope(*sealed));
  return {};
}

}  // namespace

bool is_record_name(std::string_view file_name) {
  return file_name.size() > kEnding.size() && file_name.ends_with(kEnding);
}

Result<Record> parse_record(std::string_view file_name, std::string_view text) {
  TRY_ASSIGN(const auto object, json::parse(text, file_limits()));
  if (!object.is(Kind::object)) return malformed("record");
  Record record;
  TRY_ASSIGN(record.id, needed_text(object, "secretId"));
  file_name.remove_suffix(kEnding.size());
  if (record.id != file_name) {
    return invalid_request("record_invalid", "the file is not named after its 'secretId'");
  }
  TRY_ASSIGN(record.name, needed_text(object, "name"));
  TRY_ASSIGN(record.aliases, texts_in(object, "aliases"));
  TRY_ASSIGN(record.place, parse_place(object.find("scope")));
  TRY_ASSIGN(record.system_managed, flag_in(object, "systemManaged"));
  TRY_ASSIGN(const auto pin, text_in(object, "pinnedProvider"));
  record.pinned_provider = trim(pin.value_or(""));
  TRY(read_times(object, record));
  TRY(read_groups(object, record));
  // A revoked record holds nothing that could be opened, and may be half empty.
  if (!record.revoked_at) TRY(read_seal(object, record));
  return record;
}

Result<std::string> secret_id(const Record& record) {
  auto id = to_lower(record.id);
  if (crypto::is_uuid(id)) return id;
  return invalid_request("record_invalid", "the id is not a UUID");
}

bool is_composite(const Record& record) {
  return record.system_managed && record.name.starts_with(kCompositePrefix);
}

Result<Secret> open(const Secret& key, const Record& record) {
  if (!record.envelope) return malformed("ciphertext");
  TRY_ASSIGN(
      const auto associated,
      associated_text(record.aad_version, record.id, record.place.text(), record.pinned_provider));
  return open(key, *record.envelope, associated);
}

}  // namespace aivault::format1
