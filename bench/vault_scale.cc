// What single changes, lookups and pages of the list cost in a vault of many secrets.
// usage: vault_scale DIRECTORY COUNT: makes a vault (data/vault, keys/kek.key) in the empty
// DIRECTORY if there is none, fills it up to COUNT secrets, and prints medians of processor time in
// microseconds.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "audit/event.h"
#include "vault/vault.h"

namespace {

using namespace aivault;

constexpr std::size_t kRounds = 200;
constexpr std::size_t kFillBatch = 500;
constexpr std::size_t kPage = 1000;

[[noreturn]] void give_up(const Error& error) {
  std::fprintf(stderr, "vault_scale: %s\n", error.message.c_str());
  std::exit(1);
}

template <typename T>
T need(Result<T> result) {
  if (!result) give_up(result.error());
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// Processor time of all threads: what a busy machine or a slow disk adds does not count.
double processor_us() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double microseconds(const std::function<void()>& work) {
  const auto start = processor_us();
  work();
  return processor_us() - start;
}

double median(std::vector<double> times) {
  std::ranges::sort(times);
  return times.empty() ? 0 : times[times.size() / 2];
}

audit::Event event() {
  audit::Event event;
  event.kind = "secret.create";
  event.actor = "operator";
  return event;
}

std::string name_of(std::size_t number) {
  const auto digits = std::to_string(number);
  return "SECRET_" + std::string(8 - std::min<std::size_t>(8, digits.size()), '0') + digits;
}

SecretId create(vault::Change& change, const std::string& name) {
  vault::NewSecret wanted;
  wanted.name = name;
  return need(change.create_secret(wanted,
                                   Secret::copy_of("a value of usual length, 40 bytes long..")))
      .id;
}

void fill(vault::Vault& vault, std::size_t count) {
  std::size_t have = 0;
  std::optional<vault::Reader::After> after;
  for (;;) {
    std::vector<vault::Problem> damaged;
    const auto page = need(vault::read(
        vault, [&](vault::Reader& reader) { return reader.secrets({}, after, kPage, damaged); }));
    have += page.size();
    if (page.size() < kPage) break;
    after = vault::Reader::After{page.back().name, page.back().id.str()};
  }
  while (have < count) {
    const auto until = std::min(count, have + kFillBatch);
    need(vault.change([&](vault::Change& change) -> Result<void> {
      for (; have < until; ++have) create(change, name_of(have));
      change.record(event());
      return {};
    }));
  }
}

void time_changes(vault::Vault& vault) {
  std::vector<double> creates, rotates, renames, by_ids, by_names, removes;
  const auto change = [&](const std::function<void(vault::Change&)>& work) {
    return microseconds([&] {
      need(vault.change([&](vault::Change& transaction) -> Result<void> {
        work(transaction);
        transaction.record(event());
        return {};
      }));
    });
  };
  for (std::size_t i = 0; i < kRounds; ++i) {
    const auto name = "NEW_" + name_of(i);
    SecretId id;
    creates.push_back(change([&](vault::Change& c) { id = create(c, name); }));
    rotates.push_back(change([&](vault::Change& c) {
      need(c.rotate_secret(id, Secret::copy_of("another value of usual length"), std::nullopt));
    }));
    renames.push_back(change([&](vault::Change& c) {
      vault::SecretUpdate update;
      update.name = name + "_2";
      need(c.update_secret(id, update));
    }));
    by_ids.push_back(microseconds([&] {
      need(vault::read(vault, [&](vault::Reader& reader) { return reader.secret(id); }));
    }));
    by_names.push_back(microseconds([&] {
      need(vault::read(vault, [&](vault::Reader& reader) {
        return reader.secret_by_name(vault::Scope{}, name + "_2");
      }));
    }));
    removes.push_back(change([&](vault::Change& c) { need(c.revoke_secret(id)); }));
  }
  std::printf("create %.0f rotate %.0f rename %.0f delete %.0f by-id %.0f by-name %.0f\n",
              median(creates),
              median(rotates),
              median(renames),
              median(removes),
              median(by_ids),
              median(by_names));
}

void time_pages(vault::Vault& vault) {
  std::vector<double> pages;
  std::optional<vault::Reader::After> after;
  double total = 0;
  for (;;) {
    std::vector<vault::Problem> damaged;
    std::vector<vault::SecretRecord> page;
    pages.push_back(microseconds([&] {
      page = need(vault::read(
          vault, [&](vault::Reader& reader) { return reader.secrets({}, after, kPage, damaged); }));
    }));
    total += pages.back();
    if (page.size() < kPage) break;
    after = vault::Reader::After{page.back().name, page.back().id.str()};
  }
  std::printf("pages %zu first %.0f median %.0f last full %.0f all %.0f\n",
              pages.size(),
              pages.front(),
              median(pages),
              pages[pages.size() > 1 ? pages.size() - 2 : 0],
              total);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: vault_scale DIRECTORY COUNT\n", stderr);
    return 2;
  }
  const std::string directory = argv[1];
  vault::Options options;
  options.location = {directory + "/data/vault", directory + "/keys/kek.key"};
  std::unique_ptr<vault::Vault> vault;
  (void)need(vault::Vault::open_or_create(options));
  fill(*need(vault::Vault::open_or_create(options)), std::strtoul(argv[2], nullptr, 10));
  const auto open = microseconds([&] { vault = need(vault::Vault::open_or_create(options)); });
  std::printf("secrets %s open %.0f\n", argv[2], open);
  time_changes(*vault);
  time_pages(*vault);
  return 0;
}
