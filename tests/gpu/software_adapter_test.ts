import assert from "node:assert/strict";
import {
  hasWideVectors,
  softwareAdapterSettings,
  type Surroundings,
} from "../../src/gpu/software_adapter.ts";

const wide = "flags : fpu avx2 avx512f avx512dq avx512bw avx512vl";

/** Surroundings where every variable is allowed and those of `variables` are set. */
function surroundings(
  variables: Record<string, string>,
  others: Partial<Surroundings> = {},
): Surroundings {
  return {
    os: "linux",
    processor: wide,
    allowed: () => true,
    value: (name) => variables[name],
    ...others,
  };
}

Deno.test("where the processor has AVX-512, 512 bits and a shader cache of their own", () => {
  assert.deepEqual(softwareAdapterSettings(surroundings({ HOME: "/home/me" })), {
    variables: {
      NODEVICE_SELECT: "1",
      LP_NATIVE_VECTOR_WIDTH: "512",
      MESA_SHADER_CACHE_DIR: "/home/me/.cache/assay-mesa-512-bit",
    },
    cacheParent: "/home/me/.cache",
  });
  const elsewhere = surroundings({ HOME: "/home/me", XDG_CACHE_HOME: "/caches" });
  assert.equal(softwareAdapterSettings(elsewhere).cacheParent, "/caches");
});

Deno.test("a width that the user set stays, with its cache", () => {
  const set = surroundings({ HOME: "/home/me", LP_NATIVE_VECTOR_WIDTH: "256" });
  assert.deepEqual(softwareAdapterSettings(set).variables, { NODEVICE_SELECT: "1" });
});

Deno.test("in a cache folder that the user set, 512 bits have a folder of their own", () => {
  const { variables } = softwareAdapterSettings(surroundings({ MESA_SHADER_CACHE_DIR: "/mine" }));
  assert.equal(variables.MESA_SHADER_CACHE_DIR, "/mine/512-bit");
});

Deno.test("without AVX-512, without knowing, or without a place for a cache the width stays", () => {
  for (const processor of ["flags : fpu avx2", "flags : avx512f", "", undefined]) {
    const plain = surroundings({ HOME: "/home/me" }, { processor });
    assert.deepEqual(softwareAdapterSettings(plain).variables, { NODEVICE_SELECT: "1" });
  }
  assert.deepEqual(softwareAdapterSettings(surroundings({})).variables, { NODEVICE_SELECT: "1" });
});

Deno.test("nothing is read or set that was not granted", () => {
  const refusing = surroundings({}, {
    allowed: () => false,
    value: (name) => assert.fail(`${name} was read`),
  });
  assert.deepEqual(softwareAdapterSettings(refusing), { variables: {} });
  const homeless = surroundings({ HOME: "/home/me" }, { allowed: (name) => name !== "HOME" });
  assert.deepEqual(softwareAdapterSettings(homeless).variables, { NODEVICE_SELECT: "1" });
});

Deno.test("nothing is set on other systems than Linux", () => {
  const other = surroundings({ HOME: "/home/me" }, { os: "darwin" });
  assert.deepEqual(softwareAdapterSettings(other), { variables: {} });
});

Deno.test("hasWideVectors() wants the whole of AVX-512 and says when it can't know", () => {
  assert.equal(hasWideVectors(wide), true);
  assert.equal(hasWideVectors("flags : avx512f avx512bw"), false);
  assert.equal(hasWideVectors(undefined), undefined);
  assert.equal(hasWideVectors("\n"), undefined);
});
