#include "format1/history.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "base/text.h"
#include "format1/fields.h"
#include "format1/header.h"
#include "format1/place.h"

namespace aivault::format1 {
namespace {

using json::Kind;
using json::Value;

constexpr std::size_t kMonthLength = 7;  // "2025-03"
constexpr std::string_view kEnding = ".jsonl";
constexpr int kMaxRotation = 10;
constexpr std::size_t kMaxLine = 65'536;  // Bytes.
constexpr std::size_t kMaxKind = 64;

struct Part {
  std::string month;
  int number = 0;  // 0: the newest.
};

bool is_month(std::string_view text) {
  if (text.size() != kMonthLength || text[4] != '-') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i != 4 && (text[i] < '0' || text[i] > '9')) return false;
  }
  return true;
}

// "YYYY-MM.jsonl" or that with ".N".
std::optional<Part> part_of(std::string_view name) {
  if (name.size() < kMonthLength + kEnding.size()) return std::nullopt;
  const auto month = name.substr(0, kMonthLength);
  auto rest = name.substr(kMonthLength);
  if (!is_month(month) || !rest.starts_with(kEnding)) return std::nullopt;
  rest.remove_prefix(kEnding.size());
  Part part{std::string(month), 0};
  if (rest.empty()) return part;
  if (rest.front() != '.') return std::nullopt;
  rest.remove_prefix(1);
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), part.number);
  if (error != std::errc{} || end != rest.data() + rest.size()) return std::nullopt;
  if (part.number < 1 || part.number > kMaxRotation) return std::nullopt;
  return part;
}

bool is_kind(std::string_view kind) {
  return !kind.empty() && kind.size() <= kMaxKind && std::ranges::all_of(kind, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

Result<std::string> scope_text(const Value& object) {
  const auto* scope = object.find("scope");
  if (scope == nullptr || scope->is(Kind::null)) return std::string();
  if (scope->is(Kind::string)) return std::string(scope->text());
  if (scope->find("type") != nullptr) {
    TRY_ASSIGN(const auto place, parse_typed_place(scope));
    return place.text();
  }
  TRY_ASSIGN(const auto place, parse_place(scope));
  return place.text();
}

Result<audit::Event> read_event(const Value& object) {
  audit::Event event;
  TRY_ASSIGN(const auto at, needed_time(object, "tsMs"));
  event.at = at;
  event.imported = true;
  TRY_ASSIGN(event.kind, needed_text(object, "kind"));
  if (!is_kind(event.kind)) return malformed("kind");
  TRY_ASSIGN(event.scope, scope_text(object));
  const auto take = [&](std::string_view key, std::string& into) -> Result<void> {
    TRY_ASSIGN(auto text, text_in(object, key));
    into = std::move(text).value_or("");
    return {};
  };
  TRY(take("secretId", event.secret_id));
  TRY(take("actor", event.actor));
  TRY(take("capability", event.capability));
  TRY(take("consumer", event.consumer));
  TRY(take("note", event.note));
  return event;
}

Result<void> read_lines(std::string_view text,
                        HistoryReport& report,
                        const std::function<Result<void>(audit::Event)>& take) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (trim(line).empty()) continue;
    if (auto event = parse_event(line)) {
      TRY(take(*std::move(event)));
    } else {
      ++report.unreadable_lines;
    }
  }
  return {};
}

}  // namespace

std::vector<std::string> history_order(std::vector<std::string> names) {
  std::erase_if(names, [](const std::string& name) { return !part_of(name); });
  std::ranges::sort(names, [](const std::string& a, const std::string& b) {
    const auto one = part_of(a), other = part_of(b);
    return std::tuple(one->month, -one->number) < std::tuple(other->month, -other->number);
  });
  return names;
}

std::optional<audit::Event> parse_event(std::string_view line) {
  if (line.size() > kMaxLine) return std::nullopt;
  const auto object = json::parse(line);
  if (!object || !object->is(Kind::object)) return std::nullopt;
  auto event = read_event(*object);
  if (!event) return std::nullopt;
  return *std::move(event);
}

Result<HistoryReport> read_history(const Source& vault,
                                   const std::function<Result<void>(audit::Event)>& take) {
  HistoryReport report;
  TRY_ASSIGN(const auto directory, vault.directory(kAuditDirectory));
  if (!directory) return report;
  TRY_ASSIGN(auto names,
             directory->names([](std::string_view name) { return part_of(name).has_value(); }));
  for (const auto& name : history_order(std::move(names))) {
    const auto text = directory->read(name);
    if (!text) {
      report.failures.push_back({name, text.error()});
    } else if (*text) {
      TRY(read_lines(**text, report, take));
    }
  }
  return report;
}

}  // namespace aivault::format1
