// render: a template with {{ name }} placeholders, filled from the fields of a secret.
// Thread: any; the parts live as long as template and fields.
// Errors: policy_violation auth_config, vault_unavailable secret_malformed.
#pragma once

#include <string_view>

#include "auth/fields.h"
#include "auth/parts.h"

namespace aivault::auth {

Result<Parts> render(std::string_view text, const Fields& fields);

}  // namespace aivault::auth
