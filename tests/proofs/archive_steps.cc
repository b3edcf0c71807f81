// A process that fills the audit of a vault until segments of ten rows are archived, to be killed
// at any of its calls on files: archive_steps ROOT. The next one goes on, and proves with `verify`
// that nothing is missing: archive_steps ROOT verify.
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>

#include "testing/vault_place.h"
#include "vault/open_vault.h"

namespace {

using namespace std::chrono_literals;
using namespace aivault;

constexpr vault::SegmentLimits kSmall{.rows = 10, .kept = 1};
constexpr int kCalls = 40;
constexpr int kArchived = 30;

int fail_with(const std::string& what) {
  static_cast<void>(std::fprintf(stderr, "%s\n", what.c_str()));
  return 1;
}

// Until everything that is due is in a file; each row says on which number it has got.
int until_archived(vault::Vault& vault) {
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (std::chrono::steady_clock::now() < end) {
    const auto found = vault.verify_audit(std::nullopt);
    if (!found) return fail_with(found.error().message);
    if (!found->ok || !found->missing.empty()) {
      return fail_with("bad row " + std::to_string(found->first_bad_seq.value_or(0)));
    }
    if (found->archived >= kArchived) return 0;
    std::this_thread::sleep_for(5ms);
  }
  return fail_with("nothing was archived");
}

int run(const std::string& root, bool verifies) {
  const vault::Options options{.location = {root, root + "/kek.key"}};
  if (!vault::Vault::exists(options.location)) {
    if (auto made = vault::Vault::open_or_create(options); !made) {
      return fail_with(made.error().message);
    }
  }
  auto opened = vault::OpenVault::open_with(options, {options.keys, nullptr}, kSmall);
  if (!opened) return fail_with(opened.error().message);
  auto& vault = **opened;
  // What was acknowledged is on the standard output, one number a line, at once.
  for (int i = 0; !verifies && i < kCalls; ++i) {
    auto event = testing::event_of("capability.invoke");
    event.outcome = "denied";
    event.capability = "acme/" + std::to_string(i);
    if (auto done = testing::record_and_wait(vault, event); !done) {
      return fail_with(done.error().message);
    }
    static_cast<void>(std::fprintf(stdout, "%d\n", i));
    static_cast<void>(std::fflush(stdout));
  }
  if (!verifies) return until_archived(vault);
  const auto found = vault.verify_audit(std::nullopt);
  if (!found || !found->ok) return fail_with("the audit is not whole");
  audit::Filter filter;
  filter.kinds = {"capability.invoke"};
  filter.limit = 1000;
  filter.oldest_first = true;
  const auto rows = vault::read(vault, [&](vault::Reader& reader) { return reader.audit(filter); });
  if (!rows) return fail_with(rows.error().message);
  for (const auto& row : *rows) {
    static_cast<void>(std::fprintf(stdout, "%s\n", row.event.capability.c_str()));
  }
  return 0;
}

}  // namespace

int main(int count, char** words) {
  if (count < 2) return fail_with("archive_steps ROOT [verify]");
  return run(words[1], count > 2 && std::string_view(words[2]) == "verify");
}
