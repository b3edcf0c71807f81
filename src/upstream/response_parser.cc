#include "upstream/response_parser.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "base/text.h"
#include "upstream/response_check.h"

namespace aivault::upstream {
namespace {

namespace beast = boost::beast;
using beast::error_code;

tl::unexpected<Error> refuse(const std::string& what) {
  return fail(ErrorCode::upstream_unreachable,
              "protocol",
              "the upstream's answer is not valid HTTP/1.1: " + what);
}

// The shortest end of a chunked body is "0 CRLF CRLF" (RFC 9112, 7.1). Beast asserts, once it has
// seen the line of the last chunk, that no fewer bytes come back to it.
constexpr std::size_t kShortestEnd = 5;

// Nothing of it was used up, and no chunk came before: is it the line of a last chunk, and a bit of
// what follows? After a chunk it would be none, because the end of that chunk comes first.
bool is_begun_end(std::string_view received) {
  return received.size() < kShortestEnd && received.starts_with('0') &&
         received.find("\r\n") != std::string_view::npos;
}

}  // namespace

class ResponseParser::Impl final : public beast::http::basic_parser<false> {
 public:
  explicit Impl(Asked asked) {
    eager(true);
    skip(asked == Asked::head_only);
    header_limit(static_cast<std::uint32_t>(kMaxResponseHead));
    body_limit(boost::none);
  }

  ResponseHead head;
  std::span<std::byte> into;
  std::size_t produced = 0;
  bool has_chunk = false;  // One that is not the last.

 private:
  std::size_t take(std::string_view body, error_code& error) {
    const auto count = std::min(body.size(), into.size());
    if (count > 0) std::memcpy(into.data(), body.data(), count);
    into = into.subspan(count);
    produced += count;
    if (count < body.size()) error = beast::http::error::need_buffer;
    return count;
  }

  void on_request_impl(
      beast::http::verb, beast::string_view, beast::string_view, int, error_code&) override {}
  void on_response_impl(int code, beast::string_view, int, error_code&) override {
    head.status = code;
  }
  void on_field_impl(beast::http::field,
                     beast::string_view name,
                     beast::string_view value,
                     error_code&) override {
    // Trailers come the same way, after the head.
    if (!is_header_done())
      head.headers.push_back({to_lower(std::string_view(name)), std::string(value)});
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(beast::string_view body, error_code& error) override {
    return take(body, error);
  }
  void on_chunk_header_impl(std::uint64_t size, beast::string_view, error_code&) override {
    has_chunk = has_chunk || size > 0;
  }
  std::size_t on_chunk_body_impl(std::uint64_t,
                                 beast::string_view body,
                                 error_code& error) override {
    return take(body, error);
  }
  void on_finish_impl(error_code&) override {}
};

ResponseParser::ResponseParser(Asked asked) : impl_(std::make_unique<Impl>(asked)) {}
ResponseParser::~ResponseParser() = default;
ResponseParser::ResponseParser(ResponseParser&&) noexcept = default;
ResponseParser& ResponseParser::operator=(ResponseParser&&) noexcept = default;

Result<ResponseHead> ResponseParser::parse_head(std::string_view raw) {
  TRY(check_response_head(raw));
  error_code error;
  const auto used = impl_->put(boost::asio::const_buffer(raw.data(), raw.size()), error);
  if (error && error != beast::http::error::need_more) return refuse(error.message());
  if (used != raw.size() || !impl_->is_header_done()) return refuse("head");
  auto head = std::move(impl_->head);
  if (const auto length = impl_->content_length()) head.content_length = *length;
  head.body_expected = !impl_->is_done();
  return head;
}

Result<ResponseParser::Step> ResponseParser::parse_body(std::string_view received,
                                                        std::span<std::byte> into) {
  if (ends_ && received.size() < kShortestEnd) return Step{0, 0};
  impl_->into = into;
  impl_->produced = 0;
  error_code error;
  const auto consumed =
      impl_->put(boost::asio::const_buffer(received.data(), received.size()), error);
  impl_->into = {};
  if (error && error != beast::http::error::need_more && error != beast::http::error::need_buffer) {
    return refuse(error.message());
  }
  const bool waits = consumed == 0 && error == beast::http::error::need_more;
  ends_ = waits && impl_->chunked() && !impl_->has_chunk && is_begun_end(received);
  return Step{consumed, impl_->produced};
}

bool ResponseParser::done() const { return impl_->is_done(); }

bool ResponseParser::ends_with_connection() const { return impl_->need_eof(); }

bool ResponseParser::keeps_connection() const { return impl_->keep_alive(); }

}  // namespace aivault::upstream
