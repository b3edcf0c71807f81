#include "cli/client.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <memory>
#include <set>
#include <thread>

#include "base/encoding.h"
#include "cli/exit_status.h"
#include "cli/render_parts.h"
#include "cli/secret_output.h"
#include "cli/version.h"
#include "json/parse.h"
#include "json/secret_text.h"
#include "json/write.h"
#include "protocol/error_body.h"
#include "protocol/headers.h"

namespace aivault::cli {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kAnswerLimit{300};
constexpr seconds kRestartPatience{2};
constexpr std::size_t kMaxValues = 10'000'000;
constexpr json::Limits kAnswerLimits{
    .bytes = std::size_t{64} << 20U, .depth = 64, .keys = kMaxValues, .values = kMaxValues};

std::string head_of(std::string_view method, const std::string& target) {
  return std::string(method) + " " + target + " HTTP/1.1\r\nhost: aivault\r\n";
}

// What an error of an operator route reads like: the bare message, except for a refused operator.
Error shown(Error error) {
  if (error.code == ErrorCode::operator_auth_required) error.message = protocol::to_text(error);
  return error;
}

std::string real_path(const std::string& path) {
  struct Free {
    void operator()(char* text) const { std::free(text); }  // NOLINT: malloc of realpath
  };
  const std::unique_ptr<char, Free> real(realpath(path.c_str(), nullptr));
  return real ? real.get() : path;
}

std::string text_of(const json::Value& object, std::string_view key) {
  const auto* value = object.find(key);
  return value != nullptr && value->is(json::Kind::string) ? std::string(value->text()) : "";
}

// A daemon of this uid may hear what an operator of the vault says. Root operates its own vault,
// and that of another user if there is one.
bool is_for(std::int64_t uid, const std::string& vault_root) {
  if (uid == std::int64_t{geteuid()}) return true;
  struct stat facts{};
  return geteuid() == 0 && lstat((vault_root + "/vault.db").c_str(), &facts) == 0 &&
         S_ISREG(facts.st_mode) && uid == std::int64_t{facts.st_uid};
}

}  // namespace

std::string with_query(std::string_view path, const Query& query) {
  std::string target(path);
  char separator = '?';
  for (const auto& [name, value] : query) {
    target += separator + percent_encode(name) + "=" + percent_encode(value);
    separator = '&';
  }
  return target;
}

bool is_going_away(const Error& error) {
  return error.reason == kConnectionLost || error.reason == "shutting_down";
}

std::string segment(std::string_view id) { return percent_encode(id); }

Result<json::Value> Client::read_answer() {
  ResponseReader answer(*reached_.connection);
  std::string body;
  bool have_head = false;
  while (true) {
    if (!have_head) {
      TRY_ASSIGN(have_head, answer.read_head());
    }
    if (have_head) {
      TRY_ASSIGN(const auto piece, answer.next_piece());
      if (piece.is_end) break;
      body += piece.data;
      if (body.size() > kAnswerLimits.bytes) {
        return invalid_request(std::string(kInvalidResponse), "too large");
      }
      if (!piece.needs_more) continue;
    }
    TRY_ASSIGN(const bool more, reached_.connection->receive(kAnswerLimit));
    if (!more) {
      TRY(answer.end_of_input());
      break;
    }
  }
  const int status = answer.head().status;
  if (status >= 400) {
    auto error = protocol::error_from_json(body);
    if (error) return fail(shown(*std::move(error)));
    return invalid_request(std::string(kInvalidResponse),
                           "status " + std::to_string(status) + " without an error object");
  }
  auto value = json::parse(body, kAnswerLimits);
  if (!value) return invalid_request(std::string(kInvalidResponse), value.error().message);
  return value;
}

// With a body, nothing of it is sent before the daemon has said 100.
Result<json::Value> Client::exchange(const std::string& head,
                                     const std::string* body,
                                     const Secret* secret_body) {
  auto& connection = *reached_.connection;
  const auto run = [&]() -> Result<json::Value> {
    if (body == nullptr && secret_body == nullptr) {
      TRY(connection.send(head + "\r\n"));
      return read_answer();
    }
    const auto size = body != nullptr ? body->size() : secret_body->size();
    TRY(connection.send(head + "content-type: application/json\r\ncontent-length: " +
                        std::to_string(size) + "\r\nexpect: 100-continue\r\n\r\n"));
    ResponseReader interim(connection);
    while (true) {
      // A final answer stays in the buffer for read_answer.
      if (connection.received().starts_with("HTTP/1.1 1")) {
        TRY_ASSIGN(const bool ready, interim.read_head(ResponseReader::Interim::stop_at_continue));
        if (ready && interim.was_continue()) break;
        if (ready) return invalid_request(std::string(kInvalidResponse), "unexpected answer");
      } else if (connection.received().size() >= 10) {
        return read_answer();
      }
      TRY_ASSIGN(const bool more, connection.receive(kAnswerLimit));
      if (!more) {
        return vault_unavailable(std::string(kConnectionLost), "the connection was closed");
      }
    }
    if (body != nullptr) {
      TRY(connection.send(*body));
    } else {
      TRY(send_secret(connection, *secret_body));
    }
    return read_answer();
  };
  auto answer = run();
  if (!answer) return fail(explain(std::move(answer).error(), reached_));
  return answer;
}

