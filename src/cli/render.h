// Render: results as people read them. Pure; text from outside goes through the Style.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/render_parts.h"
#include "cli/style.h"
#include "json/value.h"

namespace aivault::cli {

std::string render_status(const json::Value& all, const std::string& socket, const Style& style);
// The view of somebody who is not an operator.
std::string render_access(const json::Value& view, const Style& style);
// One secret of a list.
void render_secret(const json::Value& secret, Listing& listing);
std::string render_agents(const json::Value& agents, const Style& style);
std::string render_bindings(const json::Value& bindings, const Style& style);
std::string render_credentials(const json::Value& credentials, const Style& style);
// `setup`: by provider, the commands that make its capabilities ready. `details`: class and summary
// behind each id.
std::string render_capabilities(const json::Value& list,
                                const std::map<std::string, std::vector<std::string>>& setup,
                                const Style& style,
                                bool details = false);
std::string render_doctor(const json::Value& report, const Style& style);

}  // namespace aivault::cli
