#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.h"
#include "registry/check.h"
#include "registry/operator_file.h"

namespace aivault::registry {
namespace {

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_provider_id(std::string_view id) {
  if (id.empty() || id.size() > 40 || id.ends_with('-')) return false;
  char before = '-';
  for (const char c : id) {
    const bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!word && (c != '-' || before == '-')) return false;
    before = c;
  }
  return true;
}

bool is_https_url(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  return url.starts_with(kScheme) && url.size() > kScheme.size() &&
         is_alphanumeric(url[kScheme.size()]) &&
         url.find_first_of(" \"<>\\") == std::string_view::npos;
}

bool is_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  const auto number = [&](std::size_t from, std::size_t size) {
    int value = -1;
    const char* end = text.data() + from + size;
    const auto [stop, failure] = std::from_chars(text.data() + from, end, value);
    return failure == std::errc() && stop == end ? value : -1;
  };
  constexpr std::array<int, 12> kDays = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const int year = number(0, 4);
  const int month = number(5, 2);
  const int day = number(8, 2);
  return year >= 2000 && month >= 1 && month <= 12 && day >= 1 &&
         day <= kDays[static_cast<std::size_t>(month - 1)];
}

bool is_key_character(char c) { return is_alphanumeric(c) || c == '_' || c == '-'; }

// Does a key begin here: a well-known beginning with a good deal behind it?
bool begins_key(std::string_view text) {
  constexpr std::array<std::string_view, 14> kBeginnings = {"sk-",
                                                            "sk_",
                                                            "rk_",
                                                            "pk_",
                                                            "ghp_",
                                                            "gho_",
                                                            "github_pat_",
                                                            "xoxb-",
                                                            "xoxp-",
                                                            "AKIA",
                                                            "AIza",
                                                            "SG.",
                                                            "re_",
                                                            "lin_api_"};
  for (const auto beginning : kBeginnings) {
    if (!text.starts_with(beginning)) continue;
    const auto rest = text.substr(beginning.size());
    const auto size = std::ranges::find_if_not(rest, is_key_character) - rest.begin();
    const auto key = rest.substr(0, static_cast<std::size_t>(size));
    return size >= 12 && key.find_first_of("0123456789") != std::string_view::npos;
  }
  return false;
}

