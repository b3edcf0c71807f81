// The official client of the Model Context Protocol against `aivault mcp`: it speaks, the test judges.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import readline from "node:readline";

const [command, ...args] = process.argv.slice(2);
const transport = new StdioClientTransport({ command, args, env: process.env, stderr: "inherit" });
const client = new Client({ name: "test", version: "1.0.0" }, { capabilities: {} });
let changes = 0;
client.setNotificationHandler(ToolListChangedNotificationSchema, () => { changes += 1; });
await client.connect(transport);

const asks = {
  server: async () => ({ version: client.getServerVersion(), capabilities: client.getServerCapabilities(), instructions: client.getInstructions() }),
  tools: async ({ cursor }) => client.listTools(cursor ? { cursor } : {}),
  call: async ({ name, args }) => client.callTool({ name, arguments: args }),
  waiting: async ({ name, args }) => {
    const told = [];
    const result = await client.callTool({ name, arguments: args }, undefined, { onprogress: ({ progress, message }) => told.push({ progress, message }) });
    return { told, result };
  },
  cancelled: async ({ name, args, after }) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort("enough"), after);
    return client.callTool({ name, arguments: args }, undefined, { signal: controller.signal });
  },
  resources: async () => ({ ...(await client.listResources()), ...(await client.listResourceTemplates()) }),
  read: async ({ uri }) => client.readResource({ uri }),
  ping: async () => client.ping(),
  changes: async () => changes,
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { ask, ...rest } = JSON.parse(line);
  let answer;
  try {
    answer = { ok: await asks[ask](rest) };
  } catch (error) {
    answer = { code: error.code ?? null, message: String(error.message ?? error) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
await client.close();
