#include "metrics/metrics.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace aivault::metrics {
namespace {

using std::string_literals::operator""s;

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Metrics, AreTextAsPrometheusReadsIt) {
  Metrics metrics;
  metrics.add(Name::calls, {"openai/models", "ok", "read"});
  metrics.add(Name::calls, {"openai/models", "ok", "read"}, 2);
  metrics.set(Name::vault_locked, 1);
  EXPECT_EQ(metrics.text(),
            "# HELP aivault_calls_total Calls that have ended, or were refused\n"
            "# TYPE aivault_calls_total counter\n"
            "aivault_calls_total{capability=\"openai/models\",outcome=\"ok\",class=\"read\"} 3\n"
            "# HELP aivault_vault_locked 1: locked, or not there\n"
            "# TYPE aivault_vault_locked gauge\n"
            "aivault_vault_locked 1\n");
}

TEST(Metrics, AddUpTheBucketsOfAHistogram) {
  Metrics metrics;
  for (const double seconds : {0.0005, 0.25, 0.3, 1000.0}) {
    metrics.observe(Name::upstream_seconds, seconds, {"tls"});
  }
  const auto text = metrics.text();
  for (const auto* line : {"_bucket{phase=\"tls\",le=\"0.001\"} 1\n",
                           "_bucket{phase=\"tls\",le=\"0.1\"} 1\n",
                           "_bucket{phase=\"tls\",le=\"0.25\"} 2\n",
                           "_bucket{phase=\"tls\",le=\"300\"} 3\n",
                           "_bucket{phase=\"tls\",le=\"+Inf\"} 4\n",
                           "_sum{phase=\"tls\"} 1000.5505\n",
                           "_count{phase=\"tls\"} 4\n"}) {
    EXPECT_NE(text.find("aivault_upstream_seconds"s + line), std::string::npos) << line << text;
  }
}

TEST(Metrics, TellShortTimesApartWhereTheyAreUsual) {
  Metrics metrics;
  for (const double seconds : {0.00004, 0.0002, 20.0}) {
    metrics.observe(Name::audit_commit_seconds, seconds);
  }
  const auto text = metrics.text();
  EXPECT_NE(text.find("# TYPE aivault_audit_commit_seconds histogram\n"), std::string::npos);
  for (const auto* line :
       {"5e-05\"} 1\n", "1e-04\"} 1\n", "0.00025\"} 2\n", "10\"} 2\n", "+Inf\"} 3\n"}) {
    EXPECT_NE(text.find("aivault_audit_commit_seconds_bucket{le=\""s + line), std::string::npos)
        << line << text;
  }
}

TEST(Metrics, EscapeWhatALabelHolds) {
  Metrics metrics;
  metrics.add(Name::denials, {"a\"b\\c\nd", ""});
  EXPECT_NE(metrics.text().find("{code=\"a\\\"b\\\\c\\nd\",reason=\"\"} 1\n"), std::string::npos);
}

TEST(Metrics, AreBoundedWhateverIsCounted) {
  Metrics metrics;
  constexpr std::size_t kMany = kMaxSeries + 500;
  for (std::size_t i = 0; i < kMany; ++i) {
    metrics.add(Name::calls, {"own/" + std::to_string(i), "ok", "read"});
  }
  const auto text = metrics.text();
  EXPECT_EQ(count_of(text, "aivault_calls_total{"), kMaxSeries + 1);
  EXPECT_NE(text.find("{capability=\"other\",outcome=\"other\",class=\"other\"} 500\n"),
            std::string::npos);
  // What is there already counts on, and a name without labels always has room.
  metrics.add(Name::calls, {"own/7", "ok", "read"});
  metrics.set(Name::agents, 3);
  EXPECT_NE(metrics.text().find("{capability=\"own/7\",outcome=\"ok\",class=\"read\"} 2\n"),
            std::string::npos);
  EXPECT_NE(metrics.text().find("aivault_agents 3\n"), std::string::npos);
}

TEST(Metrics, LoseNothingBetweenThreads) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&metrics] {
      for (int n = 0; n < 1000; ++n) metrics.add(Name::accept_pauses);
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_NE(metrics.text().find("aivault_accept_pauses_total 4000\n"), std::string::npos);
}

TEST(Metrics, RefuseLabelsThatDoNotFit) {
  Metrics metrics;
  EXPECT_THROW(metrics.add(Name::calls, {"only one"}), std::logic_error);
}

}  // namespace
}  // namespace aivault::metrics
