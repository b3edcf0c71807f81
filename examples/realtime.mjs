// npm install ws && aivault run --allow openai/realtime -- node realtime.mjs "Hello"
// A WebSocket like any other: the vendor's events pass both ways as they are; the key stays in the vault.
import WebSocket from "ws";

const { OPENAI_BASE_URL: base, OPENAI_API_KEY: token, MODEL: model = "gpt-realtime" } = process.env;
const live = new WebSocket(`${base.replace(/^http/, "ws")}/realtime?model=${model}`, {
  headers: { authorization: `Bearer ${token}` },
});
const say = (event) => live.send(JSON.stringify(event));

live.on("open", () => {
  const text = process.argv[2] ?? "Hello";
  say({ type: "session.update", session: { type: "realtime", output_modalities: ["text"] } });
  say({ type: "conversation.item.create", item: { type: "message", role: "user", content: [{ type: "input_text", text }] } });
  say({ type: "response.create" });
});
live.on("message", (data) => {
  const event = JSON.parse(data);
  if (event.type === "response.output_text.delta") process.stdout.write(event.delta);
  if (event.type === "error") throw new Error(event.error.message);
  if (event.type !== "response.done") return;
  console.log();
  live.close(1000);
});
live.on("unexpected-response", (_request, answer) => {
  throw new Error(`refused: ${answer.statusCode} ${answer.headers["x-aivault-error"] ?? ""}`);
});
// 1008: the right to it has ended; 1011: the vendor; 1013: try again. See docs/api.md.
live.on("close", (code, reason) => {
  if (code !== 1000) throw new Error(`closed with ${code} ${reason}`);
});
