// File texts: the files that the compiled-in providers were made from, as they were written.
// Thread: any; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace aivault::registry {

// nullopt: no such provider is compiled in.
std::optional<std::string> text_of_provider(std::string_view id);

namespace tables {

// By registry_gen, in the order of providers(). No pointers, as in the other tables.
struct FileText {
  std::uint32_t at = 0, packed_size = 0;  // Its place in packed_texts(); zlib.
  std::uint32_t size = 0;                 // Of the text.
};
std::span<const FileText> file_texts();
std::string_view packed_texts();

}  // namespace tables
}  // namespace aivault::registry
