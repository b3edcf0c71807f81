// McpCalls: tool calls that run beside each other, 16 at once and the others in order, each of
// which can be cancelled.
// Thread: its members belong to the thread that made it; `work` runs on threads of its own.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cli/mcp_daemon.h"

namespace aivault::cli {

class McpCalls {
 public:
  using Work = std::function<void(McpCancel&)>;

  McpCalls() = default;
  ~McpCalls();  // Cancels what runs, and waits for it.
  McpCalls(const McpCalls&) = delete;
  McpCalls& operator=(const McpCalls&) = delete;

  // False: too many wait already. `key`: the id of the request.
  bool start(std::string key, Work work);
  void cancel(const std::string& key);
  bool knows(const std::string& key);

 private:
  struct Call {
    std::string key;
    Work work;
    McpCancel cancel;
  };
  void serve();

  std::mutex guard_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Call>> waiting_;
  std::vector<std::shared_ptr<Call>> running_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  bool stopped_ = false;
};

}  // namespace aivault::cli
