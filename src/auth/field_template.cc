#include "auth/field_template.h"

#include "base/text.h"
#include "registry/template.h"

namespace aivault::auth {

Result<Parts> render(std::string_view text, const Fields& fields) {
  TRY_ASSIGN(const auto names, registry::placeholders_of(text));
  Parts parts;
  for (const auto& name : names) {
    const auto open = text.find("{{");
    const auto close = text.find("}}", open);
    const auto value = fields.find(name);
    if (!value) {
      return vault_unavailable("secret_malformed",
                               "missing secret field '" + quote_for_message(name) + "' for auth");
    }
    parts.push_back(text.substr(0, open));
    parts.push_back(*value);
    text.remove_prefix(close + 2);
  }
  parts.push_back(text);
  return parts;
}

}  // namespace aivault::auth
