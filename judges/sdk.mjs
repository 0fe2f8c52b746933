// Calls methods of vendors' SDKs. Each line of standard input is a call, as JSON; each line of
// standard output is what the SDK returned, or the error that it threw.
import readline from "node:readline";
import Mux from "@mux/mux-node";
import { VideoSDK } from "@videosdk.live/server-sdk";

const clients = {
  mux: (origin, options) =>
    new Mux({
      baseURL: origin,
      tokenId: options.token_id,
      tokenSecret: options.token_secret,
      maxRetries: 0,
    }),
  videosdk: (origin, options) =>
    new VideoSDK({
      apiEndpoint: origin,
      apiKey: options.api_key,
      secret: options.secret,
      maxRetries: 0,
    }),
};

async function call({ vendor, origin, options, method, values, all }) {
  const client = clients[vendor](origin, options);
  const names = method.split(".");
  const name = names.pop();
  const owner = names.reduce((value, each) => value[each], client);
  const result = await owner[name](...values);
  if (all) {
    const items = [];
    for await (const item of result) items.push(item);
    return items;
  }
  return result?.getPaginatedItems ? result.getPaginatedItems() : result ?? null;
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { view: await call(JSON.parse(line)) };
  } catch (error) {
    answer = {
      refused: error.status ?? error.httpStatus ?? 0,
      body: error.error ?? error.details ?? null,
      message: `${error.name}: ${error.message}`,
    };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
