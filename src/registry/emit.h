// Emit: checked provider files as C++ tables and as a page of the documentation. The same files
// give the same bytes.
// Thread: any. Errors: none; the files have passed every check.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "registry/check.h"
#include "registry/file.h"

namespace aivault::registry {

// The source file that defines registry/tables.h; `files` sorted by id.
std::string print_tables(std::span<const ProviderFile> files,
                         std::span<const FamilyEntry> families,
                         std::string_view digest);

// docs/providers.md: each provider with its secrets, hosts and capabilities, in Markdown.
std::string print_page(std::span<const ProviderFile> files);

// For the author of a file: its hosts, secrets, what each capability allows, and what to type.
std::string print_report(const ProviderFile& file);

}  // namespace aivault::registry
