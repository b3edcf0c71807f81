#include "registry/file.h"

#include <algorithm>

#include "json/parse.h"
#include "registry/file_reader.h"

namespace aivault::registry {
namespace {

constexpr json::Limits kFileLimits{.bytes = std::size_t{256} << 10U, .depth = 8};
constexpr std::size_t kLongestSummary = 100;
constexpr std::size_t kLongestLabel = 100;
constexpr std::size_t kLongestSentence = 300;

class ProviderParser {
 public:
  ProviderParser(std::string_view file, Problems& problems) : read_(file, problems) {
    provider_.file = file;
  }

  std::optional<ProviderFile> parse(const json::Value& root) {
    const bool opened = read_.open(root,
                                   "the file",
                                   {"schema",
                                    "provider",
                                    "name",
                                    "category",
                                    "docs",
                                    "reviewed",
                                    "hosts",
                                    "auth",
                                    "capabilities",
                                    "setup"},
                                   {"params",
                                    "together",
                                    "token_endpoints",
                                    "headers",
                                    "never",
                                    "request_headers",
                                    "managed_parameters",
                                    "shares_host",
                                    "aliases",
                                    "retired",
                                    "widened",
                                    "sdk"});
    if (!opened) return std::nullopt;
    if (const auto* schema = read_.member(root, "schema", json::Kind::number);
        schema != nullptr && schema->integer() != 1) {
      read_.fault(*schema, "'schema' must be 1");
    }
    provider_.id = read_.text(root, "provider");
    provider_.name = read_.text(root, "name", kLongestLabel);
    provider_.category = read_.text(root, "category", kLongestLabel);
    provider_.docs = read_.text(root, "docs");
    provider_.reviewed = read_.text(root, "reviewed");
    read_hosts(root);
    read_token_endpoints(root);
    each(root, "auth", [&](const json::Value& item) { read_kind(item); });
    each(root, "headers", [&](const json::Value& item) { read_header(item); });
    provider_.never = read_.texts(root, "never");
    provider_.request_headers = read_.texts(root, "request_headers");
    provider_.managed_parameters = read_.texts(root, "managed_parameters");
    provider_.shares_host = read_.texts(root, "shares_host");
    each(root, "capabilities", [&](const json::Value& item) { read_capability(item); });
    read_old_ids(root);
    read_setup(root);
    return std::move(provider_);
  }

 private:
  template <typename Action>
  void each(const json::Value& object, std::string_view key, Action action) {
    const auto* list = read_.member(object, key, json::Kind::array);
    if (list == nullptr) return;
    for (const auto& item : list->items()) action(item);
  }
  template <typename Action>
  void each_member(const json::Value& object, std::string_view key, Action action) {
    const auto* map = read_.member(object, key, json::Kind::object);
    if (map == nullptr) return;
    for (const auto& member : map->members()) action(member);
  }

  void read_hosts(const json::Value& root) {
    each_member(root, "params", [&](const json::Member& member) {
      const json::Value& object = member.value;
      if (!read_.open(object, "a param", {"label", "chars", "example"}, {"required"})) return;
      provider_.params.push_back({read_.key_of(member),
                                  read_.text(object, "label", kLongestLabel),
                                  read_.text(object, "chars"),
                                  read_.text(object, "example", kLongestLabel),
                                  read_.flag(object, "required", true)});
    });
    each_member(root, "hosts", [&](const json::Member& member) {
      SlotEntry slot{read_.key_of(member), {}};
      if (const auto* hosts = root.find("hosts")) slot.hosts = read_.texts(*hosts, member.key);
      if (slot.hosts.empty()) read_.fault(member.value, "a slot needs at least one host");
      provider_.slots.push_back(std::move(slot));
    });
    provider_.together = read_.texts(root, "together");
  }

