// run: a program that reaches APIs through the vault and holds no key.

#include <cerrno>
#include <cstring>

#include "cli/arguments.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/held_token.h"
#include "cli/key_value.h"
#include "cli/loopback_door.h"
#include "cli/mcp_message.h"
#include "cli/moment.h"
#include "cli/run_environment.h"
#include "cli/sandboxed_program.h"
#include "cli/secret_input.h"
#include "platform/foreground.h"

namespace aivault::cli {
namespace {

constexpr std::int64_t kHourMs = std::int64_t{60} * 60 * 1000;
constexpr std::int64_t kDefaultTtlMs = 12 * kHourMs;
constexpr std::int64_t kMaxTtlMs = 24 * kHourMs;
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;

Result<HeldToken::Wish> wish_of(const Arguments& arguments) {
  HeldToken::Wish wish;
  wish.agent = not_blank(arguments.text("agent"));
  wish.allowed = arguments.list("allow");
  wish.credentials = arguments.list("credential");
  TRY_ASSIGN(wish.context, parse_context(arguments));
  wish.ttl_ms = kDefaultTtlMs;
  if (const auto text = arguments.text("ttl")) {
    const auto ttl = parse_duration(*text);
    wish.ttl_ms = ttl ? ttl->count() : 0;
  }
  if (wish.ttl_ms <= 0 || wish.ttl_ms > kMaxTtlMs) {
    return invalid_request("", "--ttl is more than 0 and at most 24h");
  }
  return wish;
}

std::string key_variable(const json::Value& whoami) {
  const auto* name = member(whoami, "keyVariable", json::Kind::string);
  return name == nullptr ? std::string() : std::string(name->text());
}

// There is nobody else who could: no other command reaches this daemon.
Result<void> open_vault(Session& session, PrivateDaemon& daemon) {
  if (!daemon.is_wanted() || !session.can_ask()) return {};
  TRY_ASSIGN(auto reached, daemon.reach());
  TRY_ASSIGN(auto client, Client::at_private(session, std::move(reached)));
  return client.open_locked();
}

// Its exit status instead of one of its own.
int not_run(Session& session, const std::string& program, platform::NotStarted why) {
  session.notice("cannot run '" + program + "': " + std::strerror(why.error));
  return why.error == ENOENT ? kNotFound : kNotExecutable;
}

std::vector<std::string> environment_for(const Session& session,
                                         const HeldToken& held,
                                         const json::Value& endpoints,
                                         std::uint16_t port,
                                         const HeldToken::Wish& wish) {
  const RunPlace place{"http://127.0.0.1:" + std::to_string(port),
                       held.value(),
                       wish.credentials,
                       key_variable(held.whoami())};
  return run_environment(session.environment().all(), endpoints, place);
}

// Before there is a second thread.
Result<int> run_sandboxed(Session& session,
                          const std::vector<std::string>& program,
                          std::vector<std::string> environment,
                          const HeldToken& held) {
  TRY_ASSIGN(const auto confinement, confinement_for(session, held.whoami()));
  TRY_ASSIGN(auto sandboxed, start_sandboxed(program, std::move(environment), confinement));
  if (!sandboxed.started) return not_run(session, program.front(), sandboxed.started.error());
  TRY_ASSIGN(const auto door, LoopbackDoor::adopt(std::move(sandboxed.listening), kSandboxPort));
  door->serve(held.dial());
  return sandboxed.started->wait();
}

}  // namespace

Result<int> run_run(Session& session, const Arguments& arguments) {
  hide_memory();  // From the program, which has the rights of our user.
  TRY_ASSIGN(const auto wish, wish_of(arguments));
  PrivateDaemon daemon(session);
  TRY(open_vault(session, daemon));
  TRY_ASSIGN(auto held, HeldToken::mint(session, daemon, "run", wish));
  TRY_ASSIGN(const auto endpoints, held.ask("/aivault/endpoints"));
  const auto& program = arguments.program();
  if (arguments.has("sandbox")) {
    auto environment = environment_for(session, held, endpoints, kSandboxPort, wish);
    return run_sandboxed(session, program, std::move(environment), held);
  }
  TRY_ASSIGN(const auto door, LoopbackDoor::open());
  auto environment = environment_for(session, held, endpoints, door->port(), wish);
  // Before there is a second thread.
  auto started = platform::Foreground::start(program, std::move(environment));
  if (!started) return not_run(session, program.front(), started.error());
  door->serve(held.dial());
  return started->wait();
}

}  // namespace aivault::cli
