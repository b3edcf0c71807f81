// npm install openai && aivault run --allow openai/chat-completions -- node sdk.mjs "Hello"
// The SDK reads OPENAI_BASE_URL and OPENAI_API_KEY, as always; the key is a token that ends with this program.
import OpenAI from "openai";

const client = new OpenAI();
const stream = await client.chat.completions.create({
  model: process.env.MODEL ?? "gpt-4.1-mini",
  messages: [{ role: "user", content: process.argv[2] ?? "Hello" }],
  stream: true,
});
for await (const event of stream) process.stdout.write(event.choices[0]?.delta?.content ?? "");
console.log();
