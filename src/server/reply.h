// Reply: an answer of the daemon itself, and the heads of all answers.
// Thread: any; pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "http/message.h"

namespace aivault::server {

struct Reply {
  int status = 200;
  http::Headers headers;  // Beyond those that every answer has.
  std::string body;
  std::string_view type = "application/json";  // Of the body.
};

Reply json_reply(int status, std::string body);
// With the status of docs/errors.md, or another one where the transport has its own.
Reply error_reply(const Error& error, int status = 0);
// Everything but the request id is fixed: head and body as sent.
enum class Keep : bool { open, close };
std::string to_wire(const Reply& reply, std::string_view request_id, Keep keep);

// "HTTP/1.1 200 OK\r\n"
std::string status_line(int status);
void add_header(std::string& head, std::string_view name, std::string_view value);

}  // namespace aivault::server
