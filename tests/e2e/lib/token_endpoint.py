"""A token endpoint on the recording server, and the API that takes its tokens."""

import json
import threading
import time
import urllib.parse


class TokenEndpoint:
    """`answers`: what comes instead of tokens, first in first out: (status, body[, headers])."""

    def __init__(self, lifetime=3600, delay=0.0, rotating=False):
        self.lifetime, self.delay, self.rotating = lifetime, delay, rotating
        self.answers = []
        self.asked = []       # requests for tokens
        self.called = []      # requests of the API
        self.refused = set()  # bearer tokens that get 401
        self.on_ask = None
        self.count = 0
        self.lock = threading.Lock()

    def __call__(self, exchange):
        exchange.read_body()
        path = exchange.request.target.split("?")[0]
        if path == "/token" or path.endswith("/access_tokens"):
            self.token(exchange)
        else:
            self.api(exchange)

    def token(self, exchange):
        with self.lock:
            self.asked.append(exchange.request)
            answer = self.answers.pop(0) if self.answers else None
            self.count += 1
            number = self.count
        if self.on_ask:
            self.on_ask()
        time.sleep(self.delay)
        if answer:
            exchange.reply(*answer)
            return
        if exchange.request.target.endswith("/access_tokens"):
            ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.lifetime))
            exchange.reply(201, json.dumps({"token": f"access-token-{number:04}", "expires_at": ends}))
            return
        body = {"access_token": f"access-token-{number:04}", "token_type": "bearer"}
        if self.lifetime is not None:
            body["expires_in"] = self.lifetime
        if self.rotating:
            body["refresh_token"] = f"refresh-token-{number:04}"
        exchange.reply(200, json.dumps(body))

    def api(self, exchange):
        with self.lock:
            self.called.append(exchange.request)
        bearer = exchange.request.one("authorization") or ""
        if bearer.removeprefix("Bearer ") in self.refused or "*" in self.refused:
            exchange.reply(401, '{"why":"stale"}')
        else:
            exchange.reply(200, json.dumps({"bearer": bearer}))

    def bearers(self):
        return [request.one("authorization") for request in self.called]

    def form(self, number=-1):
        return dict(urllib.parse.parse_qsl(self.asked[number].body.decode()))
