// Calls methods of @mux/mux-node. Each line of standard input is a call, as JSON; each line of
// standard output is what the SDK returned, or the error that it threw.
import readline from "node:readline";
import Mux from "@mux/mux-node";

async function call({ origin, options, method, values, all }) {
  const client = new Mux({
    baseURL: origin,
    tokenId: options.token_id,
    tokenSecret: options.token_secret,
    maxRetries: 0,
  });
  const names = method.split(".");
  const name = names.pop();
  const owner = names.reduce((value, each) => value[each], client);
  if (all) {
    const items = [];
    for await (const item of owner[name](...values)) items.push(item);
    return items;
  }
  const result = await owner[name](...values);
  return result?.getPaginatedItems ? result.getPaginatedItems() : result ?? null;
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { view: await call(JSON.parse(line)) };
  } catch (error) {
    answer = { refused: error.status ?? 0, body: error.error ?? null, message: error.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
