// One fault at a time in a good file: each check with its exact words and place.
#include "registry/check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "registry/judged_file_test.h"

namespace aivault::registry {
namespace {

struct Fault {
  std::string_view from, to;
  std::vector<std::string> lines;
};

const std::vector<Fault>& faults() {
  static const std::vector<Fault> all_faults = {
      {R"json("schema": 1,)json",
       R"json("schema": 1, "schema": 1,)json",
       {"acme.json:2:16: error FILE-1: JSON holds a duplicate key"}},
      {R"json("name": "Acme",)json",
       R"json("name": "Acme")json",
       {"acme.json:5:3: error FILE-1: JSON is not valid: syntax error"}},
      {R"json("category": "support",)json",
       R"json("category": "support", "colour": "red",)json",
       {"acme.json:5:26: error FILE-2: unknown key 'colour' in the file"}},
      {R"json("name": "acme-version", "value")json",
       R"json("name": "acme-version", "note": "", "value")json",
       {"acme.json:19:42: error FILE-2: unknown key 'note' in a header"}},
      {R"json(  "category": "support",
)json",
       "",
       {"acme.json:1:1: error FILE-3: required key 'category' is missing in the file"}},
      {R"json("schema": 1)json",
       R"json("schema": 2)json",
       {"acme.json:2:13: error FILE-3: 'schema' must be 1"}},
      {R"json("priority": 50)json",
       R"json("priority": 1001)json",
       {"acme.json:14:36: error FILE-3: 'priority' must be an integer from 0 to 1000"}},
      {R"json("named_only": true)json",
       R"json("named_only": "yes")json",
       {"acme.json:16:37: error FILE-3: 'named_only' must be true or false"}},
      {R"json("class": "write")json",
       R"json("class": "harmless")json",
       {"acme.json:31:59: error FILE-3: 'class' must be read, write or destructive"}},
      {R"json(["GET", "POST", "DELETE"])json",
       R"json(["GET", "POST", "DELETE", "DESTROY"])json",
       {"acme.json:38:57: error FILE-3: unknown method 'DESTROY'"}},
      {R"json("public": ["user"])json",
       R"json("public": ["password2"])json",
       {"acme.json:14:115: error FILE-3: 'public' names no placeholder: 'password2'"}},
      {R"json("provider": "acme")json",
       R"json("provider": "Acme")json",
       {"acme.json:3:15: error FILE-4: invalid provider id 'Acme'"}},
      {R"json("provider": "acme")json",
       R"json("provider": "x-acme")json",
       {"acme.json:3:15: error FILE-4: provider 'x-acme' belongs into x-acme.json"}},
      {R"json("provider": "acme")json",
       R"json("provider": "acme2")json",
       {"acme.json:3:15: error FILE-4: provider 'acme2' belongs into acme2.json"}},
      {R"json("docs": "https:)json",
       R"json("docs": "http:)json",
       {"acme.json:6:11: error FILE-5: 'docs' must be an https URL"}},
      {R"json("url": "https:)json",
       R"json("url": "ftp:)json",
       {"acme.json:45:21: error FILE-5: 'setup.url' must be an https URL"}},
      {R"json("2026-11-20")json",
       R"json("2026-13-20")json",
       {"acme.json:7:15: error FILE-5: 'reviewed' must be a date such as 2026-11-20"}},
      {R"json("name": "Acme")json",
       R"json("name": "Ac\nme")json",
       {"acme.json:4:11: error FILE-6: 'name' holds a control character"}},
      {R"json("Create a key.")json",
       R"json("Use sk-abcdefgh12345678.")json",
       {"acme.json:45:60: error FILE-6: this text looks like a real secret"}},
      {R"json("Read notes")json",
       R"json("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")json",
       {"acme.json:34:38: error FILE-6: 'summary' is longer than 100 bytes"}},
      {R"json(["key", "token"])json",
       R"json(["token", "key"])json",
       {"acme.json:22:35: error FILE-7: 'managed_parameters' must be sorted"}},
      {R"json(["key", "token"])json",
       R"json(["key", "key"])json",
       {"acme.json:22:33: error FILE-7: 'managed_parameters' holds 'key' twice"}},
      {R"json(["GET", "POST", "DELETE"])json",
       R"json(["POST", "GET", "DELETE"])json",
       {"acme.json:38:40: error FILE-7: methods must be in the order GET HEAD QUERY POST PUT PATCH "
        "DELETE WS"}},
      {R"json("files.acme.example"])json",
       R"json("127.0.0.1"])json",
       {"acme.json:9:55: error HOST-1: host '127.0.0.1': must not be an IP address"}},
      {R"json(["files.acme.example"])json",
       R"json(["files.acme.example:8443"])json",
       {"acme.json:9:55: error HOST-1: host 'files.acme.example:8443': must not name a port"}},
      {R"json(["files.acme.example"])json",
       R"json(["Files.acme.example"])json",
       {"acme.json:9:55: error HOST-1: host 'Files.acme.example': holds a character other than a-z "
        "0-9 - _ ."}},
      {R"json(["files.acme.example"])json",
       R"json(["localhost"])json",
       {"acme.json:9:55: error HOST-1: host 'localhost': needs two labels or more"}},
      {R"json(["files.acme.example"])json",
       R"json(["files*.acme.example"])json",
       {"acme.json:9:55: error HOST-1: host 'files*.acme.example': wildcards are only allowed as "
        "leading *."}},
      {R"json(["files.acme.example"])json",
       R"json(["*.*.acme.example"])json",
       {"acme.json:9:55: error HOST-1: host '*.*.acme.example': invalid wildcard host pattern"}},
      {R"json(["files.acme.example"])json",
       R"json(["*.example"])json",
       {"acme.json:9:55: error HOST-1: host '*.example': wildcard must include at least one suffix "
        "label"}},
      {R"json(["files.acme.example"])json",
       R"json([""])json",
       {"acme.json:9:55: error HOST-1: host cannot be empty"}},
      {"{sub}.acme.example",
       "{sub}.example",
       {"acme.json:9:22: error HOST-2: host '{sub}.example': a param needs a fixed suffix of two "
        "labels that is not a public suffix"}},
      {R"json(["files.acme.example"])json",
       R"json(["*.co.uk"])json",
       {"acme.json:9:55: error HOST-2: host '*.co.uk': a param needs a fixed suffix of two labels "
        "that is not a public suffix"}},
      {"{sub}.acme.example",
       "{sup}.acme.example",
       {"acme.json:9:22: error HOST-3: param 'sup' is not declared"}},
      {R"json("sub": {)json",
       R"json("other": { "label": "Other", "chars": "id", "example": "x" }, "sub": {)json",
       {"acme.json:8:15: error HOST-3: param 'other' is used nowhere"}},
      {R"json("host-label")json",
       R"json("letters")json",
       {"acme.json:8:55: error HOST-3: unknown chars 'letters'"}},
      {R"json("together": ["api", "files"])json",
       R"json("together": ["api", "fles"])json",
       {"acme.json:10:23: error HOST-3: 'together' names unknown slot 'fles'"}},
      {R"json(["files.acme.example"])json",
       R"json(["files.acme.example", "files2.acme.example"])json",
       {"acme.json:10:23: error HOST-3: slots that choose together need lists of equal length"}},
      {R"json(["files.acme.example"] })json",
       R"json(["files.acme.example"], "spare": ["spare.acme.example"] })json",
       {"acme.json:9:78: error HOST-4: slot 'spare' is used by no capability"}},
      {R"json({ "header": {)json",
       R"json({ "headers": {)json",
       {"acme.json:13:17: error AUTH-1: unknown auth.type 'headers'"}},
      {R"json("value_template": "{{secret}}")json",
       R"json("value_template": "{{secret}}", "extra": "x")json",
       {"acme.json:13:17: error AUTH-1: unknown field 'extra' in header auth"}},
      {R"json("value_template": "{{secret}}")json",
       R"json("value_template": "fixed")json",
       {"acme.json:13:17: error AUTH-1: header auth valueTemplate must contain {{secret}}"}},
      {R"json("base": true, )json",
       "",
       {"acme.json:12:5: error AUTH-2: exactly one auth kind must be the base, not 0"}},
      {R"json("name": "login")json",
       R"json("name": "ws")json",
       {"acme.json:14:15: error AUTH-2: auth kind 'ws' has a name that scoped ids use"}},
      {R"json("name": "login")json",
       R"json("name": "key")json",
       {"acme.json:14:15: error AUTH-2: auth kind 'key' is named twice"}},
      {R"json("name": "login")json",
       R"json("name": "Log in")json",
       {"acme.json:14:15: error AUTH-2: auth kind 'Log in' has an invalid name"}},
      {R"json("username_template": "{{user}}")json",
       R"json("username_template": "fixed")json",
       {"acme.json:14:66: error AUTH-3: secret ACME_USER is used by no template"}},
      {R"json("password_template": "{{password}}")json",
       R"json("password_template": "{{password}}{{pin}}")json",
       {"acme.json:15:17: error AUTH-3: no secret fills the placeholder 'pin'"}},
      {R"json("ACME_USER")json",
       R"json("acme_user")json",
       {"acme.json:14:53: error AUTH-3: invalid secret name 'acme_user'"}},
      {R"json("x-acme-key")json",
       R"json("X-Acme-Key")json",
       {"acme.json:13:46: error AUTH-4: no header for an auth kind: 'X-Acme-Key'"}},
      {R"json("x-acme-key")json",
       R"json("content-length")json",
       {"acme.json:13:46: error AUTH-4: no header for an auth kind: 'content-length'"}},
      {R"json("value_template": "{{secret}}")json",
       R"json("value_template": "{{secret")json",
       {"acme.json:13:78: error AUTH-5: a template holds no CR, LF or NUL and no unclosed or empty "
        "braces"}},
      {R"json("path_prefix": "/f")json",
       R"json("path_prefix": "/f?x")json",
       {"acme.json:16:111: error AUTH-6: a path prefix begins with '/' and holds no ? # %"}},
      {R"json({ "basic": { "username_template": "{{user}}", "password_template": "{{password}}" } })json",
       R"json("basic")json",
       {"acme.json:15:17: error AUTH-7: basic needs both templates"}},
      {R"json({ "header": { "header_name": "x-acme-key", "value_template": "{{secret}}" } })json",
       R"json({ "hmac": { "algorithm": "md5" } })json",
       {"acme.json:13:42: error AUTH-8: unknown hmac algorithm 'md5'"}},
      {R"json({ "header": { "header_name": "x-acme-key", "value_template": "{{secret}}" } })json",
       R"json({ "o_auth2": { "grant_type": "password", "endpoint": "main" } })json",
       {"acme.json:13:46: error AUTH-8: unknown grant 'password'"}},
      {R"json({ "header": { "header_name": "x-acme-key", "value_template": "{{secret}}" } })json",
       R"json({ "o_auth2": { "grant_type": "refresh_token" } })json",
       {"acme.json:13:30: error AUTH-8: oauth2 names one of the token endpoints as 'endpoint'"}},
      {R"json({ "header": { "header_name": "x-acme-key", "value_template": "{{secret}}" } })json",
       R"json({ "o_auth2": { "endpoint": "main", "default_ttl_s": 60 } })json",
       {"acme.json:13:69: error AUTH-8: 'default_ttl_s' is a field of the token endpoint"}},
      {R"json({ "header": { "header_name": "x-acme-key", "value_template": "{{secret}}" } })json",
       R"json({ "o_auth2": { "endpoint": "main" } })json",
       {"acme.json:13:17: error TOKEN-2: unknown token endpoint 'main'"}},
      {R"json("together": ["api", "files"],)json",
       R"json("token_endpoints": { "main": { "token": "http://files.acme.example/v1/tokens" } },)json",
       {"acme.json:10:24: error TOKEN-2: token endpoint 'main' is used by no auth kind",
        "acme.json:10:43: error TOKEN-1: 'http://files.acme.example/v1/tokens' must begin with "
        "https://"}},
      {R"json("priority": 50)json",
       R"json("priority": 60)json",
       {"acme.json:14:5: error AUTH-9: auth kinds 'key' and 'login' serve the same call with the "
        "same priority"}},
      {R"json("auth": ["file"])json",
       R"json("auth": ["filex"])json",
       {"acme.json:16:5: error AUTH-10: no capability names the auth kind 'file'",
        "acme.json:26:69: error AUTH-10: unknown auth kind 'filex'"}},
      {R"json(], "auth": ["file"],)json",
       "],",
       {"acme.json:16:5: error AUTH-10: no capability names the auth kind 'file'"}},
      {R"json("name": "acme-version")json",
       R"json("name": "Acme-Version")json",
       {"acme.json:19:26: error HEAD-1: no default header: 'Acme-Version'"}},
      {R"json("name": "acme-version")json",
       R"json("name": "cookie")json",
       {"acme.json:19:26: error HEAD-1: callers may not send the header 'cookie'"}},
      {R"json("name": "acme-version")json",
       R"json("name": "acme-site")json",
       {"acme.json:19:71: error HEAD-1: header 'acme-site' is given twice"}},
      {R"json("2026-01")json",
       R"json("2026–01")json",
       {"acme.json:19:51: error HEAD-1: the value of 'acme-version' is not visible ASCII"}},
      {R"json("request_headers": ["acme-account")json",
       R"json("request_headers": ["Acme-account")json",
       {"acme.json:21:23: error HEAD-1: callers may not send the header 'Acme-account'"}},
      {R"json("name": "acme-version")json",
       R"json("name": "x-acme-key")json",
       {"acme.json:19:26: error HEAD-2: auth kind 'key' sets the header 'x-acme-key'"}},
      {R"json(["/live"])json",
       R"json(["live"])json",
       {"acme.json:32:50: error PATH-1: path 'live' must begin with '/'"}},
      {R"json(["/live"])json",
       R"json(["/live/../x"])json",
       {"acme.json:32:50: error PATH-1: path '/live/../x' holds a dot segment"}},
      {R"json(["/live"])json",
       R"json(["/live//x"])json",
       {"acme.json:32:50: error PATH-1: path '/live//x' holds an empty segment"}},
      {R"json(["/live"])json",
       R"json(["/li%76e"])json",
       {"acme.json:32:50: error PATH-1: path '/li%76e' holds a character that no path may hold"}},
      {R"json(["/live"])json",
       R"json(["/{id}x"])json",
       {"acme.json:32:50: error PATH-1: path '/{id}x' has text other than .ending or :verb after a "
        "placeholder"}},
      {R"json(["/live"])json",
       R"json(["/li*ve"])json",
       {"acme.json:32:50: error PATH-1: path '/li*ve' has a '*' that does not end a segment"}},
      {R"json(["/live"])json",
       R"json(["/live?key"])json",
       {"acme.json:32:50: error PATH-1: path '/live?key' may not test the query"}},
      {R"json(["/live"] } ],
      "example": { "method": "GET", "path": "/live")json",
       R"json(["/v9"] } ],
      "example": { "method": "GET", "path": "/v9/live")json",
       {"acme.json:32:50: error PATH-2: path '/v9' needs 'wide'"}},
      {R"json("wide": true,)json",
       R"json("wide": false,)json",
       {"acme.json:26:50: error PATH-2: path '/' needs 'wide'"}},
      {R"json("except": ["/v1/tickets/{id}/hooks"])json",
       R"json("except": ["/v1/hooks"])json",
       {"acme.json:39:18: error PATH-3: path '/v1/hooks' meets no path that is allowed"}},
      {R"json(["/v1/tickets/search$"])json",
       R"json(["/v1/search$"])json",
       {"acme.json:40:20: error PATH-4: this class rule changes nothing",
        "acme.json:40:70: error PATH-3: path '/v1/search$' meets no path that is allowed"}},
      {R"json("class": "read", "methods": ["POST"], "paths": ["/v1/tickets/search$"])json",
       R"json("class": "write", "methods": ["POST"], "paths": ["/v1/tickets/search$"])json",
       {"acme.json:40:20: error PATH-4: this class rule changes nothing"}},
      {R"json(["/v1/tokens"])json",
       R"json(["/v1/tokens", "/v1/tokens/new"])json",
       {"acme.json:20:27: error PATH-4: path '/v1/tokens/new' is covered by '/v1/tokens'"}},
      {R"json("id": "acme/live")json",
       R"json("id": "acme/li_ve")json",
       {"acme.json:31:13: error CAP-1: invalid capability id 'acme/li_ve': acme/<name>, in lower "
        "case with '-' between words"}},
      {R"json("id": "acme/live")json",
       R"json("id": "acme/graphql")json",
       {"acme.json:31:13: error CAP-1: capability id 'acme/graphql' is used twice"}},
      {R"json("acme/issues": )json",
       R"json("acme/live": )json",
       {"acme.json:43:16: error CAP-1: capability id 'acme/live' is used twice"}},
      {R"json("host": "api", "websocket")json",
       R"json("host": "apis", "websocket")json",
       {"acme.json:31:76: error CAP-2: unknown host slot 'apis'"}},
      {R"json({ "methods": ["GET"], "paths": ["/live"] })json",
       R"json({ "methods": [], "paths": ["/live"] })json",
       {"acme.json:31:5: error CAP-2: a rule needs a method and a path",
        "acme.json:31:5: error CAP-5: 'websocket' needs the method GET or WS",
        "acme.json:33:18: error CAP-4: the example is not a call that this capability allows"}},
      {R"json("class": "write")json",
       R"json("class": "read")json",
       {"acme.json:31:59: error CAP-3: the class is declared as read but is write"}},
      {R"json("summary": "Talk live", )json",
       "",
       {"acme.json:31:5: error CAP-4: a summary is missing"}},
      {R"json("path": "/v1/tickets/7")json",
       R"json("path": "/v1/tickets/7/hooks")json",
       {"acme.json:41:18: error CAP-4: the example is not a call that this capability allows"}},
      {R"json("path": "/v1/tickets/7")json",
       R"json("path": "/v1/tickets/{id}")json",
       {"acme.json:41:45: error CAP-4: the path of an example is a real path without "
        "placeholders"}},
      {R"json("method": "GET", "path": "/v1/tickets/7")json",
       R"json("method": "PUT", "path": "/v1/tickets/7")json",
       {"acme.json:41:18: error CAP-4: the example is not a call that this capability allows"}},
      {R"json({ "methods": ["GET"], "paths": ["/live"] } ],
      "example": { "method": "GET")json",
       R"json({ "methods": ["POST"], "paths": ["/live"] } ],
      "example": { "method": "POST")json",
       {"acme.json:31:5: error CAP-5: 'websocket' needs the method GET or WS"}},
      {R"json("methods": ["POST"], "paths": ["/graphql$"])json",
       R"json("methods": ["GET", "POST"], "paths": ["/graphql$"])json",
       {"acme.json:29:32: error CAP-5: 'body_class' goes with the method POST only"}},
      {R"json(["/live"])json",
       R"json(["/live", "/v1/users/{id}/api-keys"])json",
       {"acme.json:32:59: warning CAP-6: path '/v1/users/{id}/api-keys' looks as if it hands out "
        "keys: use emits, explicit, except or never"}},
      {R"json("websocket": true)json",
       R"json("websocket": true, "nested": true)json",
       {"acme.json:31:5: error CAP-7: 'nested' needs 'explicit'",
        "acme.json:31:37: error CAP-7: the summary must say that one call carries other calls"}},
      {R"json("summary": "Download any file")json",
       R"json("summary": "Download")json",
       {"acme.json:25:38: error CAP-7: the summary must say that this reaches any path"}},
      {R"json("websocket": true)json",
       R"json("websocket": true, "emits": true)json",
       {"acme.json:31:37: error CAP-7: the summary must say which credential an answer holds"}},
      {R"json("overlaps": ["acme/notes"],)json",
       "",
       {"acme.json:38:68: error SET-1: 'acme/tickets' overlaps 'acme/notes': GET /v1/tickets and "
        "/v1/tickets/{id}/notes"}},
      {R"json(["/v1/tickets/search$"])json",
       R"json(["/v1/tickets/search$"] }, { "class": "write", "methods": ["GET"], "paths": ["/v1/tickets/{id}/notes"])json",
       {"acme.json:38:68: error SET-1: 'acme/tickets' and 'acme/notes' give GET "
        "/v1/tickets/{id}/notes different classes"}},
      {R"json(["acme/notes"])json",
       R"json(["acme/notes", "acme/zebra"])json",
       {"acme.json:37:124: error SET-1: 'overlaps' names no capability: 'acme/zebra'"}},
      {R"json("acme/issues": "acme/tickets")json",
       R"json("acme/issues": "acme/faxes")json",
       {"acme.json:43:31: error SET-2: 'acme/faxes' is no live capability id"}},
      {R"json(["acme-account", "acme-site"])json",
       R"json(["acme-account", "x-acme-key"])json",
       {"acme.json:21:39: error SET-4: callers may not send 'x-acme-key': a provider injects it"}},
  };
  return all_faults;
}

