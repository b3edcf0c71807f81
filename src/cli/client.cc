#include "cli/client.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <memory>
#include <set>
#include <thread>
#include <utility>

#include "base/encoding.h"
#include "base/version.h"
#include "cli/exit_status.h"
#include "cli/outcome.h"
#include "cli/render_parts.h"
#include "cli/secret_input.h"
#include "json/write.h"

namespace aivault::cli {
namespace {

using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kRestartPatience{2};
constexpr std::string_view kVaultLocked = "vault_locked";
constexpr std::string_view kUnlockHint = "`aivault unlock`";

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

// The vault that AIVAULT_DIR names, if it names one.
bool is_meant(const Client& client, const Routes& routes) {
  return !routes.places.own_directory || client.serves(routes.places.vault_root);
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

bool Client::serves(const std::string& root) const {
  return vault_root_ == root || real_path(vault_root_) == real_path(root);
}

Result<ResponseReader> Client::begin(const std::string& head, const Upload* body) {
  auto& connection = *reached_.connection;
  auto answer = send_request(connection, head, body);
  if (answer || answer.error().reason != kVaultLocked) return answer;
  const bool may_ask = reached_.is_private && session_->can_ask() && !has_asked_;
  const bool can_repeat = body == nullptr || body->file < 0;
  if (!may_ask || !can_repeat) {
    auto error = std::move(answer).error();
    if (error.message.find(kUnlockHint) == std::string::npos) {
      error.message += "; run " + std::string(kUnlockHint);
    }
    return fail(std::move(error));
  }
  TRY(unlock_child());
  return send_request(connection, head, body);
}

Result<void> Client::unlock_child() {
  has_asked_ = true;
  TRY_ASSIGN(const auto passphrase,
             ask_secret(*session_, {.what = "passphrase", .prompt = "Passphrase of the vault"}));
  const auto unlocked = change_with_secret("POST",
                                           "/aivault/vault/unlock",
                                           json::Value::object(),
                                           "passphrase",
                                           passphrase,
                                           Form::characters);
  if (!unlocked) return fail(unlocked.error());
  return {};
}

Result<json::Value> Client::exchange(const std::string& head, const Upload* body) {
  const auto run = [&]() -> Result<json::Value> {
    TRY_ASSIGN(auto answer, begin(head, body));
    return read_document(*reached_.connection, answer);
  };
  auto document = run();
  if (!document) return fail(explain(std::move(document).error(), reached_));
  return document;
}

Result<json::Value> Client::get(const std::string& target) {
  return exchange(request_head("GET", target), nullptr);
}

Result<void> Client::each(std::string_view path,
                          Query query,
                          std::size_t limit,
                          const ItemSink& sink) {
  std::set<std::string, std::less<>> said;
  const auto count = query.size();
  for (std::size_t taken = 0; taken < limit;) {
    TRY_ASSIGN(const auto page, get(with_query(path, query)));
    const auto* list = page.find("items");
    const auto* next = page.find("next");
    for (const auto& warning : items_in(page, "warnings")) {
      if (said.emplace(warning.text()).second) session_->warning(warning.text());
    }
    if (list == nullptr || !list->is(json::Kind::array)) {
      return fail(explain(
          {ErrorCode::invalid_request, std::string(kInvalidResponse), "no list of items", 0},
          reached_));
    }
    for (const auto& item : list->items()) {
      if (taken++ < limit) sink(item);
    }
    if (next == nullptr || !next->is(json::Kind::string)) break;
    query.resize(count);
    query.emplace_back("cursor", next->text());
  }
  return {};
}

Result<json::Value> Client::list(Session& /*session*/,
                                 std::string_view path,
                                 Query query,
                                 std::size_t limit) {
  auto items = json::Value::array();
  TRY(each(path, std::move(query), limit, [&items](const json::Value& item) { items.push(item); }));
  return items;
}

Result<int> print_result(Session& session, const Result<json::Value>& result, json::Order order) {
  if (!result) return fail(result.error());
  session.print_json(*result, order);
  return kSuccess;
}

// Prints the notices of a change and takes out its result.
json::Value Client::result_of(const json::Value& answer) {
  const auto* notices = answer.find("notices");
  const auto* result = answer.find("result");
  if (notices == nullptr || result == nullptr) return answer;
  for (const auto& entry : notices->items()) {
    if (text_of(entry, "level") == "warning") {
      session_->warning(text_of(entry, "text"));
    } else {
      session_->notice(text_of(entry, "text"));
    }
  }
  return *result;
}

Result<json::Value> Client::change(Session& /*session*/,
                                   std::string_view method,
                                   const std::string& target,
                                   const json::Value& body) {
  if (method == "DELETE" || method == "GET") {
    TRY_ASSIGN(const auto answer, exchange(request_head(method, target), nullptr));
    return result_of(answer);
  }
  const auto text = json::compact(body);
  return change_with_body(method, target, {.text = text});
}

Result<json::Value> Client::change_with_body(std::string_view method,
                                             const std::string& target,
                                             const Upload& body) {
  TRY_ASSIGN(const auto answer, exchange(request_head(method, target), &body));
  return result_of(answer);
}

Result<Secret> body_with_secrets(const json::Value& body, std::span<const SecretMember> members) {
  std::string text = json::compact(body);
  text.pop_back();  // The closing brace.
  bool is_first = body.members().empty();
  std::vector<std::string> texts;
  texts.reserve(members.size());  // Parts point into it.
  std::vector<json::DocumentPart> parts;
  for (const auto& member : members) {
    if (member.secret == nullptr) continue;
    text += (is_first ? "" : ",") + json::quoted(member.key) + ":";
    is_first = false;
    texts.push_back(std::exchange(text, {}));
    parts.push_back({.text = texts.back()});
    parts.push_back({.form = member.form, .secret = member.secret});
  }
  text += '}';
  parts.push_back({.text = text});
  auto document = json::document_of(parts);
  if (document) return *std::move(document);
  return invalid_request("", "a key or passphrase is not UTF-8 text");
}

Result<json::Value> Client::change_with_secret(std::string_view method,
                                               const std::string& target,
                                               const json::Value& body,
                                               std::string_view key,
                                               const Secret& secret,
                                               Form form) {
  const std::array<SecretMember, 1> members{SecretMember{key, &secret, form}};
  TRY_ASSIGN(const auto document, body_with_secrets(body, members));
  return change_with_body(method, target, {.secret = &document});
}

Result<http::Headers> Client::download(std::string_view method,
                                       const std::string& target,
                                       const Upload* body,
                                       const ByteSink& sink) {
  const auto run = [&]() -> Result<http::Headers> {
    TRY_ASSIGN(auto answer, begin(request_head(method, target) + "te: trailers\r\n", body));
    TRY(read_bytes(*reached_.connection, answer, Patience::of_an_answer, sink));
    TRY(judge_outcome(answer.trailers()));
    return answer.trailers();
  };
  auto trailers = run();
  if (!trailers) return fail(explain(std::move(trailers).error(), reached_));
  return trailers;
}

Result<void> Client::follow(const std::string& target, const ByteSink& sink) {
  const auto run = [&]() -> Result<void> {
    TRY_ASSIGN(auto answer, begin(request_head("GET", target), nullptr));
    return read_bytes(*reached_.connection, answer, Patience::while_read, sink);
  };
  auto ended = run();
  // Whoever reads along stops it; the daemon ends it when it goes, and nothing more comes.
  if (ended) {
    return vault_unavailable(std::string(kConnectionLost),
                             "connection to " + reached_.where() + " was lost: the daemon stops");
  }
  auto error = explain(std::move(ended).error(), reached_);
  if (error.reason == kConnectionLost)
    error.message = "connection to " + reached_.where() + " was lost";
  return fail(std::move(error));
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
  Client client(session, std::move(reached));
  TRY(client.introduce());
  if (client.daemon_version_ != version() && !client.reached_.is_private) {
    session.notice("aivault " + std::string(version()) + " is talking to aivaultd " +
                   client.daemon_version_ + "; run `aivault restart`");
  }
  return client;
}

Result<Client> Client::at_private(Session& session, Reached reached) {
  const auto child = reached.child ? reached.child : reached.lasting_child;
  auto client = at(session, std::move(reached));
  if (client || client.error().reason != kConnectionLost) return client;
  return fail(ended_early(child));
}

Result<Client> Client::in_private_child(Session& session) {
  TRY_ASSIGN(auto reached, reach_private_child(session));
  return at_private(session, std::move(reached));
}

Result<void> Client::open_locked() {
  TRY_ASSIGN(const auto status, get("/aivault/vault"));
  const bool is_locked =
      is_true_in(status, "locked") && text_of(status, "providerType") == "passphrase";
  if (!is_locked) return {};
  return unlock_child();
}

Result<Client> Client::of_lasting_daemon(Session& session, Stay stay) {
  TRY_ASSIGN(const auto routes, find_routes(session.environment()));
  TRY_ASSIGN(auto reached,
             reach_lasting_daemon(session,
                                  stay == Stay::until_locked
                                      ? Needed{"unlock", IdleExit::as_configured}
                                      : Needed{"oauth login", IdleExit::as_autostarted}));
  if (!is_for(reached.uid, routes.places.vault_root)) {
    return fail(
        ErrorCode::operator_auth_required, "", "OperatorAuthRequired: operator token required");
  }
  TRY_ASSIGN(auto client, at(session, std::move(reached)));
  if (is_meant(client, routes)) return client;
  return vault_unavailable(
      "", client.reached().where() + " serves another vault, '" + client.vault_root() + "'");
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
        if (is_meant(*client, routes) || ask_shared) return client;
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
