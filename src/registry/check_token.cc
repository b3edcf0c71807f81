// TOKEN-1 to TOKEN-3: the token endpoints of a provider.
#include <algorithm>

#include "base/text.h"
#include "registry/check.h"

namespace aivault::registry {
namespace {

constexpr std::string_view kHttps = "https://";
constexpr std::string_view kBoundHost = "{{host}}";

std::string_view host_of(std::string_view url) {
  url.remove_prefix(std::min(kHttps.size(), url.size()));
  return url.substr(0, url.find('/'));
}

// Where a person's browser is sent may hold fixed parameters: some vendors give a refresh token
// only to whoever asks for one there.
std::optional<std::string> problem_of(std::string_view url, bool is_page) {
  if (!url.starts_with(kHttps)) return "must begin with https://";
  if (url.find('#') != std::string_view::npos ||
      (!is_page && url.find('?') != std::string_view::npos)) {
    return "holds a query or a fragment";
  }
  if (has_control(url) || url.find(' ') != std::string_view::npos) return "holds a blank";
  const auto host = host_of(url);
  if (host == kBoundHost) return std::nullopt;
  return host_pattern_problem(host);
}

class TokenChecks {
 public:
  TokenChecks(const ProviderFile& file, Problems& problems) : file_(file), problems_(problems) {}

  void run() {
    for (const auto& endpoint : file_.token_endpoints) {
      for (const auto* url : {&endpoint.token, &endpoint.authorize, &endpoint.device}) {
        if (url->text.empty() && url != &endpoint.token) continue;
        if (const auto problem = problem_of(url->text, url == &endpoint.authorize)) {
          add(url->at, "TOKEN-1", "'" + quote_for_message(url->text) + "' " + *problem);
        }
      }
      check_used(endpoint);
      check_out_of_reach(endpoint);
    }
  }

 private:
  void add(Position at, std::string_view code, std::string text) {
    problems_.error(file_.file, at, code, std::move(text));
  }

  void check_used(const TokenEndpointEntry& endpoint) {
    const bool used = std::ranges::any_of(file_.kinds, [&](const KindEntry& kind) {
      return kind.endpoint.text == endpoint.name.text;
    });
    if (used) return;
    add(endpoint.name.at,
        "TOKEN-2",
        "token endpoint '" + endpoint.name.text + "' is used by no auth kind");
  }

  // An API call must not reach what mints tokens.
  void check_out_of_reach(const TokenEndpointEntry& endpoint) {
    const std::string_view url = endpoint.token.text;
    const auto host = host_of(url);
    const bool on_api_host =
        host == kBoundHost || std::ranges::any_of(file_.slots, [&](const SlotEntry& slot) {
          return std::ranges::any_of(slot.hosts,
                                     [&](const Text& pattern) { return pattern.text == host; });
        });
    if (!on_api_host) return;
    const auto slash = url.find('/', kHttps.size());
    const std::string path(slash == std::string_view::npos ? "/" : url.substr(slash));
    const bool cut = std::ranges::any_of(file_.never, [&](const Text& never) {
      std::string_view prefix = never.text;
      if (prefix.ends_with('$')) prefix.remove_suffix(1);
      return path == prefix ||
             (path.starts_with(prefix) && !never.text.ends_with('$') && path[prefix.size()] == '/');
    });
    if (cut) return;
    add(endpoint.token.at,
        "TOKEN-3",
        "the path of a token endpoint on an API host must be under 'never': '" +
            quote_for_message(path) + "'");
  }

  const ProviderFile& file_;
  Problems& problems_;
};

}  // namespace

void check_token_endpoints(const ProviderFile& file, Problems& problems) {
  TokenChecks(file, problems).run();
}

}  // namespace aivault::registry
