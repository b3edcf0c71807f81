#include "audit/archive_text.h"

#include "base/encoding.h"
#include "json/parse.h"
#include "json/write.h"

namespace aivault::audit {
namespace {

constexpr std::string_view kFormat = "aivault-audit";
constexpr std::int64_t kVersion = 1;

std::string hex_of(const crypto::Hash& hash) { return hex(bytes_of(crypto::view(hash))); }

// Reads the members of one object; whatever is not as it should be is remembered.
class Members {
 public:
  explicit Members(const json::Value& object) : object_(object) {}
  std::int64_t integer(std::string_view key) {
    const auto* found = object_.find(key);
    const auto value = found != nullptr ? found->integer() : std::nullopt;
    good_ = good_ && value;
    return value.value_or(0);
  }
  std::string text(std::string_view key) {
    auto value = optional_text(key);
    good_ = good_ && value;
    return value.value_or("");
  }
  std::optional<std::int64_t> optional_integer(std::string_view key) {
    if (object_.find(key) == nullptr) return std::nullopt;
    return integer(key);
  }
  std::optional<std::string> optional_text(std::string_view key) {
    const auto* found = object_.find(key);
    if (found == nullptr) return std::nullopt;
    if (!found->is(json::Kind::string)) good_ = false;
    return found->is(json::Kind::string) ? std::string(found->text()) : std::string();
  }
  crypto::Hash hash(std::string_view key) {
    const auto bytes = from_hex(text(key));
    if (!bytes || bytes->size() != crypto::Hash().size()) {
      good_ = false;
      return {};
    }
    return crypto::hash_from(*bytes);
  }
  bool good() const { return good_; }

 private:
  const json::Value& object_;
  bool good_ = true;
};

std::optional<json::Value> object_in(std::string_view line) {
  json::Limits limits;
  limits.bytes = std::size_t{16} << 20U;  // The names of all objects of an import.
  auto parsed = json::parse(line, limits);
  if (!parsed || !parsed->is(json::Kind::object)) return std::nullopt;
  return *std::move(parsed);
}

}  // namespace

std::string to_line(const ArchiveHead& head) {
  return json::compact(json::Value::object({{"format", kFormat},
                                            {"version", kVersion},
                                            {"vaultId", head.vault_id},
                                            {"first", head.first},
                                            {"last", head.last},
                                            {"previousHash", hex_of(head.previous_hash)}})) +
         '\n';
}

std::string to_line(const StoredRow& stored) {
  const auto& row = stored.row;
  auto object = json::Value::object();
  object.set("seq", row.seq).set("tsMs", row.ts_ms).set("kind", row.kind).set("epoch", row.epoch);
  if (row.rev) object.set("rev", *row.rev);
  if (row.objects) object.set("objects", *row.objects);
  if (row.subject) object.set("subject", *row.subject);
  object.set("body", row.body).set("hash", hex_of(stored.hash));
  return json::compact(object) + '\n';
}

std::optional<ArchiveHead> parse_archive_head(std::string_view line) {
  const auto object = object_in(line);
  if (!object) return std::nullopt;
  Members members(*object);
  if (members.text("format") != kFormat || members.integer("version") != kVersion) {
    return std::nullopt;
  }
  ArchiveHead head{members.text("vaultId"),
                   members.integer("first"),
                   members.integer("last"),
                   members.hash("previousHash")};
  return members.good() ? std::optional(std::move(head)) : std::nullopt;
}

std::optional<StoredRow> parse_archive_row(std::string_view line) {
  const auto object = object_in(line);
  if (!object) return std::nullopt;
  Members members(*object);
  StoredRow stored;
  auto& row = stored.row;
  row.seq = members.integer("seq");
  row.ts_ms = members.integer("tsMs");
  row.kind = members.text("kind");
  row.epoch = members.integer("epoch");
  row.rev = members.optional_integer("rev");
  row.objects = members.optional_text("objects");
  row.subject = members.optional_text("subject");
  row.body = members.text("body");
  stored.hash = members.hash("hash");
  return members.good() ? std::optional(std::move(stored)) : std::nullopt;
}

}  // namespace aivault::audit
