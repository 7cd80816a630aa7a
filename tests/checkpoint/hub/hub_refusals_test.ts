import assert from "node:assert/strict";
import { hubFolder } from "../../../src/checkpoint/hub/hub_folder.ts";
import { type HubAnswer, HubServer, json, problem } from "./hub_server.ts";
import { filesBelow, refused, tinyModel, withHub } from "./models.ts";

const commit = "a".repeat(40);
const name = "hf:local/model";

Deno.test("gated, private and missing models are told apart as far as the hub does, with what to do", async () => {
  const answers: [HubAnswer, string | undefined, string, RegExp][] = [
    [problem(401, "GatedRepo"), undefined, "checkpoint/hub-gated", /no token; ask on .*HF_TOKEN/],
    [problem(403, "GatedRepo"), "hf_x", "checkpoint/hub-gated", /a token without it; ask on/],
    [problem(403, ""), "hf_x", "checkpoint/hub-gated", /local\/model/],
    [problem(401, "RepoNotFound"), undefined, "checkpoint/hub-not-found", /set HF_TOKEN/],
    [problem(401, ""), "hf_x", "checkpoint/hub-not-found", /token has no access/],
    [problem(404, "RepoNotFound"), "hf_x", "checkpoint/hub-not-found", /look at the name/],
    [problem(404, "RevisionNotFound"), undefined, "checkpoint/hub-no-revision", /a branch/],
    [problem(418, ""), undefined, "checkpoint/http-status", /418/],
  ];
  for (const [answer, token, code, words] of answers) {
    await withHub(async ({ hub, options }) => {
      hub.change = () => answer;
      const error = await refused(hubFolder(name, { ...options, token }), code, words);
      assert.ok(!error.message.includes("hf_x"));
      assert.equal(hub.requests.length, 1);
    });
  }
});

Deno.test("the listing may be open and a file gated, or gone", async () => {
  for (
    const [answer, code] of [
      [problem(403, "GatedRepo"), "checkpoint/hub-gated"],
      [problem(404, "EntryNotFound"), "checkpoint/hub-missing-file"],
    ] as const
  ) {
    await withHub(async ({ hub, options }) => {
      hub.change = (own, { url }) => url.pathname.includes("/resolve/") ? answer : own;
      await refused(hubFolder(name, options), code);
    });
  }
});

Deno.test("the token opens a private model, and goes to no other host", async () => {
  await withHub(async ({ hub, options }) => {
    hub.token = "hf_secret";
    await refused(hubFolder(name, options), "checkpoint/hub-not-found");
    await hubFolder(name, { ...options, token: " hf_secret\n" });
    const cdn = hub.requests.filter(({ host }) => host === "cdn");
    assert.ok(cdn.length > 0);
    for (const { headers } of cdn) {
      assert.ok(![...headers].some(([, value]) => value.includes("hf_secret")));
    }
  });
});

Deno.test("a redirect to a third host, to another kind of address or without an end is not followed", async () => {
  await using third = new HubServer(await tinyModel());
  const redirect = (location: string): HubAnswer => ({ status: 302, headers: { location } });
  for (
    const location of [third.endpoint, "file:///etc/passwd", "ftp://host/x", "http://a:b@host/"]
  ) {
    await withHub(async ({ hub, options }) => {
      hub.change = (own, { host }) => host === "cdn" ? redirect(location) : own;
      await refused(hubFolder(name, options), "checkpoint/hub-redirect", /not followed/);
      // What is no file never comes from another host.
      hub.change = (own, { url }) => url.pathname.includes("/revision/") ? redirect(location) : own;
      await refused(hubFolder(name, options), "checkpoint/hub-redirect", /not followed/);
    });
  }
  assert.equal(third.requests.length, 0);
  await withHub(async ({ hub, options }) => {
    hub.change = (own, { url }) => url.pathname.includes("/resolve/") ? redirect(url.href) : own;
    await refused(hubFolder(name, options), "checkpoint/hub-redirect", /redirects/);
  });
});

Deno.test("a model that was renamed is followed on the hub itself", async () => {
  await withHub(async ({ hub, options }) => {
    hub.change = (own, { url }) =>
      url.pathname.includes("/old/name")
        ? { status: 307, headers: { location: url.pathname.replace("/old/name", "/local/model") } }
        : own;
    const { name } = await hubFolder("hf:old/name", options);
    assert.equal(name, `hf:old/name@${commit}`);
  });
});

Deno.test("a busy hub is asked again after the time it names, and not for ever", async () => {
  await withHub(async ({ hub, options }) => {
    let busy = 2;
    hub.change = (own) =>
      busy-- > 0 ? { ...problem(busy ? 429 : 503, ""), headers: { "retry-after": "0" } } : own;
    await hubFolder(name, options);
    assert.ok(busy < 0);
  });
  await withHub(async ({ hub, options }) => {
    hub.change = () => problem(500, "");
    await refused(hubFolder(name, options), "checkpoint/hub-busy", /status 500/);
    assert.equal(hub.requests.length, 6);
  });
  await withHub(async ({ hub, options }) => {
    hub.change = () => ({ ...problem(429, ""), headers: { "retry-after": "86400" } });
    await refused(hubFolder(name, options), "checkpoint/hub-busy", /too many requests/);
    assert.equal(hub.requests.length, 1);
  });
});

