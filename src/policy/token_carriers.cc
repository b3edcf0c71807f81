#include "policy/token_carriers.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/encoding.h"
#include "base/reveal.h"
#include "base/text.h"
#include "base/wipe.h"
#include "http/percent.h"
#include "policy/path_template.h"

namespace aivault::policy {
namespace {

constexpr std::string_view kPrefix = "avp_";
constexpr std::size_t kSize = 47;
constexpr std::string_view kOwnHeader = "x-aivault-token";
constexpr std::string_view kProtocols = "sec-websocket-protocol";
constexpr auto kCarriers = std::to_array<std::string_view>(
    {"authorization", "x-api-key", "xi-api-key", "api-key", "x-goog-api-key"});

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

bool is_token(std::string_view text) {
  return text.size() == kSize && text.starts_with(kPrefix) &&
         std::ranges::all_of(text, is_token_character);
}

// The token that is all of a value, or follows its scheme: "Bearer avp_...", "token avp_...".
std::optional<std::string_view> bare_token(std::string_view value) {
  value = trim(value);
  const auto space = value.rfind(' ');
  if (space != std::string_view::npos) value.remove_prefix(space + 1);
  return is_token(value) ? std::optional(value) : std::nullopt;
}

// Either half of "Basic base64(user:password)".
std::optional<Secret> basic_token(std::string_view value) {
  constexpr std::string_view kBasic = "basic ";
  value = trim(value);
  if (!equals_ignore_case(value.substr(0, kBasic.size()), kBasic)) return std::nullopt;
  auto pair = from_base64(trim(value.substr(kBasic.size())));
  if (!pair) return std::nullopt;
  const std::string_view text = *pair;
  const auto colon = std::min(text.find(':'), text.size());
  std::optional<Secret> found;
  for (const auto half : {text.substr(0, colon), text.substr(std::min(colon + 1, text.size()))}) {
    if (is_token(half)) found = Secret::copy_of(half);
  }
  wipe(*pair);
  return found;
}

std::optional<Secret> token_in(std::string_view value) {
  if (const auto bare = bare_token(value)) return Secret::copy_of(*bare);
  return basic_token(value);
}

class Taken {
 public:
  void add(Secret token) {
    if (!token_) {
      token_ = std::make_shared<const Secret>(std::move(token));
    } else {
      conflict_ = conflict_ || !(*token_ == token);
    }
  }
  Result<std::shared_ptr<const Secret>> result() const {
    if (!conflict_) return token_;
    return fail(ErrorCode::token_invalid, "token_conflict", "two different proxy tokens");
  }

 private:
  std::shared_ptr<const Secret> token_;
  bool conflict_ = false;
};

void take_headers(http::Headers& headers, std::span<const std::string> own_slots, Taken& taken) {
  std::erase_if(headers, [&](http::Header& header) {
    const bool is_own = header.name == kOwnHeader;
    const bool is_carrier = is_own ||
                            std::ranges::find(kCarriers, header.name) != kCarriers.end() ||
                            std::ranges::find(own_slots, header.name) != own_slots.end();
    if (!is_carrier) return false;
    auto found = is_own ? Secret::copy_of(trim(header.value)) : token_in(header.value);
    if (!found) return false;
    taken.add(*std::move(found));
    wipe(header.value);
    return true;
  });
}

// "realtime, openai-insecure-api-key.avp_...": entries that end in a token are no protocols.
void take_protocols(http::Headers& headers, Taken& taken) {
  for (auto& header : headers) {
    if (header.name != kProtocols) continue;
    std::string kept;
    for (const auto item : split(header.value, ',')) {
      const auto entry = trim(item);
      const auto size = std::min(entry.size(), kSize);
      const auto end = entry.substr(entry.size() - size);
      if (is_token(end)) {
        taken.add(Secret::copy_of(end));
      } else if (!entry.empty()) {
        kept.append(kept.empty() ? "" : ", ").append(entry);
      }
    }
    wipe(header.value);
    header.value = std::move(kept);
  }
  std::erase_if(headers, [](const http::Header& header) {
    return header.name == kProtocols && header.value.empty();
  });
}

void take_query(std::string& target, std::string_view parameter, Taken& taken) {
  const auto mark = target.find('?');
  if (mark == std::string::npos) return;
  std::string kept = target.substr(0, mark);
  char separator = '?';
  bool took = false;
  for (const auto piece : split(std::string_view(target).substr(mark + 1), '&')) {
    const auto equals = std::min(piece.find('='), piece.size());
    const auto value = piece.substr(std::min(equals + 1, piece.size()));
    if (piece.substr(0, equals) == parameter && is_token(value)) {
      taken.add(Secret::copy_of(value));
      took = true;
      continue;
    }
    kept += std::exchange(separator, '&');
    kept += piece;
  }
  if (!took) return;
  wipe(target);
  target = std::move(kept);
}

void take_path(std::string& target, const registry::PathAuth& auth, Taken& taken) {
  const auto parts = parse_path_template(auth.prefix_template);
  if (!parts || !target.starts_with(parts->before)) return;
  const auto rest = std::string_view(target).substr(parts->before.size());
  const auto token = rest.substr(0, kSize);
  const auto behind = rest.substr(token.size());
  if (!is_token(token) || !behind.starts_with(parts->after)) return;
  auto kept = std::string(behind.substr(parts->after.size()));
  if (!kept.empty() && !kept.starts_with('/') && !kept.starts_with('?')) return;
  taken.add(Secret::copy_of(token));
  if (!kept.starts_with('/')) kept.insert(0, "/");
  wipe(target);
  target = std::move(kept);
}

}  // namespace

Result<std::shared_ptr<const Secret>> take_native_token(
    http::Headers& headers, std::string& target, std::span<const registry::AuthSpec* const> auths) {
  Taken taken;
  std::vector<std::string> own_slots;
  for (const auto* auth : auths) {
    auto names = registry::managed_headers(*auth);
    std::ranges::move(names, std::back_inserter(own_slots));
    if (const auto* query = std::get_if<registry::QueryAuth>(auth)) {
      take_query(target, query->param_name, taken);
    } else if (const auto* path = std::get_if<registry::PathAuth>(auth)) {
      take_path(target, *path, taken);
    }
  }
  take_headers(headers, own_slots, taken);
  take_protocols(headers, taken);
  return taken.result();
}

Result<void> check_not_repeated(const Secret& token,
                                std::string_view target,
                                const http::Headers& headers) {
  const auto text = token.text(Reveal());
  const bool repeated = target.find(text) != std::string_view::npos ||
                        http::percent_decode(target).find(text) != std::string::npos ||
                        std::ranges::any_of(headers, [&](const http::Header& header) {
                          return header.name.find(text) != std::string::npos ||
                                 header.value.find(text) != std::string::npos;
                        });
  if (!repeated) return {};
  return policy_violation("auth_header_rejected", "the proxy token stands where it would be sent");
}

}  // namespace aivault::policy
