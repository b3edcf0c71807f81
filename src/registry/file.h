// ProviderFile: one registry/<id>.json as read, every text with its place, before any judgement.
// Thread: any. Errors: problems FILE-1, FILE-2, FILE-3 are added while reading; what could not be
// read is left empty, so that one run finds all faults of a file.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json/value.h"
#include "registry/auth_spec.h"
#include "registry/definition.h"
#include "registry/problem.h"

namespace aivault::registry {

struct Text {
  std::string text;
  Position at;
};
using Texts = std::vector<Text>;

struct ParamEntry {
  Text name, label, chars, example;
  bool required = true;
};

struct SlotEntry {
  Text name;
  Texts hosts;
};

struct SecretEntry {
  Text name, placeholder;
  bool is_public = false;
  bool required = true;
};

struct TokenEndpointEntry {
  Position at;
  Text name, token, authorize, device;
  std::vector<std::pair<Text, Text>> extra;
  bool pkce = true, rotates = false;
  int default_ttl_s = 3600;
};

struct KindEntry {
  Position at;
  Text name;
  bool base = false, named_only = false;
  int priority = 0;
  Texts methods, slots;  // Serves only these; empty: all.
  std::vector<SecretEntry> secrets;
  json::Value config;
  std::optional<AuthSpec> spec;  // Absent if the config is faulty; check_auth says why.
  Text path_prefix;
  Text endpoint;  // The token endpoint that the config names.

  bool serves_slot(std::string_view slot) const;
};

struct HeaderEntry {
  Position at;
  Text name, value;
  bool override_by_caller = true;
};

struct RuleEntry {
  Texts methods, paths;
};

struct ClassEntry {
  Position at;
  std::optional<CallClass> value;
  Texts methods, paths;
};

struct ExampleEntry {
  Position at;
  Text method, path, query, body;
};

struct CapabilityEntry {
  Position at, class_at;
  Text id, summary, slot;
  std::optional<CallClass> declared;
  std::vector<RuleEntry> allow;
  Texts except;
  std::vector<ClassEntry> classes;
  Texts kinds, overlaps;
  bool emits = false, is_explicit = false, nested = false, wide = false;
  bool websocket = false, streaming = false, range = false, graphql = false;
  std::optional<ExampleEntry> example;
};

struct AliasEntry {
  Text id, target;
};

// Why a capability may do more than when it was released.
struct WidenedEntry {
  Text id, reason;
};

struct RetiredEntry {
  Text id, reason, release;
  Texts replacements;
};

struct SdkEntry {
  Text base_url, suffix, token;
};

struct ProviderFile {
  std::string file;  // As it is named in problems.
  Text id, name, category, docs, reviewed;
  std::vector<ParamEntry> params;
  std::vector<SlotEntry> slots;
  Texts together;
  std::vector<TokenEndpointEntry> token_endpoints;
  std::vector<KindEntry> kinds;
  std::vector<HeaderEntry> headers;
  Texts never, request_headers, managed_parameters, shares_host;
  std::vector<CapabilityEntry> capabilities;
  std::vector<AliasEntry> aliases;
  std::vector<RetiredEntry> retired;
  std::vector<WidenedEntry> widened;
  Text setup_url, looks_like;
  Texts setup_steps;
  std::vector<SdkEntry> sdk;

  const SlotEntry* find_slot(std::string_view slot_name) const;
};

// nullopt: not JSON, or not an object.
std::optional<ProviderFile> parse_file(std::string_view file,
                                       std::string_view text,
                                       Problems& problems);

}  // namespace aivault::registry
