// audit_page: the audit in pages for somebody who follows it: each record once, in order.
// Thread: parse: any; next: where handlers run. Errors: invalid_request record_invalid; those of
// the vault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "admin/desk.h"
#include "admin/operation.h"
#include "audit/event.h"
#include "base/result.h"

namespace aivault::admin {

class AuditPages {
 public:
  // The query of `GET /aivault/audit?follow=1`.
  static Result<AuditPages> parse(const Request& request);
  static bool are_asked_for(const Request& request);

  struct Page {
    std::string lines;         // One object a line.
    std::int64_t reached = 0;  // What comes later has a greater number.
    bool more = false;         // Ask again at once.
  };
  Result<Page> first(vault::Vault& vault) const;
  Result<Page> after(vault::Vault& vault, std::int64_t reached) const;

 private:
  audit::Filter filter_;
};

}  // namespace aivault::admin
