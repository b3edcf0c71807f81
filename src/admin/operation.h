// Operation: one operator request of the HTTP API as a row of a table: what it is, who may ask,
// what answers it. The server parses requests by this table and knows nothing else about them.
// Thread: handlers run on the operator thread, one after another, and may block.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "json/value.h"

namespace aivault::admin {

class Desk;

// any: callers too, narrowed by the handler; socket_callers: those on a unix socket that show no
// token; operators: the daemon's uid or root on the operator
// socket; private_child: as operators, in an `aivaultd --stdio` only.
enum class Audience : std::uint8_t { any, socket_callers, operators, private_child };

struct Actor {
  std::int64_t uid = -1, pid = 0;
  std::string user, exe, unit;
  bool is_operator = false;  // For operators' operations: without a token, at a door of theirs.
  bool operates = false;     // The operator's uid at such a door, with a token or not.
  bool remote = false;       // Over TCP.
  std::string_view socket = "operator";  // operator, agent, tcp or stdio: the way it came in.
  std::string request_id;
};

// Bytes that an operation gives or takes while its handler runs; both wait for the other side.
struct ByteStream {
  std::function<Result<void>(std::string_view)> send;           // Of a download.
  std::function<Result<std::size_t>(std::span<char>)> receive;  // Of an upload; 0: the end.
  std::function<bool()> is_wanted;                              // Is the client still there?
};

struct Request {
  Actor actor;
  std::shared_ptr<const Secret> token;  // As presented; nullptr: none was.
  std::vector<std::string> ids;         // The {segments} of the path, percent-decoded.
  std::vector<std::pair<std::string, std::string>> query;  // Decoded, in order.
  const json::Value* body = nullptr;  // Parsed with wiping memory; nullptr: the route has none.
  ByteStream stream;                  // Of a route that has one.
};

struct Answer {
  int status = 200;
  json::Value result;
  // How `result` is printed: shapes keep their order, ad hoc objects are alphabetical.
  enum class Form : std::uint8_t { shape, ad_hoc } form = Form::shape;
  // Changes answer {"notices":[...],"result":...}; reads answer `result` alone.
  bool is_change = false;
  struct Notice {
    enum class Level : std::uint8_t { notice, warning } level = Level::notice;
    std::string text;
  };
  std::vector<Notice> notices;
  // Of a download, behind its bytes: names and values as HTTP has them.
  std::vector<std::pair<std::string, std::string>> trailers;
  // Goes into the text of `result` in place of kTokenPlace, and nowhere else.
  std::shared_ptr<const Secret> token;
};
inline constexpr std::string_view kTokenPlace =
    "avp_...........................................";  // As long as a token.

// quick: on the operator thread, in milliseconds. slow: on a thread of its own, where it may take
// seconds (a key derivation, a check of everything) while quick ones are answered; its handler
// must not rely on the operator thread. patient: as slow, on a third thread, for what makes its
// asker wait on purpose. urgent: for what must not wait behind an operator's change that waits for
// the database: who asks, and `lock`.
enum class Lane : std::uint8_t { quick, slow, patient, urgent };

// download: the answer is bytes and trailers, or an error before the first byte; upload: the JSON
// body comes framed (docs/api.md), and bytes follow it. Both run on a thread of their own, one at a
// time; another one meanwhile is refused as busy.
enum class Stream : std::uint8_t { none, download, upload };

struct Operation {
  std::string_view method;
  std::string_view path;  // "/aivault/secrets/{id}/rotate"
  Audience audience = Audience::operators;
  std::size_t max_body = std::size_t{2} << 20U;  // 0: no body.
  std::span<const std::string_view> query_keys;  // Others are refused; only "kind" may repeat.
  Result<Answer> (*handle)(Desk&, const Request&);
  Lane lane = Lane::quick;
  Stream stream = Stream::none;
};

std::span<const Operation> operations();

}  // namespace aivault::admin
