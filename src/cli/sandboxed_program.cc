#include "cli/sandboxed_program.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "cli/render_parts.h"
#include "cli/vault_header.h"
#include "platform/os_error.h"
#include "platform/passed_descriptor.h"
#include "platform/places.h"
#include "platform/users.h"

namespace aivault::cli {
namespace {

constexpr std::int64_t kFirstPerson = 1000;
constexpr std::int64_t kNobody = 65534;

using Paths = std::vector<std::string>;

tl::unexpected<Error> not_possible(const std::string& why) {
  return vault_unavailable("sandbox", "--sandbox is not possible here: " + why);
}

// nullopt: there is no such place.
std::optional<std::string> real(const std::string& path) {
  if (!path.starts_with('/')) return std::nullopt;
  std::error_code error;
  auto found = std::filesystem::canonical(path, error);
  if (error) return std::nullopt;
  return found.string();
}

void add(const std::string& path, Paths& paths) {
  auto found = real(path);
  if (found && std::ranges::find(paths, *found) == paths.end()) paths.push_back(*std::move(found));
}

// People's homes, and whatever else is in /home; not ours, nor one that ours is in.
void add_other_homes(const platform::Environment& environment, Paths& hidden) {
  Paths own;
  if (const auto home = platform::home_directory(environment)) add(*home, own);
  if (const auto user = platform::user_of(::geteuid())) add(user->home, own);
  Paths homes;
  for (const auto& user : platform::all_users()) {
    const bool is_person = user.uid == 0 || (user.uid >= kFirstPerson && user.uid < kNobody);
    if (is_person) add(user.home, homes);
  }
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/home", error)) {
    if (entry.is_directory(error)) add(entry.path().string(), homes);
  }
  for (auto& home : homes) {
    const bool is_ours = std::ranges::any_of(
        own, [&](const std::string& mine) { return sandbox::is_within(mine, home); });
    if (!is_ours) hidden.push_back(std::move(home));
  }
}

void add_vault(const std::string& root, Paths& hidden) {
  add(root, hidden);
  if (const auto header = read_vault_header(root)) add(header->key_file, hidden);
}

// What lies in another hidden place is hidden with it.
void keep_outermost(Paths& hidden) {
  const auto all = hidden;
  std::erase_if(hidden, [&](const std::string& path) {
    return std::ranges::any_of(all, [&](const std::string& other) {
      return other != path && sandbox::is_within(path, other);
    });
  });
}

Result<void> check_working_directory(const std::string& directory, const Paths& hidden) {
  for (const auto& place : hidden) {
    if (sandbox::is_within(place, directory) || sandbox::is_within(directory, place)) {
      return not_possible("the working directory '" + directory + "' and '" + place +
                          "', which is to be hidden, hold one another; start in a directory of "
                          "its own");
    }
  }
  return {};
}

// A text says why there is no listener. Who hears nothing says that the process ended early.
void tell(int channel, const Result<platform::Descriptor>& listening) {
  const std::string text = listening ? std::string("ok") : listening.error().message;
  static_cast<void>(platform::send_with(channel, text, listening ? listening->get() : -1));
}

Result<platform::Descriptor> hear(int channel) {
  auto heard = platform::receive_with(channel);
  if (heard.descriptor) return std::move(heard.descriptor);
  if (heard.what != platform::Received::message) {
    return not_possible("the program's process ended early");
  }
  return not_possible(heard.text);
}

}  // namespace

Result<sandbox::Confinement> confinement_for(const Session& session, const json::Value& whoami) {
  const auto& environment = session.environment();
  sandbox::Confinement confinement;
  confinement.port = kSandboxPort;
  auto& hidden = confinement.paths.hidden;
  if (const auto places = platform::find_places(environment)) {
    add_vault(places->vault_root, hidden);
    add(places->default_key_file, hidden);
  }
  if (const auto home = platform::home_directory(environment)) add(*home + "/.aivault", hidden);
  add_vault(text_in(whoami, "vaultRoot"), hidden);
  add_other_homes(environment, hidden);
  keep_outermost(hidden);
  std::error_code error;
  const auto directory = std::filesystem::current_path(error).string();
  if (error) return not_possible("there is no working directory");
  TRY(check_working_directory(directory, hidden));
  auto& writable = confinement.paths.writable;
  writable.push_back(directory);
  add(environment.text("TMPDIR").value_or("/tmp"), writable);
  add("/var/tmp", writable);
  return confinement;
}

Result<SandboxedProgram> start_sandboxed(const std::vector<std::string>& program,
                                         std::vector<std::string> environment,
                                         const sandbox::Confinement& confinement) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return not_possible(platform::os_text(errno));
  }
  const platform::Descriptor ours(ends[0]);
  const platform::Descriptor theirs(ends[1]);
  const auto started = platform::Foreground::start(program, std::move(environment), [&] {
    const auto listening = sandbox::confine(confinement);
    tell(theirs.get(), listening);
    return listening.has_value();
  });
  TRY_ASSIGN(auto listening, hear(ours.get()));
  return SandboxedProgram{started, std::move(listening)};
}

}  // namespace aivault::cli
