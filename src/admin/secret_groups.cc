#include <algorithm>

#include "admin/body.h"
#include "admin/handlers.h"
#include "admin/shapes.h"
#include "catalog/secret_changes.h"

namespace aivault::admin {
namespace {

enum class Step : std::uint8_t { attach, detach };

Result<vault::Attachment> group_in(const Request& request) {
  TRY_ASSIGN(const auto body, Body::open(request, {"workspaceId", "groupId"}));
  TRY_ASSIGN(const auto workspace, body.text_or_empty("workspaceId"));
  TRY_ASSIGN(const auto group, body.text_or_empty("groupId"));
  if (workspace.empty() || group.empty()) {
    return invalid_request("record_invalid", "workspace and group_id required");
  }
  TRY_ASSIGN(auto context, vault::make_context(workspace, group));
  return vault::Attachment{std::move(context.workspace), std::move(context.group)};
}

Result<Answer> switch_group(Desk& desk, const Request& request, Step step) {
  TRY_ASSIGN(const auto group, group_in(request));
  const auto id = parse_secret_id(request.ids.front());
  if (!id) return not_found("secret not found");
  TRY_ASSIGN(const auto vault, desk.slot.get_or_create());
  TRY_ASSIGN(const auto before, vault::read(*vault, [&](vault::Reader& reader) {
               return catalog::changeable_secret(reader, *id);
             }));
  const bool is_attached = std::ranges::binary_search(before.attached, group);
  if (is_attached == (step == Step::attach)) return changed(shape(to_json(before)));
  TRY_ASSIGN(const auto after,
             vault::change(*vault, [&](vault::Change& change) -> Result<vault::SecretRecord> {
               TRY(catalog::changeable_secret(change, *id));
               TRY_ASSIGN(auto secret,
                          step == Step::attach ? change.attach_group(*id, group)
                                               : change.detach_group(*id, group));
               auto event = catalog::event_of(
                   who(request), step == Step::attach ? "secret.attach" : "secret.detach");
               event.secret_id = id->str();
               event.scope = secret.scope.text();
               event.workspace_id = group.workspace;
               event.group_id = group.group;
               event.note = "name " + secret.name;
               change.record(std::move(event));
               return secret;
             }));
  return changed(shape(to_json(after)));
}

}  // namespace

Result<Answer> attach_group(Desk& desk, const Request& request) {
  return switch_group(desk, request, Step::attach);
}

Result<Answer> detach_group(Desk& desk, const Request& request) {
  return switch_group(desk, request, Step::detach);
}

}  // namespace aivault::admin
