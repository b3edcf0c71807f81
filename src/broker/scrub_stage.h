// ScrubStage: the last step of an answer's body: no form of the secret gets past it.
// Thread: the event loop.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "broker/body_stage.h"
#include "policy/scrub.h"

namespace aivault::broker {

class ScrubStage final : public BodyStage {
 public:
  explicit ScrubStage(std::shared_ptr<const policy::ScrubForms> forms)
      : scrubber_(std::move(forms)) {}

  Result<void> feed(std::string_view in, std::string& out) override {
    scrubber_.feed(in, out);
    return {};
  }
  Result<void> finish(std::string& out) override {
    scrubber_.finish(out);
    return {};
  }
  std::string note() const override {
    return scrubber_.hits() == 0 ? "" : "scrubbed " + std::to_string(scrubber_.hits());
  }
  Replaced replaced() const override { return {.scrubbed = scrubber_.hits()}; }

 private:
  policy::Scrubber scrubber_;
};

}  // namespace aivault::broker
