// Result<T>: a value, or the Error that explains its absence.
#pragma once

#include <utility>

#include <tl/expected.hpp>

#include "base/error.h"

namespace aivault {

template <typename T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  Result(tl::expected<T, Error> other) : tl::expected<T, Error>(std::move(other)) {}  // NOLINT
};

inline tl::unexpected<Error> fail(ErrorCode code, std::string reason, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(reason), std::move(message), 0});
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

// The two most frequent ones, in the words of the error table.
inline tl::unexpected<Error> invalid_request(std::string reason, std::string message) {
  return fail(ErrorCode::invalid_request, std::move(reason), std::move(message));
}
inline tl::unexpected<Error> policy_violation(std::string reason, std::string message) {
  return fail(ErrorCode::policy_violation, std::move(reason), std::move(message));
}
inline tl::unexpected<Error> vault_unavailable(std::string reason, std::string message) {
  return fail(ErrorCode::vault_unavailable, std::move(reason), std::move(message));
}

}  // namespace aivault

#define AIVAULT_CONCAT_INNER(a, b) a##b
#define AIVAULT_CONCAT(a, b) AIVAULT_CONCAT_INNER(a, b)

// TRY_ASSIGN(auto key, unwrap(dek)): declares `key`, or returns the error.
// TRY(check(x)): returns the error of a Result<void>.
// The CO_ forms are for coroutines, where plain `return` is not allowed.
#define TRY_ASSIGN(declaration, expression) \
  TRY_INNER(return, AIVAULT_CONCAT(try_result_, __LINE__), declaration, expression)
#define CO_TRY_ASSIGN(declaration, expression) \
  TRY_INNER(co_return, AIVAULT_CONCAT(try_result_, __LINE__), declaration, expression)
#define TRY(expression) TRY_VOID(return, expression)
#define CO_TRY(expression) TRY_VOID(co_return, expression)

#define TRY_INNER(leave, result, declaration, expression)       \
  auto result = (expression);                                   \
  if (!result) leave tl::unexpected(std::move(result).error()); \
  declaration = *std::move(result)
#define TRY_VOID(leave, expression)                        \
  do {                                                     \
    if (auto try_result = (expression); !try_result)       \
      leave tl::unexpected(std::move(try_result).error()); \
  } while (false)
