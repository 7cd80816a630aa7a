import assert from "node:assert/strict";
import { openApiDocument } from "../../src/server/open_api.ts";
import { protocolsOf } from "../../src/server/serve.ts";
import { AskedServer } from "../server/asked_server.ts";
import { mutateText, mutateValue } from "./mutations.ts";
import type { Random } from "./random.ts";
import type { FuzzTarget } from "./target.ts";

/** A part of a JSON schema, as the OpenAPI document has it. */
interface Schema {
  readonly type?: string;
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly not?: Schema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly minItems?: number;
  readonly minimum?: number;
}

interface Operation {
  readonly path: string;
  readonly method: string;
  readonly schema: Schema | undefined;
}

const server = await AskedServer.ready({ mostBytes: 65536 }, { mostWaiting: 64 });
const document = openApiDocument(protocolsOf(server.models, server.metrics)) as {
  paths: Record<string, Record<string, { requestBody?: { content: unknown } }>>;
};
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { requestBody }]): Operation => ({
    path,
    method: method.toUpperCase(),
    schema: (requestBody?.content as Record<string, { schema: Schema }> | undefined)
      ?.["application/json"]?.schema,
  }))
);

const texts = [
  "",
  "four",
  "bad",
  "Hi",
  "user",
  "assistant",
  "<s>",
  "\ud800",
  "\u0000",
  "x".repeat(300),
];
/** Fields that rows and messages have, which loose schemas do not name. */
const rowFields = [
  "prompt",
  "response",
  "chosen",
  "rejected",
  "responses",
  "messages",
  "role",
  "content",
];

/** A value that a schema allows, or nearly. */
function valueOf(random: Random, schema: Schema | undefined, depth = 0): unknown {
  if (schema === undefined || depth > 6) return random.pick(texts);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return random.pick(schema.enum);
  if (schema.anyOf !== undefined) return valueOf(random, random.pick(schema.anyOf), depth + 1);
  if (schema.allOf !== undefined) {
    const parts = schema.allOf.map((part) => valueOf(random, part, depth + 1));
    return Object.assign({}, ...parts.filter((part) => typeof part === "object"));
  }
  switch (schema.type) {
    case "string":
      return random.pick(texts);
    case "number":
    case "integer":
      return random.pick([schema.minimum ?? 0, 1, 2, 7, -1, 0.5, 1e30]);
    case "boolean":
      return random.chance(0.5);
    case "null":
      return null;
    case "array": {
      if (schema.prefixItems !== undefined) {
        return schema.prefixItems.map((item) => valueOf(random, item, depth + 1));
      }
      return random.chance(0.05)
        ? []
        : random.some(4, () => valueOf(random, schema.items, depth + 1));
    }
    case "object":
      return objectOf(random, schema, depth);
    default:
      return random.pick([null, "text", 3, {}]);
  }
}

function objectOf(random: Random, schema: Schema, depth: number): unknown {
  const { properties = {}, required = [] } = schema;
  const object: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(properties)) {
    const isWanted = required.includes(name) ? 0.97 : 0.2;
    // A field that is always refused is tried now and then.
    const chance = property.not === undefined ? isWanted : 0.02;
    if (random.chance(chance)) object[name] = valueOf(random, property, depth + 1);
  }
  if (random.chance(0.4)) {
    for (const name of random.some(3, () => random.pick(rowFields))) {
      object[name] = random.pick(texts);
    }
  }
  return object;
}

/** The statuses that the pages promise. */
const promised = new Set([200, 400, 401, 404, 405, 413, 415, 422, 424, 429, 431, 499, 503, 504]);

const types = [
  "application/json",
  "application/x-ndjson",
  "text/plain",
  "application/json; charset=x",
];

/** Requests made from the schemas of the OpenAPI document, and spoilt, to every address of the server. */
export const requests: FuzzTarget = {
  name: "requests",
  gateCases: 3000,
  draw(random) {
    const { path, method: own, schema } = random.pick(operations);
    const method = random.chance(0.98) ? own : random.pick(["GET", "POST", "PUT", "DELETE"]);
    const value = valueOf(random, schema);
    const spoilt = random.chance(0.3) ? mutateValue(random, value) : value;
    const written = JSON.stringify(spoilt) ?? "";
    const body = random.chance(0.1) ? mutateText(random, written) : written;
    const type = random.chance(0.95) ? types[0]! : random.pick(types);
    const query = random.chance(0.1)
      ? random.pick(["?bare", "?threshold=1", "?threshold=x", "?model=y"])
      : "";
    return {
      what: `${method} ${path}${query}`,
      input: { type, body },
      async run() {
        const isRead = method === "GET";
        const headers = { "content-type": type };
        const answer = await server.ask(path + query, {
          method,
          headers,
          ...(!isRead && { body }),
        });
        const { status, text } = answer;
        const log = server.log.splice(0).join("\n").slice(0, 500);
        assert.ok(promised.has(status), `status ${status}: ${text.slice(0, 300)} ${log}`);
        assert.ok(!/secret|\bat file:/.test(text), text.slice(0, 300));
        const isJson = /\/json/.test(answer.headers.get("content-type") ?? "");
        if (isJson || status >= 400) JSON.parse(text); // no NaN stands in it
        const after = await server.post("/v1/score", { prompt: "Hi", response: "four" });
        assert.equal(after.json.score, 4);
        return `${status}`;
      },
    };
  },
};
