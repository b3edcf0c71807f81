// provider list, check, add, show, export and remove.
#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "base/text.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/render_parts.h"
#include "cli/small_file.h"
#include "json/write.h"

namespace aivault::cli {
namespace {

using json::Value;

constexpr auto kOrder = json::Order::alphabetical;
constexpr std::size_t kMostKib = 256;

Result<std::string> id_in(const Arguments& arguments) {
  const auto id = trim(arguments.positional());
  if (id.empty()) return invalid_request("", "provider id is required");
  return std::string(id);
}

Result<std::string> text_of(const Arguments& arguments) {
  return read_small_file(
      std::string(arguments.positional()), "provider file", kMostKib, Dash::is_stdin);
}

// "x-acme.json:3:15: error FILE-4: ...", as compilers write it and editors read it.
void print_problems(Session& session, const std::string& file, const Value& report) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kKinds = {
      {{"errors", "error"}, {"warnings", "warning"}}};
  for (const auto& [key, word] : kKinds) {
    for (const auto& problem : items_in(report, key)) {
      const auto number = [&](std::string_view name) {
        const auto* found = problem.find(name);
        const auto value = found != nullptr ? found->integer() : std::nullopt;
        return std::to_string(value.value_or(1));
      };
      session.notice(file + ":" + number("line") + ":" + number("column") + ": " +
                     std::string(word) + " " + text_in(problem, "code") + ": " +
                     text_in(problem, "text"));
    }
  }
}

// "x-acme/items (emits): GET POST /v1/items"
std::string line_of(const Value& capability) {
  auto text = text_in(capability, "id");
  const auto flags = comma_list(items_in(capability, "flags"));
  if (!flags.empty()) text += " (" + flags + ")";
  text += ":";
  for (const auto& method : items_in(capability, "methods"))
    text += " " + std::string(method.text());
  return text + " " + comma_list(items_in(capability, "paths"));
}

// What would become callable, the most harmful class last, where it is seen.
void print_classes(Session& session, const Value& report) {
  session.notice("What " + text_in(report, "provider") + " makes callable:");
  for (const std::string_view wanted : {"read", "write", "destructive"}) {
    for (const auto& capability : items_in(report, "capabilities")) {
      if (text_in(capability, "class") != wanted) continue;
      session.notice("  " + std::string(wanted) + "  " + line_of(capability));
    }
  }
}

void print_difference(Session& session, const Value& report) {
  std::map<std::string, std::string> before, after;
  const auto take = [&](std::string_view key, std::map<std::string, std::string>& into) {
    for (const auto& capability : items_in(report, key)) {
      into[text_in(capability, "id")] = text_in(capability, "class") + "  " + line_of(capability);
    }
  };
  take("before", before);
  take("capabilities", after);
  session.notice("What changes for " + text_in(report, "provider") + ":");
  bool same = true;
  const auto tell = [&](std::string_view mark, const std::string& line) {
    session.notice("  " + std::string(mark) + " " + line);
    same = false;
  };
  for (const auto& [id, line] : before) {
    const auto found = after.find(id);
    if (found == after.end() || found->second != line) tell("-", line);
  }
  for (const auto& [id, line] : after) {
    const auto found = before.find(id);
    if (found == before.end() || found->second != line) tell("+", line);
  }
  if (same) session.notice("  nothing");
}

bool is_good(const Value& report) { return is_true_in(report, "ok"); }

Result<int> get_and_print(Session& session, const std::string& target) {
  TRY_ASSIGN(auto client, Client::for_operator(session));
  TRY_ASSIGN(const auto answer, client.get(target));
  for (const auto& warning : items_in(answer, "warnings")) {
    if (!warning.text().empty()) session.warning(warning.text());
  }
  session.print_json(answer, kOrder);
  return kSuccess;
}

}  // namespace

Result<int> run_provider_list(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(auto client, Client::for_operator(session));
  TRY_ASSIGN(auto answer, client.get("/aivault/providers"));
  for (const auto& warning : items_in(answer, "warnings")) session.warning(warning.text());
  Value shown = Value::object();
  for (const auto& [key, value, line, column] : answer.members()) {
    if (key != "path" || arguments.wants_json()) shown.set(key, value);
  }
  session.print_json(shown, kOrder);
  return kSuccess;
}

Result<int> run_provider_check(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(const auto text, text_of(arguments));
  TRY_ASSIGN(auto client, Client::in_private_child(session));
  TRY_ASSIGN(
      const auto report,
      client.change(session, "POST", "/aivault/providers/check", Value::object({{"text", text}})));
  print_problems(session, std::string(arguments.positional()), report);
  session.print_json(report, kOrder);
  if (!is_good(report)) return kFailure;
  const auto provider = text_in(report, "provider");
  if (provider.starts_with("x-")) {
    session.notice("Next: aivault provider add " + std::string(arguments.positional()));
  }
  return kSuccess;
}

Result<int> run_provider_add(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(const auto text, text_of(arguments));
  const bool replace = arguments.has("replace");
  const std::string path = "/aivault/providers";
  auto body = Value::object({{"text", text}, {"replace", replace}, {"dryRun", true}});
  TRY_ASSIGN(auto client, Client::for_operator(session));
  TRY_ASSIGN(const auto report, client.change(session, "POST", path, body));
  print_problems(session, std::string(arguments.positional()), report);
  if (!is_good(report)) {
    return invalid_request("", "the provider file has errors; nothing was changed");
  }
  replace ? print_difference(session, report) : print_classes(session, report);
  body.set("dryRun", false);
  TRY_ASSIGN(const auto added, client.change(session, "POST", path, body));
  for (const auto& secret : items_in(added, "secrets")) {
    session.notice("Next: aivault secrets create --name " + std::string(secret.text()));
  }
  session.print_json(added, kOrder);
  return kSuccess;
}

Result<int> run_provider_show(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(const auto id, id_in(arguments));
  return get_and_print(session, "/aivault/providers/" + segment(id));
}

Result<int> run_provider_export(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(const auto id, id_in(arguments));
  TRY_ASSIGN(auto client, Client::for_operator(session));
  TRY_ASSIGN(const auto answer, client.get("/aivault/providers/" + segment(id) + "/export"));
  session.print(text_in(answer, "text"));
  return kSuccess;
}

Result<int> run_provider_remove(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(const auto id, id_in(arguments));
  TRY_ASSIGN(auto client, Client::for_operator(session));
  TRY_ASSIGN(const auto answer,
             client.change(session, "DELETE", "/aivault/providers/" + segment(id)));
  session.print_json(answer, kOrder);
  return kSuccess;
}

}  // namespace aivault::cli