  void read_token_endpoints(const json::Value& root) {
    each_member(root, "token_endpoints", [&](const json::Member& member) {
      const json::Value& item = member.value;
      if (!read_.open(item,
                      "a token endpoint",
                      {"token"},
                      {"authorize", "device", "extra", "pkce", "rotates", "default_ttl_s"})) {
        return;
      }
      TokenEndpointEntry entry;
      entry.at = position_of(item);
      entry.name = read_.key_of(member);
      entry.token = read_.text(item, "token");
      entry.authorize = read_.text(item, "authorize");
      entry.device = read_.text(item, "device");
      each_member(item, "extra", [&](const json::Member& field) {
        if (!field.value.is(json::Kind::string)) {
          read_.fault(field.value, "an extra field is a string");
          return;
        }
        entry.extra.emplace_back(read_.key_of(field), read_.checked(field.value, "extra", 512));
      });
      entry.pkce = read_.flag(item, "pkce", true);
      entry.rotates = read_.flag(item, "rotates");
      entry.default_ttl_s = read_.integer(item, "default_ttl_s", 31'536'000, 3600);
      provider_.token_endpoints.push_back(std::move(entry));
    });
  }

  void read_kind(const json::Value& item) {
    if (!read_.open(item,
                    "an auth kind",
                    {"name", "priority", "secrets", "config"},
                    {"base",
                     "public",
                     "named_only",
                     "methods",
                     "hosts",
                     "path_prefix",
                     "optional_secrets"})) {
      return;
    }
    KindEntry kind;
    kind.at = position_of(item);
    kind.name = read_.text(item, "name");
    kind.base = read_.flag(item, "base");
    kind.named_only = read_.flag(item, "named_only");
    kind.priority = read_.integer(item, "priority", 1000, 0);
    kind.methods = read_.texts(item, "methods");
    kind.slots = read_.texts(item, "hosts");
    kind.path_prefix = read_.text(item, "path_prefix");
    const auto open_fields = read_.texts(item, "public");
    for (const std::string_view key : {"secrets", "optional_secrets"}) {
      each_member(item, key, [&](const json::Member& member) {
        if (!member.value.is(json::Kind::string)) {
          read_.fault(member.value, "a secret name maps to its placeholder, a string");
          return;
        }
        SecretEntry secret{read_.key_of(member), read_.checked(member.value, key, 64), false};
        secret.is_public = std::ranges::any_of(
            open_fields, [&](const Text& open) { return open.text == secret.placeholder.text; });
        secret.required = key == "secrets";
        kind.secrets.push_back(std::move(secret));
      });
    }
    for (const auto& open : open_fields) {
      if (std::ranges::none_of(kind.secrets, [&](const SecretEntry& secret) {
            return secret.placeholder.text == open.text;
          })) {
        read_.fault(*item.find("public"), "'public' names no placeholder: '" + open.text + "'");
      }
    }
    if (const auto* config = item.find("config")) kind.config = *config;
    provider_.kinds.push_back(std::move(kind));
  }

  void read_header(const json::Value& item) {
    if (!read_.open(item, "a header", {"name", "value"}, {"override"})) return;
    provider_.headers.push_back({position_of(item),
                                 read_.text(item, "name"),
                                 read_.text(item, "value"),
                                 read_.flag(item, "override", true)});
  }

  void read_capability(const json::Value& item) {
    if (!read_.open(item,
                    "a capability",
                    {"id", "class", "host", "allow"},
                    {"summary",
                     "example",
                     "except",
                     "classes",
                     "auth",
                     "websocket",
                     "streaming",
                     "range",
                     "body_class",
                     "emits",
                     "explicit",
                     "nested",
                     "wide",
                     "overlaps",
                     "since"})) {
      return;
    }
    CapabilityEntry entry;
    entry.at = position_of(item);
    entry.id = read_.text(item, "id");
    entry.summary = read_.text(item, "summary", kLongestSummary);
    entry.slot = read_.text(item, "host");
    entry.declared = read_.call_class(item);
    entry.class_at = item.find("class") != nullptr ? position_of(*item.find("class")) : entry.at;
    each(item, "allow", [&](const json::Value& rule) {
      if (!read_.open(rule, "an allow rule", {"methods", "paths"}, {})) return;
      entry.allow.push_back({read_.texts(rule, "methods"), read_.texts(rule, "paths")});
    });
    entry.except = read_.texts(item, "except");
    each(item, "classes", [&](const json::Value& rule) {
      if (!read_.open(rule, "a class rule", {"class", "paths"}, {"methods"})) return;
      entry.classes.push_back({position_of(rule),
                               read_.call_class(rule),
                               read_.texts(rule, "methods"),
                               read_.texts(rule, "paths")});
    });
    entry.kinds = read_.texts(item, "auth");
    entry.overlaps = read_.texts(item, "overlaps");
    entry.emits = read_.flag(item, "emits");
    entry.is_explicit = read_.flag(item, "explicit");
    entry.nested = read_.flag(item, "nested");
    entry.wide = read_.flag(item, "wide");
    entry.websocket = read_.flag(item, "websocket");
    entry.streaming = read_.flag(item, "streaming");
    entry.range = read_.flag(item, "range");
    if (const auto* body = read_.member(item, "body_class", json::Kind::string)) {
      entry.graphql = body->text() == "graphql";
      if (!entry.graphql) read_.fault(*body, "'body_class' must be graphql");
    }
    read_.text(item, "since");
    if (const auto* example = item.find("example")) read_example(*example, entry);
    provider_.capabilities.push_back(std::move(entry));
  }

