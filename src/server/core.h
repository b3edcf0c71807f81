// Core: what the sessions of one server share. Lives until the last of them has ended.
// Thread: the event loop.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>

#include "admin/desk.h"
#include "admin/secret_tally.h"
#include "broker/broker.h"
#include "broker/call.h"
#include "server/memory_budget.h"
#include "server/outcomes.h"
#include "server/rounds.h"
#include "server/server.h"

namespace aivault::server {

// "operator", "agent", "tcp", "stdio"
std::string_view name_of(broker::Door door);

struct Core {
  boost::asio::any_io_executor loop;
  Server::Lanes lanes;
  admin::Desk& desk;
  broker::Broker& broker;
  Server::Options options;
  Server::Hooks hooks;
  Outcomes outcomes{};
  Rounds rounds{loop};
  bool draining = false;
  std::size_t open = 0;        // Connections.
  std::size_t busy = 0;        // Of them, with a request under way.
  std::size_t operations = 0;  // That wait for a thread or run there.
  std::unordered_map<std::int64_t, std::size_t> operations_of_uid{};
  std::unordered_map<std::int64_t, std::size_t> open_of_uid{};
  std::unordered_map<std::int64_t, std::string> user_names{};
  MemoryBudget memory{options.memory, options.metrics};
  std::shared_ptr<admin::SecretTally> secrets = std::make_shared<admin::SecretTally>();
  std::optional<boost::asio::thread_pool> decoder{};  // Made when first needed.
  // Where handlers with a stream of bytes run, one at a time; true while one does.
  std::optional<boost::asio::thread_pool> bulk{};
  std::shared_ptr<std::atomic<bool>> bulk_is_busy = std::make_shared<std::atomic<bool>>(false);

  const std::string& user_name(std::int64_t uid);
  bool is_operator(std::int64_t uid, broker::Door door) const;
  // For the metrics, if there are any.
  void count(metrics::Name name, metrics::Metrics::Labels labels = {}, double change = 1) const {
    if (options.metrics != nullptr) options.metrics->add(name, labels, change);
  }
  void count_error(int status) const;
};

}  // namespace aivault::server