Result<json::Value> Client::get(const std::string& target) {
  return exchange(head_of("GET", target), nullptr, nullptr);
}

Result<json::Value> Client::list(Session& session,
                                 std::string_view path,
                                 Query query,
                                 std::size_t limit) {
  auto items = json::Value::array();
  std::set<std::string, std::less<>> said;
  const auto count = query.size();
  while (items.items().size() < limit) {
    TRY_ASSIGN(const auto page, get(with_query(path, query)));
    const auto* list = page.find("items");
    const auto* next = page.find("next");
    for (const auto& warning : items_in(page, "warnings")) {
      if (said.emplace(warning.text()).second) session.warning(warning.text());
    }
    if (list == nullptr || !list->is(json::Kind::array)) {
      return fail(explain(
          {ErrorCode::invalid_request, std::string(kInvalidResponse), "no list of items", 0},
          reached_));
    }
    for (const auto& item : list->items()) {
      if (items.items().size() < limit) items.push(item);
    }
    if (next == nullptr || !next->is(json::Kind::string)) break;
    query.resize(count);
    query.emplace_back("cursor", next->text());
  }
  return items;
}

Result<int> print_result(Session& session, const Result<json::Value>& result, json::Order order) {
  if (!result) return fail(result.error());
  session.print_json(*result, order);
  return kSuccess;
}

namespace {

// Prints the notices of a change and takes out its result.
json::Value result_of(Session& session, const json::Value& answer) {
  const auto* notices = answer.find("notices");
  const auto* result = answer.find("result");
  if (notices == nullptr || result == nullptr) return answer;
  for (const auto& entry : notices->items()) {
    if (text_of(entry, "level") == "warning") {
      session.warning(text_of(entry, "text"));
    } else {
      session.notice(text_of(entry, "text"));
    }
  }
  return *result;
}

}  // namespace

Result<json::Value> Client::change(Session& session,
                                   std::string_view method,
                                   const std::string& target,
                                   const json::Value& body) {
  const auto text = json::compact(body);
  const bool has_body = method != "DELETE";
  TRY_ASSIGN(const auto answer,
             exchange(head_of(method, target), has_body ? &text : nullptr, nullptr));
  return result_of(session, answer);
}

Result<json::Value> Client::change_with_secret(Session& session,
                                               std::string_view method,
                                               const std::string& target,
                                               const json::Value& body,
                                               std::string_view key,
                                               const Secret& secret) {
  std::string head = json::compact(body);
  head.pop_back();  // The closing brace.
  if (!body.members().empty()) head += ',';
  head += json::quoted(key) + ":";
  const auto document = json::document_with_secret(head, secret, "}");
  TRY_ASSIGN(const auto answer, exchange(head_of(method, target), nullptr, &document));
  return result_of(session, answer);
}

Result<void> Client::introduce() {
  TRY_ASSIGN(const auto health, get("/aivault/health"));
  daemon_version_ = text_of(health, "version");
  if (text_of(health, "state") == "draining") {
    return vault_unavailable("shutting_down", reached_.where() + " is shutting down");
  }
  TRY_ASSIGN(whoami_, get("/aivault/whoami"));
  vault_root_ = text_of(whoami_, "vaultRoot");
  return {};
}

Result<Client> Client::at(Session& session, Reached reached) {
  Client client(std::move(reached));
  TRY(client.introduce());
  if (client.daemon_version_ != kVersion && !client.reached_.is_private) {
    session.notice("aivault " + std::string(kVersion) + " is talking to aivaultd " +
                   client.daemon_version_ + "; run `aivault restart`");
  }
  return client;
}

Result<Client> Client::in_private_child(Session& session) {
  TRY_ASSIGN(auto reached, reach_private_child(session.environment()));
  auto child = reached.child;
  auto client = at(session, std::move(reached));
  if (client || client.error().reason != kConnectionLost) return client;
  return fail(ended_early(child));
}

Result<Client> Client::for_operator(Session& session) {
  const auto& environment = session.environment();
  if (environment.flag("AIVAULTD_DISABLE")) return in_private_child(session);
  TRY_ASSIGN(const auto routes, find_routes(environment));
  const bool ask_shared = belongs_to_shared_daemon(routes);
  const auto deadline = steady_clock::now() + kRestartPatience;
  while (true) {
    auto attempt = connect_to_any(routes);
    if (attempt.is_final) return vault_unavailable("", std::move(attempt.failure));
    bool is_restarting = !attempt.reached && is_locked(routes.first.socket);
    if (attempt.reached) {
      const bool is_ours = is_for(attempt.reached->uid, routes.places.vault_root);
      if (!is_ours && !ask_shared) return in_private_child(session);
      auto client = at(session, *std::move(attempt.reached));
      if (!client && !is_going_away(client.error())) return client;
      is_restarting = !client;
      if (client) {
        const auto& root = routes.places.vault_root;
        const bool serves_ours = !routes.places.own_directory || client->vault_root() == root ||
                                 real_path(client->vault_root()) == real_path(root);
        if (serves_ours || ask_shared) return client;
        return in_private_child(session);
      }
    }
    if (!is_restarting || steady_clock::now() >= deadline) {
      if (!ask_shared) return in_private_child(session);
      return vault_unavailable(
          "",
          autostart_refusal(routes, environment)
              .value_or(Error{ErrorCode::vault_unavailable, "", attempt.failure, 0})
              .message);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace aivault::cli
