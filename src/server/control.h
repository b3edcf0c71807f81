// Control: the headers by which a caller says how a call is to run.
// Thread: any; pure. Errors: invalid_request header_syntax.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/result.h"
#include "http/message.h"

namespace aivault::server {

struct Control {
  std::string workspace, group;
  std::optional<std::string> client_ip;
  std::optional<std::chrono::milliseconds> timeout;
  bool complete_missing = false;
  bool wants_interim = false;  // Interim answers while the call waits for the operator.
};

Result<Control> parse_control(const http::Headers& headers);

}  // namespace aivault::server
