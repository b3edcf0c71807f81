// run: a program that reaches APIs through the vault and holds no key.

#include <cerrno>
#include <cstring>

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/exit_status.h"
#include "cli/held_token.h"
#include "cli/key_value.h"
#include "cli/loopback_door.h"
#include "cli/mcp_message.h"
#include "cli/moment.h"
#include "cli/run_environment.h"
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

}  // namespace

Result<int> run_run(Session& session, const Arguments& arguments) {
  TRY_ASSIGN(const auto wish, wish_of(arguments));
  TRY_ASSIGN(auto held, HeldToken::mint(session, "run", wish));
  TRY_ASSIGN(const auto endpoints, held.ask("/aivault/endpoints"));
  TRY_ASSIGN(const auto door, LoopbackDoor::open());
  const RunPlace place{"http://127.0.0.1:" + std::to_string(door->port()),
                       held.value(),
                       wish.credentials,
                       key_variable(held.whoami())};
  const auto& program = arguments.program();
  auto environment = run_environment(session.environment().all(), endpoints, place);
  // Before there is a second thread.
  auto started = platform::Foreground::start(program, std::move(environment));
  if (!started) {
    session.notice("cannot run '" + program.front() + "': " + std::strerror(started.error().error));
    return started.error().error == ENOENT ? kNotFound : kNotExecutable;
  }
  door->serve(held.daemon_socket());
  return started->wait();
}

}  // namespace aivault::cli
