import assert from "node:assert/strict";
import { joinVoters, textFingerprint, type VoterKeys } from "../../src/voting/join_voters.ts";

function voter(
  name: string,
  ids: readonly (string | undefined)[],
  fingerprints: readonly (string | undefined)[] = ids.map(() => undefined),
): VoterKeys {
  return { name, ids, fingerprints };
}

const nothing = [undefined, undefined, undefined];

Deno.test("joinVoters() joins by order where there are no ids", () => {
  const join = joinVoters([voter("a", nothing), voter("b", nothing)]);
  assert.equal(join.by, "order");
  assert.deepEqual(join.places.map((places) => [...places]), [[0, 1, 2], [0, 1, 2]]);
});

Deno.test("joinVoters() keeps rows that only some voters have, and counts them", () => {
  const join = joinVoters([voter("a", ["x", "y"]), voter("b", ["z", "y"])]);
  assert.equal(join.rows, 3);
  assert.deepEqual(join.places.map((places) => [...places]), [[0, 1, -1], [-1, 1, 0]]);
  assert.deepEqual(join.missing, [1, 1]);
});

Deno.test("joinVoters() joins repeated ids by order, if they are the same in each row", () => {
  assert.equal(joinVoters([voter("a", ["x", "x"]), voter("b", ["x", "x"])]).by, "order");
  assert.throws(() => joinVoters([voter("a", ["x", "x"]), voter("b", ["x", "y"])]), {
    code: "voting/ids-differ",
    message: /row 2 of a and row 2 of b.*\(x and y\)/,
  });
});

Deno.test("joinVoters() throws where voters disagree on the number of rows", () => {
  assert.throws(() => joinVoters([voter("a", nothing), voter("b", [undefined])]), {
    code: "voting/row-count",
    message: /a has 3 rows, b has 1.*row 1 of a has no id/,
  });
  assert.throws(() => joinVoters([voter("a", nothing), voter("empty", [])]), {
    code: "voting/row-count",
  });
});

Deno.test("joinVoters() throws where voters share no id, or scored other texts", () => {
  assert.throws(() => joinVoters([voter("a", ["x"]), voter("b", ["y"])]), {
    code: "voting/no-common-ids",
  });
  const texts = (text: string) => voter(text, [undefined], [text]);
  assert.throws(() => joinVoters([texts("a"), texts("b")]), { code: "voting/rows-differ" });
  const byId = [voter("a", ["x", "y"], ["1", "2"]), voter("b", ["y", "x"], ["2", "3"])];
  assert.throws(() => joinVoters(byId), {
    code: "voting/rows-differ",
    message: /row 1 of a and row 2 of b/,
  });
});

Deno.test("joinVoters() joins by id on demand, or says why it can't", () => {
  assert.equal(joinVoters([voter("a", ["x"]), voter("b", ["x"])], "order").by, "order");
  assert.throws(() => joinVoters([voter("a", ["x", undefined])], "id"), {
    code: "voting/bad-ids",
    message: /row 2 of a has no id/,
  });
  assert.throws(() => joinVoters([voter("a", ["x", "x"])], "id"), {
    message: /a has the id x more than once/,
  });
});

Deno.test("joinVoters() of one voter or empty voters works", () => {
  assert.equal(joinVoters([voter("a", ["x", "y"])]).rows, 2);
  assert.equal(joinVoters([voter("a", []), voter("b", [])]).rows, 0);
  assert.equal(joinVoters([]).rows, 0);
});

Deno.test("textFingerprint() differs where texts do, and looks at nothing else", () => {
  const row = { prompt: "p", chosen: "a", rejected: "b", chosen_score: 1 };
  assert.equal(textFingerprint({ ...row, chosen_score: 2 }), textFingerprint(row));
  assert.notEqual(textFingerprint({ ...row, rejected: "c" }), textFingerprint(row));
  assert.notEqual(
    textFingerprint({ ...row, chosen: "b", rejected: "a" }),
    textFingerprint(row),
  );
  assert.equal(textFingerprint({ id: 1, score: 2 }), undefined);
  assert.equal(typeof textFingerprint({ prompt: 2n ** 60n }), "string");
});

Deno.test("joinVoters() matches by subset and id where ids are unique only within a subset", () => {
  const file = (name: string, rows: readonly string[]) => ({
    ...voter(name, rows.map((row) => row.slice(1))),
    subsets: rows.map((row) => row[0]),
  });
  const [a, b] = [file("a", ["x1", "x2", "y1"]), file("b", ["y1", "x2", "x1"])];
  for (const by of ["auto", "id"] as const) {
    const join = joinVoters([a, b], by);
    assert.equal(join.by, "subset and id");
    assert.deepEqual(join.places.map((places) => [...places]), [[0, 1, 2], [2, 1, 0]]);
  }
  assert.throws(() => joinVoters([a, b], "order"), { code: "voting/subsets-differ" });
  const noSubsets = { ...b, subsets: undefined };
  assert.match(joinVoters([a, noSubsets]).obstacle!, /a has the id 1 more than once/);
});

Deno.test("joinVoters() by order checks every column that both have, and says why not by id", () => {
  const file = (name: string, subsets: string[], rows: Record<string, string>[]) => ({
    ...voter(name, subsets.map(() => undefined), rows.map(textFingerprint)),
    subsets,
  });
  const a = file("a", ["x", "y"], [{ prompt: "1" }, { prompt: "2" }]);
  const more = [{ prompt: "1", chosen: "c" }, { prompt: "2", chosen: "d" }];
  assert.match(joinVoters([a, file("b", ["x", "y"], more)]).obstacle!, /row 1 of a has no id/);
  assert.throws(() => joinVoters([a, file("b", ["y", "x"], [{ messages: "m" }, {}])]), {
    code: "voting/subsets-differ",
    message: /\(x and y\)/,
  });
  assert.throws(() => joinVoters([a, file("b", ["x", "y"], more.toReversed())]), {
    code: "voting/rows-differ",
  });
});
