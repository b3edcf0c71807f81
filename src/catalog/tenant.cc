#include "catalog/tenant.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "base/version.h"
#include "registry/operator_file.h"

namespace aivault::catalog {
namespace {

constexpr std::string_view kOwnHost = "{own}";

const std::string* find(const Params& params, std::string_view name) {
  const auto found =
      std::ranges::find(params, name, [](const auto& param) -> const auto& { return param.first; });
  return found != params.end() ? &found->second : nullptr;
}

bool is_exact(std::string_view pattern) {
  return pattern.find_first_of("{*") == std::string_view::npos;
}

// The value of the only param of a pattern, if the host is one it stands for.
struct Filled {
  std::string_view param, value;
};
std::optional<Filled> fill(std::string_view pattern, std::string_view host) {
  const auto open = pattern.find('{');
  const auto close = pattern.find('}', open);
  if (open == std::string_view::npos || close == std::string_view::npos) return std::nullopt;
  const auto before = pattern.substr(0, open);
  const auto after = pattern.substr(close + 1);
  if (after.find('{') != std::string_view::npos) return std::nullopt;
  if (host.size() <= before.size() + after.size()) return std::nullopt;
  if (!host.starts_with(before) || !host.ends_with(after)) return std::nullopt;
  return Filled{pattern.substr(open + 1, close - open - 1),
                host.substr(before.size(), host.size() - before.size() - after.size())};
}

// Only files of operators name ports.
std::optional<std::uint16_t> port_in(std::string_view pattern) {
  const auto colon = pattern.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::uint16_t port = 0;
  const auto digits = pattern.substr(colon + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return port;
}

bool fits(const registry::Provider& provider,
          std::string_view pattern,
          const http::Authority& host,
          const Params& params) {
  const bool any_port = registry::is_operator_id(provider.id);
  if (host.port() && !any_port) return false;
  if (pattern == kOwnHost) return true;
  if (host.port() != port_in(pattern)) return false;
  if (pattern.find('{') == std::string_view::npos) return http::matches(pattern, host);
  const auto name = pattern.substr(0, pattern.rfind(':'));
  if (const auto expanded = with_params(name, params)) return *expanded == host.host();
  const auto filled = fill(name, host.host());
  if (!filled) return false;
  const auto* param = find_param(provider, filled->param);
  return param != nullptr && is_param_value(*param, filled->value);
}

bool is_named(const registry::Provider& provider, const http::Authority& host) {
  return std::ranges::any_of(provider.slots, [&](const registry::Slot& slot) {
    return std::ranges::find(slot.hosts, host.text()) != slot.hosts.end();
  });
}

// A host that is no exact entry says what the param in its pattern is.
void adopt(const registry::Provider& provider, const http::Authority& host, Params& params) {
  if (is_named(provider, host)) return;
  for (const auto& slot : provider.slots) {
    for (const std::string_view pattern : slot.hosts) {
      if (pattern == kOwnHost || !fits(provider, pattern, host, params)) continue;
      const auto filled = fill(pattern.substr(0, pattern.rfind(':')), host.host());
      if (filled && find(params, filled->param) == nullptr) {
        params.emplace_back(filled->param, filled->value);
      }
    }
  }
}

// The host that a slot uses without a bound one.
std::optional<std::string> host_by_default(const registry::Slot& slot, const Params& params) {
  for (const std::string_view pattern : slot.hosts) {
    if (pattern == kOwnHost || pattern.find('{') == std::string_view::npos) continue;
    if (auto expanded = with_params(pattern, params)) return expanded;
  }
  const auto exact = std::ranges::find_if(slot.hosts, is_exact);
  if (exact != slot.hosts.end()) return std::string(*exact);
  return std::nullopt;
}

void note_missing(const registry::Slot& slot, Tenant& tenant) {
  bool by_param = false;
  for (const std::string_view pattern : slot.hosts) {
    if (pattern == kOwnHost) continue;
    for (auto open = pattern.find('{'); open != std::string_view::npos;
         open = pattern.find('{', open + 1)) {
      const auto name = pattern.substr(open + 1, pattern.find('}', open) - open - 1);
      by_param = true;
      if (find(tenant.params, name) == nullptr &&
          std::ranges::find(tenant.missing_params, name) == tenant.missing_params.end()) {
        tenant.missing_params.emplace_back(name);
      }
    }
  }
  if (!by_param) tenant.needs_host = true;
}

void add_once(std::vector<std::string>& hosts, std::string host) {
  if (std::ranges::find(hosts, host) == hosts.end()) hosts.push_back(std::move(host));
}

}  // namespace

Tenant find_tenant(const registry::Provider& provider,
                   std::span<const std::string> bound_hosts,
                   const Params& given) {
  Tenant tenant;
  for (const auto& [name, value] : given) {
    const auto* param = find_param(provider, name);
    if (param != nullptr && is_param_value(*param, value)) tenant.params.emplace_back(name, value);
  }
  std::vector<http::Authority> bound;
  for (const auto& text : bound_hosts) {
    auto host = http::parse_authority(text);
    if (!host) continue;
    adopt(provider, *host, tenant.params);
    bound.push_back(*std::move(host));
  }
  std::ranges::sort(tenant.params);

  std::vector<std::string> defaults;
  for (const auto& slot : provider.slots) {
    const auto chosen = std::ranges::find_if(bound, [&](const http::Authority& host) {
      return std::ranges::any_of(slot.hosts, [&](std::string_view pattern) {
        return fits(provider, pattern, host, tenant.params);
      });
    });
    if (chosen != bound.end()) {
      add_once(tenant.hosts, chosen->text());
    } else if (auto host = host_by_default(slot, tenant.params)) {
      add_once(defaults, *std::move(host));
    } else {
      note_missing(slot, tenant);
    }
  }
  for (auto& host : defaults) add_once(tenant.hosts, std::move(host));
  for (const auto& param : provider.params) {
    if (param.required && find(tenant.params, param.name) == nullptr &&
        std::ranges::find(tenant.missing_params, param.name) == tenant.missing_params.end()) {
      tenant.missing_params.emplace_back(param.name);
    }
  }
  return tenant;
}

bool is_host_of(const registry::Provider& provider, const http::Authority& host) {
  return std::ranges::any_of(provider.slots, [&](const registry::Slot& slot) {
    return std::ranges::any_of(slot.hosts, [&](std::string_view pattern) {
      return fits(provider, pattern, host, Params());
    });
  });
}

const registry::Param* find_param(const registry::Provider& provider, std::string_view name) {
  const auto found = std::ranges::find(provider.params, name, &registry::Param::name);
  return found != provider.params.end() ? &*found : nullptr;
}

bool is_param_value(const registry::Param& param, std::string_view value) {
  const auto made_of = [&](std::string_view others, std::size_t limit) {
    return !value.empty() && value.size() <= limit && std::ranges::all_of(value, [&](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
             others.find(c) != std::string_view::npos;
    });
  };
  constexpr std::string_view kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  if (param.chars == "host-label" || param.chars == "region") return made_of("-_", 63);
  if (param.chars == "host-labels") return made_of("-_.", 200) && !value.starts_with('.');
  if (param.chars == "uuid") return value.size() == 36 && made_of("-ABCDEF", 36);
  if (param.chars == "email") {
    return value.find('@') != std::string_view::npos && made_of(std::string(kUpper) + "@.+-_", 254);
  }
  return made_of(std::string(kUpper) + "-_.", 128);
}

std::optional<std::string> with_params(std::string_view text, const Params& params) {
  std::string result;
  while (!text.empty()) {
    const auto open = text.find('{');
    result += text.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = text.find('}', open);
    if (close == std::string_view::npos) return std::nullopt;
    const auto name = text.substr(open + 1, close - open - 1);
    if (name == "version") {
      result += version();
    } else if (const auto* value = find(params, name); value != nullptr) {
      result += *value;
    } else {
      return std::nullopt;
    }
    text.remove_prefix(close + 1);
  }
  return result;
}

std::string with_known_params(std::string_view text, const Params& params) {
  std::string result;
  while (!text.empty()) {
    const bool is_field = text.starts_with("{{");
    const auto end = is_field ? text.find("}}") : text.find('}');
    if (text.front() != '{' || end == std::string_view::npos) {
      const std::size_t least = is_field ? 2 : 1;
      const auto plain = text.substr(0, std::max(text.find('{'), least));
      result += plain;
      text.remove_prefix(plain.size());
      continue;
    }
    const auto piece = text.substr(0, end + (is_field ? 2 : 1));
    const auto* value = is_field ? nullptr : find(params, piece.substr(1, piece.size() - 2));
    result += value != nullptr ? std::string_view(*value) : piece;
    text.remove_prefix(piece.size());
  }
  return result;
}

}  // namespace aivault::catalog
