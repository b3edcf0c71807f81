// Headers: the control headers and media types that aivault and aivaultd agree on.
#pragma once

#include <string_view>

namespace aivault::protocol {

inline constexpr std::string_view kEnvelopeType = "application/vnd.aivault.envelope";
inline constexpr std::string_view kJsonType = "application/json";

inline constexpr std::string_view kRequestId = "x-aivault-request-id";
inline constexpr std::string_view kCapability = "x-aivault-capability";
inline constexpr std::string_view kCredential = "x-aivault-credential";
inline constexpr std::string_view kMethod = "x-aivault-method";
inline constexpr std::string_view kUrl = "x-aivault-url";
inline constexpr std::string_view kError = "x-aivault-error";
inline constexpr std::string_view kReason = "x-aivault-reason";
inline constexpr std::string_view kMessage = "x-aivault-message";  // Percent-encoded.
inline constexpr std::string_view kOutcome = "x-aivault-outcome";  // Trailer: ok | error.
inline constexpr std::string_view kContentLength = "x-aivault-content-length";
inline constexpr std::string_view kToken = "x-aivault-token";
inline constexpr std::string_view kWorkspace = "x-aivault-workspace";
inline constexpr std::string_view kGroup = "x-aivault-group";
inline constexpr std::string_view kTimeoutMs = "x-aivault-timeout-ms";
inline constexpr std::string_view kClientIp = "x-aivault-client-ip";
inline constexpr std::string_view kComplete = "x-aivault-complete";
inline constexpr std::string_view kVia = "x-aivault-via";  // tcp
inline constexpr std::string_view kInterim = "x-aivault-interim";
inline constexpr std::string_view kApproval = "x-aivault-approval";  // Of an interim answer.

}  // namespace aivault::protocol
