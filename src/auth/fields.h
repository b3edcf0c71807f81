// Fields: the named strings inside a secret, and templates filled with them. Values stay in
// guarded memory all the way.
// Thread: any. Errors: vault_unavailable secret_malformed, policy_violation auth_config; texts
// never quote a secret.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace aivault::auth {

struct Field {
  std::string name;  // "username", or dotted for nested ones: "tokens.access".
  Secret value;
};
using Fields = std::vector<Field>;

tl::unexpected<Error> malformed(std::string message);  // vault_unavailable secret_malformed

// The string leaves of a JSON object, names trimmed, other leaves ignored. `what` goes before the
// messages: "basic secret". At most 256 fields.
Result<Fields> parse_fields(const Secret& secret, std::string_view what);
const Secret* find(const Fields& fields, std::string_view name);

// `{{ name }}` filled from the fields; what they put in is not looked at again.
Result<Secret> render(std::string_view text, const Fields& fields);
// Every "{{secret}}" replaced by the one text; other braces are literal.
Secret render_secret(std::string_view text, const Secret& secret);

bool is_utf8(const Secret& secret);
bool is_json_object(const Secret& secret);  // Begins with '{', white space aside.
bool is_header_value(const Secret& secret);
Secret percent_encoded(const Secret& secret);  // RFC 3986 unreserved bytes stay.
Secret base64_of(const Secret& secret);
Secret json_string(const Secret& secret);  // With its quotes.

}  // namespace aivault::auth
