// Style: colours of human output, without which the text is the same; and on a terminal, text from
// outside made harmless. Pure.
#pragma once

#include <string>
#include <string_view>

#include "platform/environment.h"

namespace aivault::cli {

class Style {
 public:
  Style() = default;  // Without colour, for pipes and files.
  static Style of(const platform::Environment& environment, bool is_terminal);

  std::string plain(std::string_view text) const;
  std::string heading(std::string_view text) const { return paint("1;36", text); }
  std::string label(std::string_view text) const { return paint("1", text); }
  std::string identifier(std::string_view text) const { return paint("96", text); }
  std::string dim(std::string_view text) const { return paint("2", text); }
  std::string good(std::string_view text) const { return paint("32", text); }
  std::string attention(std::string_view text) const { return paint("33", text); }
  std::string bad(std::string_view text) const { return paint("1;31", text); }

 private:
  std::string paint(std::string_view code, std::string_view text) const;
  bool colour_ = false;
  bool escapes_ = false;
};

}  // namespace aivault::cli
