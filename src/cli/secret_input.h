// secret_input: a secret as the person at the keyboard gives it: a text flag, a file or stdin, or a
// hidden prompt. It goes from there into locked memory; what it passed is wiped.
// Thread: one. Errors: invalid_request.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "cli/arguments.h"
#include "cli/session.h"
#include "cli/wiped_buffer.h"

namespace aivault::cli {

constexpr std::size_t kMaxSecret = std::size_t{1} << 20U;  // Bytes.

// once: what exists already; twice: what is made now and could not be told after a slip.
enum class Ask : std::uint8_t { once, twice };

// Where one secret of one command may come from.
struct SecretSource {
  std::string_view text_flag = {};  // "value"; empty: none.
  std::string_view file_flag = {};  // "value-file"; empty: none.
  std::string_view what;            // For messages: "secret value".
  std::string prompt = {};          // "New value"
  Ask ask = Ask::once;
  std::string missing = {};  // What is said without any source; empty: "provide --value or ...".
};

// One of the flags was given.
bool is_given(const Session& session, const Arguments& arguments, const SecretSource& source);

Result<Secret> read_secret(Session& session,
                           const Arguments& arguments,
                           const SecretSource& source);
// The prompt alone: for what a command learns to need only from the daemon.
Result<Secret> ask_secret(Session& session, const SecretSource& source);

// A whole file, "-" is stdin; at most `limit` bytes.
Result<WipedBuffer> read_secret_file(const std::string& path, std::size_t limit);

// From now on neither a core dump nor another process of this user sees this one's memory.
void hide_memory();

}  // namespace aivault::cli
