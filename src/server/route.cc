#include "server/route.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "http/percent.h"
#include "server/passthrough_target.h"

namespace aivault::server {
namespace {

using admin::Audience;

struct OwnRoute {
  Own own;
  std::string_view method, path;
  Audience audience;
};
constexpr auto kOwn = std::to_array<OwnRoute>({
    {Own::proxy, "POST", "/aivault/proxy", Audience::any},
    {Own::websocket, "GET", "/aivault/ws", Audience::any},
    {Own::health, "GET", "/aivault/health", Audience::any},
    {Own::mint_token, "POST", "/aivault/tokens/proxy", Audience::operators},
    {Own::self_token, "POST", "/aivault/tokens/self", Audience::socket_callers},
    {Own::request, "GET", "/aivault/requests/{id}", Audience::any},
    {Own::metrics, "GET", "/metrics", Audience::operators},
    {Own::reload, "POST", "/aivault/reload", Audience::operators},
    {Own::shutdown, "POST", "/aivault/shutdown", Audience::operators},
    {Own::login_start, "POST", "/aivault/oauth/login", Audience::operators},
    {Own::login_callback, "POST", "/aivault/oauth/login/{id}/callback", Audience::operators},
    {Own::login_wait, "GET", "/aivault/oauth/login/{id}", Audience::operators},
    {Own::login_cancel, "DELETE", "/aivault/oauth/login/{id}", Audience::operators},
});

std::string_view next_segment(std::string_view& rest) {
  const auto end = std::min(rest.find('/'), rest.size());
  const auto segment = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return segment;
}

// Segment by segment; nullopt: another path.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  if (std::ranges::count(pattern, '/') != std::ranges::count(path, '/')) return std::nullopt;
  std::vector<std::string> ids;
  while (!pattern.empty() || !path.empty()) {
    const auto wanted = next_segment(pattern);
    const auto given = next_segment(path);
    if (!wanted.starts_with('{')) {
      if (wanted != given) return std::nullopt;
      continue;
    }
    if (given.empty() || !http::has_valid_escapes(given)) return std::nullopt;
    ids.push_back(http::percent_decode(given));
    if (!is_valid_utf8(ids.back())) return std::nullopt;
  }
  return ids;
}

// Collects what is known about a path while the tables are searched.
class Search {
 public:
  Search(std::string_view method, std::string_view path) : method_(method), path_(path) {}

  std::optional<std::vector<std::string>> try_row(std::string_view method,
                                                  std::string_view path,
                                                  Audience audience) {
    auto ids = match(path, path_);
    if (!ids) return std::nullopt;
    if (method == method_) return ids;
    none_.path_exists = true;
    none_.for_callers =
        none_.for_callers || audience == Audience::any || audience == Audience::socket_callers;
    if (!none_.allow.empty()) none_.allow += ", ";
    none_.allow += method;
    return std::nullopt;
  }
  const NoRoute& none() const { return none_; }

 private:
  std::string_view method_, path_;
  NoRoute none_;
};

}  // namespace

tl::expected<Route, NoRoute> find_route(std::string_view method, std::string_view path) {
  if (is_passthrough(path)) return Route{Own::passthrough, nullptr, Audience::any, {}, "/v"};
  Search search(method, path);
  for (const auto& row : kOwn) {
    if (auto ids = search.try_row(row.method, row.path, row.audience)) {
      return Route{row.own, nullptr, row.audience, *std::move(ids), row.path};
    }
  }
  for (const auto& row : admin::operations()) {
    if (auto ids = search.try_row(row.method, row.path, row.audience)) {
      return Route{Own::none, &row, row.audience, *std::move(ids), row.path};
    }
  }
  return tl::unexpected(search.none());
}

Result<Query> parse_query(std::string_view text, std::span<const std::string_view> known) {
  Query query;
  for (const auto piece : split(text, '&')) {
    if (piece.empty()) continue;
    if (!http::has_valid_escapes(piece)) {
      return invalid_request("record_invalid", "query with an invalid percent encoding");
    }
    const auto equals = std::min(piece.find('='), piece.size());
    auto key = http::percent_decode(piece.substr(0, equals));
    auto value = http::percent_decode(piece.substr(std::min(equals + 1, piece.size())));
    if (!is_valid_utf8(value)) return invalid_request("record_invalid", "query is not UTF-8");
    if (std::ranges::find(known, std::string_view(key)) == known.end()) {
      return invalid_request("record_invalid",
                             "unknown query parameter '" + quote_for_message(key, 64) + "'");
    }
    const bool repeated =
        std::ranges::any_of(query, [&](const auto& had) { return had.first == key; });
    if (repeated && key != "kind") {
      return invalid_request("record_invalid", "query parameter '" + key + "' is repeated");
    }
    query.emplace_back(std::move(key), std::move(value));
  }
  return query;
}

}  // namespace aivault::server
