#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "admin/body.h"
#include "admin/handlers.h"
#include "admin/shapes.h"
#include "base/text.h"
#include "format1/header.h"
#include "format1/import.h"
#include "format1/in_place.h"
#include "format1/source.h"
#include "format1/source_key.h"
#include "platform/environment.h"
#include "platform/places.h"

namespace aivault::admin {
namespace {

using format1::Report;
using json::Value;

struct Wanted {
  std::string from;
  std::optional<Secret> key, passphrase;
  format1::Choice choice;
};

Result<Wanted> read_wanted(const Request& request) {
  TRY_ASSIGN(
      const auto body,
      Body::open(request, {"from", "key", "passphrase", "overwrite", "skipAudit", "dryRun"}));
  Wanted wanted;
  TRY_ASSIGN(const auto from, body.text("from"));
  if (!from || !from->starts_with('/')) {
    return invalid_request("record_invalid", "'from' must be an absolute path");
  }
  wanted.from = *from;
  TRY_ASSIGN(wanted.key, body.secret("key"));
  TRY_ASSIGN(wanted.passphrase, body.secret("passphrase"));
  TRY_ASSIGN(const bool overwrite, body.flag("overwrite"));
  if (overwrite) wanted.choice.taken = format1::Taken::replaced;
  TRY_ASSIGN(wanted.choice.skip_audit, body.flag("skipAudit"));
  TRY_ASSIGN(const bool rehearse, body.flag("dryRun"));
  if (rehearse) wanted.choice.keeping = format1::Keeping::nothing;
  return wanted;
}

Result<format1::Header> read_header(const format1::Source& source) {
  const auto about = [&](Error error) {
    error.message =
        "'" + quote_for_message(source.path(), 512) + "' is no format 1 vault: " + error.message;
    return fail(std::move(error));
  };
  TRY_ASSIGN(const auto text, source.read(format1::kHeaderFile));
  if (!text) {
    return about({ErrorCode::invalid_request, "record_invalid", "it has no vault.json"});
  }
  auto header = format1::parse_header(*text);
  if (!header) return about(std::move(header).error());
  return *std::move(header);
}

// Where keys usually are.
std::vector<std::string> usual_key_files(const vault::Options& options) {
  std::vector<std::string> files;
  if (const auto home = platform::home_directory(platform::Environment::of_process())) {
    files.push_back(*home + "/.aivault/keys/kek.key");
  }
  files.push_back(options.location.default_key_file);
  return files;
}

bool is_root_of(const vault::Options& options, const format1::Source& source) {
  if (::access(options.location.root.c_str(), F_OK) != 0) return false;
  const auto root = format1::Source::open(options.location.root);
  return root && root->path() == source.path();
}

Result<Report> import_here(Desk& desk,
                           const format1::Source& source,
                           const format1::Header& header,
                           const format1::KeyGiven& given,
                           const format1::Choice& choice,
                           const audit::Event& actor) {
  desk.slot.close();
  if (source.has("vault.db")) {
    // What a killed import left is finished by opening it.
    TRY(desk.slot.get());
    return invalid_request(
        "exists", "'" + source.path() + "' was imported before; its old files are in 'format-1/'");
  }
  return format1::import_in_place(desk.slot.options(), source, header, given, choice, actor);
}

Result<Report> import_from(Desk& desk, const Wanted& wanted, const audit::Event& actor) {
  TRY_ASSIGN(const auto source, format1::Source::open(wanted.from));
  TRY_ASSIGN(const auto header, read_header(source));
  const auto& options = desk.slot.options();
  format1::KeyGiven given;
  given.key_text = wanted.key ? &*wanted.key : nullptr;
  given.passphrase = wanted.passphrase ? &*wanted.passphrase : nullptr;
  given.sources = options.keys;
  given.key_files = usual_key_files(options);
  if (is_root_of(options, source)) {
    return import_here(desk, source, header, given, wanted.choice, actor);
  }
  TRY_ASSIGN(const auto found, format1::find_key(header, source, given));
  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  return format1::import_vault(*vault, source, header, found.key, wanted.choice, actor);
}

Value entries(const std::vector<format1::Entry>& list, std::string_view text_key) {
  Value array = Value::array();
  for (const auto& entry : list) {
    array.push(Value::object({{text_key, entry.text}, {"id", entry.id}, {"kind", entry.kind}}));
  }
  return array;
}

Value to_json(const Report& report, bool rehearsal) {
  return Value::object({{"audit", report.audit},
                        {"bindings", report.bindings},
                        {"capabilities", report.capabilities},
                        {"credentials", report.credentials},
                        {"dryRun", rehearsal},
                        {"failed", entries(report.failed, "error")},
                        {"policies", report.policies},
                        {"secrets", report.secrets},
                        {"skipped", entries(report.skipped, "reason")}});
}

}  // namespace

Result<Answer> import_directory(Desk& desk, const Request& request) {
  TRY_ASSIGN(const auto wanted, read_wanted(request));
  TRY_ASSIGN(const auto report, import_from(desk, wanted, who(request)));
  std::vector<Answer::Notice> notices;
  for (const auto& text : report.notices) notices.push_back(notice(text));
  const auto listed = static_cast<std::int64_t>(report.failed.size());
  if (report.failures > listed) {
    notices.push_back(
        warning(std::to_string(report.failures - listed) + " more failures are not listed"));
  }
  const bool rehearsal = wanted.choice.keeping == format1::Keeping::nothing;
  return changed(ad_hoc(to_json(report, rehearsal)), std::move(notices));
}

}  // namespace aivault::admin
