// What stands beside the provider files: families.json and ids.lock.
#include <algorithm>

#include "base/text.h"
#include "json/parse.h"
#include "registry/check.h"
#include "registry/file_reader.h"

namespace aivault::registry {
namespace {

constexpr json::Limits kFamilyLimits{.bytes = std::size_t{64} << 10U, .depth = 4};
constexpr std::string_view kRetired = "retired";

bool is_lock_value(std::string_view word) {
  return word == kRetired || word == to_string(CallClass::read) ||
         word == to_string(CallClass::write) || word == to_string(CallClass::destructive);
}

std::set<std::string> set_of(const Texts& texts) {
  std::set<std::string> found;
  for (const auto& text : texts) found.insert(text.text);
  return found;
}

}  // namespace

std::vector<FamilyEntry> parse_families(std::string_view file,
                                        std::string_view text,
                                        Problems& problems) {
  const auto root = json::parse_located(text, kFamilyLimits);
  if (!root) {
    const auto& failure = root.error();
    problems.error(file, {failure.line, failure.column}, "FILE-1", "JSON " + failure.what);
    return {};
  }
  std::vector<FamilyEntry> families;
  FileReader read(file, problems);
  if (!root->is(json::Kind::object)) read.fault(*root, "the file must be an object");
  for (const auto& member : root->members()) {
    if (!read.open(member.value, "a family", {"members", "secrets"}, {})) continue;
    families.push_back({std::string(member.key),
                        set_of(read.texts(member.value, "members")),
                        set_of(read.texts(member.value, "secrets")),
                        std::string(file),
                        position_of(member.value)});
  }
  return families;
}

Lock parse_lock(std::string_view file, std::string_view text, Problems& problems) {
  Lock lock;
  std::string_view before;
  std::uint32_t number = 0;
  for (const auto line : split(text, '\n')) {
    ++number;
    if (line.empty() || line.starts_with('#')) continue;
    const auto blank = line.find(' ');
    const auto id = line.substr(0, blank);
    const auto value = blank == std::string_view::npos ? "" : line.substr(blank + 1);
    if (!is_lock_value(value) || id.find('/') == std::string_view::npos) {
      problems.error(file, {number, 1}, "SET-2", "a line reads '<id> <class>' or '<id> retired'");
    } else if (id <= before) {
      problems.error(file, {number, 1}, "SET-2", "ids must be sorted and unique");
    } else {
      lock.emplace(id, value);
      before = id;
    }
  }
  return lock;
}

Lock lock_of(std::span<const ProviderFile> files, const Lock& before) {
  Lock lock = before;
  for (const auto& file : files) {
    for (const auto& capability : file.capabilities) {
      if (capability.declared) lock[capability.id.text] = to_string(*capability.declared);
    }
    for (const auto& alias : file.aliases) {
      for (const auto& capability : file.capabilities) {
        if (capability.id.text == alias.target.text && capability.declared) {
          lock[alias.id.text] = to_string(*capability.declared);
        }
      }
    }
    for (const auto& retired : file.retired) lock[retired.id.text] = kRetired;
  }
  return lock;
}

std::string print_lock(const Lock& lock) {
  std::string text =
      "# Every capability id ever released, with its class. Written by registry_gen "
      "--update-lock.\n";
  for (const auto& [id, value] : lock) text += id + " " + value + "\n";
  return text;
}

}  // namespace aivault::registry
