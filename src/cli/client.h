// Client: one operator's conversation with a daemon: JSON requests and their answers, over one
// connection that has been acknowledged by a health request.
// Thread: one. Errors: those of the daemon, with the message to show; vault_unavailable
// kConnectionLost, invalid_request kInvalidResponse.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "cli/operator_exchange.h"
#include "cli/reach.h"
#include "cli/session.h"
#include "http/message.h"
#include "json/secret_text.h"
#include "json/value.h"
#include "json/write.h"

namespace aivault::cli {

using Query = std::vector<std::pair<std::string, std::string>>;
// "/aivault/secrets?scope=global"; names and values are encoded.
std::string with_query(std::string_view path, const Query& query);
// One segment of a target: "openai%2Fchat-completions".
std::string segment(std::string_view id);

class Client {
 public:
  // The daemon that serves the caller's vault, else a private child for this command.
  static Result<Client> for_operator(Session& session);
  static Result<Client> in_private_child(Session& session);
  static Result<Client> at_private(Session& session, Reached reached);
  // Of a private daemon: opens a vault that is locked with a passphrase that is asked for at the
  // terminal.
  Result<void> open_locked();
  // A daemon that stays: found or started. It may be asked for the caller's vault only.
  // until_locked: the operator ends it, as after `unlock`; while_used: as one that a call starts.
  enum class Stay : std::uint8_t { until_locked, while_used };
  static Result<Client> of_lasting_daemon(Session& session, Stay stay);
  // Only a daemon that is there already; nothing is started.
  static Result<Client> at(Session& session, Reached reached);

  Client(Client&&) = default;
  Client& operator=(Client&&) = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { reached_.finish(); }

  const Reached& reached() const { return reached_; }
  const std::string& vault_root() const { return vault_root_; }  // Empty: the daemon says none.
  const std::string& daemon_version() const { return daemon_version_; }
  const json::Value& whoami() const { return whoami_; }
  // That vault is the one this daemon serves.
  bool serves(const std::string& root) const;
  bool is_operator() const { return !vault_root_.empty(); }

  Result<json::Value> get(const std::string& target);
  Result<json::Value> get(std::string_view path, const Query& query) {
    return get(with_query(path, query));
  }
  // All items of a list, page by page; at most `limit`.
  // Its warnings go to stderr.
  Result<json::Value> list(Session& session, std::string_view path, Query query, std::size_t limit);
  // The same, without keeping more than a page.
  using ItemSink = std::function<void(const json::Value&)>;
  Result<void> each(std::string_view path, Query query, std::size_t limit, const ItemSink& sink);

  // Changes: notices go to stderr, the result comes back.
  Result<json::Value> change(Session& session,
                             std::string_view method,
                             const std::string& target,
                             const json::Value& body = json::Value::object());
  // `secret` becomes the member `key`, as Base64 or as the text it is.
  using Form = json::DocumentPart::Form;
  Result<json::Value> change_with_secret(std::string_view method,
                                         const std::string& target,
                                         const json::Value& body,
                                         std::string_view key,
                                         const Secret& secret,
                                         Form form);
  Result<json::Value> change_with_body(std::string_view method,
                                       const std::string& target,
                                       const Upload& body);
  // The bytes of an answer as they come; the trailers once the daemon has said that they are
  // complete.
  Result<http::Headers> download(std::string_view method,
                                 const std::string& target,
                                 const Upload* body,
                                 const ByteSink& sink);
  // Lines as they happen; ends with the program, or as an error when the daemon goes.
  Result<void> follow(const std::string& target, const ByteSink& sink);

 private:
  Client(Session& session, Reached reached) : session_(&session), reached_(std::move(reached)) {}
  Result<void> introduce();  // Health and whoami.
  Result<json::Value> exchange(const std::string& head, const Upload* body);
  // A locked vault of a private child is unlocked once, with a passphrase asked for at the
  // terminal.
  Result<ResponseReader> begin(const std::string& head, const Upload* body);
  Result<void> unlock_child();
  json::Value result_of(const json::Value& answer);

  Session* session_;
  Reached reached_;
  std::string vault_root_;
  std::string daemon_version_;
  json::Value whoami_;
  bool has_asked_ = false;
};

// A member of a request body that is a secret; nullptr: it is left out.
struct SecretMember {
  std::string_view key;
  const Secret* secret = nullptr;
  json::DocumentPart::Form form = json::DocumentPart::Form::characters;
};
Result<Secret> body_with_secrets(const json::Value& body, std::span<const SecretMember> members);

// The daemon is about to go, or has gone: another one may serve in a moment.
bool is_going_away(const Error& error);

// The end of most commands: the result on stdout, or the error.
Result<int> print_result(Session& session, const Result<json::Value>& result, json::Order order);

}  // namespace aivault::cli