// Such a beginning, or one long word with the mix of upper case, lower case and digits of a key.
bool looks_like_secret(std::string_view text) {
  constexpr std::ptrdiff_t kLongWord = 32;
  if (text.find("-----BEGIN") != std::string_view::npos) return true;
  while (!text.empty()) {
    if (begins_key(text)) return true;
    const auto size = std::ranges::find_if_not(text, is_key_character) - text.begin();
    const auto word = text.substr(0, static_cast<std::size_t>(size));
    const auto has = [&](char from, char to) {
      return std::ranges::any_of(word, [&](char c) { return c >= from && c <= to; });
    };
    if (size >= kLongWord && has('A', 'Z') && has('a', 'z') && has('0', '9')) return true;
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
  return false;
}

class TextChecks {
 public:
  TextChecks(const ProviderFile& file, Problems& problems) : file_(file), problems_(problems) {}

  void run() {
    check_name();
    check_url("docs", file_.docs);
    check_url("setup.url", file_.setup_url);
    if (!file_.reviewed.text.empty() && !is_date(file_.reviewed.text)) {
      add(file_.reviewed, "FILE-5", "'reviewed' must be a date such as 2026-11-20");
    }
    check_secrets();
    check_order();
  }

 private:
  void add(const Text& text, std::string_view code, std::string what) {
    problems_.error(file_.file, text.at, code, std::move(what));
  }

  void check_name() {
    const auto& id = file_.id;
    if (id.text.empty()) return;
    if (!is_provider_id(id.text)) {
      add(id, "FILE-4", "invalid provider id '" + quote_for_message(id.text) + "'");
      return;
    }
    if (stem_of(file_.file) != id.text) {
      add(id, "FILE-4", "provider '" + id.text + "' belongs into " + id.text + ".json");
    }
  }

  void check_url(std::string_view key, const Text& url) {
    if (url.text.empty() || is_https_url(url.text)) return;
    add(url, "FILE-5", "'" + std::string(key) + "' must be an https URL");
  }

  void check_secrets() {
    const auto look = [&](const Text& text) {
      if (looks_like_secret(text.text)) add(text, "FILE-6", "this text looks like a real secret");
    };
    look(file_.name);
    look(file_.setup_url);
    std::ranges::for_each(file_.setup_steps, look);
    for (const auto& param : file_.params) look(param.example);
    for (const auto& header : file_.headers) look(header.value);
    for (const auto& capability : file_.capabilities) {
      look(capability.summary);
      if (!capability.example) continue;
      look(capability.example->path);
      look(capability.example->query);
      look(capability.example->body);
    }
  }

  void check_order() {
    for (std::size_t i = 1; i < file_.capabilities.size(); ++i) {
      if (file_.capabilities[i].id.text < file_.capabilities[i - 1].id.text) {
        add(file_.capabilities[i].id, "FILE-7", "capabilities must be sorted by id");
      }
    }
    for (const auto& capability : file_.capabilities) {
      for (const auto& rule : capability.allow) check_methods(rule.methods);
      for (const auto& rule : capability.classes) check_methods(rule.methods);
      check_sorted("overlaps", capability.overlaps);
    }
    for (const auto& kind : file_.kinds) {
      check_methods(kind.methods);
      check_sorted("hosts", kind.slots);
    }
    check_sorted("request_headers", file_.request_headers);
    check_sorted("managed_parameters", file_.managed_parameters);
  }

  void check_sorted(std::string_view key, const Texts& list) {
    for (std::size_t i = 1; i < list.size(); ++i) {
      if (list[i].text < list[i - 1].text) {
        add(list[i], "FILE-7", "'" + std::string(key) + "' must be sorted");
      }
    }
  }

  void check_methods(const Texts& methods) {
    constexpr std::array<std::string_view, 8> kOrder = {
        "GET", "HEAD", "QUERY", "POST", "PUT", "PATCH", "DELETE", "WS"};
    std::ptrdiff_t before = -1;
    for (const auto& method : methods) {
      const auto at = std::ranges::find(kOrder, method.text) - kOrder.begin();
      if (at == std::ssize(kOrder)) {
        add(method, "FILE-3", "unknown method '" + quote_for_message(method.text) + "'");
        return;
      }
      if (at < before) {
        add(method,
            "FILE-7",
            "methods must be in the order GET HEAD QUERY POST PUT PATCH DELETE WS");
        return;
      }
      before = at;
    }
  }

  const ProviderFile& file_;
  Problems& problems_;
};

}  // namespace

std::string_view stem_of(std::string_view file) {
  if (const auto slash = file.rfind('/'); slash != std::string_view::npos)
    file.remove_prefix(slash + 1);
  if (file.ends_with(".json")) file.remove_suffix(5);
  return file;
}

void check_texts(const ProviderFile& file, Problems& problems) { TextChecks(file, problems).run(); }

bool check_limits(const ProviderFile& file, Problems& problems) {
  constexpr std::size_t kMostCapabilities = 200;
  constexpr std::size_t kMostPatterns = 64;  // Of one capability; FILE-6 limits their length.
  const auto refuse = [&](Position at, std::string text) {
    problems.error(file.file, at, "FILE-3", std::move(text));
    return false;
  };
  if (file.capabilities.size() > kMostCapabilities) {
    return refuse(file.capabilities[kMostCapabilities].at, "a file has at most 200 capabilities");
  }
  if (file.never.size() > kMostPatterns) {
    return refuse(file.never[kMostPatterns].at, "'never' has at most 64 patterns");
  }
  bool good = true;
  for (const auto& capability : file.capabilities) {
    std::size_t count = 0;
    const auto add = [&](const Texts& paths) { count += paths.size(); };
    for (const auto& rule : capability.allow) add(rule.paths);
    add(capability.except);
    for (const auto& rule : capability.classes) add(rule.paths);
    if (count > kMostPatterns) {
      good = refuse(capability.at, "a capability has at most 64 patterns");
    }
  }
  return good;
}

void check_file(ProviderFile& file, Problems& problems) {
  if (is_operator_id(file.id.text) && !check_limits(file, problems)) return;
  check_texts(file, problems);
  check_hosts(file, problems);
  check_auth(file, problems);
  check_token_endpoints(file, problems);
  check_serving(file, problems);
  check_headers(file, problems);
  check_paths(file, problems);
  check_capabilities(file, problems);
  check_overlaps(file, problems);
}

}  // namespace aivault::registry
