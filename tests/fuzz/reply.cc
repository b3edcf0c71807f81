// What a token endpoint answers: a token comes out of a JSON object alone, and what is shown of an
// error is a plain word.
#include "tokens/reply.h"

#include <algorithm>

#include "base/secret.h"
#include "base/text.h"
#include "fuzz.h"

using namespace aivault;  // NOLINT: a fuzzer is one function.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto body = fuzz::text_of(data, size);
  const tokens::Reply reply(200, 0, Secret::copy_of(body));
  constexpr std::int64_t kLifetime = 1234;
  const auto answer = tokens::read_token_answer(reply, kLifetime);
  const auto word = reply.error();
  MUST(word.size() <= 64);
  MUST(std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  }));
  if (!answer) {
    fuzz::must_be_presentable(answer.error());
    MUST(answer.error().code == ErrorCode::auth_failed);
    MUST(answer.error().message.size() < 100);  // It quotes nothing.
    return 0;
  }
  MUST(reply.document() != nullptr && trim(body).starts_with('{'));
  const auto access = reply.text("access_token");
  MUST(access && !trim(*access).empty());
  MUST(answer->access == Secret::copy_of(*access));
  MUST(answer->refresh.size() <= size);
  if (!reply.integer("expires_in"))
    MUST(answer->lifetime_s == kLifetime || answer->lifetime_s <= 0);
  return 0;
}
