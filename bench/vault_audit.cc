// vault_audit EMPTY-DIRECTORY ROWS: what the audit of a vault costs: records of calls a second
// with each durability, verification, and the elapsed time of a thousand changes that destroy.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "vault/vault.h"

namespace {

using aivault::fail;
using aivault::Result;
using aivault::Secret;
namespace audit = aivault::audit;
namespace vault = aivault::vault;
using Clock = std::chrono::steady_clock;

constexpr int kRotations = 1000;
constexpr int kStrictCallers = 16;
constexpr std::int64_t kStrictRows = 2000;

void need(const Result<void>& done) {
  if (done) return;
  static_cast<void>(std::fprintf(stderr, "vault_audit: %s\n", done.error().message.c_str()));
  std::_Exit(1);
}
template <typename T>
T need(Result<T> done) {
  if (!done) need(Result<void>(fail(done.error())));
  return *std::move(done);
}

audit::Event call(std::int64_t number) {
  audit::Event event;
  event.kind = "capability.invoke";
  event.actor = "caller";
  event.uid = 1000;
  event.user = "somebody";
  event.pid = 4321;
  event.exe = "/usr/bin/something";
  event.request_id = "0123456789abcdef-" + std::to_string(number);
  event.outcome = number % 2 == 0 ? "started" : "ok";
  event.capability = "openai/chat.completions";
  event.credential = "openai";
  event.method = "POST";
  event.path = "/v1/chat/completions";
  event.host = "api.openai.com";
  return event;
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// As many as there is room for at a time, as many callers would.
double batched(vault::Vault& vault, std::int64_t rows) {
  constexpr std::int64_t kWaiting = 4096;
  std::atomic<std::int64_t> written = 0;
  const auto begin = Clock::now();
  for (std::int64_t i = 0; i < rows; ++i) {
    while (i - written > kWaiting) std::this_thread::yield();
    vault.record(call(i), [&](const Result<void>& done) {
      need(done);
      ++written;
    });
  }
  vault.flush();
  return static_cast<double>(rows) / seconds_since(begin);
}

// Each caller waits for its row; those that wait together share a commit.
double strict(vault::Vault& vault, int callers) {
  const auto begin = Clock::now();
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(callers));
  for (int i = 0; i < callers; ++i) {
    threads.emplace_back([&] {
      for (std::int64_t row = 0; row < kStrictRows / callers; ++row) {
        std::atomic<bool> written = false;
        vault.record(call(row), [&](const Result<void>& done) {
          need(done);
          written = true;
          written.notify_one();
        });
        written.wait(false);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return static_cast<double>(kStrictRows) / seconds_since(begin);
}

double rotations(vault::Vault& vault) {
  const auto value = Secret::copy_of("a-value-that-is-long-enough");
  vault::NewSecret wanted;
  wanted.name = "ROTATED";
  const auto made = need(vault::change(vault, [&](vault::Change& change) {
    audit::Event event;
    event.kind = "secret.create";
    event.actor = "operator";
    change.record(event);
    return change.create_secret(wanted, value);
  }));
  const auto begin = Clock::now();
  for (int i = 0; i < kRotations; ++i) {
    need(vault.change([&](vault::Change& change) -> Result<void> {
      TRY(change.rotate_secret(made.id, value, std::nullopt));
      audit::Event event;
      event.kind = "secret.rotate";
      event.actor = "operator";
      change.record(event);
      return {};
    }));
  }
  return seconds_since(begin);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    static_cast<void>(std::fprintf(stderr, "vault_audit EMPTY-DIRECTORY ROWS\n"));
    return 2;
  }
  const std::string root = std::string(argv[1]) + "/vault";
  vault::Options options{.location = {root, root + "/kek.key"}};
  const auto rows = std::strtol(argv[2], nullptr, 10);
  {
    const auto vault = need(vault::Vault::open_or_create(options));
    std::printf("rotations %.2f s\n", rotations(*vault));
    std::printf("batched %.0f rows/s\n", batched(*vault, rows));
    const auto begin = Clock::now();
    const auto found = need(vault->verify_audit(std::nullopt));
    std::printf("verify %.0f rows/s (%lld rows, %lld archived, %s)\n",
                static_cast<double>(found.events) / seconds_since(begin),
                static_cast<long long>(found.events),
                static_cast<long long>(found.archived),
                found.ok ? "ok" : "bad");
  }
  options.durability = vault::Durability::strict;
  const auto vault = need(vault::Vault::open(options));
  std::printf("strict %.0f commits/s of one caller, ", strict(*vault, 1));
  std::printf("%.0f rows/s of %d callers\n", strict(*vault, kStrictCallers), kStrictCallers);
  return 0;
}
