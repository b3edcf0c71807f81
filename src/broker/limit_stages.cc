#include "broker/limit_stages.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace aivault::broker {
namespace {

tl::unexpected<Error> too_large() {
  return policy_violation("response_too_large", "response body exceeds capability size limit");
}

class SizeStage final : public BodyStage {
 public:
  explicit SizeStage(std::int64_t limit) : left_(static_cast<std::uint64_t>(limit)) {}

  Result<void> feed(std::string_view in, std::string& out) override {
    if (in.size() > left_) return too_large();
    left_ -= in.size();
    out += in;
    return {};
  }
  Result<void> finish(std::string& /*out*/) override { return {}; }
  bool keeps_bytes() const override { return true; }

 private:
  std::uint64_t left_;
};

class BlocklistStage final : public BodyStage {
 public:
  BlocklistStage(std::shared_ptr<const policy::BlocklistRules> rules, std::string_view content_type)
      : blocklist_(std::move(rules), content_type) {}

  Result<void> feed(std::string_view in, std::string& out) override {
    blocklist_.feed(in, out);
    return {};
  }
  Result<void> finish(std::string& out) override {
    blocklist_.finish(out);
    return {};
  }
  std::string note() const override {
    std::string note;
    if (blocklist_.hits() > 0) note = "blocked " + std::to_string(blocklist_.hits());
    if (blocklist_.has_errors()) note += (note.empty() ? "" : ", ") + std::string("invalid JSON");
    return note;
  }
  Replaced replaced() const override { return {.blocked = blocklist_.hits()}; }

 private:
  policy::Blocklist blocklist_;
};

}  // namespace

std::shared_ptr<const policy::BlocklistRules> Blocklists::rules_of(
    const std::vector<std::string>& entries) {
  if (const auto found = kept_.find(entries); found != kept_.end()) return found->second;
  constexpr std::size_t kMaxKept = 32;  // The largest lists take megabytes.
  if (kept_.size() >= kMaxKept) kept_.clear();
  auto rules = std::make_shared<const policy::BlocklistRules>(entries);
  kept_.emplace(entries, rules);
  return rules;
}

std::vector<std::unique_ptr<BodyStage>> stages_of(const policy::CallLimits& limits,
                                                  const http::Headers& headers,
                                                  Blocklists& blocklists) {
  std::vector<std::unique_ptr<BodyStage>> stages;
  if (limits.max_response_bytes) {
    stages.push_back(std::make_unique<SizeStage>(*limits.max_response_bytes));
  }
  if (!limits.blocklist.empty()) {
    const auto* type = http::find(headers, "content-type");
    stages.push_back(std::make_unique<BlocklistStage>(
        blocklists.rules_of(limits.blocklist),
        type != nullptr ? std::string_view(*type) : std::string_view()));
  }
  return stages;
}

std::vector<std::unique_ptr<BodyStage>> stages_of(
    const policy::CallLimits& limits, std::shared_ptr<const policy::BlocklistRules> blocked) {
  std::vector<std::unique_ptr<BodyStage>> stages;
  if (limits.max_response_bytes) {
    stages.push_back(std::make_unique<SizeStage>(*limits.max_response_bytes));
  }
  if (blocked) stages.push_back(std::make_unique<BlocklistStage>(std::move(blocked), ""));
  return stages;
}

Result<void> check_declared(const policy::CallLimits& limits, const upstream::ResponseHead& head) {
  if (!limits.max_response_bytes || !head.content_length || !head.body_expected) return {};
  if (http::find(head.headers, "content-encoding") != nullptr) return {};
  const auto most = static_cast<std::uint64_t>(*limits.max_response_bytes);
  return *head.content_length > most ? Result<void>(too_large()) : Result<void>();
}

}  // namespace aivault::broker
