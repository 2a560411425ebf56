// A user's way through one contract with the official client. Prints one JSON object; throws what the client throws.
import OpenAI from "openai";

const { BASE_URL: baseURL, KEY: apiKey, MODEL: model, EMBEDDING, IMAGE } = process.env;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 20000, defaultHeaders: { "X-VoltageGPU-Key": apiKey } });
const messages = [{ role: "user", content: "Count from 1 to 5, separated by spaces." }];

const whole = await client.chat.completions.create({ model, messages, temperature: 0 });
let streamed = "";
for await (const chunk of await client.chat.completions.create({ model, messages, temperature: 0, stream: true })) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
}

const refused = async (call) => {
  try {
    await call();
    return "answered";
  } catch (error) {
    return [error.constructor.name, error.status];
  }
};

const found = {
  whole: whole.choices[0].message.content,
  streamed,
  total: whole.usage.total_tokens === whole.usage.prompt_tokens + whole.usage.completion_tokens,
  invalid: await refused(() => client.chat.completions.create({ model, messages, temperature: 3 })),
  stranger: await refused(() =>
    new OpenAI({ baseURL, apiKey: "sk-nobody-has-this-key", maxRetries: 0 }).chat.completions.create({ model, messages }),
  ),
};
if (EMBEDDING) {
  const list = await client.embeddings.create({ model: EMBEDDING, input: ["One.", "Another."] });
  found.lengths = list.data.map((row) => Math.hypot(...row.embedding).toFixed(4));
}
if (IMAGE) {
  const painted = await client.images.generate({ model: IMAGE, prompt: "A sunset", size: "256x256", response_format: "b64_json" });
  found.png = Buffer.from(painted.data[0].b64_json, "base64").subarray(1, 4).toString();
}
console.log(JSON.stringify(found));
