// FileReader: takes typed values out of the JSON of a registry file; what is missing, unknown or
// of a wrong type becomes a problem and reads as empty.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "registry/file.h"

namespace aivault::registry {

class FileReader {
 public:
  FileReader(std::string_view file, Problems& problems) : file_(file), problems_(problems) {}

  using Keys = std::initializer_list<std::string_view>;
  // An object with these keys and no others.
  bool open(const json::Value& value, std::string_view what, Keys required, Keys optional);

  Text text(const json::Value& object, std::string_view key, std::size_t most = 512);
  Texts texts(const json::Value& object, std::string_view key, std::size_t most = 512);
  bool flag(const json::Value& object, std::string_view key, bool otherwise = false);
  std::optional<CallClass> call_class(const json::Value& object);
  int integer(const json::Value& object, std::string_view key, int most, int otherwise);

  // The value of a key if it has that kind; else nullptr, with a problem unless it is absent.
  const json::Value* member(const json::Value& object, std::string_view key, json::Kind kind);

  Text checked(const json::Value& value, std::string_view key, std::size_t most);
  Text key_of(const json::Member& member);
  void fault(const json::Value& at, std::string text) { fault("FILE-3", at, std::move(text)); }

 private:
  void fault(std::string_view code, const json::Value& at, std::string text);

  std::string_view file_;
  Problems& problems_;
};

Position position_of(const json::Value& value);

}  // namespace aivault::registry
