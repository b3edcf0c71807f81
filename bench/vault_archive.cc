// What a backup of a vault costs, and a restore of it, with every check.
// usage: vault_archive VAULT EMPTY: VAULT as vault_scale has filled it; the archive and the
// restored vault go into EMPTY. Prints seconds, bytes and the most memory that was resident.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <type_traits>

#include "vault/backup.h"
#include "vault/restore.h"
#include "vault/vault.h"

namespace {

using namespace aivault;

template <typename T>
T need(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "vault_archive: %s\n", result.error().message.c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

vault::Options options_of(const std::string& root) {
  vault::Options options;
  options.location = {root + "/data/vault", root + "/keys/kek.key"};  // As vault_scale has it.
  return options;
}

void report(const char* what, std::chrono::steady_clock::time_point begin, long before_kib) {
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf("%-8s %6.2f s  most resident %ld MiB (before: %ld)\n",
              what,
              took.count(),
              usage.ru_maxrss / 1024,
              before_kib / 1024);
}

long most_resident_kib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) {
    std::fputs("usage: vault_archive VAULT EMPTY\n", stderr);
    return 2;
  }
  const std::string target = words[2];
  const auto passphrase = Secret::copy_of("correct horse battery staple");
  {
    const auto options = options_of(words[1]);
    const auto vault = need(vault::Vault::open(options));
    std::ofstream archive(target + "/archive", std::ios::binary);
    const auto before = most_resident_kib();
    const auto begin = std::chrono::steady_clock::now();
    const auto write = [&](std::string_view bytes) -> Result<void> {
      archive.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      return {};
    };
    const vault::BackupRequest request{.passphrase = passphrase,
                                       .key = vault::ArchivedKey::included,
                                       .program_version = "bench",
                                       .who = {},
                                       .goes_on = [] { return true; }};
    const auto done = need(vault->backup(request, write));
    report("backup", begin, before);
    std::printf("%lld secrets, %lld bytes\n",
                static_cast<long long>(done.secrets),
                static_cast<long long>(archive.tellp()));
  }
  const auto options = options_of(target + "/v");
  std::ifstream archive(target + "/archive", std::ios::binary);
  const auto before = most_resident_kib();
  const auto begin = std::chrono::steady_clock::now();
  const auto read = [&](std::span<char> into) -> Result<std::size_t> {
    archive.read(into.data(), static_cast<std::streamsize>(into.size()));
    return static_cast<std::size_t>(archive.gcount());
  };
  const vault::RestoreRequest request{
      .options = options, .source = read, .passphrase = passphrase, .provider = {}, .who = {}};
  need(vault::restore(request));
  report("restore", begin, before);
  return 0;
}
