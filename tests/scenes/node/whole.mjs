// Asks each model named on the command line for an answer without a stream; prints what came as one line of JSON.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: process.env.SCENE_KEY, maxRetries: 0 });
const messages = [{ role: "user", content: "你好" }];
const seen = [];
for (const model of process.argv.slice(2)) {
  try {
    seen.push(await client.chat.completions.create({ model, messages }));
  } catch (error) {
    seen.push({ name: error.constructor.name, status: error.status, message: error.message, body: error.error });
  }
}
console.log(JSON.stringify(seen));
