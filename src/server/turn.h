// Turn: one request and its answer.
// Thread: the event loop.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <boost/asio/awaitable.hpp>

#include "broker/call.h"
#include "http/head.h"
#include "server/connection.h"
#include "server/core.h"
#include "server/json_body.h"
#include "server/reply.h"
#include "server/request_body.h"
#include "server/route.h"

namespace aivault::server {

struct Turn {
  Core& core;
  Connection& connection;
  const broker::Caller& caller;
  const std::string id;  // Of the request.
  http::RequestHead head;
  RequestBody body;
  bool close;                             // After this answer.
  std::shared_ptr<const Secret> token{};  // Taken out of the head; nullptr: none was shown.
  // Takes what is to be called when the server begins to drain; nullptr: nothing any more.
  std::function<void(std::function<void()>)> at_drain{};

  // Answers; by then `close` says whether another request may follow.
  boost::asio::awaitable<void> reply(Reply reply);
  // What reply() would send, with `close` set; and the sending of it in pieces.
  std::string wire_of(const Reply& reply);
  boost::asio::awaitable<void> send(std::span<const std::string_view> parts);
  boost::asio::awaitable<void> refuse(Error error, int status = 0);
  // What to answer when the body could not be read: the transport's reason, else `error`.
  boost::asio::awaitable<void> refuse_body(Error error);
  // Whether the connection can be used again after an answer that is complete.
  Keep keep() const;
};

// POST /aivault/proxy. `cancel` ends the coroutine that runs it.
boost::asio::awaitable<void> answer_call(Turn& turn, std::function<void()> cancel);
// Any method of /v/{credential}/...: a vendor's own client.
boost::asio::awaitable<void> answer_passthrough(Turn& turn, std::function<void()> cancel);
// GET /aivault/ws: the first message says what is to be opened.
boost::asio::awaitable<void> answer_websocket(Turn& turn, std::function<void()> cancel);
// POST /aivault/tokens/proxy and /self. The id of a token that ends with the connection; empty:
// none does.
enum class Minter : bool { operators, callers };
boost::asio::awaitable<std::string> answer_mint(Turn& turn, Minter minter);
// A row of admin's table, for those who may ask.
boost::asio::awaitable<void> answer_operation(Turn& turn,
                                              const admin::Operation& operation,
                                              std::vector<std::string> ids,
                                              std::string_view query);
boost::asio::awaitable<void> answer_shutdown(Turn& turn);
boost::asio::awaitable<void> answer_reload(Turn& turn);
// GET /metrics, as text for Prometheus.
boost::asio::awaitable<void> answer_metrics(Turn& turn);
// GET /aivault/audit?follow=1: record by record until the peer closes or the daemon drains.
bool is_audit_follow(const admin::Operation& operation, std::string_view query);
boost::asio::awaitable<void> answer_audit_follow(Turn& turn,
                                                 const admin::Operation& operation,
                                                 std::string_view query);

// The logins of an operator: POST, GET and DELETE of /aivault/oauth/login.
boost::asio::awaitable<void> answer_login_start(Turn& turn);
boost::asio::awaitable<void> answer_login_callback(Turn& turn, std::string id);
boost::asio::awaitable<void> answer_login_wait(Turn& turn, std::string id, std::string_view query);
boost::asio::awaitable<void> answer_login_cancel(Turn& turn, std::string id);

admin::Actor actor_of(const Turn& turn);
// Reads and parses the body of a request that has one. False: it was answered.
boost::asio::awaitable<bool> take_body(Turn& turn,
                                       MemoryBudget::Share& memory,
                                       std::shared_ptr<JsonBody> body,
                                       std::size_t limit);

}  // namespace aivault::server