Deno.test("a server that stalls is given up", async () => {
  await withHub(async ({ hub, options }) => {
    const { promise: never, resolve } = Promise.withResolvers<void>();
    hub.change = (own, { host }) => host === "cdn" ? { ...own, cut: 0, until: never } : own;
    await refused(hubFolder(name, { ...options, timeout: 30 }), "checkpoint/http-timeout", /kept/);
    resolve();
  });
});

Deno.test("bytes of another hash, or more than the listing tells, are not kept", async () => {
  await withHub(async ({ hub, cache, options }) => {
    const change = (bytes: (own: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>) => {
      hub.change = (own, { host }) =>
        host === "cdn" ? { ...own, body: bytes(own.body as Uint8Array<ArrayBuffer>) } : own;
    };
    change((own) => own.map((byte, i) => i === 5 ? byte ^ 1 : byte));
    await refused(hubFolder(name, options), "checkpoint/hub-wrong-hash", /nothing of it was kept/);
    change((own) => new Uint8Array([...own, 0]));
    await refused(hubFolder(name, options), "checkpoint/hub-wrong-size", /nothing of it was kept/);
    const left = await filesBelow(`${cache}/models--local--model/blobs`);
    assert.deepEqual(left.filter((file) => file.endsWith(".incomplete")), []);
    hub.change = (own) => own;
    await hubFolder(name, options);
  });
});

Deno.test("more bytes than a length that lies tells are refused as they come", async () => {
  await withHub(async ({ hub, options }) => {
    hub.change = (own, { host }) => {
      if (host !== "cdn") return own;
      const bytes = own.body as Uint8Array<ArrayBuffer>;
      const body = `${(bytes.length + 9).toString(16)}\r\n`;
      const chunk = new Uint8Array([
        ...new TextEncoder().encode(body),
        ...bytes,
        ...bytes.slice(0, 9),
      ]);
      // Two lengths would be refused by the runtime; a stream in chunks tells none.
      return { status: 200, headers: { "transfer-encoding": "chunked" }, body: chunk };
    };
    await refused(hubFolder(name, options), "checkpoint/hub-wrong-size", /found more/);
  });
});

Deno.test("a listing can't name files outside of the cache, nor what is no hash or no size", async () => {
  const file = { type: "file", path: "config.json", size: 1, oid: "1".repeat(40) };
  const entries: [unknown, string][] = [
    [{ ...file, path: "../../outside" }, "checkpoint/path-leaves-folder"],
    [{ ...file, path: "/etc/passwd" }, "checkpoint/path-leaves-folder"],
    [{ ...file, path: "a/../../../b" }, "checkpoint/path-leaves-folder"],
    [{ ...file, path: 7 }, "checkpoint/bad-hub-answer"],
    [{ ...file, path: "x".repeat(2000) }, "checkpoint/bad-hub-answer"],
    [{ ...file, oid: "../../x" }, "checkpoint/bad-hub-answer"],
    [{ ...file, lfs: { oid: "../x", size: 1 } }, "checkpoint/bad-hub-answer"],
    [{ ...file, size: -1 }, "checkpoint/bad-hub-answer"],
    [{ ...file, size: 1e300 }, "checkpoint/bad-hub-answer"],
  ];
  for (const [entry, code] of entries) {
    await withHub(async ({ hub, cache, options }) => {
      hub.change = (own, { url }) => url.pathname.includes("/tree/") ? json([entry]) : own;
      await refused(hubFolder(name, options), code);
      assert.deepEqual(await filesBelow(cache), []);
    });
  }
});

Deno.test("answers that are none of a hub's are refused", async () => {
  const answers: HubAnswer[] = [
    { status: 200, body: "<html>" },
    json(null),
    json({ sha: "main" }),
    json({ sha: "../../x" }),
    { status: 200, body: "x".repeat(40_000_000) },
  ];
  for (const answer of answers) {
    await withHub(async ({ hub, options }) => {
      hub.change = () => answer;
      await refused(hubFolder(name, options), "checkpoint/bad-hub-answer");
    });
  }
  await withHub(async ({ hub, options }) => {
    hub.change = (own, { url }) => url.pathname.includes("/tree/") ? json({ error: "x" }) : own;
    await refused(hubFolder(name, options), "checkpoint/bad-hub-answer");
    const headers = { "x-repo-commit": "c".repeat(40) };
    hub.change = (own, { url }) =>
      url.pathname.includes("/resolve/")
        ? { ...own, headers: { ...own.headers, ...headers } }
        : own;
    await refused(hubFolder(name, options), "checkpoint/bad-hub-answer", /commit/);
  });
});

Deno.test("a listing without an end is given up", async () => {
  await withHub(async ({ hub, options }) => {
    const files = Array.from({ length: 60_000 }, (_, i) => ({
      type: "file",
      path: `${i}`,
      size: 1,
      oid: "1".repeat(40),
    }));
    hub.change = (own, { url }) =>
      url.pathname.includes("/tree/") ? json(files, { link: `<${url.href}>; rel="next"` }) : own;
    await refused(hubFolder(name, options), "checkpoint/bad-hub-answer", /at most 100000 files/);
  });
});

Deno.test("a token or an address that is none is refused without being shown", async () => {
  await withHub(async ({ options }) => {
    const bad = hubFolder(name, { ...options, token: "hf a\u0007b" });
    const error = await refused(bad, "checkpoint/bad-option", /HF_TOKEN/);
    assert.ok(!error.message.includes("\u0007"));
    for (const endpoint of ["ftp://host", "nothing", "http://user@host"]) {
      await refused(hubFolder(name, { ...options, endpoint }), "checkpoint/bad-option");
    }
  });
});
