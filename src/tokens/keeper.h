// Keeper: gives calls the tokens of their credentials. However many calls want one, it is asked for
// once at a time, and is kept even if the call that wanted it has gone.
// Thread: the event loop. Errors: docs/tokens.md, "When it fails".
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "tokens/notices.h"
#include "tokens/refresh.h"

namespace aivault::tokens {

struct Good {
  TokenPtr token;
  std::string warning;  // Empty: none.
};

class Keeper : public std::enable_shared_from_this<Keeper> {
 public:
  // `client` outlives what stop() breaks off. `notices`: what `status` shows. It and `metrics` may
  // be nullptr.
  Keeper(boost::asio::any_io_executor executor,
         upstream::Client& client,
         std::string version,
         Notices* notices,
         metrics::Metrics* metrics);

  boost::asio::awaitable<Result<Good>> obtain(JobPtr job);
  // Another one than the one that the upstream did not take.
  boost::asio::awaitable<Result<Good>> replace(JobPtr job, TokenPtr refused);
  // At most once in 60 s for a credential.
  bool may_replace(const Job& job);
  // The next call asks for another one first.
  void refuse(const Job& job, const Token& token);

  void forget();  // Everything derived from secrets.
  void stop();    // Breaks off what is under way.

 private:
  struct Flight {
    explicit Flight(const boost::asio::any_io_executor& executor) : done(executor) {}
    boost::asio::steady_timer done;
    boost::asio::cancellation_signal broken_off;
    std::optional<Outcome> outcome;
  };
  struct Entry {
    std::shared_ptr<State> state = std::make_shared<State>();
    std::shared_ptr<Flight> flight;                      // nullptr: none is under way.
    std::shared_ptr<boost::asio::steady_timer> storing;  // Until what is unstored is tried again.
  };
  RefreshTools tools();
  Entry& entry_of(const Job& job) { return entries_[job.key()]; }
  std::shared_ptr<Flight> start(const JobPtr& job, Secret refused);
  static boost::asio::awaitable<void> fly(std::shared_ptr<Keeper> self,
                                          JobPtr job,
                                          Secret refused,
                                          std::shared_ptr<Flight> flight);
  static boost::asio::awaitable<void> keep_storing(std::shared_ptr<Keeper> self, JobPtr job);
  boost::asio::awaitable<Outcome> join(JobPtr job, Secret refused);
  void notice(const Job& job);

  boost::asio::any_io_executor executor_;
  upstream::Client& client_;
  std::string version_;
  Notices* notices_;
  metrics::Metrics* metrics_;
  std::map<std::string, Entry> entries_;
  std::optional<boost::asio::thread_pool> blocking_;  // Made when first needed.
  bool stopped_ = false;
};

}  // namespace aivault::tokens
