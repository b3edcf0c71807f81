// tamper_sweep: flips bits of the files of a small vault, and cuts them off at every length:
// whatever is changed, no wrong value comes out, nothing crashes, and what means something is
// named.
//
//   tamper_sweep [--every N] [--offset K] [--all-bits]
//
// Without --all-bits one bit of each byte is flipped, another one each time the sweep passes it.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "testing/vault_place.h"
#include "vault/vault.h"

namespace aivault::vault {
namespace {

using aivault::testing::create;
using aivault::testing::event_of;
using aivault::testing::named;
using aivault::testing::VaultPlace;

constexpr std::size_t kTruncateStep = 64;
constexpr int kBits = 8;

// Everything that can be read of the vault, as text: equal texts, equal vaults.
struct Seen {
  std::map<std::string, std::string> things;  // "secret <id>" -> what it is
  std::set<std::string> named;                // What was refused, by name.
  std::string failure;                        // The vault did not open, and said so.
};

std::string describe(const SecretRecord& record) {
  std::ostringstream text;
  text << record.name << '|' << record.scope.text() << '|' << record.value_version << '|'
       << record.system_managed << '|' << record.pinned_provider.value_or("-") << '|'
       << to_int(record.created_at) << '|' << to_int(record.updated_at) << '|'
       << (record.revoked_at ? to_int(*record.revoked_at) : 0) << '|'
       << (record.expires_at ? to_int(*record.expires_at) : 0) << '|'
       << record.rotate_every_days.value_or(0);
  for (const auto& alias : record.aliases) text << '|' << alias;
  for (const auto& to : record.attached) text << '|' << to.workspace << '/' << to.group;
  return text.str();
}

class Sweep {
 public:
  Sweep() { fill(); }

  bool check_all(std::size_t every, std::size_t offset, bool all_bits) {
    const auto before = look();
    if (!before.failure.empty() || !before.named.empty() || before.things.size() < kThings) {
      return failed("the untouched vault does not read back: " + before.failure);
    }
    original_ = before;
    for (const auto& [path, bytes] : files_) {
      std::size_t done = 0;
      for (std::size_t at = offset; at < bytes.size(); at += every) {
        for (int bit = 0; bit < kBits; ++bit) {
          if (!all_bits && bit != static_cast<int>((at + at / every) % kBits)) continue;
          ++done;
          flip(path, at, bit);
        }
      }
      for (std::size_t size = 0; size < bytes.size(); size += cut_step(bytes.size(), every)) {
        ++done;
        cut(path, size);
      }
      std::printf("%s: %zu changes\n", std::filesystem::path(path).filename().c_str(), done);
      total_ += done;
    }
    std::printf(
        "%zu changes: %zu refused the vault, %zu named a row, %zu meant nothing; %zu failures\n",
        total_,
        refused_,
        named_,
        harmless_,
        failures_);
    return failures_ == 0 && refused_ > 0 && named_ > 0;
  }

 private:
  static constexpr std::size_t kThings = 8;

  static std::size_t cut_step(std::size_t size, std::size_t every) {
    return size > kTruncateStep * kTruncateStep ? kTruncateStep * every : 1;
  }

  bool failed(const std::string& what) {
    ++failures_;
    if (failures_ <= 20) std::fprintf(stderr, "FAILED %s\n", what.c_str());
    return false;
  }

  void fill() {
    {
      const auto vault = place_.open();
      auto first = named("FIRST");
      first.aliases = {"one", "uno"};
      first.rotate_every_days = 30;
      add(*vault, first, "value of the first secret");
      auto second = named("SECOND");
      second.scope = Scope{Scope::Kind::group, "acme", "dev"};
      add(*vault, second, std::string(5000, 'x'));
      const auto gone = create(*vault, named("GONE"), "revoked");
      const auto done = change(*vault, [&](Change& c) -> Result<void> {
        TRY(c.revoke_secret(gone->id));
        CredentialRow credential;
        credential.id = credential.provider = "acme";
        credential.secret_id = secrets_.begin()->first;
        TRY(c.put(credential));
        TRY(c.put(CapabilityRow{"acme/items", "acme", Origin::operator_made, true, "{}", {}, {}}));
        TRY(c.put(PolicyRow{"acme/items", R"({"rateLimitPerMinute":5})", {}}));
        TRY(c.put(SettingRow{"registry", "{}", {}}));
        c.record(event_of("credential.create"));
        return {};
      });
      if (!done) std::abort();
    }
    for (const auto& path : {place_.database(), place_.root() + "/vault.json", place_.key_file()}) {
      std::ifstream file(path, std::ios::binary);
      files_[path] = {std::istreambuf_iterator<char>(file), {}};
    }
  }

  void add(Vault& vault, const NewSecret& wanted, const std::string& value) {
    const auto made = create(vault, wanted, value);
    if (!made) std::abort();
    secrets_.emplace(made->id, std::pair(wanted.scope, value));
  }

  Seen look() {
    Seen seen;
    auto vault = Vault::open(place_.options());
    if (!vault) {
      seen.failure = vault.error().reason;
      return seen;
    }
    for (const auto& [id, expected] : secrets_) {
      const auto& [scope, value] = expected;
      const auto opened =
          (*vault)->open_secret(id, Context{scope.workspace, scope.group}, Opener::other);
      if (!opened) {
        if (opened.error().reason.empty()) failed("an error without a reason");
        seen.named.insert("secret " + id.str());
      } else if (!(opened->value == Secret::copy_of(value))) {
        failed("a wrong value came out");
      }
    }
    const auto read = (*vault)->read([&](Reader& reader) { return look_at_rows(reader, seen); });
    if (!read) seen.failure = read.error().reason;
    const auto verified = (*vault)->verify_audit(std::nullopt);
    if (!verified || !verified->ok) seen.named.insert("audit");
    return seen;
  }

