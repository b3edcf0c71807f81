// Operation: one operator request of the HTTP API as a row of a table: what it is, who may ask,
// what answers it. The server parses requests by this table and knows nothing else about them.
// Thread: handlers run on the operator thread, one after another, and may block.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/value.h"

namespace aivault::admin {

class Desk;

// any: callers too, narrowed by the handler; operators: the daemon's uid or root on the operator
// socket; private_child: as operators, in an `aivaultd --stdio` only.
enum class Audience : std::uint8_t { any, operators, private_child };

struct Actor {
  std::int64_t uid = -1, pid = 0;
  std::string user, exe, unit;
  bool is_operator = false;
  std::string request_id;
};

struct Request {
  Actor actor;
  std::vector<std::string> ids;  // The {segments} of the path, percent-decoded.
  std::vector<std::pair<std::string, std::string>> query;  // Decoded, in order.
  const json::Value* body = nullptr;  // Parsed with wiping memory; nullptr: the route has none.
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
};

// quick: on the operator thread, in milliseconds. slow: on a thread of its own, where it may take
// seconds (a key derivation, a check of everything) while quick ones are answered; its handler
// must not rely on the operator thread.
enum class Lane : std::uint8_t { quick, slow };

struct Operation {
  std::string_view method;
  std::string_view path;  // "/aivault/secrets/{id}/rotate"
  Audience audience = Audience::operators;
  std::size_t max_body = std::size_t{2} << 20U;  // 0: no body.
  std::span<const std::string_view> query_keys;  // Others are refused; only "kind" may repeat.
  Result<Answer> (*handle)(Desk&, const Request&);
  Lane lane = Lane::quick;
};

std::span<const Operation> operations();

}  // namespace aivault::admin
