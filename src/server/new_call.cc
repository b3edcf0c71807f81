#include "server/new_call.h"

#include <utility>

namespace aivault::server {

broker::Call new_call(const Turn& turn, Control control) {
  broker::Call call;
  call.caller = turn.caller;
  call.token = turn.token;
  call.request_id = turn.id;
  call.workspace = std::move(control.workspace);
  call.group = std::move(control.group);
  call.client_ip = std::move(control.client_ip);
  call.timeout = control.timeout;
  return call;
}

}  // namespace aivault::server
