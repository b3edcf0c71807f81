#include "registry/file_reader.h"

#include <algorithm>

#include "base/text.h"

namespace aivault::registry {

Position position_of(const json::Value& value) { return {value.line, value.column}; }

void FileReader::fault(std::string_view code, const json::Value& at, std::string text) {
  problems_.error(file_, position_of(at), code, std::move(text));
}

bool FileReader::open(const json::Value& value,
                      std::string_view what,
                      Keys required,
                      Keys optional) {
  if (!value.is(json::Kind::object)) {
    fault(value, std::string(what) + " must be an object");
    return false;
  }
  for (const auto& member : value.members()) {
    const std::string_view key = member.key;
    if (std::ranges::find(required, key) == required.end() &&
        std::ranges::find(optional, key) == optional.end()) {
      problems_.error(file_,
                      {member.line, member.column},
                      "FILE-2",
                      "unknown key '" + quote_for_message(key) + "' in " + std::string(what));
    }
  }
  for (const auto key : required) {
    if (value.find(key) == nullptr) {
      fault(value, "required key '" + std::string(key) + "' is missing in " + std::string(what));
    }
  }
  return true;
}

const json::Value* FileReader::member(const json::Value& object,
                                      std::string_view key,
                                      json::Kind kind) {
  const json::Value* found = object.find(key);
  if (found == nullptr || found->is(kind)) return found;
  constexpr std::string_view kNames[] = {
      "null", "true or false", "a number", "a string", "a list", "an object"};
  fault(
      *found,
      "'" + std::string(key) + "' must be " + std::string(kNames[static_cast<std::size_t>(kind)]));
  return nullptr;
}

Text FileReader::checked(const json::Value& value, std::string_view key, std::size_t most) {
  Text text{std::string(value.text()), position_of(value)};
  if (has_control(text.text)) {
    fault("FILE-6", value, "'" + std::string(key) + "' holds a control character");
  }
  if (text.text.size() > most) {
    fault("FILE-6",
          value,
          "'" + std::string(key) + "' is longer than " + std::to_string(most) + " bytes");
  }
  return text;
}

Text FileReader::key_of(const json::Member& member) {
  return {std::string(member.key), {member.line, member.column}};
}

Text FileReader::text(const json::Value& object, std::string_view key, std::size_t most) {
  const auto* found = member(object, key, json::Kind::string);
  return found != nullptr ? checked(*found, key, most) : Text{{}, position_of(object)};
}

Texts FileReader::texts(const json::Value& object, std::string_view key, std::size_t most) {
  Texts list;
  const auto* found = member(object, key, json::Kind::array);
  if (found == nullptr) return list;
  for (const auto& item : found->items()) {
    if (!item.is(json::Kind::string)) {
      fault(item, "'" + std::string(key) + "' must hold strings only");
      continue;
    }
    auto text = checked(item, key, most);
    const auto same = [&](const Text& other) { return other.text == text.text; };
    if (std::ranges::any_of(list, same)) {
      fault("FILE-7",
            item,
            "'" + std::string(key) + "' holds '" + quote_for_message(text.text) + "' twice");
    }
    list.push_back(std::move(text));
  }
  return list;
}

bool FileReader::flag(const json::Value& object, std::string_view key, bool otherwise) {
  const auto* found = member(object, key, json::Kind::boolean);
  return found != nullptr ? found->boolean() : otherwise;
}

std::optional<CallClass> FileReader::call_class(const json::Value& object) {
  const auto* found = member(object, "class", json::Kind::string);
  if (found == nullptr) return std::nullopt;
  for (const auto value : {CallClass::read, CallClass::write, CallClass::destructive}) {
    if (found->text() == to_string(value)) return value;
  }
  fault(*found, "'class' must be read, write or destructive");
  return std::nullopt;
}

int FileReader::integer(const json::Value& object, std::string_view key, int most, int otherwise) {
  const auto* found = member(object, key, json::Kind::number);
  if (found == nullptr) return otherwise;
  const auto value = found->integer();
  if (!value || *value < 0 || *value > most) {
    fault(*found,
          "'" + std::string(key) + "' must be an integer from 0 to " + std::to_string(most));
    return otherwise;
  }
  return static_cast<int>(*value);
}

}  // namespace aivault::registry
