#include "cli/run_environment.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "cli/mcp_message.h"

namespace aivault::cli {
namespace {

using json::Kind;
using json::Value;
using Variables = std::map<std::string, std::string>;

// The vault's own keys and places are nothing for the program, nor is what would lead its
// `aivault` elsewhere.
constexpr auto kRemoved = std::to_array<std::string_view>({"CREDENTIALS_DIRECTORY", "AIVAULT_KEY"});
constexpr auto kProxies = std::to_array<std::string_view>(
    {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy", "HTTPS_PROXY"});
constexpr std::string_view kLoopback = "127.0.0.1";

std::string text_of(const Value& object, std::string_view key) {
  const auto* value = member(object, key, Kind::string);
  return value == nullptr ? std::string() : std::string(value->text());
}

const std::pmr::vector<Value>& items_of(const Value& object, std::string_view key) {
  static const std::pmr::vector<Value> none;
  const auto* list = member(object, key, Kind::array);
  return list == nullptr ? none : list->items();
}

void set_variables(const Value& endpoint, const RunPlace& place, Variables& variables) {
  for (const auto& sdk : items_of(endpoint, "sdk")) {
    const auto base = text_of(sdk, "baseUrl");
    const auto token = text_of(sdk, "token");
    if (!base.empty()) {
      variables[base] = place.base_url + text_of(endpoint, "base") + text_of(sdk, "suffix");
    }
    if (!token.empty()) variables[token] = place.token;
  }
}

// One credential of each provider: the named one, else the only one.
std::vector<const Value*> chosen(const Value& endpoints, const RunPlace& place) {
  std::map<std::string, std::vector<const Value*>> of_provider;
  for (const auto& endpoint : items_of(endpoints, "items")) {
    of_provider[text_of(endpoint, "provider")].push_back(&endpoint);
  }
  std::vector<const Value*> result;
  for (auto& [provider, found] : of_provider) {
    const auto named = std::ranges::find_if(found, [&](const Value* endpoint) {
      const auto id = text_of(*endpoint, "credential");
      return std::ranges::find(place.credentials, id) != place.credentials.end();
    });
    if (named != found.end()) {
      result.push_back(*named);
    } else if (found.size() == 1) {
      result.push_back(found.front());
    }
  }
  return result;
}

// A proxy knows nothing of this machine's loopback.
void bypass_proxies(Variables& variables) {
  const bool has_proxy = std::ranges::any_of(
      kProxies, [&](std::string_view name) { return variables.contains(std::string(name)); });
  if (!has_proxy) return;
  for (const std::string name : {"no_proxy", "NO_PROXY"}) {
    auto& value = variables[name];
    if (!value.empty()) value += ',';
    value += kLoopback;
  }
}

}  // namespace

std::vector<std::string> run_environment(Variables ours,
                                         const Value& endpoints,
                                         const RunPlace& place) {
  for (const auto name : kRemoved) ours.erase(std::string(name));
  if (!place.key_variable.empty()) ours.erase(place.key_variable);
  for (const auto& name : items_of(endpoints, "secretNames")) ours.erase(std::string(name.text()));
  for (const auto* endpoint : chosen(endpoints, place)) set_variables(*endpoint, place, ours);
  bypass_proxies(ours);
  ours["AIVAULT_BASE_URL"] = place.base_url;
  ours["AIVAULT_TOKEN"] = place.token;
  std::vector<std::string> result;
  result.reserve(ours.size());
  for (auto& [name, value] : ours) result.push_back(name + '=' + value);
  return result;
}

}  // namespace aivault::cli
