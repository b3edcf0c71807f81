#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "registry/check.h"
#include "registry/operator_file.h"

namespace aivault::registry {
namespace {

constexpr std::string_view kOwnHost = "{own}";

// "{sub}.x.com" as "p.x.com": the name that a bound host will have. nullopt: unclosed brace.
std::optional<std::string> with_sample_params(std::string_view pattern) {
  std::string name;
  while (!pattern.empty()) {
    const auto open = pattern.find('{');
    name += pattern.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = pattern.find('}', open);
    if (close == std::string_view::npos) return std::nullopt;
    name += 'p';
    pattern.remove_prefix(close + 1);
  }
  return name;
}

// "8443" of "api.acme.test:8443".
std::string_view port_in(std::string_view name) {
  const auto colon = name.rfind(':');
  return colon == std::string_view::npos ? std::string_view() : name.substr(colon + 1);
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 && text.front() != '0' &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; }) &&
         (text.size() < 5 || text <= "65535") && text != "443";
}

std::optional<std::string> name_problem(std::string_view name) {
  if (name.find(':') != std::string_view::npos) return "must not name a port";
  if (name.size() > 253) return "is longer than 253 bytes";
  const auto labels = split(name, '.');
  for (const auto label : labels) {
    if (label.empty() || label.size() > 63) return "has a label that is not 1 to 63 bytes long";
    for (const char c : label) {
      const bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
      if (!good) return "holds a character other than a-z 0-9 - _ .";
    }
  }
  if (labels.size() < 2) return "needs two labels or more";
  const auto last = labels.back();
  if (last.starts_with("0x") ||
      std::ranges::all_of(last, [](char c) { return c >= '0' && c <= '9'; })) {
    return "must not be an IP address";
  }
  return std::nullopt;
}

// Is anyone free to register names under it ("co.uk", "com.au")? By the shape that country
// registries use; a false alarm costs an author one more fixed label.
bool is_public_suffix(std::string_view suffix) {
  constexpr std::array<std::string_view, 18> kSecondLevel = {"ac",
                                                             "co",
                                                             "com",
                                                             "edu",
                                                             "firm",
                                                             "gen",
                                                             "go",
                                                             "gob",
                                                             "gov",
                                                             "gv",
                                                             "ltd",
                                                             "mil",
                                                             "ne",
                                                             "net",
                                                             "nom",
                                                             "or",
                                                             "org",
                                                             "sch"};
  const auto labels = split(suffix, '.');
  if (labels.size() < 2) return true;
  return labels.size() == 2 && labels[1].size() == 2 &&
         std::ranges::find(kSecondLevel, labels[0]) != kSecondLevel.end();
}

// What stays fixed behind the last param or '*': "x.com" of "{sub}.x.com".
std::string_view fixed_suffix(std::string_view pattern) {
  const auto open = pattern.find_last_of("}*");
  if (open == std::string_view::npos) return pattern;
  const auto dot = pattern.find('.', open);
  return dot == std::string_view::npos ? std::string_view() : pattern.substr(dot + 1);
}

// Without the {{fields}} that are no params.
std::string without_fields(std::string_view text) {
  std::string rest;
  for (auto open = text.find("{{"); open != std::string_view::npos; open = text.find("{{")) {
    rest += text.substr(0, open);
    text.remove_prefix(std::min(text.find("}}", open), text.size() - 2) + 2);
  }
  return rest + std::string(text);
}

class HostChecks {
 public:
  HostChecks(const ProviderFile& file, Problems& problems) : file_(file), problems_(problems) {}

  void run() {
    for (const auto& slot : file_.slots) {
      for (const auto& host : slot.hosts) check_pattern(host);
      check_used(slot);
    }
    check_params();
    check_together();
  }

 private:
  void add(const Text& at, std::string_view code, std::string text) {
    problems_.error(file_.file, at.at, code, std::move(text));
  }

