#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "cli/render.h"

namespace aivault::cli {
namespace {

using json::Value;

std::optional<std::int64_t> number_in(const Value& object, std::string_view key) {
  const auto* found = object.find(key);
  return found == nullptr ? std::nullopt : found->integer();
}

std::string scope_of(const Value& agent) {
  const auto workspace = text_in(agent, "workspaceId");
  const auto group = text_in(agent, "groupId");
  if (workspace.empty()) return {};
  return group.empty() ? "workspace:" + workspace : "group:" + workspace + ":" + group;
}

// "2026-01-31 23:59:59 UTC"
std::string time_text(std::int64_t ms) {
  const auto moment = std::chrono::floor<std::chrono::seconds>(from_int(ms));
  const auto day = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(moment - day);
  const auto two = [](auto number) {
    const auto digits = std::to_string(number);
    return digits.size() < 2 ? "0" + digits : digits;
  };
  return std::to_string(static_cast<int>(date.year())) + '-' +
         two(static_cast<unsigned>(date.month())) + '-' + two(static_cast<unsigned>(date.day())) +
         ' ' + two(time.hours().count()) + ':' + two(time.minutes().count()) + ':' +
         two(time.seconds().count()) + " UTC";
}

void add_line(Listing& listing, std::string_view label, const std::string& value) {
  if (!value.empty()) listing.line(label, value);
}

std::string tokens_of(const Value& agent) {
  std::string text;
  for (const auto& token : items_in(agent, "tokens")) {
    if (!text.empty()) text += ", ";
    text += text_in(token, "tokenId") + " until " +
            time_text(number_in(token, "expiresAtMs").value_or(0));
  }
  return text;
}

}  // namespace

std::string render_agents(const Value& agents, const Style& style) {
  if (agents.items().empty()) return "No agents found.\n";
  Listing listing("Agents", style);
  for (const auto& agent : agents.items()) {
    listing.name(text_in(agent, "name"));
    add_line(listing, "User", text_in(agent, "user"));
    add_line(listing, "Capabilities", comma_list(items_in(agent, "capabilities")));
    if (is_true_in(agent, "readOnly")) listing.line("Mode", "read-only");
    add_line(listing, "Scope", scope_of(agent));
    add_line(listing, "Groups", comma_list(items_in(agent, "groups")));
    add_line(listing, "Credentials", comma_list(items_in(agent, "credentials")));
    if (const auto rate = number_in(agent, "rateLimitPerMinute")) {
      listing.line("Rate limit", std::to_string(*rate) + " per minute");
    }
    if (const auto expires = number_in(agent, "expiresAtMs")) {
      listing.line("Expires", time_text(*expires));
    }
    add_line(listing, "Tokens", tokens_of(agent));
  }
  return listing.finish(agents.items().size(), "agent", "agents");
}

}  // namespace aivault::cli
