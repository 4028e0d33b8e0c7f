// Runs the official Node SDK against BASE_URL and prints what it saw as one line of JSON.
import OpenAI, { toFile } from "openai";

const client = new OpenAI({
  baseURL: process.env.BASE_URL,
  apiKey: process.env.SCENE_KEY,
  maxRetries: 0,
});
const messages = [{ role: "user", content: "你好" }];
const seen = {};

const whole = await client.chat.completions.create({ model: "kimi-k3", messages });
seen.content = whole.choices[0].message.content;
seen.total = whole.usage.total_tokens;

seen.streamed = "";
seen.chunks = 0;
const stream = await client.chat.completions.create({
  model: "kimi-k3",
  messages,
  stream: true,
  stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  seen.chunks += 1;
  seen.streamed += chunk.choices[0]?.delta?.content ?? "";
  if (chunk.usage) seen.streamedTotal = chunk.usage.total_tokens;
}

seen.models = [];
for await (const model of client.models.list()) seen.models.push(model.id);

const file = await client.files.create({
  file: await toFile(Buffer.from("一二三\n"), "a.txt"),
  purpose: "file-extract",
});
seen.file = file.id;
seen.listed = (await client.files.list()).data.map((row) => row.id);
seen.extracted = JSON.parse(await (await client.files.content(file.id)).text()).content;
seen.deleted = (await client.files.delete(file.id)).deleted;

try {
  await client.chat.completions.create({ model: "kimi-k3", messages }, { headers: { "X-Scene": "rpm" } });
} catch (error) {
  seen.error = [error.status, error.type, error.headers.get("retry-after")];
}
console.log(JSON.stringify(seen));
