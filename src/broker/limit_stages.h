// LimitStages: the steps of an answer's body that the operator's policy asks for: how large it may
// be, and what must not be in it.
// Thread: the event loop. Errors: policy_violation response_too_large.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "broker/body_stage.h"
#include "http/message.h"
#include "policy/blocklist.h"
#include "policy/limits.h"
#include "upstream/response_parser.h"

namespace aivault::broker {

// What is searched for is prepared once for each list, not for each call.
class Blocklists {
 public:
  std::shared_ptr<const policy::BlocklistRules> rules_of(const std::vector<std::string>& entries);

 private:
  std::map<std::vector<std::string>, std::shared_ptr<const policy::BlocklistRules>> kept_;
};

std::vector<std::unique_ptr<BodyStage>> stages_of(const policy::CallLimits& limits,
                                                  const http::Headers& headers,
                                                  Blocklists& blocklists);
// The same for one message of a WebSocket; `blocked`: as compiled from the limits, or nullptr.
std::vector<std::unique_ptr<BodyStage>> stages_of(
    const policy::CallLimits& limits, std::shared_ptr<const policy::BlocklistRules> blocked);
// A declared length tells before the first byte; not that of a coded body, which is another one.
Result<void> check_declared(const policy::CallLimits& limits, const upstream::ResponseHead& head);

}  // namespace aivault::broker
