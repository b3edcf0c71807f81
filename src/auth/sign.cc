#include "auth/sign.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "auth/injection.h"
#include "base/reveal.h"

namespace aivault::auth {
namespace {

constexpr std::string_view kEndOfLine = "\r\n";

// The pieces of a head, as views; joined once, straight into guarded memory.
class Head {
 public:
  void add(std::string_view text) { parts_.push_back(text); }
  void add_header(std::string_view name, std::string_view value) {
    for (const auto part : {name, std::string_view(": "), value, kEndOfLine}) add(part);
  }
  Secret join() const { return Secret::join(parts_); }

 private:
  std::vector<std::string_view> parts_;
};

void add_target(Head& head, const policy::PlannedRequest& planned, const Injection& injection) {
  std::string_view path = planned.path();
  if (!injection.path_prefix.empty()) {
    head.add(injection.path_prefix.text(Reveal{}));
    path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
    if (!path.empty()) head.add("/");
  }
  head.add(path);
  std::string_view separator = "?";
  for (const auto& piece : planned.query()) {
    head.add(std::exchange(separator, "&"));
    head.add(piece.wire);
  }
  if (!injection.query_pair.empty()) {
    head.add(separator);
    head.add(injection.query_pair.text(Reveal{}));
  }
}

bool has_length_without_body(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

}  // namespace

Result<SignedRequest> sign(policy::PlannedRequest planned,
                           const registry::AuthSpec& auth,
                           const Secret& secret) {
  TRY_ASSIGN(const auto injection, inject(auth, secret));
  Head head;
  head.add(planned.method());
  head.add(" ");
  add_target(head, planned, injection);
  head.add(" HTTP/1.1\r\n");
  const auto host = planned.authority().text();
  head.add_header("host", host);
  for (const auto& header : planned.headers()) {
    if (header.name != injection.header_name) head.add_header(header.name, header.value);
  }
  if (!injection.header_name.empty()) {
    head.add_header(injection.header_name, injection.header_value.text(Reveal{}));
  }
  const auto size = planned.body_size();
  const auto length = std::to_string(size.value_or(0));
  if (planned.chunked()) {
    head.add_header("transfer-encoding", "chunked");
  } else if (size || has_length_without_body(planned.method())) {
    head.add_header("content-length", length);
  }
  head.add(kEndOfLine);
  auto joined = head.join();
  return SignedRequest(std::move(planned), std::move(joined));
}

}  // namespace aivault::auth
