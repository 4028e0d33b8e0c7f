// Has the official Node SDK try again where the mock refuses for a while; prints which scenarios were answered.
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: process.env.BASE_URL,
  apiKey: process.env.SCENE_KEY,
  maxRetries: 2,
  fetch: async (url, options) => {
    const answer = await fetch(url, options);
    if (answer.ok) return answer;
    const headers = new Headers(answer.headers);
    headers.set("retry-after-ms", "1");
    return new Response(answer.body, { status: answer.status, headers });
  },
});
const messages = [{ role: "user", content: "你好" }];
const seen = {};

for (const scenario of ["overloaded-twice", "rate-limited-once", "server-error"]) {
  const answer = await client.chat.completions.create(
    { model: "kimi-k3", messages },
    { headers: { "x-mock-scenario": scenario } },
  );
  seen[scenario] = answer.choices[0].message.content.length > 0;
}
console.log(JSON.stringify(seen));
