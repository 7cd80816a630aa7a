import page from "./page.html" with { type: "text" };
import type { Failure } from "../failures.ts";
import { type Protocol, route } from "../protocol.ts";

/** What the page may do: nothing comes from elsewhere, and it asks this server alone. */
const policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; " +
  "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The page for people, at `/`. */
export const pageProtocol: Protocol = {
  name: "page",
  routes: [
    route({
      method: "GET",
      path: "/",
      summary: "A page for people: score a conversation or compare two answers",
      answerTo: () =>
        new Response(page, {
          headers: {
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
          },
        }),
    }),
  ],
  failed: ({ code, message }: Failure) => ({ error: { code, message } }),
};
