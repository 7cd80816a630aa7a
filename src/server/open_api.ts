import { toJsonSchema } from "@valibot/to-json-schema";
import configuration from "../../deno.json" with { type: "json" };
import type { Protocol, Route } from "./protocol.ts";

/** Failures that any address may answer with. */
const failures: Readonly<Record<string, string>> = {
  "400": "The request is none of the protocol's",
  "401": "The key is missing or wrong",
  "413": "The body is too large",
  "415": "The body is not said to be JSON",
  "422": "The row can't be scored, and its sender can mend it",
  "429": "The queue is full: try again (503 where a protocol's clients give up on 429)",
  "503": "The model loads, or failed: try again",
  "504": "The deadline passed",
};

/** An OpenAPI 3.1 document of all addresses, made from the schemas that requests are held against. */
export function openApiDocument(protocols: readonly Protocol[]): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const protocol of protocols) {
    for (const route of protocol.routes) {
      const path = paths[route.path]?.[route.method.toLowerCase()] === undefined
        ? route.path
        : `/${protocol.name}${route.path}`; // another protocol has the address; its own is always there
      (paths[path] ??= {})[route.method.toLowerCase()] = operation(protocol, route);
    }
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Assay",
      version: configuration.version,
      description: "Scores of reward models, in the protocols of their clients. Every address " +
        "stands also under its protocol's name, as /vllm/classify.",
    },
    components: { securitySchemes: { key: { type: "http", scheme: "bearer" } } },
    paths,
  };
}

function operation({ name }: Protocol, route: Route): unknown {
  const content = (schema: unknown) => ({ "application/json": { schema } });
  const answer = route.wholeLines !== undefined
    ? { content: { "application/x-ndjson": { schema: { type: "object" } } } }
    : route.answer === undefined
    ? {}
    : { content: content(jsonSchema(route.answer)) };
  const failed = Object.entries(failures).map(([status, description]) => [status, { description }]);
  return {
    tags: [name],
    summary: route.summary,
    operationId: `${name}_${route.method.toLowerCase()}${route.path.replaceAll(/\W+/g, "_")}`,
    ...(route.wholeLines === undefined ? {} : {
      requestBody: {
        required: true,
        content: { "application/x-ndjson": { schema: { type: "object" } } },
      },
    }),
    ...(route.body === undefined ? {} : {
      requestBody: { required: true, content: content(jsonSchema(route.body)) },
    }),
    responses: {
      "200": { description: "The answer", ...answer },
      ...(route.method === "GET" ? {} : Object.fromEntries(failed)),
    },
  };
}

function jsonSchema(schema: NonNullable<Route["body"]>): unknown {
  const { $schema: _, ...rest } = toJsonSchema(schema, { errorMode: "ignore" });
  return rest;
}