  void check_pattern(const Text& host) {
    const std::string quoted = "host '" + quote_for_message(host.text) + "': ";
    if (host.text == kOwnHost) return;
    if (host.text.empty()) return add(host, "HOST-1", "host cannot be empty");
    std::string_view pattern = host.text;
    if (pattern.find('*') != std::string_view::npos) {
      if (!pattern.starts_with("*.")) {
        return add(host, "HOST-1", quoted + "wildcards are only allowed as leading *.");
      }
      pattern.remove_prefix(2);
      if (pattern.find('*') != std::string_view::npos) {
        return add(host, "HOST-1", quoted + "invalid wildcard host pattern");
      }
      if (split(pattern, '.').size() < 2) {
        return add(host, "HOST-1", quoted + "wildcard must include at least one suffix label");
      }
    }
    auto name = with_sample_params(pattern);
    if (!name) return add(host, "HOST-1", quoted + "has an unclosed brace");
    if (const auto port = port_in(*name); is_port(port) && is_operator_id(file_.id.text)) {
      name->resize(name->size() - port.size() - 1);
    }
    if (const auto problem = name_problem(*name)) return add(host, "HOST-1", quoted + *problem);
    const std::string_view unported = std::string_view(host.text).substr(0, host.text.rfind(':'));
    if (host.text.find_first_of("{*") != std::string::npos &&
        is_public_suffix(fixed_suffix(unported))) {
      add(host,
          "HOST-2",
          quoted + "a param needs a fixed suffix of two labels that is not a public suffix");
    }
  }

  void check_used(const SlotEntry& slot) {
    if (std::ranges::none_of(file_.capabilities, [&](const CapabilityEntry& capability) {
          return capability.slot.text == slot.name.text;
        })) {
      add(slot.name, "HOST-4", "slot '" + slot.name.text + "' is used by no capability");
    }
  }

  void check_params() {
    std::set<std::string> used;
    const auto use = [&](const Text& text) {
      if (text.text == kOwnHost) return;
      for (const auto& name : params_in(text.text)) {
        used.insert(name);
        if (std::ranges::none_of(
                file_.params, [&](const ParamEntry& param) { return param.name.text == name; })) {
          add(text, "HOST-3", "param '" + quote_for_message(name) + "' is not declared");
        }
      }
    };
    for (const auto& slot : file_.slots) std::ranges::for_each(slot.hosts, use);
    for (const auto& header : file_.headers) use(header.value);
    for (const auto& endpoint : file_.token_endpoints) {
      for (const auto* url : {&endpoint.token, &endpoint.authorize, &endpoint.device}) {
        use({without_fields(url->text), url->at});
      }
      for (const auto& [name, value] : endpoint.extra) use({without_fields(value.text), value.at});
    }
    constexpr std::array<std::string_view, 6> kChars = {
        "host-label", "host-labels", "id", "email", "uuid", "region"};
    for (const auto& param : file_.params) {
      if (!used.contains(param.name.text)) {
        add(param.name, "HOST-3", "param '" + param.name.text + "' is used nowhere");
      }
      if (std::ranges::find(kChars, param.chars.text) == kChars.end()) {
        add(param.chars, "HOST-3", "unknown chars '" + quote_for_message(param.chars.text) + "'");
      }
    }
  }

  void check_together() {
    const SlotEntry* first = nullptr;
    for (const auto& name : file_.together) {
      const auto* slot = file_.find_slot(name.text);
      if (slot == nullptr) {
        add(name, "HOST-3", "'together' names unknown slot '" + quote_for_message(name.text) + "'");
      } else if (first != nullptr && slot->hosts.size() != first->hosts.size()) {
        add(name, "HOST-3", "slots that choose together need lists of equal length");
      } else {
        first = slot;
      }
    }
  }

  const ProviderFile& file_;
  Problems& problems_;
};

}  // namespace

std::optional<std::string> host_pattern_problem(std::string_view pattern) {
  const auto name = with_sample_params(pattern);
  if (!name) return "has an unclosed brace";
  if (auto problem = name_problem(*name)) return problem;
  if (pattern.find('{') != std::string_view::npos && is_public_suffix(fixed_suffix(pattern))) {
    return "a param needs a fixed suffix of two labels that is not a public suffix";
  }
  return std::nullopt;
}

std::vector<std::string> params_in(std::string_view text) {
  std::vector<std::string> names;
  for (auto open = text.find('{'); open != std::string_view::npos; open = text.find('{')) {
    const auto close = text.find('}', open);
    if (close == std::string_view::npos) break;
    const auto name = text.substr(open + 1, close - open - 1);
    if (name != "version") names.emplace_back(name);
    text.remove_prefix(close + 1);
  }
  return names;
}

void check_hosts(const ProviderFile& file, Problems& problems) { HostChecks(file, problems).run(); }

}  // namespace aivault::registry
