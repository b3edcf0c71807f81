// Exit status: what the shell learns about the end of aivault.
#pragma once

namespace aivault::cli {

constexpr int kSuccess = 0;
constexpr int kFailure = 1;
constexpr int kUsage = 2;
constexpr int kUpstreamFailed = 22;  // --fail, and the upstream answered 400 or above.

}  // namespace aivault::cli
