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
constexpr std::string_view kEmits = "emits";

std::optional<CallClass> class_named(std::string_view word) {
  for (const auto value : {CallClass::read, CallClass::write, CallClass::destructive}) {
    if (word == to_string(value)) return value;
  }
  return std::nullopt;
}

// The words behind the id: "retired", or a class, perhaps "emits", and the hosts.
std::optional<Released> released(std::span<const std::string_view> words) {
  if (words.empty()) return std::nullopt;
  if (words.front() == kRetired) {
    return words.size() == 1 ? std::optional(Released{.retired = true}) : std::nullopt;
  }
  Released entry;
  entry.highest = class_named(words.front());
  words = words.subspan(1);
  entry.emits = !words.empty() && words.front() == kEmits;
  if (entry.emits) words = words.subspan(1);
  entry.hosts.insert(words.begin(), words.end());
  if (!entry.highest || entry.hosts.empty()) return std::nullopt;
  return entry;
}

Released released(const ProviderFile& file, const CapabilityEntry& capability) {
  Released entry;
  entry.highest = capability.declared;
  entry.emits = capability.emits;
  if (const auto* slot = file.find_slot(capability.slot.text); slot != nullptr) {
    for (const auto& host : slot->hosts) entry.hosts.insert(host.text);
  }
  return entry;
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
    const auto words = split(line, ' ');
    const auto id = words.front();
    auto entry = released(std::span(words).subspan(1));
    if (!entry || id.find('/') == std::string_view::npos) {
      problems.error(file,
                     {number, 1},
                     "SET-2",
                     "a line reads '<id> <class> [emits] <host>...' or '<id> retired'");
    } else if (id <= before) {
      problems.error(file, {number, 1}, "SET-2", "ids must be sorted and unique");
    } else {
      lock.emplace(id, *std::move(entry));
      before = id;
    }
  }
  return lock;
}

Lock lock_of(std::span<const ProviderFile> files, const Lock& before) {
  Lock lock = before;
  for (const auto& file : files) {
    for (const auto& capability : file.capabilities) {
      if (!capability.declared) continue;
      lock[capability.id.text] = released(file, capability);
      for (const auto& alias : file.aliases) {
        if (alias.target.text == capability.id.text) {
          lock[alias.id.text] = lock[capability.id.text];
        }
      }
    }
    for (const auto& retired : file.retired) lock[retired.id.text] = Released{.retired = true};
  }
  return lock;
}

std::string print_lock(const Lock& lock) {
  std::string text =
      "# Every capability id ever released, with its class, whether it emits, and its hosts.\n"
      "# Written by registry_gen --update-lock.\n";
  for (const auto& [id, entry] : lock) {
    text += id;
    if (entry.retired) text += " " + std::string(kRetired);
    if (entry.highest) text += " " + std::string(to_string(*entry.highest));
    if (entry.emits) text += " " + std::string(kEmits);
    for (const auto& host : entry.hosts) text += " " + host;
    text += "\n";
  }
  return text;
}

}  // namespace aivault::registry
