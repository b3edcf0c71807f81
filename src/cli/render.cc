#include "cli/render.h"

#include <algorithm>
#include <array>
#include <utility>

#include "cli/render_parts.h"

namespace aivault::cli {
namespace {

using json::Kind;
using json::Value;

std::string provider_title(const std::string& type) {
  using Pair = std::pair<std::string_view, std::string_view>;
  constexpr auto kTitles = std::to_array<Pair>({{"file", "Key file"},
                                                {"env", "Environment variable"},
                                                {"passphrase", "Passphrase"},
                                                {"systemd_creds", "systemd credential"},
                                                {"keyring", "Kernel keyring"},
                                                {"macos_keychain", "macOS Keychain"}});
  const auto title = std::ranges::find(kTitles, type, &Pair::first);
  return title == kTitles.end() ? type : std::string(title->second);
}

// "global", {"workspace":{"workspace_id"}}, {"group":{"workspace_id","group_id"}}.
std::string scope_text(const Value& secret) {
  const auto* scope = secret.find("scope");
  if (scope == nullptr) return {};
  if (const auto* workspace = scope->find("workspace")) {
    return "workspace:" + text_in(*workspace, "workspace_id");
  }
  if (const auto* group = scope->find("group")) {
    return "group:" + text_in(*group, "workspace_id") + ":" + text_in(*group, "group_id");
  }
  return std::string(scope->text());
}

// {"type":"group","workspace_id","group_id"}.
std::string binding_scope_text(const Value& binding) {
  const auto* scope = binding.find("scope");
  if (scope == nullptr) return {};
  auto text = text_in(*scope, "type");
  for (const auto* key : {"workspace_id", "group_id"}) {
    if (const auto id = text_in(*scope, key); !id.empty()) text += ":" + id;
  }
  return text;
}

std::string context_text(const Value& credential) {
  const auto workspace = text_in(credential, "workspaceId");
  const auto group = text_in(credential, "groupId");
  if (workspace.empty()) return {};
  return group.empty() ? "workspace:" + workspace : "group:" + workspace + ":" + group;
}

// The word that --auth knows.
std::string auth_word(const Value& credential) {
  const auto* auth = credential.find("auth");
  if (auth == nullptr) return {};
  std::string word(auth->text());
  if (auth->is(Kind::object) && !auth->members().empty()) word = auth->members().front().key;
  if (word == "o_auth2") return "oauth2";
  if (word == "aws_sig_v4") return "aws-sigv4";
  std::ranges::replace(word, '_', '-');
  return word;
}

std::string status_word(const Value* status) {
  if (status == nullptr || !is_true_in(*status, "enabled")) return "not initialized";
  return is_true_in(*status, "locked") ? "locked" : "unlocked";
}

std::string labelled(const Style& style, std::string_view label, std::string_view value) {
  return "  " + style.label(std::string(label) + ":") + " " + style.plain(value) + "\n";
}

std::string running(const Value& daemon) {
  return "running (pid " + text_in(daemon, "pid") + ", version " + text_in(daemon, "version") + ")";
}

// The first one of that kind.
std::string problem_of(const Value& all, std::string_view kind) {
  for (const auto& problem : items_in(all, "problems")) {
    if (text_in(problem, "kind") == kind) return text_in(problem, "message");
  }
  return {};
}

// Empty: it is writable, is not open, or a daemon of another version does not say.
std::string why_not_writable(const Value& status) {
  const bool is_open = is_true_in(status, "enabled") && !is_true_in(status, "locked");
  if (!is_open || status.find("writable") == nullptr || is_true_in(status, "writable")) return {};
  return "no (disk full, read-only or failing: calls and changes are refused)";
}

// "  (read) List the models"
std::string details_of(const Value& capability, const Style& style) {
  std::string text;
  const auto call_class = text_in(capability, "class");
  if (!call_class.empty()) text += "  " + style.label("(" + call_class + ")");
  const auto summary = text_in(capability, "summary");
  if (!summary.empty()) text += " " + style.plain(summary);
  return text;
}

}  // namespace

std::string render_access(const Value& view, const Style& style) {
  std::string text = style.heading("Daemon") + "\n";
  if (const auto* daemon = view.find("daemon"); daemon != nullptr) {
    text += labelled(style, "Socket", text_in(*daemon, "socket"));
    text += labelled(style, "State", running(*daemon));
  }
  const auto* access = view.find("access");
  if (access == nullptr) return text;
  auto granted = comma_list(items_in(*access, "capabilities"));
  if (granted.empty()) granted = "none";
  const auto agent = text_in(*access, "agent");
  std::string limits = agent.empty() ? "" : "agent " + agent;
  if (is_true_in(*access, "readOnly")) limits += limits.empty() ? "read-only" : ", read-only";
  if (!limits.empty()) granted += " (" + limits + ")";
  return text + labelled(style, "Access", granted);
}

std::string render_status(const Value& all, const std::string& socket, const Style& style) {
  const auto line = [&style](std::string_view label, std::string_view value) {
    return labelled(style, label, value);
  };
  const auto* status = all.find("status");
  std::string text = style.heading("Vault") + "\n" + line("Status", status_word(status));
  if (status != nullptr) {
    const auto reason = problem_of(all, "vault");
    if (is_true_in(*status, "locked") && !reason.empty()) text += line("Reason", reason);
    if (const auto type = text_in(*status, "providerType"); !type.empty()) {
      text += line("Provider", provider_title(type));
    }
    if (const auto id = text_in(*status, "kekId"); !id.empty()) text += line("KEK identifier", id);
    if (const auto why = why_not_writable(*status); !why.empty()) text += line("Writable", why);
  }
  if (const auto* audit = all.find("audit"); audit != nullptr && !is_true_in(*audit, "enabled")) {
    text += line("Audit", "off (AIVAULT_DISABLE_DISK_LOGS)");
  }
  if (const auto failure = problem_of(all, "audit"); !failure.empty()) {
    text += line("Audit mirror", "failing (" + failure + ")");
  }
  if (const auto who = problem_of(all, "isolation"); !who.empty()) text += line("Isolation", who);
  if (const auto count = items_in(all, "problems").size(); count > 0) {
    text += line("Problems", std::to_string(count) + " (run aivault doctor)");
  }
  if (const auto* paths = all.find("paths"); paths != nullptr && paths->is(Kind::object)) {
    text += "\n" + style.heading("Paths") + "\n" + line("Root", text_in(*paths, "rootDir"));
  }
  const auto* daemon = all.find("daemon");
  const bool runs = daemon != nullptr && daemon->is(Kind::object);
  text += "\n" + style.heading("Daemon") + "\n" +
          line("Socket", runs ? text_in(*daemon, "socket") : socket);
  return text + line("State", runs ? running(*daemon) : "not running");
}

void render_secret(const Value& secret, Listing& listing) {
  listing.name(text_in(secret, "name"));
  listing.line("ID", text_in(secret, "secretId"));
  listing.line("Scope", scope_text(secret));
  const auto aliases = comma_list(items_in(secret, "aliases"));
  if (!aliases.empty()) listing.line("Aliases", aliases);
  if (!text_in(secret, "revokedAtMs").empty()) listing.mark("REVOKED");
}

std::string render_bindings(const Value& bindings, const Style& style) {
  if (bindings.items().empty()) return "No capability bindings found.\n";
  Listing listing("Capability bindings", style);
  for (const auto& binding : bindings.items()) {
    listing.name(text_in(binding, "capability") + " -> " + text_in(binding, "secretRef"));
    listing.line("Scope", binding_scope_text(binding));
    const auto consumer = text_in(binding, "consumer");
    if (!consumer.empty()) listing.line("Consumer", consumer);
  }
  return listing.finish(bindings.items().size(), "binding", "bindings");
}

std::string render_credentials(const Value& credentials, const Style& style) {
  if (credentials.items().empty()) return "No credentials found.\n";
  Listing listing("Credentials", style);
  for (const auto& credential : credentials.items()) {
    listing.name(text_in(credential, "id"));
    listing.line("Provider", text_in(credential, "provider"));
    listing.line("Auth", auth_word(credential));
    listing.line("Hosts", comma_list(items_in(credential, "hosts")));
    const auto mode = text_in(credential, "maxPolicyMode");
    if (!mode.empty()) listing.line("Max policy mode", mode);
    const auto context = context_text(credential);
    if (!context.empty()) listing.line("Scope", context);
    if (is_true_in(credential, "disabled")) listing.mark("DISABLED");
  }
  return listing.finish(credentials.items().size(), "credential", "credentials");
}

std::string render_capabilities(const Value& list,
                                const std::map<std::string, std::vector<std::string>>& setup,
                                const Style& style,
                                bool details) {
  const auto& ready = items_in(list, "capabilities");
  const auto& not_ready = items_in(list, "registryCapabilities");
  const auto& disabled = items_in(list, "disabledCapabilities");
  const auto count = ready.size() + not_ready.size() + disabled.size();
  if (count == 0) return "No capabilities found.\n";
  std::map<std::string, std::map<std::string, std::string>> by_provider;
  for (const auto& capability : not_ready) {
    by_provider[text_in(capability, "provider")].emplace(
        text_in(capability, "id"), details ? details_of(capability, style) : std::string());
  }
  std::string text;
  if (!by_provider.empty()) text += style.heading("Available (needs credential)") + "\n";
  bool first = true;
  for (const auto& [provider, ids] : by_provider) {
    if (!std::exchange(first, false)) text += "\n";
    text += "  " + style.identifier(provider) + "\n";
    for (const auto& [id, about] : ids) text += "      " + style.dim(id) + about + "\n";
    std::string commands;
    if (const auto found = setup.find(provider); found != setup.end()) {
      for (const auto& command : found->second) {
        commands += (commands.empty() ? "" : " && ") + command;
      }
    }
    if (!commands.empty()) {
      text += "      " + style.label("Setup:") + " " + style.plain(commands) + "\n";
    }
  }
  if (!ready.empty()) {
    text += (text.empty() ? "" : "\n") + style.heading("Ready (credential configured)") + "\n";
    for (const auto& capability : ready) {
      text += "  " + style.identifier(text_in(capability, "id"));
      text += (details ? details_of(capability, style) : std::string()) + "\n";
    }
  }
  if (!disabled.empty()) {
    text += (text.empty() ? "" : "\n") + style.heading("Disabled") + "\n";
    for (const auto& id : disabled) text += "  " + style.plain(id.text()) + "\n";
  }
  return text + "\n" + count_of(count, "capability", "capabilities") + "\n" +
         style.dim("How to call one: aivault capability describe <id>") + "\n";
}

std::string render_doctor(const Value& report, const Style& style) {
  std::string text;
  std::map<std::string, std::size_t> counts;
  for (const auto& check : items_in(report, "checks")) {
    const auto status = text_in(check, "status");
    ++counts[status];
    const std::string padded = status + std::string(status.size() < 4 ? 4 - status.size() : 0, ' ');
    if (status == "ok") text += style.good(padded);
    if (status == "warn") text += style.attention(padded);
    if (status == "fail") text += style.bad(padded);
    text += " " + style.identifier(text_in(check, "id"));
    if (const auto detail = text_in(check, "detail"); !detail.empty()) {
      text += " " + style.plain(detail);
    }
    text += "\n";
    const auto hint = text_in(check, "hint");
    if (status != "ok" && !hint.empty()) text += "     " + style.dim(hint) + "\n";
  }
  return text + std::to_string(counts["ok"]) + " ok, " + std::to_string(counts["warn"]) +
         " warn, " + std::to_string(counts["fail"]) + " fail\n";
}

}  // namespace aivault::cli
