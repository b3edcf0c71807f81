// Client: one operator's conversation with a daemon: JSON requests and their answers, over one
// connection that has been acknowledged by a health request.
// Thread: one. Errors: those of the daemon, with the message to show; vault_unavailable
// kConnectionLost, invalid_request kInvalidResponse.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "cli/reach.h"
#include "cli/session.h"
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
  bool is_operator() const { return !vault_root_.empty(); }

  Result<json::Value> get(const std::string& target);
  Result<json::Value> get(std::string_view path, const Query& query) {
    return get(with_query(path, query));
  }
  // All items of a list, page by page; at most `limit`.
  // Its warnings go to stderr.
  Result<json::Value> list(Session& session, std::string_view path, Query query, std::size_t limit);
  // Changes: notices go to stderr, the result comes back.
  Result<json::Value> change(Session& session,
                             std::string_view method,
                             const std::string& target,
                             const json::Value& body = json::Value::object());
  Result<json::Value> change_with_secret(Session& session,
                                         std::string_view method,
                                         const std::string& target,
                                         const json::Value& body,
                                         std::string_view key,
                                         const Secret& secret);

 private:
  explicit Client(Reached reached) : reached_(std::move(reached)) {}
  Result<void> introduce();  // Health and whoami.
  Result<json::Value> exchange(const std::string& head,
                               const std::string* body,
                               const Secret* secret_body);
  Result<json::Value> read_answer();

  Reached reached_;
  std::string vault_root_;
  std::string daemon_version_;
  json::Value whoami_;
};

// The daemon is about to go, or has gone: another one may serve in a moment.
bool is_going_away(const Error& error);

// The end of most commands: the result on stdout, or the error.
Result<int> print_result(Session& session, const Result<json::Value>& result, json::Order order);

}  // namespace aivault::cli