TEST(CheckFile, AcceptsAGoodFile) { EXPECT_EQ(problems_of(kGood), std::vector<std::string>()); }

// Cases 76, 84.
TEST(CheckFile, ReportsEachFaultWithItsPlaceAndNothingElse) {
  for (const auto& fault : faults()) {
    EXPECT_EQ(problems_of(replaced(fault.from, fault.to)), fault.lines) << fault.to;
  }
}

TEST(CheckFile, ReportsAllFaultsOfAFileInOneRun) {
  auto text = replaced(R"("class": "write")", R"("class": "read")");
  text.replace(text.find("\"2026-11-20\""), 12, "\"yesterday\"");
  text.replace(text.find("x-acme-key"), 10, "X-Acme-Key");
  EXPECT_EQ(problems_of(text),
            (std::vector<std::string>{
                "acme.json:7:15: error FILE-5: 'reviewed' must be a date such as 2026-11-20",
                "acme.json:13:46: error AUTH-4: no header for an auth kind: 'X-Acme-Key'",
                "acme.json:31:59: error CAP-3: the class is declared as read but is write"}));
}

TEST(CheckFile, RefusesWhatIsNoJsonObjectAndWhatIsTooLargeOrTooDeep) {
  EXPECT_EQ(problems_of("[]"),
            std::vector<std::string>{"acme.json:1:1: error FILE-3: the file must be an object"});
  const auto large = problems_of(std::string((256U << 10U) + 1, ' '));
  ASSERT_EQ(large.size(), 1U);
  EXPECT_NE(large[0].find("FILE-1"), std::string::npos) << large[0];
  const auto deep = problems_of(R"({"schema":[[[[[[[[1]]]]]]]]})");
  ASSERT_EQ(deep.size(), 1U);
  EXPECT_NE(deep[0].find("FILE-1"), std::string::npos) << deep[0];
  const auto broken = problems_of("{\"name\":\"\xff\"}");
  ASSERT_EQ(broken.size(), 1U);
  EXPECT_NE(broken[0].find("FILE-1"), std::string::npos) << broken[0];
}

TEST(CheckFile, EveryCheckHasAFault) {
  std::string all;
  for (const auto& fault : faults()) {
    for (const auto& line : fault.lines) all += line + "\n";
  }
  for (const std::string_view code :
       {"FILE-1", "FILE-2",  "FILE-3", "FILE-4", "FILE-5", "FILE-6", "FILE-7", "HOST-1", "HOST-2",
        "HOST-3", "HOST-4",  "AUTH-1", "AUTH-2", "AUTH-3", "AUTH-4", "AUTH-5", "AUTH-6", "AUTH-7",
        "AUTH-9", "AUTH-10", "HEAD-1", "HEAD-2", "PATH-1", "PATH-2", "PATH-3", "PATH-4", "CAP-1",
        "CAP-2",  "CAP-3",   "CAP-4",  "CAP-5",  "CAP-6",  "CAP-7",  "SET-1",  "SET-2",  "SET-4"}) {
    EXPECT_NE(all.find(std::string(" ") + std::string(code) + ":"), std::string::npos) << code;
  }
}

}  // namespace
}  // namespace aivault::registry
