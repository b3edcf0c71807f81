// The `ws` package at either end. `server CERTIFICATE KEY AUTHORIZATION`: an echo over TLS that takes only what shows this
// credential, and says its port. `client TARGET [SOCKET TOKEN]`: a battery through the daemon, under `aivault run` where
// no socket is given; what came of it as JSON.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import WebSocket, { WebSocketServer } from "ws";

const [role, ...words] = process.argv.slice(2);

function serve(certificate, key, authorization) {
  const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) });
  const sockets = new WebSocketServer({
    noServer: true, perMessageDeflate: true, maxPayload: 64 << 20,
    handleProtocols: (offered) => (offered.has("second") ? "second" : false),
  });
  server.on("upgrade", (request, socket, head) => {
    if (request.headers.authorization !== authorization) return socket.end("HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n");
    sockets.handleUpgrade(request, socket, head, (peer) => {
      peer.on("message", (data, isBinary) => {
        if (!isBinary && data.toString() === "close me") return peer.close(4321, "as you wish");
        if (!isBinary && data.toString() === "ping me") return peer.ping("are you there");
        if (!isBinary && data.toString() === "kill me") return peer.terminate();
        peer.send(data, { binary: isBinary });
      });
      peer.on("pong", (data) => peer.send("pong " + data));
      peer.on("error", () => {});
    });
  });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
}

const open = (socket, target, token, protocols = []) => new Promise((resolve, reject) => {
  const place = socket ? `ws+unix://${socket}:` : process.env.AIVAULT_BASE_URL.replace("http", "ws");
  const peer = new WebSocket(place + target, protocols, { headers: { authorization: `Bearer ${token}` }, maxPayload: 64 << 20 });
  peer.on("open", () => resolve(peer));
  peer.on("unexpected-response", (_, response) => resolve({ refused: response.statusCode, error: response.headers["x-aivault-error"] }));
  peer.on("error", reject);
});
const next = (peer, event = "message") => new Promise((resolve) => peer.once(event, (...found) => resolve(found)));
const digest = (data) => createHash("sha256").update(data).digest("hex");

async function play(target, socket, token = process.env.AIVAULT_TOKEN) {
  const result = {};
  const peer = await open(socket, target, token, ["first", "second"]);
  result.protocol = peer.protocol;
  result.extensions = peer.extensions;
  result.echoes = [];
  for (const size of [0, 1, 125, 126, 127, 1000, 65535, 65536, 1 << 20, 15 << 20]) {
    const data = Buffer.alloc(size, "0123456789ü");
    peer.send(data);
    const [got, isBinary] = await next(peer);
    result.echoes.push(isBinary && digest(got) === digest(data));
  }
  peer.send("grüße ☂");
  const [text, isBinary] = await next(peer);
  result.text = [text.toString(), isBinary];
  peer.send("one ", { fin: false });
  peer.send("two ", { fin: false });
  peer.ping("meanwhile");
  peer.send("three", { fin: true });
  const [pong, whole] = await Promise.all([next(peer, "pong"), next(peer)]);
  result.fragments = [pong[0].toString(), whole[0].toString()];
  peer.send("ping me");
  result.pinged = (await next(peer))[0].toString();
  let seen = 0;
  const all = new Promise((resolve) => peer.on("message", () => ++seen === 1000 && resolve()));
  for (let i = 0; i < 1000; ++i) peer.send(JSON.stringify({ number: i, text: "x".repeat(i) }));
  await all;
  result.many = seen;
  peer.close(4000, "enough");
  const [code, reason] = await next(peer, "close");
  result.closed = [code, reason.toString()];
  const second = await open(socket, target, token);
  second.send("close me");
  const [theirs, why] = await next(second, "close");
  result.closedByServer = [theirs, why.toString()];
  const third = await open(socket, target, token);
  third.on("error", () => {});
  third.send("kill me");
  result.killed = (await next(third, "close"))[0];
  result.refused = await open(socket, target.replace("/v1/", "/v2/"), token);
  console.log(JSON.stringify(result));
  process.exit(0);
}

if (role === "server") serve(...words);
else await play(...words);
