// Vendors' own SDKs, unmodified, under `aivault run`: each makes a call, a streamed call where it has one, and a call that
// is refused. What came of them goes to stdout as JSON; the test judges it.
const base = process.env.AIVAULT_BASE_URL;
const token = process.env.AIVAULT_TOKEN;
const [name] = process.argv.slice(2);

const text = (parts) => parts.join("");
const sdks = {
  async openai() {
    const { default: OpenAI } = await import("openai");
    const client = new OpenAI({ maxRetries: 0 });
    const messages = [{ role: "user", content: "hi" }];
    return {
      call: async () => (await client.chat.completions.create({ model: "gpt-x", messages })).choices[0].message.content,
      stream: async () => {
        const parts = [];
        for await (const event of await client.chat.completions.create({ model: "gpt-x", messages, stream: true })) parts.push(event.choices[0]?.delta?.content ?? "");
        return text(parts);
      },
      denied: () => client.files.list(),
    };
  },
  async anthropic() {
    const { default: Anthropic } = await import("@anthropic-ai/sdk");
    const client = new Anthropic({ maxRetries: 0 });
    const request = { model: "claude-x", max_tokens: 9, messages: [{ role: "user", content: "hi" }] };
    return {
      call: async () => (await client.messages.create(request)).content[0].text,
      stream: async () => (await client.messages.stream(request).finalMessage()).content[0].text,
      denied: () => client.models.list(),
    };
  },
  async gemini() {
    const { GoogleGenAI } = await import("@google/genai");
    const client = new GoogleGenAI({ apiKey: process.env.GEMINI_API_KEY });
    const request = { model: "gemini-x", contents: "hi" };
    return {
      call: async () => (await client.models.generateContent(request)).text,
      stream: async () => {
        const parts = [];
        for await (const event of await client.models.generateContentStream(request)) parts.push(event.text);
        return text(parts);
      },
      denied: () => client.files.list(),
    };
  },
  async stripe() {
    const { default: Stripe } = await import("stripe");
    // The SDK takes a host and a port but no path: its own hook for the transport adds the path.
    const through = (url, options) => fetch(String(url).replace(/^https?:\/\/[^/]+/, `${base}/v/stripe`), options);
    const client = new Stripe(token, { httpClient: Stripe.createFetchHttpClient(through), maxNetworkRetries: 0, telemetry: false });
    return {
      call: async () => (await client.customers.retrieve("cus_1")).email,
      denied: () => client.balance.retrieve(),
    };
  },
  async github() {
    const { Octokit } = await import("octokit");
    const client = new Octokit({ auth: process.env.GITHUB_TOKEN, baseUrl: process.env.GITHUB_API_URL, retry: { enabled: false }, throttle: { enabled: false },
      log: { debug() {}, info() {}, warn() {}, error() {} } });
    return {
      call: async () => (await client.rest.repos.get({ owner: "o", repo: "r" })).data.full_name,
      denied: () => client.rest.gists.list(),
    };
  },
  async slack() {
    const { WebClient, LogLevel } = await import("@slack/web-api");
    const client = new WebClient(token, { slackApiUrl: `${base}/v/slack/api/`, retryConfig: { retries: 0 }, logLevel: LogLevel?.ERROR });
    return {
      call: async () => (await client.chat.postMessage({ channel: "C1", text: "hi" })).ts,
      denied: () => client.users.list({}),
    };
  },
  async notion() {
    const { Client } = await import("@notionhq/client");
    const client = new Client({ auth: token, baseUrl: `${base}/v/notion`, retry: false, logger() {} });
    return {
      call: async () => (await client.pages.retrieve({ page_id: "59833787-2cf9-4fdf-8782-e53db20768a5" })).id,
      denied: () => client.users.list({}),
    };
  },
  async resend() {
    const { Resend } = await import("resend");
    const client = new Resend();
    const take = ({ data, error }) => { if (error) throw Object.assign(new Error(error.message), error, { refusal: true }); return data; };
    return {
      call: async () => take(await client.emails.send({ from: "a@example.com", to: "b@example.com", subject: "s", text: "t" })).id,
      denied: async () => take(await client.domains.list()),
    };
  },
  async twilio() {
    const { default: twilio } = await import("twilio");
    const { default: RequestClient } = await import("twilio/lib/base/RequestClient.js");
    const Base = RequestClient.default ?? RequestClient;
    class Through extends Base {
      request(options) { return super.request({ ...options, uri: options.uri.replace("https://api.twilio.com", `${base}/v/twilio`) }); }
    }
    const client = twilio("AC" + "0".repeat(32), token, { httpClient: new Through() });
    return {
      call: async () => (await client.messages.create({ from: "+15005550006", to: "+15005550009", body: "hi" })).sid,
      denied: () => client.calls.list({ limit: 1 }),
    };
  },
  async linear() {
    const { LinearClient } = await import("@linear/sdk");
    const client = new LinearClient({ apiKey: token, apiUrl: `${base}/v/linear/graphql` });
    return {
      call: async () => (await client.viewer).name,
      denied: async () => (await new LinearClient({ apiKey: token, apiUrl: `${base}/v/linear/other` }).viewer).name,
    };
  },
};

const tried = async (call) => {
  if (!call) return null;
  try {
    return { ok: await call() };
  } catch (error) {
    return { error: error.constructor.name, message: String(error.message), status: error.status ?? error.statusCode ?? error.code ?? null,
      all: JSON.stringify(error, Object.getOwnPropertyNames(error))?.slice(0, 4000) };
  }
};
const sdk = await sdks[name]();
const result = { call: await tried(sdk.call), stream: await tried(sdk.stream), denied: await tried(sdk.denied) };
process.stdout.write(JSON.stringify(result) + "\n");
process.exit(0);