  void read_example(const json::Value& item, CapabilityEntry& entry) {
    if (!read_.open(item, "an example", {"method", "path"}, {"query", "body"})) return;
    entry.example = ExampleEntry{position_of(item),
                                 read_.text(item, "method"),
                                 read_.text(item, "path"),
                                 read_.text(item, "query"),
                                 read_.text(item, "body", 4096)};
  }

  void read_old_ids(const json::Value& root) {
    each_member(root, "aliases", [&](const json::Member& member) {
      if (!member.value.is(json::Kind::string)) {
        read_.fault(member.value, "an alias maps to a capability id, a string");
        return;
      }
      provider_.aliases.push_back(
          {read_.key_of(member), read_.checked(member.value, "aliases", 128)});
    });
    each_member(root, "widened", [&](const json::Member& member) {
      provider_.widened.push_back(
          {read_.key_of(member), read_.checked(member.value, "widened", kLongestSentence)});
    });
    each_member(root, "retired", [&](const json::Member& member) {
      const json::Value& item = member.value;
      if (!read_.open(item, "a retired id", {"reason", "release"}, {"replacements"})) return;
      provider_.retired.push_back({read_.key_of(member),
                                   read_.text(item, "reason", kLongestSentence),
                                   read_.text(item, "release"),
                                   read_.texts(item, "replacements")});
    });
  }

  void read_setup(const json::Value& root) {
    if (const auto* setup = root.find("setup");
        setup != nullptr && read_.open(*setup, "setup", {"url", "steps"}, {"looks_like"})) {
      provider_.setup_url = read_.text(*setup, "url");
      provider_.setup_steps = read_.texts(*setup, "steps", kLongestSentence);
      provider_.looks_like = read_.text(*setup, "looks_like", 32);
    }
    each(root, "sdk", [&](const json::Value& item) {
      if (!read_.open(item, "an sdk entry", {"base_url", "token"}, {"suffix"})) return;
      provider_.sdk.push_back(
          {read_.text(item, "base_url"), read_.text(item, "suffix"), read_.text(item, "token")});
    });
  }

  ProviderFile provider_;
  FileReader read_;
};

}  // namespace

bool KindEntry::serves_slot(std::string_view slot) const {
  return slots.empty() || std::ranges::find(slots, slot, &Text::text) != slots.end();
}

const SlotEntry* ProviderFile::find_slot(std::string_view slot_name) const {
  const auto found = std::ranges::find_if(
      slots, [&](const SlotEntry& slot) { return slot.name.text == slot_name; });
  return found != slots.end() ? &*found : nullptr;
}

std::optional<ProviderFile> parse_file(std::string_view file,
                                       std::string_view text,
                                       Problems& problems) {
  const auto root = json::parse_located(text, kFileLimits);
  if (!root) {
    const auto& failure = root.error();
    problems.error(file, {failure.line, failure.column}, "FILE-1", "JSON " + failure.what);
    return std::nullopt;
  }
  return ProviderParser(file, problems).parse(*root);
}

}  // namespace aivault::registry
