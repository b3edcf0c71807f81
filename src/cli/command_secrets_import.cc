// secrets import: env files and entries as requests of a size that the daemon takes.
#include <algorithm>
#include <map>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/env_file.h"
#include "cli/exit_status.h"
#include "cli/key_value.h"
#include "cli/render_parts.h"
#include "cli/secret_input.h"

namespace aivault::cli {
namespace {

using json::DocumentPart;
using json::Value;

constexpr std::size_t kMaxEntries = 10'000;  // Each is in locked memory of its own.
constexpr std::size_t kMaxFile = std::size_t{16} << 20U;
// Of one request: the daemon takes 2 MiB and 10,000 keys.
constexpr std::size_t kBatchEntries = 1000;
constexpr std::size_t kBatchBytes = std::size_t{1} << 20U;  // Of values, before Base64.

using Entries = std::map<std::string, Secret, std::less<>>;  // The last value of a name wins.

struct Input {
  Entries entries;
  std::vector<Value> failed;  // {"error","name"} of bad lines.
};

Result<void> read_file(const std::string& path, Input& input) {
  TRY_ASSIGN(auto buffer, read_secret_file(path, kMaxFile));
  const auto name = path == "-" ? std::string("stdin") : path;
  if (buffer.text().size() > kMaxFile) {
    return invalid_request("", name + " is larger than 16 MiB");
  }
  auto file = parse_env_file(buffer.writable(), kMaxEntries);
  for (auto& entry : file.entries) {
    input.entries.insert_or_assign(std::move(entry.name), std::move(entry.value));
  }
  for (const auto& line : file.bad) {
    input.failed.push_back(
        Value::object({{"error", line.what}, {"name", name + ":" + std::to_string(line.number)}}));
  }
  return {};
}

Result<void> take_arguments(Session& session, Input& input) {
  for (auto& secret : session.argument_secrets) {
    if (secret.flag != "entry") continue;
    if (!secret.is_named) return invalid_request("", "invalid --entry; expected KEY=VALUE");
    if (secret.name.empty())
      return invalid_request("", "invalid --entry; entry key cannot be empty");
    input.entries.insert_or_assign(secret.name, std::move(secret.value));
  }
  return {};
}

// The document of some entries; `next` moves behind them.
Secret document_of(const Scope& scope, Entries::const_iterator& next, Entries::const_iterator end) {
  auto head = Value::object({{"scope", scope.kind}});
  if (scope.workspace) head.set("workspaceId", *scope.workspace);
  if (scope.group) head.set("groupId", *scope.group);
  std::vector<std::string> texts;
  std::vector<const Secret*> secrets;
  auto text = json::compact(head);
  text.pop_back();  // The closing brace.
  text += ",\"entries\":[";
  std::size_t bytes = 0;
  for (; next != end && secrets.size() < kBatchEntries; ++next) {
    bytes += next->second.size();
    if (!secrets.empty() && bytes > kBatchBytes) break;
    text += (secrets.empty() ? "{\"name\":" : "},{\"name\":") + json::quoted(next->first) +
            ",\"valueB64\":";
    texts.push_back(std::move(text));
    secrets.push_back(&next->second);
    text.clear();
  }
  std::vector<DocumentPart> parts;
  for (std::size_t i = 0; i < secrets.size(); ++i) {
    parts.push_back({.text = texts[i]});
    parts.push_back({.form = DocumentPart::Form::base64, .secret = secrets[i]});
  }
  parts.push_back({.text = "}]}"});
  return *json::document_of(parts);  // Only characters could fail.
}

struct Report {
  std::map<std::string_view, std::vector<Value>> lists = {
      {"created", {}}, {"failed", {}}, {"rotated", {}}, {"skipped", {}}};

  void add(const Value& answer) {
    for (auto& [key, list] : lists) {
      for (const auto& item : items_in(answer, key)) list.push_back(item);
    }
  }
  Value document() {
    auto object = Value::object();
    for (auto& [key, list] : lists) object.set(key, Value::array(std::move(list)));
    return object;
  }
};

}  // namespace

Result<int> run_secrets_import(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(const auto scope, parse_scope(arguments));
  const auto& files = arguments.list("env-file");
  if (std::ranges::count(files, "-") > 1) return invalid_request("", "stdin is named twice");
  Input input;
  for (const auto& file : files) TRY(read_file(file, input));
  TRY(take_arguments(session, input));
  if (input.entries.size() > kMaxEntries) {
    return invalid_request("", "more than 10000 entries; import them in parts");
  }
  Report report;
  report.lists["failed"] = std::move(input.failed);
  if (!input.entries.empty()) {
    TRY_ASSIGN(auto client, Client::for_operator(session));
    for (auto next = input.entries.cbegin(); next != input.entries.cend();) {
      const auto document = document_of(scope, next, input.entries.cend());
      TRY_ASSIGN(const auto answer,
                 client.change_with_body("POST", "/aivault/secrets/import", {.secret = &document}));
      report.add(answer);
    }
  }
  const bool has_failed = !report.lists["failed"].empty();
  session.print_json(report.document(), json::Order::alphabetical);
  return has_failed ? kFailure : kSuccess;
}

}  // namespace aivault::cli