  Result<void> look_at_rows(Reader& reader, Seen& seen) {
    std::vector<Problem> damaged;
    TRY_ASSIGN(const auto secrets, reader.secrets({}, std::nullopt, 100, damaged));
    for (const auto& record : secrets) seen.things["secret " + record.id.str()] = describe(record);
    TRY_ASSIGN(const auto credentials, reader.credentials(damaged));
    for (const auto& row : credentials) {
      seen.things["credential " + row.id] = row.provider + row.body + row.params +
                                            (row.secret_id ? row.secret_id->str() : "-") +
                                            std::to_string(row.enabled) + row.scope.text();
    }
    TRY_ASSIGN(const auto capabilities, reader.capabilities(damaged));
    for (const auto& row : capabilities) {
      seen.things["capability " + row.id] = row.provider + row.body + std::to_string(row.enabled);
    }
    TRY_ASSIGN(const auto policies, reader.policies(damaged));
    for (const auto& row : policies) seen.things["policy " + row.id] = row.body;
    TRY_ASSIGN(const auto settings, reader.settings(damaged));
    for (const auto& row : settings) seen.things["setting " + row.id] = row.body;
    TRY_ASSIGN(const auto events, reader.audit({}));
    for (const auto& event : events) {
      seen.things["event " + std::to_string(event.seq)] =
          event.event.kind + audit::to_body(event.event) + std::to_string(to_int(event.at));
    }
    for (const auto& problem : damaged) seen.named.insert(problem.kind + " " + problem.id);
    return {};
  }

  void judge(const std::string& what) {
    const auto seen = look();
    if (!seen.failure.empty()) {
      ++refused_;
      return;
    }
    if (!seen.named.empty()) ++named_;
    bool changed = false;
    for (const auto& [thing, text] : original_.things) {
      const auto now = seen.things.find(thing);
      if (now != seen.things.end() && now->second == text) continue;
      changed = true;
      // The audit speaks for all of its rows; every other row for itself.
      const bool is_event = thing.starts_with("event ");
      const bool is_named =
          seen.named.contains(thing) || (is_event && seen.named.contains("audit"));
      if (!is_named) failed(what + ": '" + thing + "' is not what it was, and nobody says so");
    }
    for (const auto& [thing, text] : seen.things) {
      if (thing.starts_with("event ")) continue;  // Damage that was found is recorded.
      if (!original_.things.contains(thing)) failed(what + ": '" + thing + "' was never made");
    }
    if (!changed && seen.named.empty()) ++harmless_;
  }

  void restore(const std::string& path) {
    for (const char* tail : {"-wal", "-shm"}) std::filesystem::remove(place_.database() + tail);
    for (const auto& [other, bytes] : files_) {
      if (other != path && std::filesystem::exists(other) &&
          std::filesystem::file_size(other) == bytes.size() && other == place_.key_file()) {
        continue;  // Nobody writes to it.
      }
      write(other, bytes);
    }
  }

  static void write(const std::string& path, const std::string& bytes) {
    const int file = ::open(path.c_str(), O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);
    const auto put = ::write(file, bytes.data(), bytes.size());
    ::close(file);
    if (put != static_cast<ssize_t>(bytes.size())) std::abort();
  }

  void flip(const std::string& path, std::size_t at, int bit) {
    restore(path);
    auto bytes = files_[path];
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
    write(path, bytes);
    judge(std::filesystem::path(path).filename().string() + " byte " + std::to_string(at) +
          " bit " + std::to_string(bit));
    // A key or a header that was changed must still be as it was left: nobody repairs a key.
    if (path == place_.key_file()) {
      std::ifstream file(path, std::ios::binary);
      const std::string now{std::istreambuf_iterator<char>(file), {}};
      if (now != bytes) failed("a key file was changed");
    }
    write(path, files_[path]);
  }

  void cut(const std::string& path, std::size_t size) {
    restore(path);
    write(path, files_[path].substr(0, size));
    judge(std::filesystem::path(path).filename().string() + " cut at " + std::to_string(size));
    write(path, files_[path]);
  }

  VaultPlace place_;
  std::map<std::string, std::string> files_;
  std::map<SecretId, std::pair<Scope, std::string>> secrets_;
  Seen original_;
  std::size_t total_ = 0, refused_ = 0, named_ = 0, harmless_ = 0, failures_ = 0;
};

}  // namespace
}  // namespace aivault::vault

int main(int count, char** words) {
  std::size_t every = 1;
  std::size_t offset = 0;
  bool all_bits = false;
  for (int i = 1; i < count; ++i) {
    if (std::strcmp(words[i], "--all-bits") == 0) {
      all_bits = true;
    } else if (std::strcmp(words[i], "--every") == 0 && i + 1 < count) {
      every = std::strtoul(words[++i], nullptr, 10);
    } else if (std::strcmp(words[i], "--offset") == 0 && i + 1 < count) {
      offset = std::strtoul(words[++i], nullptr, 10);
    }
  }
  aivault::vault::Sweep sweep;
  return every > 0 && sweep.check_all(every, offset, all_bits) ? 0 : 1;
}
