// aivault run --allow openai/models -- node fetch.mjs
const { AIVAULT_BASE_URL: base, AIVAULT_TOKEN: token } = process.env;
const answer = await fetch(`${base}/v/openai/v1/models`, { headers: { authorization: `Bearer ${token}` } });
const body = await answer.json();
if (answer.headers.has("x-aivault-error")) throw new Error(`refused: ${body.message}`);
for (const model of body.data) console.log(model.id);
