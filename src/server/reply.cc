#include "server/reply.h"

#include <algorithm>
#include <array>
#include <utility>

#include "protocol/error_body.h"
#include "protocol/headers.h"

namespace aivault::server {
namespace {

struct Phrase {
  int status;
  std::string_view text;
};
// RFC 9110 15; a status that is missing here goes without words.
constexpr auto kPhrases = std::to_array<Phrase>({
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
});

}  // namespace

std::string status_line(int status) {
  const auto* phrase = std::ranges::find(kPhrases, status, &Phrase::status);
  std::string line = "HTTP/1.1 " + std::to_string(status) + ' ';
  if (phrase != kPhrases.end()) line += phrase->text;
  return line + "\r\n";
}

void add_header(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ").append(value).append("\r\n");
}

Reply json_reply(int status, std::string body) {
  Reply reply;
  reply.status = status;
  reply.body = std::move(body);
  return reply;
}

Reply error_reply(const Error& error, int status) {
  auto reply =
      json_reply(status != 0 ? status : protocol::http_status(error), protocol::to_json(error));
  reply.headers.push_back({std::string(protocol::kError), std::string(to_string(error.code))});
  if (error.code == ErrorCode::token_invalid) {
    reply.headers.push_back({"www-authenticate", "Bearer"});
  }
  if (error.retry_after_s > 0) {
    reply.headers.push_back({"retry-after", std::to_string(error.retry_after_s)});
  }
  return reply;
}

std::string to_wire(const Reply& reply, std::string_view request_id, Keep keep) {
  auto wire = status_line(reply.status);
  add_header(wire, "content-type", reply.type);
  add_header(wire, "cache-control", "no-store");
  add_header(wire, "x-content-type-options", "nosniff");
  add_header(wire, protocol::kRequestId, request_id);
  for (const auto& header : reply.headers) add_header(wire, header.name, header.value);
  if (keep == Keep::close) add_header(wire, "connection", "close");
  add_header(wire, "content-length", std::to_string(reply.body.size()));
  return wire.append("\r\n").append(reply.body);
}

}  // namespace aivault::server
